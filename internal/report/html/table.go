package html

import (
	"math"
	"strconv"
	"strings"
)

// table is the one shape of all tables of the page.
type table struct {
	ID, Caption, Class string
	Head               []string
	Rows               []row
}

type row struct {
	ID, Class string
	Cells     []cell
}

// cell holds what stands in one place; a reader on a narrow screen sees Label before it.
type cell struct {
	Label, Class string
	Head         bool
	Parts        []part
}

// part is a piece of text; one with a Key is a number of the JSON's, Value the raw one.
type part struct {
	Text, Key, Value, Href, Class string
	Drawing                       drawing
}

// text is a part that is no number of the verdict's.
func text(s string) part { return part{Text: s} }

// dim is text that is there to be looked up.
func dim(s string) part { return part{Text: s, Class: "dim"} }

// number is a part with its raw value. The shown text may say in words that there is none.
func number(key string, x float64, shown string) part {
	return part{Text: whole(shown), Key: key, Value: raw(x)}
}

// whole keeps a number and its unit on one line.
func whole(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

func count(key string, n int) part { return number(key, float64(n), strconv.Itoa(n)) }

// bytesOf is a size that may be absent; 0 is none.
func bytesOf(key string, n int64, none string) part {
	if n == 0 {
		return number(key, math.NaN(), none)
	}
	return number(key, float64(n), size(n))
}

// raw writes a number as --format json does: null where there is none.
func raw(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "null"
	}
	return strconv.FormatFloat(x, 'g', 12, 64)
}

// interval is both ends in brackets; of a sample too small for one it says so.
func interval(key string, format func(float64) string, lo, hi float64) []part {
	if math.IsNaN(lo) && math.IsNaN(hi) {
		return nil
	}
	if math.IsInf(lo, 0) && math.IsInf(hi, 0) {
		return []part{{Text: "no interval", Key: key + "lo", Value: "null", Class: "dim"}}
	}
	return []part{dim("["), number(key+"lo", lo, format(lo)), dim(", "), number(key+"hi", hi, format(hi)), dim("]")}
}

// add appends a row, each cell under the head of its column.
func (t *table) add(cells ...cell) *row {
	for i := range cells {
		if i < len(t.Head) && cells[i].Label == "" {
			cells[i].Label = t.Head[i]
		}
	}
	t.Rows = append(t.Rows, row{Cells: cells})
	return &t.Rows[len(t.Rows)-1]
}

func heading(s string) cell { return cell{Head: true, Parts: []part{text(s)}} }

func plain(s string) cell { return cell{Parts: []part{text(s)}} }

func of(parts ...part) cell { return cell{Parts: parts} }

// numeric is a cell of figures, which stand under each other.
func numeric(parts ...part) cell { return cell{Class: "num", Parts: parts} }

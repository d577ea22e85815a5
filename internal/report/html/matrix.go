package html

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
)

// payer is one entry of the heat map's legend.
type payer struct {
	Class, Text string
	Drawing     drawing
}

// matrices are the heat maps of who pays: a row a build, a column a driver and order. They are tables, so that they are read as well as seen.
func (d *drawer) matrices() section {
	s := section{
		ID: "matrix", Title: "Who pays for the clone",
		About: "For each runtime and order of clone and join: whose cgroup was charged for the copy of the runtime's binary, the limit from which on a container starts, and the median latency of a start " +
			"with its interval. (a, b] was killed at a and started at b; <= b always started, b being the lowest limit tried. The bar is the container's part of the binary's size.",
	}
	for i, m := range matricesOf(d.in) {
		if len(m.Rows) == 0 {
			continue
		}
		s.Tables = append(s.Tables, d.heatMap(fmt.Sprintf("matrices.%d.", i), m))
		for _, r := range phrase.Remarks(m) {
			if r.Label != phrase.NotPlanned {
				s.Texts = append(s.Texts, told{r.Label, r.Text})
			}
		}
	}
	if len(s.Tables) == 0 {
		return section{}
	}
	for _, p := range verdict.Payers() {
		s.Payers = append(s.Payers, payer{phrase.PayerClass(p), phrase.Payer(p), swatch(p)})
	}
	return s
}

func matricesOf(in Input) []verdict.Matrix {
	if in.Verdict != nil {
		return in.Verdict.Matrices
	}
	return in.Summary.Matrices
}

func (d *drawer) heatMap(key string, m verdict.Matrix) table {
	columns := phrase.Columns(m)
	t := table{ID: "matrix-" + slug(key), Caption: m.Scenario, Class: "heat", Head: []string{"runtime"}}
	for _, c := range columns {
		t.Head = append(t.Head, fmt.Sprintf("%s, %s (%s)", c.Driver, c.Order, strings.Join(phrase.Lanes(m, c), ", ")))
	}
	var done []phrase.Row
	for _, r := range m.Rows {
		if slices.Contains(done, phrase.RowOf(r)) {
			continue
		}
		done = append(done, phrase.RowOf(r))
		name, how := phrase.RowName(r)
		head := of(part{Text: name, Class: "name"}, dim(how))
		head.Head = true
		cells := []cell{head}
		for _, c := range columns {
			cells = append(cells, d.heatCell(key, m, phrase.RowOf(r), c))
		}
		t.add(cells...)
	}
	return t
}

func (d *drawer) heatCell(key string, m verdict.Matrix, at phrase.Row, c phrase.Column) cell {
	for i, r := range m.Rows {
		if phrase.RowOf(r) == at && phrase.ColumnOf(r) == c {
			return d.paidCell(fmt.Sprintf("%srows.%d.", key, i), m, r)
		}
	}
	for _, b := range m.Blanks {
		if (phrase.Row{Runtime: b.Runtime, Build: b.Build, Bytes: b.BinaryBytes}) == at && (phrase.Column{Driver: b.Driver, Order: b.Order}) == c {
			return cell{Class: "blank", Parts: []part{dim(b.Why)}}
		}
	}
	return cell{Class: "blank", Parts: []part{dim("not planned")}}
}

func (d *drawer) paidCell(key string, m verdict.Matrix, r verdict.MatrixRow) cell {
	who := []part{{Drawing: swatch(r.Payer)}, {Text: string(r.Payer), Class: "who"}}
	switch {
	case r.Payer == verdict.ContainerPays, r.Payer == verdict.BothPay:
		who = append(who, text(" "), number(key+"clone_to_container_bytes.median", r.ToContainer.Median, verdict.Bytes.Format(r.ToContainer.Median)))
	case r.Payer == verdict.RuntimePays && r.ToRuntime.N > 0:
		who = append(who, text(" "), number(key+"clone_to_runtime_bytes.median", r.ToRuntime.Median, verdict.Bytes.Format(r.ToRuntime.Median)))
	}
	parts := append(who, part{Drawing: shareBar(r), Class: "line"})
	for _, line := range d.thresholdsOf(m, r) {
		parts = append(parts, part{Text: line, Class: "line"})
	}
	parts = append(parts, latencyParts(key, r)...)
	if shown := phrase.AsPredicted(r); shown != "-" {
		parts = append(parts, part{Text: shown + " as predicted", Class: "line dim"})
	}
	return cell{Class: phrase.PayerClass(r.Payer), Parts: append(parts, dim(trialsText(r)))}
}

// trialsText is "5 trials (order not applicable)".
func trialsText(r verdict.MatrixRow) string {
	n, aside, _ := strings.Cut(phrase.MatrixTrials(r), " ")
	if n == "1" {
		return n + " trial" + phrase.After(" ", aside)
	}
	return n + " trials" + phrase.After(" ", aside)
}

// thresholdsOf are those of the row's ladders, or what a search of its conditions found.
func (d *drawer) thresholdsOf(m verdict.Matrix, r verdict.MatrixRow) (lines []string) {
	for _, s := range searches(d.in) {
		if s.Scenario == m.Scenario && s.Runtime == r.Runtime && s.Driver == r.Driver && s.Order == r.Order && (s.Build == r.Build || !r.Planned()) {
			lines = append(lines, "limit "+phrase.Edge(s))
		}
	}
	if lines != nil {
		return lines
	}
	return phrase.Thresholds(m, r)
}

func latencyParts(key string, r verdict.MatrixRow) []part {
	if !r.Latency.Known() {
		return []part{{Text: "no start measured", Key: key + "start.latency.center", Value: "null", Class: "line dim"}}
	}
	center := number(key+"start.latency.center", r.Latency.Center, verdict.Nanoseconds.Format(r.Latency.Center))
	parts := []part{{Class: "line"}, center}
	if phrase.Spread(verdict.Nanoseconds, r.Latency) != "" {
		parts = append(append(parts, text(" ")), interval(key+"start.latency.", verdict.Nanoseconds.Format, r.Latency.Lo, r.Latency.Hi)...)
	}
	if r.ReferenceLimit != 0 {
		parts = append(parts, dim(" at "+phrase.ReferenceText(r)))
	}
	return parts
}

// swatch is the mark of who pays: a colour and a pattern, either of which will do.
func swatch(p verdict.Payer) drawing {
	hatch := map[verdict.Payer]string{
		verdict.ContainerPays: svg.Hatches.Rising, verdict.BothPay: svg.Hatches.Crossed, verdict.RuntimePays: svg.Hatches.Level,
		verdict.CallerPays: svg.Hatches.Upright, verdict.PayerUnknown: svg.Hatches.Dashed,
	}[p]
	g := svg.Element("g", "class", phrase.PayerClass(p)).Add(svg.Rectangle(0, 0, 12, 12, "mark"))
	for _, corner := range [][2]float64{{0, 0}, {6, 0}, {0, 6}, {6, 6}} {
		g.Add(svg.Moved(corner[0], corner[1], svg.Element("path", "d", "M0 0"+hatch, "class", "ink")))
	}
	return decoration(12, 12, "swatchmark", g)
}

// shareBar is the container's part of the copy.
func shareBar(r verdict.MatrixRow) drawing {
	share := r.ContainerShare()
	if math.IsNaN(share) {
		return ""
	}
	const width = 120.0
	return decoration(width, 6, "sharebar", svg.Rectangle(0, 0, width, 6, "track"), svg.Rectangle(0, 0, width*min(1, max(0, share)), 6, "share"))
}

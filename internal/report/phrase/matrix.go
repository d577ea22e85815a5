package phrase

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Column is what a column of a matrix is of.
type Column struct {
	Driver cgroupjoin.Driver
	Order  sequence.Order
}

// Columns lists the drivers and orders that any row has, in the order reports show them.
func Columns(m verdict.Matrix) []Column {
	var all []Column
	for _, d := range cgroupjoin.Drivers() {
		for _, o := range sequence.Orders() {
			c := Column{d, o}
			if slices.ContainsFunc(m.Rows, func(r verdict.MatrixRow) bool { return ColumnOf(r) == c }) {
				all = append(all, c)
			}
		}
	}
	return all
}

// ColumnOf is the column that a row of the verdict stands in.
func ColumnOf(r verdict.MatrixRow) Column { return Column{r.Driver, r.Order} }

// Lanes are those of a column's trials.
func Lanes(m verdict.Matrix, c Column) (lanes []string) {
	for _, r := range m.Rows {
		if ColumnOf(r) == c && !slices.Contains(lanes, string(r.Lane)) {
			lanes = append(lanes, string(r.Lane))
		}
	}
	return lanes
}

// Row is what a row of a matrix is of.
type Row struct {
	Runtime string
	Build   scenarios.Build
	Bytes   int64
}

// RowOf is the drawn row that a row of the verdict stands in.
func RowOf(r verdict.MatrixRow) Row { return Row{r.Runtime, r.Build, r.BinaryBytes} }

// RowName is a runtime, or a build where the plan has several of it, and what it is besides.
func RowName(r verdict.MatrixRow) (name, how string) {
	name, how = r.Runtime, BinarySize(r)
	build := verdict.BuildText(scenarios.Build{Clone: r.Build.Clone, Strategy: r.Build.Strategy})
	switch {
	case r.Planned():
		return build, how + After(", ", name)
	case build != "":
		how += ", " + build
	}
	return name, how
}

// Payer is a row's in words.
func Payer(p verdict.Payer) string {
	return map[verdict.Payer]string{
		verdict.ContainerPays: "the container", verdict.BothPay: "the container and the runtime", verdict.RuntimePays: "the runtime, at each start",
		verdict.CallerPays: "the caller, once", verdict.NobodyPays: "nobody: nothing is copied", verdict.PayerUnknown: "not measured",
	}[p]
}

// PayerClass is the name by which a style sheet knows who pays.
func PayerClass(p verdict.Payer) string { return "pays-" + strings.ReplaceAll(string(p), " ", "-") }

// Thresholds has one line where limits in all places that were measured have the same threshold.
func Thresholds(m verdict.Matrix, r verdict.MatrixRow) (lines []string) {
	last := verdict.Threshold{}
	for _, place := range m.Places {
		for _, t := range r.Thresholds {
			if t.Place != place || t.Threshold == last || t.Threshold == (verdict.Threshold{}) {
				continue
			}
			last = t.Threshold
			word := "limit "
			if place == cgroupjoin.OnAncestor {
				word = "ancestor "
			}
			lines = append(lines, word+last.String())
		}
	}
	if lines == nil {
		return []string{"limit " + last.String()}
	}
	return lines
}

// Remark is a sentence below a table under its label.
type Remark struct{ Label, Text string }

// NotPlanned labels the cells that make no sense.
const NotPlanned = "not planned"

// BinarySize is that of the binary that ran.
func BinarySize(r verdict.MatrixRow) string {
	if r.BinaryBytes == 0 {
		return "-"
	}
	return verdict.Bytes.Format(float64(r.BinaryBytes))
}

// MatrixTrials is how many trials a row has, and what of them is to be known.
func MatrixTrials(r verdict.MatrixRow) string {
	text := fmt.Sprint(r.Trials)
	var aside []string
	if r.NotApplicable > 0 {
		aside = append(aside, "order not applicable")
	}
	if r.NotCounted > 0 {
		aside = append(aside, fmt.Sprintf("%d not counted", r.NotCounted))
	}
	if r.Unconfirmed > 0 {
		aside = append(aside, fmt.Sprintf("%d unconfirmed", r.Unconfirmed))
	}
	if len(aside) == 0 {
		return text
	}
	return text + " (" + strings.Join(aside, ", ") + ")"
}

// AsPredicted counts the cells that did what arithmetic says.
func AsPredicted(r verdict.MatrixRow) string {
	right, predicted := 0, 0
	for _, c := range r.Cells {
		if p := c.Prediction; p != nil {
			predicted++
			if p.AsPredicted {
				right++
			}
		}
	}
	if predicted == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", right, predicted)
}

// Remarks are what arithmetic says of a matrix, and what it has not got.
func Remarks(m verdict.Matrix) []Remark {
	var all []Remark
	a := m.Arithmetic
	add := func(label, format string, args ...any) {
		all = append(all, Remark{label, m.Scenario + ": " + fmt.Sprintf(format, args...)})
	}
	if a.Predicted() > 0 {
		add("arithmetic", "%d of %d cells with a limit are as predicted: killed where the clone that the container is charged and what init takes by itself, "+
			"both as measured without a limit, are more than the limit, started where they are not; nothing is predicted within the range of "+
			"what was measured and a margin of %s, %s", a.AsPredicted, a.Predicted(), verdict.Bytes.Format(a.Margin), a.MarginWhy)
	}
	for _, text := range a.Surprises {
		add("not as predicted", "%s", text)
	}
	for _, why := range a.Reasons() {
		add("not predicted", "%s: %s", cellCount(a.Open[why]), why)
	}
	for _, s := range m.Senseless {
		add(NotPlanned, "%s: %s", cellCount(s.Cells), s.Why)
	}
	if left := m.Cells - m.Reached; left > 0 {
		add("not reached", "%d of %s", left, cellCount(m.Cells))
	}
	return all
}

func cellCount(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

// ReferenceText names the limit that the row's figures are of.
func ReferenceText(r verdict.MatrixRow) string {
	return verdict.PlacedLimit(r.Build, r.ReferencePlace, r.ReferenceLimit)
}

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// matrixGrids answer a scenario with orders or builds: who pays, which limit suffices and how long a start takes, a line for
// each build and order; then how each limit went.
func matrixGrids(m verdict.Matrix, between string) []*grid {
	if len(m.Rows) == 0 {
		return nil
	}
	grids := []*grid{payers(m, between).measured()}
	if saysMore(m) {
		grids = append(grids, startsByLimit(m).measured())
	}
	return grids
}

// saysMore tells whether there is a limit or an order to speak of, or a copy's time. That trials without a limit started is
// in the table of their latencies.
func saysMore(m verdict.Matrix) bool {
	return slices.ContainsFunc(m.Rows, func(r verdict.MatrixRow) bool {
		limited := slices.ContainsFunc(r.Cells, func(c verdict.MatrixCell) bool { return c.Limit != 0 })
		return limited || len(r.Found) > 0 || r.Copy.N > 0
	})
}

// payersTitle names what the table has: of timed trials nobody knows who paid.
func payersTitle(m verdict.Matrix) string {
	paid := slices.ContainsFunc(m.Rows, func(r verdict.MatrixRow) bool { return r.Payer != verdict.PayerUnknown })
	switch {
	case paid:
		return "who pays for the clone, which limit suffices, and how long a start takes (medians)"
	case len(m.Places) > 0:
		return "which limit suffices, and how long a start takes (medians)"
	}
	return "how long a start takes (medians)"
}

func payers(m verdict.Matrix, between string) *grid {
	g := matrixGrid(m, payersTitle(m),
		append(append([]string{"trials", "who pays", "to container", "to runtime"}, thresholdTitles(m)...), "start latency", "lane", "as predicted")...)
	for _, r := range m.Rows {
		row := []string{phrase.MatrixTrials(r), string(r.Payer), toContainer(r, between), rangeText(verdict.Bytes, r.ToRuntime, between)}
		for _, place := range m.Places {
			row = append(row, thresholdIn(r, place, between))
		}
		g.add(matrixKeys(m, r, append(row, matrixLatency(r, between), string(r.Lane), phrase.AsPredicted(r))...)...)
	}
	return g
}

func startsByLimit(m verdict.Matrix) *grid {
	g := matrixGrid(m, "containers started under each limit, the orders found, and the copy's own time as the runtime reports it (median)",
		"started, by limit", "found", "copy")
	for _, r := range m.Rows {
		g.add(matrixKeys(m, r, byLimit(r), foundText(r.Found), rangeText(verdict.Nanoseconds, r.Copy, " "))...)
	}
	return g
}

// matrixGrid has the columns that say what a row is of, and more.
func matrixGrid(m verdict.Matrix, title string, more ...string) *grid {
	header := []string{"runtime", "binary", "driver", "order"}
	if hasBuilds(m) {
		header = []string{"runtime", "clone", "strategy", "binary", "driver", "order"}
	}
	return &grid{title: m.Scenario + ": " + title, keys: len(header), header: append(header, more...)}
}

func matrixKeys(m verdict.Matrix, r verdict.MatrixRow, more ...string) []string {
	columns := []string{r.Runtime}
	if hasBuilds(m) {
		columns = append(columns, orDash(string(r.Build.Clone)), orDash(string(r.Build.Strategy)))
	}
	return append(append(columns, phrase.BinarySize(r), string(r.Driver), string(r.Order)), more...)
}

// hasBuilds tells whether any row says who makes the copy and how.
func hasBuilds(m verdict.Matrix) bool {
	for _, r := range m.Rows {
		if r.Build.Clone != "" || r.Build.Strategy != "" {
			return true
		}
	}
	return false
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// thresholdTitles tells thresholds apart where limits are in more than one place.
func thresholdTitles(m verdict.Matrix) []string {
	if len(m.Places) < 2 {
		return []string{verdict.StartThreshold}[:len(m.Places)]
	}
	var titles []string
	for _, place := range m.Places {
		titles = append(titles, fmt.Sprintf("%s (%s)", verdict.StartThreshold, place))
	}
	return titles
}

// thresholdIn is a row's threshold and, where another order of the same build needs more, that too.
func thresholdIn(r verdict.MatrixRow, place cgroupjoin.Place, between string) string {
	for _, t := range r.Thresholds {
		switch {
		case t.Place != place:
			continue
		case t.Worst != nil && *t.Worst != t.Threshold && r.Order == sequence.Natural:
			return t.Threshold.String() + "," + between + "worst " + t.Worst.String()
		}
		return t.Threshold.String()
	}
	return "-"
}

func toContainer(r verdict.MatrixRow, between string) string {
	if r.ToContainer.N == 0 {
		return "-"
	}
	return rangeTextWith(verdict.Bytes, r.ToContainer, shareText(r), between)
}

// shareText is " (74.0 %)", the container's part of the binary; nothing where it paid nothing.
func shareText(r verdict.MatrixRow) string {
	if r.ToContainer.Median == 0 || math.IsNaN(r.ContainerShare()) {
		return ""
	}
	return " (" + verdict.Percent(r.ContainerShare()) + ")"
}

// rangeText is a median and, where the values differ in what is shown, their ends.
func rangeText(u verdict.Unit, r verdict.Range, between string) string {
	return rangeTextWith(u, r, "", between)
}

func rangeTextWith(u verdict.Unit, r verdict.Range, beside, between string) string {
	if r.N == 0 {
		return "-"
	}
	text := u.Format(r.Median) + beside
	if u.Format(r.Min) == u.Format(r.Max) {
		return text
	}
	return text + between + "(" + u.Format(r.Min) + " to " + u.Format(r.Max) + ")"
}

func matrixLatency(r verdict.MatrixRow, between string) string {
	if !r.Latency.Known() {
		return "-"
	}
	text := stack(verdict.Nanoseconds.Format(r.Latency.Center), phrase.Spread(verdict.Nanoseconds, r.Latency), between)
	if r.ReferenceLimit != 0 {
		text += between + "at " + phrase.ReferenceText(r)
	}
	return text
}

// byLimit is "none 3/3, 7MiB 0/3, 16MiB 3/3; ancestor 7MiB 0/3, 16MiB 3/3".
func byLimit(r verdict.MatrixRow) string {
	var b strings.Builder
	last := cgroupjoin.OnContainer
	for i, c := range r.Cells {
		place := c.Place
		if c.Limit == 0 {
			place = cgroupjoin.OnContainer
		}
		switch {
		case i > 0 && place != last:
			b.WriteString("; ")
		case i > 0:
			b.WriteString(", ")
		}
		if place != last || i == 0 && place != cgroupjoin.OnContainer {
			b.WriteString(string(place) + " ")
		}
		last = place
		b.WriteString(limit(c.Limit) + " " + startedShort(c.Count))
		if p := c.Prediction; p != nil && !p.AsPredicted {
			b.WriteString(" (not as predicted)")
		}
	}
	return b.String()
}

// startedShort is how many started of how many; what is not said of the rest was OOM-killed.
func startedShort(c verdict.Count) string {
	text := fmt.Sprintf("%d/%d", c.Started, c.Trials())
	if c.Trials() == 0 {
		return "-"
	}
	if c.Failed > 0 {
		text += fmt.Sprintf(" (%d failed)", c.Failed)
	}
	return text
}

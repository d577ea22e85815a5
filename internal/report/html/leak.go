package html

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
)

// leaks draws each kind of which a session counted another number than before its first cycle. A run without sessions has no such section.
func (d *drawer) leaks(v verdict.Verdict) section {
	s := section{
		ID: "leaks", Title: "What is left behind", Legend: true,
		About: "By how much the count of a kind of kernel object grew over a session, mean over the sessions: the steps after each cycle, the straight line by the slope that is judged, " +
			"and at the right the mark of what was left when nothing more was released.",
	}
	counted := false
	for i, m := range v.Metrics {
		counted = counted || m.Leak != nil
		if m.Leak != nil && !m.Leak.Quiet && len(m.Leak.Candidate.Mean) > 1 && len(m.Leak.Baseline.Mean) > 1 && len(s.Figures) < mostFigures {
			s.Figures = append(s.Figures, d.leak(fmt.Sprintf("leak-%d", i), m))
		}
	}
	switch {
	case !counted:
		return section{}
	case len(s.Figures) == 0:
		s.Missing = "No session ever counted another number than before its first cycle."
	}
	return s
}

func (d *drawer) leak(id string, m verdict.Metric) figure {
	const top, bottom, settled = 14.0, 190.0, 26.0
	grown := []verdict.Growth{m.Leak.Baseline, m.Leak.Candidate}
	lo, hi := 0.0, 1.0
	for _, g := range grown {
		for _, n := range append([]float64{g.Settled}, g.Mean...) {
			if !math.IsNaN(n) {
				lo, hi = min(lo, n), max(hi, n)
			}
		}
	}
	x := axis{lo: 0, hi: float64(m.Leak.Cycles), from: chartLeft, to: chartWidth - chartRight - settled}
	y := axis{lo: lo, hi: hi, from: bottom, to: top}
	g := svg.Element("g")
	for _, n := range y.ticks(4, 10) {
		g.Add(svg.Line(chartLeft, y.at(n), x.to, y.at(n), "grid"), svg.Label(chartLeft-6, y.at(n)+4, "tick end", verdict.Counted.Format(n)))
	}
	for i, a := range []verdict.Arm{m.Baseline, m.Candidate} {
		of := d.arms[i]
		g.Add(steps(grown[i].Mean, of, x, y), slope(grown[i].Mean, a.Center, of, x, y))
		if !math.IsNaN(grown[i].Settled) {
			g.Add(mark(of, x.to+12+6*float64(i), y.at(grown[i].Settled), 4))
		}
	}
	title := m.Name + phrase.After(" of ", m.Process) + ", " + string(m.Driver) + ", " + m.Scenario
	return figure{
		ID: id, Title: title, About: m.Why,
		Drawing: draw(chartWidth, 226, "count against cycle: "+title, x.across(top, bottom, x.ticks(5, 10), verdict.Counted.Format), svg.Label((x.from+x.to)/2, 222, "name mid", "cycle"), g),
	}
}

// steps is a count after each cycle, level in between.
func steps(mean []float64, a arm, x, y axis) *svg.Node {
	var path strings.Builder
	for i, n := range mean {
		if i == 0 {
			path.WriteString("M" + svg.Value(x.at(0)) + " " + svg.Value(y.at(n)))
			continue
		}
		path.WriteString("H" + svg.Value(x.at(float64(i))) + "V" + svg.Value(y.at(n)))
	}
	return svg.Element("path", "d", path.String(), "class", "curve "+a.Class())
}

// slope is the line through the middle of the curve.
func slope(mean []float64, each float64, a arm, x, y axis) *svg.Node {
	if math.IsNaN(each) {
		return nil
	}
	last := float64(len(mean) - 1)
	at := func(i float64) float64 { return y.at(mean[len(mean)/2] + each*(i-float64(len(mean)/2))) }
	return svg.Line(x.at(0), at(0), x.at(last), at(last), "between "+a.Class())
}

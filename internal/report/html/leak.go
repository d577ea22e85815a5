package html

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

const noLeak = "No session ever counted another number than before its first cycle."

func leakSection() section {
	return section{
		ID: "leaks", Title: "What is left behind", Legend: true,
		About: "By how much the count of a kind of kernel object grew over a session, mean over the sessions: the steps after each cycle, the straight line by its slope, " +
			"and at the right the mark of what was left when nothing more was released.",
	}
}

// leaks draws each kind of which a session counted another number than before its first cycle. A run without sessions has no such section.
func (d *drawer) leaks(v verdict.Verdict) section {
	s := leakSection()
	counted := false
	for i, m := range v.Metrics {
		counted = counted || m.Leak != nil
		switch {
		case m.Leak == nil || m.Leak.Quiet:
		case len(m.Leak.Candidate.Mean) < 2 || len(m.Leak.Baseline.Mean) < 2: // not counted, or what a payload was handed
			s.Texts = append(s.Texts, told{m.Name + phrase.After(" of ", m.Process) + ", " + string(m.Driver), m.Reason})
		default:
			s.add(d.leak(fmt.Sprintf("leak-%d", i), m))
		}
	}
	if !counted {
		return section{}
	}
	return s.orQuiet()
}

// add has a figure drawn, or told of where there are enough.
func (s *section) add(f figure) {
	if len(s.Figures) == mostFigures {
		s.Texts = append(s.Texts, told{"not drawn", f.Title})
		return
	}
	s.Figures = append(s.Figures, f)
}

// orQuiet says that nothing ever changed where there is nothing else to say.
func (s section) orQuiet() section {
	if len(s.Figures)+len(s.Texts) == 0 {
		s.Missing = noLeak
	}
	return s
}

// grown is the curve of one arm's sessions.
type grown struct {
	arm
	verdict.Growth
	each float64 // the slope
}

func (d *drawer) leak(id string, m verdict.Metric) figure {
	return leakFigure(id, m.Name+phrase.After(" of ", m.Process)+", "+string(m.Driver)+", "+m.Scenario, m.Why, m.Leak.Cycles, []grown{
		{d.arms[0], m.Leak.Baseline, m.Baseline.Center}, {d.arms[1], m.Leak.Candidate, m.Candidate.Center},
	})
}

// left draws the same of a run that was not judged: what any runtime's sessions ever counted another number of, all runtimes in one figure.
func (d *drawer) left(v verdict.Summary) section {
	s := leakSection()
	if len(v.Sessions) == 0 {
		return section{}
	}
	type of struct {
		scenario, kind, process string
		driver                  cgroupjoin.Driver
		order                   sequence.Order
	}
	curves, cycles := map[of][]grown{}, map[of]int{}
	var order []of
	for _, one := range v.Sessions {
		if len(one.Mean) < 2 {
			s.Texts = append(s.Texts, uncurved(one)...)
			continue
		}
		at := of{one.Scenario, one.Kind, one.Process, one.Driver, one.Order}
		if !one.Quiet && cycles[at] == 0 {
			order, cycles[at] = append(order, at), one.Cycles
		}
		curves[at] = append(curves[at], grown{d.arm(one.Runtime), one.Growth, one.Slope.Center})
	}
	for i, at := range order {
		title := at.kind + phrase.After(" of ", at.process) + ", " + string(at.driver) + ", " + at.scenario
		if at.order != sequence.Natural {
			title += ", " + string(at.order)
		}
		s.add(leakFigure(fmt.Sprintf("leak-%d", i), title, "", cycles[at], curves[at]))
	}
	return s.orQuiet()
}

// uncurved tells what has no curve: what could not be counted, and what a payload was handed.
func uncurved(s verdict.SessionSummary) []told {
	label := s.Runtime + ", " + s.Thing() + ", " + string(s.Driver) + ", " + s.Scenario
	switch {
	case s.Unread != "":
		return []told{{label, "not counted: " + s.Unread}}
	case s.Quiet:
		return nil
	}
	return []told{{label, s.KeptText() + phrase.After(", such as ", s.Named())}}
}

func leakFigure(id, title, about string, cycles int, all []grown) figure {
	const top, bottom, settled = 14.0, 190.0, 26.0
	lo, hi := 0.0, 1.0
	for _, g := range all {
		for _, n := range append([]float64{g.Settled}, g.Mean...) {
			if !math.IsNaN(n) {
				lo, hi = min(lo, n), max(hi, n)
			}
		}
	}
	x := axis{lo: 0, hi: float64(cycles), from: chartLeft, to: chartWidth - chartRight - settled}
	y := axis{lo: lo, hi: hi, from: bottom, to: top}
	g := svg.Element("g")
	for _, n := range y.ticks(4, 10) {
		g.Add(svg.Line(chartLeft, y.at(n), x.to, y.at(n), "grid"), svg.Label(chartLeft-6, y.at(n)+4, "tick end", verdict.Counted.Format(n)))
	}
	for i, of := range all {
		g.Add(steps(of.Mean, of.arm, x, y), slope(of.Mean, of.each, of.arm, x, y))
		if !math.IsNaN(of.Settled) {
			g.Add(mark(of.arm, x.to+12+6*float64(i%2), y.at(of.Settled), 4))
		}
	}
	return figure{
		ID: id, Title: title, About: about,
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

package html

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// mostFigures of one kind are drawn; the numbers of the others are in the tables of their rows.
const mostFigures = 16

// latency draws start.latency of the timed trials as empirical distribution functions, a figure for each cell with all its arms.
func (d *drawer) latency() section {
	s := section{
		ID: "latency", Title: "Start latency", Legend: true,
		About: "Which share of the starts took at most so long, of timed trials. The shaded band holds the whole true curve at the confidence stated; the bar " +
			"at 50 % is the median with its interval, the one that is ruled over. Each mark is a trial and leads to its record.",
	}
	groups := byCell(d.inOrder(d.judgedLatencies()))
	for i, group := range groups[:min(len(groups), mostFigures)] {
		s.Figures = append(s.Figures, d.distribution(fmt.Sprintf("latency-%d", i+1), group))
	}
	switch {
	case len(groups) == 0:
		s.Missing = "No start was timed."
	case len(groups) > mostFigures:
		s.Texts = append(s.Texts, told{"not drawn", fmt.Sprintf("%d more cells have start latencies", len(groups)-mostFigures)})
	}
	return s
}

// judgedLatencies are those that have a row of their own; of a summary, or where nothing was judged, all.
func (d *drawer) judgedLatencies() []verdict.Distribution {
	if d.in.Verdict == nil || len(d.in.Verdict.Metrics) == 0 {
		return d.got.distributions
	}
	return slices.DeleteFunc(slices.Clone(d.got.distributions), func(one verdict.Distribution) bool {
		key, _ := d.latencyOf(one)
		return key == ""
	})
}

// inOrder has the drivers and arms as reports show them: records come as they were made, which is random.
func (d *drawer) inOrder(all []verdict.Distribution) []verdict.Distribution {
	slices.SortStableFunc(all, func(a, b verdict.Distribution) int {
		return cmp.Or(cmp.Compare(slices.Index(cgroupjoin.Drivers(), a.Driver), slices.Index(cgroupjoin.Drivers(), b.Driver)),
			cmp.Compare(a.Limit, b.Limit), cmp.Compare(d.arm(a.Runtime).Index, d.arm(b.Runtime).Index))
	})
	return all
}

// byCell groups the distributions that differ in their runtime alone.
func byCell(all []verdict.Distribution) (groups [][]verdict.Distribution) {
	at := map[conditions]int{}
	for _, x := range all {
		c := distributionCell(x)
		i, known := at[c]
		if !known {
			i = len(groups)
			at[c], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

func distributionCell(x verdict.Distribution) conditions {
	return conditions{scenario: x.Scenario, driver: x.Driver, order: x.Order, build: x.Build, place: x.Place, limit: x.Limit, enumerate: x.Enumerate}
}

func cellTitle(c conditions) string {
	parts := []string{string(c.driver), c.scenario}
	if c.order != sequence.Natural && c.order != "" {
		parts = append(parts, string(c.order))
	}
	if c.build != (scenarios.Build{}) {
		parts = append(parts, verdict.BuildText(c.build))
	}
	if c.limit != 0 {
		parts = append(parts, "limit "+verdict.PlacedLimit(c.build, c.place, c.limit))
	}
	if c.enumerate != (scenarios.Enumeration{}) {
		parts = append(parts, c.enumerate.String())
	}
	return strings.Join(parts, ", ")
}

func (d *drawer) distribution(id string, group []verdict.Distribution) figure {
	const top, bottom = 14.0, 226.0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range group {
		lo, hi = min(lo, x.Values[0].Value), max(hi, x.Values[len(x.Values)-1].Value)
	}
	x, y := span(lo, hi, chartLeft, chartWidth-chartRight), axis{lo: 0, hi: 1, from: bottom, to: top}
	bands, curves, marks, medians := svg.Element("g"), svg.Element("g"), svg.Element("g"), svg.Element("g")
	t := table{
		Caption: "the same in numbers", Class: "numbers",
		Head: []string{"arm", "starts", "least", "10 %", "25 %", "median", "75 %", "90 %", "most", "band"},
	}
	for i, one := range group {
		a := d.arm(one.Runtime)
		bands.Add(band(one, x, y).With("class", "band "+a.Class()))
		curves.Add(curve(one, x, y).With("class", "curve "+a.Class()))
		marks.Add(d.points(one, a, x, y)...)
		key, median := d.latencyOf(one)
		medians.Add(medianMark(median, a, x, y.at(0.5)+9*(float64(i)-float64(len(group)-1)/2)))
		t.add(distributionCells(one, a, key, median)...)
	}
	c := distributionCell(group[0])
	title := cellTitle(c)
	return figure{
		ID: id, Title: title, Tables: []table{t},
		About:   fmt.Sprintf("Bands at %s confidence.", verdict.Percent(group[0].Confidence)),
		Drawing: draw(chartWidth, 262, "start latency, distribution functions: "+title, shares(y, x.to), x.across(top, bottom, x.ticks(6, 10), tickTime), svg.Label((x.from+x.to)/2, 258, "name mid", "start latency"), bands, curves, marks, medians),
	}
}

// curve is the empirical distribution function as steps.
func curve(one verdict.Distribution, x, y axis) *svg.Node {
	var path strings.Builder
	fmt.Fprintf(&path, "M%s %s", svg.Value(x.from), svg.Value(y.at(0)))
	for _, p := range one.Steps {
		fmt.Fprintf(&path, "H%sV%s", svg.Value(x.at(p.X)), svg.Value(y.at(p.F)))
	}
	fmt.Fprintf(&path, "H%s", svg.Value(x.to))
	return svg.Element("path", "d", path.String())
}

// band is what the true function lies within, there and back.
func band(one verdict.Distribution, x, y axis) *svg.Node {
	var path strings.Builder
	fmt.Fprintf(&path, "M%s %sV%s", svg.Value(x.from), svg.Value(y.at(0)), svg.Value(y.at(one.Band)))
	for _, p := range one.Steps {
		fmt.Fprintf(&path, "H%sV%s", svg.Value(x.at(p.X)), svg.Value(y.at(p.Hi)))
	}
	path.WriteString("H" + svg.Value(x.to))
	for i, p := range slices.Backward(one.Steps) {
		if i == len(one.Steps)-1 {
			path.WriteString("V" + svg.Value(y.at(p.Lo)))
		}
		below := 0.0
		if i > 0 {
			below = one.Steps[i-1].Lo
		}
		fmt.Fprintf(&path, "H%sV%s", svg.Value(x.at(p.X)), svg.Value(y.at(below)))
	}
	return svg.Element("path", "d", path.String()+"Z")
}

// points are the trials whose records are in the page.
func (d *drawer) points(one verdict.Distribution, a arm, x, y axis) []*svg.Node {
	var kept []int
	for i, v := range one.Values {
		if v.Trial >= 0 && d.got.kept[v.Trial] {
			kept = append(kept, i)
		}
	}
	var all []*svg.Node
	for k, i := range kept {
		if len(kept) > mostPoints && k*mostPoints/len(kept) == (k+1)*mostPoints/len(kept) {
			continue
		}
		v := one.Values[i]
		all = append(all, linked(mark(a, x.at(v.Value), y.at(one.Share(i)), 2.6), trialID(v.Trial), fmt.Sprintf("trial %d, %s: %s", v.Trial, a.Name, one.Unit.Format(v.Value))))
	}
	return all
}

// mark is a point of an arm: a form of its own, for who does not see its colour.
func mark(a arm, x, y, r float64) *svg.Node {
	p := svg.Value
	switch a.Index % 3 {
	case 0:
		return svg.Element("circle", "cx", x, "cy", y, "r", r, "class", "mark "+a.Class())
	case 1:
		r *= 1.3
		return svg.Element("path", "d", "M"+p(x)+" "+p(y-r)+"L"+p(x+r)+" "+p(y)+"L"+p(x)+" "+p(y+r)+"L"+p(x-r)+" "+p(y)+"Z", "class", "mark "+a.Class())
	}
	return svg.Element("rect", "x", x-r, "y", y-r, "width", 2*r, "height", 2*r, "class", "mark "+a.Class())
}

// linked makes a link of a mark; its title is what a pointer that rests on it is told.
func linked(n *svg.Node, id, title string) *svg.Node {
	n.Add(svg.TextNode("title", title))
	if id == "" {
		return n
	}
	return svg.Element("a", "href", "#"+id).Add(n)
}

func trialID(trial int) string { return fmt.Sprintf("trial-%d", trial) }

func medianMark(m verdict.Arm, a arm, x axis, y float64) *svg.Node {
	if !m.Known() {
		return nil
	}
	g := svg.Element("g", "class", "median "+a.Class())
	if !math.IsInf(m.Lo, 0) && !math.IsInf(m.Hi, 0) {
		lo, hi := x.at(m.Lo), x.at(m.Hi)
		g.Add(svg.Line(lo, y, hi, y, "halo"), svg.Line(lo, y, hi, y, "bar"), svg.Line(lo, y-4, lo, y+4, "bar"), svg.Line(hi, y-4, hi, y+4, "bar"))
	}
	return g.Add(mark(a, x.at(m.Center), y, 4.6), svg.TextNode("title", "median of the "+a.Name+": "+verdict.Nanoseconds.Format(m.Center)+phrase.After(" ", phrase.Spread(verdict.Nanoseconds, m))))
}

// latencyOf is the arm that the verdict has for a distribution, with its key; of a summary, which keeps no interval of it, the distribution's own.
func (d *drawer) latencyOf(one verdict.Distribution) (key string, median verdict.Arm) {
	if d.in.Verdict == nil {
		return d.cellKey(one), one.Median
	}
	for i, m := range d.in.Verdict.Metrics {
		same := conditions{scenario: m.Scenario, driver: m.Driver, order: m.Order, build: m.Build, place: m.Place, limit: m.Limit, enumerate: m.Enumerate} == distributionCell(one)
		if !verdict.IsStartLatency(m.Name) || !same {
			continue
		}
		if one.Runtime == "baseline" {
			return fmt.Sprintf("metrics.%d.baseline.", i), m.Baseline
		}
		return fmt.Sprintf("metrics.%d.candidate.", i), m.Candidate
	}
	return "", one.Median
}

// cellKey is where the summary has the same median; empty where it has another, of other trials.
func (d *drawer) cellKey(one verdict.Distribution) string {
	for i, c := range d.in.Summary.Cells {
		same := conditions{scenario: c.Scenario, driver: c.Driver, order: c.Order, build: c.Build, place: c.Place, limit: c.Limit, enumerate: c.Enumerate} == distributionCell(one)
		if same && c.Runtime == one.Runtime && c.Start.N == len(one.Values) && c.Start.Median == one.Median.Center {
			return fmt.Sprintf("cells.%d.start.latency.", i)
		}
	}
	return ""
}

func distributionCells(one verdict.Distribution, a arm, key string, median verdict.Arm) []cell {
	q := func(q float64) cell { return numeric(text(one.Unit.Format(one.Quantile(q)))) }
	name := heading(a.Name)
	name.Class = "swatch " + a.Class()
	return []cell{
		name, numeric(text(fmt.Sprint(len(one.Values)))), q(0), q(0.1), q(0.25), medianCell(one, key, median), q(0.75), q(0.9), q(1),
		numeric(text("± " + verdict.Percent(one.Band))),
	}
}

func medianCell(one verdict.Distribution, key string, median verdict.Arm) cell {
	shown := one.Unit.Format(median.Center)
	switch {
	case key == "":
		return numeric(text(shown))
	case strings.HasPrefix(key, "cells."):
		return numeric(number(key+"median", median.Center, shown), text(phrase.After(" ", phrase.Spread(one.Unit, median))))
	}
	return numeric(append([]part{number(key+"center", median.Center, shown), text(" ")}, interval(key, one.Unit.Format, median.Lo, median.Hi)...)...)
}

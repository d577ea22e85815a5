package html

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// tried is one runtime's starts under rising limits in one order.
type tried struct {
	conditions
	key     string // of the JSON's object that has the counts
	points  []triedPoint
	search  *verdict.Sought
	lo, hi  int64 // the threshold lies above lo and is at most hi; 0 is not known
	natural bool  // the runtime took the order in none of the trials
}

// triedPoint counts the starts under one limit.
type triedPoint struct {
	limit                      int64
	started, oomKilled, failed int
	key                        string
}

func (p triedPoint) shows() int { return p.started + p.oomKilled }

// outcomes draws which share of containers starts under which limit, a figure for each order, place and driver.
func (d *drawer) outcomes() section {
	s := section{
		ID: "outcome", Title: "Outcome against limit", Legend: true,
		About: "Which share of the containers starts under which memory limit; the others are OOM-killed. Each mark counts the starts under one limit and leads to their records, " +
			"larger ones count more. The curve of a search has a pale band, within which the true share at each limit lies. The strip above the curves is where the start threshold lies; " +
			"the range is shaded where both its ends are known. Trials that failed or timed out show neither and are in the numbers alone.",
	}
	groups := d.tried()
	for i, group := range groups[:min(len(groups), mostFigures)] {
		s.Figures = append(s.Figures, d.outcome(fmt.Sprintf("outcome-%d", i+1), group))
	}
	switch {
	case len(groups) == 0:
		s.Missing = "No scenario of this run climbs a ladder of memory limits or searches for one."
	case len(groups) > mostFigures:
		s.Texts = append(s.Texts, told{"not drawn", fmt.Sprintf("%d more groups of limits; the order matrix has them", len(groups)-mostFigures)})
	}
	return s
}

// tried puts what searches and ladders have next to each other: all arms of one cell.
func (d *drawer) tried() (groups [][]tried) {
	at := map[conditions]int{}
	for _, t := range slices.Concat(d.searched(), d.climbed()) {
		c := t.conditions
		c.arm = ""
		i, known := at[c]
		if !known {
			i = len(groups)
			at[c], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

func (d *drawer) searched() (all []tried) {
	for i, s := range searches(d.in) {
		t := tried{
			conditions: conditions{scenario: s.Scenario, arm: s.Runtime, driver: s.Driver, order: s.Order, build: s.Build, place: s.Place},
			key:        fmt.Sprintf("searches.%d.", i), search: &s, lo: s.Edge.Lo, hi: s.Edge.Hi, natural: s.NotApplicable > 0 && len(s.Points) == 0,
		}
		for k, p := range s.Points {
			t.points = append(t.points, triedPoint{p.Limit, p.Started, p.OOMKilled, p.Failed, fmt.Sprintf("%stried.%d.", t.key, k)})
		}
		all = append(all, t)
	}
	return all
}

func (d *drawer) climbed() (all []tried) {
	for i, l := range ladders(d.in) {
		for k, o := range l.Orders {
			t := tried{
				conditions: conditions{scenario: l.Scenario, arm: l.Runtime, driver: l.Driver, order: o.Order, build: l.Build, place: l.Place},
				key:        fmt.Sprintf("ladders.%d.orders.%d.", i, k), lo: o.Threshold.Above, hi: o.Threshold.AtMost, natural: o.Order != sequence.Natural && o.Natural(),
			}
			for n, c := range o.Counts {
				t.points = append(t.points, triedPoint{l.Limits[n], c.Started, c.OOMKilled, c.Failed, fmt.Sprintf("%srungs.%d.", t.key, n)})
			}
			all = append(all, t)
		}
	}
	return all
}

func (d *drawer) outcome(id string, group []tried) figure {
	const top, bottom = 20.0, 210.0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, t := range group {
		for _, limit := range t.limits() {
			lo, hi = min(lo, float64(limit)), max(hi, float64(limit))
		}
	}
	f := figure{ID: id, Title: cellTitle(group[0].conditions), About: strings.Join(d.thresholds(group), " ")}
	if group[0].place == cgroupjoin.OnAncestor {
		f.Title += ", limit on the ancestor"
	}
	for _, t := range group {
		f.Tables = append(f.Tables, d.triedTable(t))
	}
	if math.IsInf(lo, 0) {
		f.About = "No limit was tried. " + f.About
		return f
	}
	x, y := span(lo, hi, chartLeft, chartWidth-chartRight), axis{lo: 0, hi: 1, from: bottom, to: top}
	under, over := svg.Element("g"), svg.Element("g")
	for i, t := range group {
		a := d.arm(t.arm)
		under.Add(thresholdBand(t, a, x, top, bottom, i), chances(t, a, x, y))
		over.Add(d.tries(t, a, x, y, i)...)
	}
	f.Drawing = draw(chartWidth, 246, "share of containers started by memory limit: "+f.Title, shares(y, x.to),
		x.across(top, bottom, x.ticks(6, 2), tickSize), svg.Label((x.from+x.to)/2, 242, "name mid", "memory.max"), under, over)
	return f
}

// limits are those that a figure has to have room for: what was tried, and the threshold's ends where that is another order's.
func (t tried) limits() (all []int64) {
	for _, p := range t.points {
		all = append(all, p.limit)
	}
	for _, end := range []int64{t.lo, t.hi} {
		if end != 0 {
			all = append(all, end)
		}
	}
	return all
}

// thresholds says of each arm where the edge lies.
func (d *drawer) thresholds(group []tried) (all []string) {
	for _, t := range group {
		text := t.arm + ": "
		switch {
		case t.natural:
			text += "the order does not apply, this is of its natural starts; "
			fallthrough
		default:
			text += verdict.StartThreshold + " " + t.edge()
		}
		if t.search != nil {
			text += fmt.Sprintf(" after %d starts", t.search.Edge.Starts)
		}
		all = append(all, text+".")
	}
	return all
}

// edge is where the threshold lies, in words.
func (t tried) edge() string {
	if t.search != nil {
		return phrase.Edge(*t.search)
	}
	return verdict.Threshold{Above: t.lo, AtMost: t.hi}.String()
}

// thresholdBand shades where the threshold lies.
func thresholdBand(t tried, a arm, x axis, top, bottom float64, i int) *svg.Node {
	if t.lo == 0 && t.hi == 0 {
		return nil
	}
	from, to := x.from, x.to
	if t.lo != 0 {
		from = x.at(float64(t.lo))
	}
	if t.hi != 0 {
		to = x.at(float64(t.hi))
	}
	// The strips lie above each other, so that those of two arms in one place are both seen.
	g := svg.Element("g", "class", "threshold "+a.Class()).Add(svg.Rectangle(from, top-float64(5*(i+1)), max(2, to-from), 4, "strip"))
	if t.lo != 0 && t.hi != 0 { // shading all that lies beyond one end would hide the rest
		g.Add(svg.Rectangle(from, top, max(2, to-from), bottom-top, "range"))
	}
	return g.Add(svg.TextNode("title", a.Name+": "+verdict.StartThreshold+" "+t.edge()))
}

// chances is the estimated curve with its band; of a ladder, which has none, lines from rung to rung.
func chances(t tried, a arm, x, y axis) *svg.Node {
	g := svg.Element("g")
	if t.search != nil && len(t.search.Curve) > 1 {
		var up, down, line []string
		for _, p := range t.search.Curve {
			if at := float64(p.Limit); math.IsNaN(p.P) || at < x.lo || at > x.hi {
				continue
			}
			at := svg.Value(x.at(float64(p.Limit))) + " "
			line, up = append(line, at+svg.Value(y.at(p.P))), append(up, at+svg.Value(y.at(p.Hi)))
			down = append(down, at+svg.Value(y.at(p.Lo)))
		}
		slices.Reverse(down)
		if len(line) > 0 {
			g.Add(svg.Element("path", "d", "M"+strings.Join(append(up, down...), "L")+"Z", "class", "band "+a.Class()),
				svg.Element("path", "d", "M"+strings.Join(line, "L"), "class", "curve "+a.Class()))
		}
		return g
	}
	var line []string
	for _, p := range t.points {
		if p.shows() > 0 {
			line = append(line, svg.Value(x.at(float64(p.limit)))+" "+svg.Value(y.at(share(p))))
		}
	}
	if len(line) < 2 {
		return nil
	}
	return g.Add(svg.Element("path", "d", "M"+strings.Join(line, "L"), "class", "between "+a.Class()))
}

func share(p triedPoint) float64 { return float64(p.started) / float64(p.shows()) }

func (d *drawer) tries(t tried, a arm, x, y axis, i int) (all []*svg.Node) {
	for _, p := range t.points {
		if p.shows() == 0 {
			continue
		}
		r := min(6.5, 2.4+0.9*math.Sqrt(float64(p.shows())))
		// Beside each other where two arms did the same.
		at := x.at(float64(p.limit)) + 3*float64(2*i-1)*float64(min(1, len(d.arms)-1))
		all = append(all, linked(mark(a, at, y.at(share(p)), r), d.recordsOf(t, p), fmt.Sprintf("%s at %s: %s", a.Name, size(p.limit), countText(p))))
	}
	return all
}

func countText(p triedPoint) string {
	return phrase.Started(verdict.Count{Started: p.started, OOMKilled: p.oomKilled, Failed: p.failed})
}

// recordsOf is the id of the group of records behind a point; empty where none of them is in the page.
func (d *drawer) recordsOf(t tried, p triedPoint) string {
	c := t.conditions
	c.limit = p.limit
	for _, observe := range []bool{false, true} {
		c.observe = observe
		if id, known := d.links[c]; known {
			return groupID(id)
		}
	}
	return ""
}

func groupID(id int) string { return fmt.Sprintf("cell-%d", id) }

func (d *drawer) triedTable(t tried) table {
	a := d.arm(t.arm)
	out := table{Caption: t.arm, Class: "numbers", Head: []string{"limit", "started", "OOM-killed", "failed"}}
	if id := slug(a.Class()); id != "" {
		out.Class += " swatch " + a.Class()
	}
	for _, p := range t.points {
		limit := of(part{Text: size(p.limit), Key: p.key + "limit_bytes", Value: raw(float64(p.limit)), Href: d.recordsOf(t, p)})
		limit.Head = true
		out.add(limit, numeric(count(p.key+"started", p.started)), numeric(count(p.key+"oom_killed", p.oomKilled)), numeric(count(p.key+"failed", p.failed)))
	}
	edge := func(name, key string, n int64) {
		out.add(heading(name), numeric(bytesOf(key, n, "not shown")), cell{}, cell{})
	}
	if t.search == nil {
		edge("threshold above", t.key+"start.threshold.above_bytes", t.lo)
		edge("threshold at most", t.key+"start.threshold.at_most_bytes", t.hi)
		return out
	}
	edge("threshold", t.key+"threshold_bytes", t.search.Edge.Threshold)
	edge("threshold above", t.key+"above_bytes", t.lo)
	edge("threshold at most", t.key+"at_most_bytes", t.hi)
	out.add(heading("starts spent"), numeric(count(t.key+"starts", t.search.Edge.Starts)), cell{}, cell{})
	out.add(heading("probability asked for"), numeric(number(t.key+"search.probability", t.search.Search.Probability, verdict.Percent(t.search.Search.Probability))), cell{}, cell{})
	return out
}

func ladders(in Input) []verdict.Ladder {
	if in.Verdict != nil {
		return in.Verdict.Ladders
	}
	return in.Summary.Ladders
}

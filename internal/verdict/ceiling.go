package verdict

import (
	"fmt"
	"math"
	"slices"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// hold puts the candidate to the ceilings of the policy, each in every cell that it is for.
func (j *judge) hold() (held []Held) {
	for _, c := range j.opts.Ceilings {
		if c.Severity == "" {
			c.Severity = Fail
		}
		if c.Severity == Ignore {
			continue
		}
		found := j.holdOne(c)
		if len(found) == 0 {
			j.invalid = append(j.invalid, fmt.Sprintf("ceiling %s: the run has nothing that measures it%s", c.Text, c.where()))
		}
		held = append(held, found...)
	}
	return held
}

func (j *judge) holdOne(c Ceiling) (held []Held) {
	m, known := metricNamed(c.Metric)
	switch {
	case !known:
		return nil
	case m.pooled:
		return j.holdPooled(c, m)
	}
	for _, sc := range j.planned[baseline].Scenarios {
		if c.Scenario != "" && c.Scenario != sc.Name || !c.measures(m, sc) {
			continue
		}
		for _, group := range j.layout(sc).groups {
			if c.in(group) {
				held = append(held, j.holdIn(c, m, sc, group)...)
			}
		}
	}
	return held
}

func metricNamed(name string) (metric, bool) {
	i := slices.IndexFunc(table, func(m metric) bool { return m.name == name })
	if i < 0 {
		return metric{}, false
	}
	return table[i], true
}

// Measures reports whether trials of the scenario have values that the ceiling is held against.
func (c Ceiling) Measures(sc scenarios.Scenario) bool {
	m, known := metricNamed(c.Metric)
	return known && (c.Scenario == "" || c.Scenario == sc.Name) && (m.pooled || c.measures(m, sc)) && c.reaches(sc)
}

// measures leaves out the driver and the order.
func (c Ceiling) measures(m metric, sc scenarios.Scenario) bool {
	if m.name == scenarios.OOMRate {
		return c.reachesLimit(sc)
	}
	return slices.Contains(sc.Judge, m.name) && (c.Limit == 0 || slices.Contains(sc.Limits, c.Limit))
}

// reachesLimit: a search answers for each limit of its range.
func (c Ceiling) reachesLimit(sc scenarios.Scenario) bool {
	if q := sc.Search; q != nil {
		return c.Limit >= q.From && c.Limit <= q.To
	}
	return len(sc.Limits) > 0 && (c.Limit == 0 || slices.Contains(sc.Limits, c.Limit))
}

func (c Ceiling) reaches(sc scenarios.Scenario) bool {
	if c.Driver != "" && !slices.Contains(sc.Drivers, c.Driver) {
		return false
	}
	return c.Order == WorstOrder || slices.Contains(sc.AllOrders(), c.order())
}

// order is the one asked for; the worst has none.
func (c Ceiling) order() sequence.Order {
	if c.Order == "" {
		return natural
	}
	return c.Order
}

// in reports whether the ceiling is for a group of cells. In the worst order it is held once for all orders, where the natural one is.
func (c Ceiling) in(group key) bool {
	if c.Driver != "" && c.Driver != group.driver {
		return false
	}
	if c.Order == WorstOrder {
		return group.order == natural
	}
	return c.order() == group.order
}

// where names what the ceiling is narrowed to.
func (c Ceiling) where() (text string) {
	if c.Scenario != "" {
		text += " in " + c.Scenario
	}
	if c.Driver != "" {
		text += " under " + string(c.Driver)
	}
	return text
}

// holdIn holds it in one group of cells.
func (j *judge) holdIn(c Ceiling, m metric, sc scenarios.Scenario, group key) (held []Held) {
	switch {
	case sc.Search != nil && m.kind == threshold:
		return []Held{j.holdThreshold(c, m, sc, group)}
	case sc.Search != nil:
		return []Held{j.holdSearchedRate(c, m, sc, group)}
	case m.natural() && group.order != natural:
		return nil
	}
	for _, k := range j.layout(sc).in(group) {
		if c.Limit != 0 && k.limit != c.Limit {
			continue
		}
		if m.kind == rate {
			held = append(held, j.holdRate(c, m, k))
		} else {
			held = append(held, j.holdMedian(c, m, k))
		}
	}
	return held
}

// newHeld is a ceiling in a cell, with nothing measured yet.
func newHeld(c Ceiling, m metric, k key) Held {
	cell := newRow(k, m).Metric
	if c.Order == WorstOrder {
		cell.Order = WorstOrder
	}
	return Held{Ceiling: c, Cell: cell, Value: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
}

// rule holds an interval against the bound: below, beyond, or neither. Finer words for what was measured come from who knows it.
func (h *Held) rule(what string) {
	switch {
	case h.Hi <= h.AtMost:
		h.say(Pass, what+" is within it")
	case h.Lo > h.AtMost:
		h.say(Regressed, what+" is beyond it")
	default:
		h.say(Inconclusive, what+" may lie on either side of it")
	}
}

func (h *Held) say(r Ruling, why string) {
	h.Ruling = r
	h.Reason = fmt.Sprintf("ceiling %s (%s): %s", h.Text, h.place(), why)
}

// place names the cell: "startup, cgroupfs".
func (h *Held) place() string {
	return cellText(key{scenario: h.Cell.Scenario, driver: h.Cell.Driver, order: h.Cell.Order, build: h.Cell.Build, limit: h.Cell.Limit})
}

func (j *judge) holdMedian(c Ceiling, m metric, k key) Held {
	h := newHeld(c, m, k)
	s := j.at(k)[candidate]
	points, _ := s.points(m)
	a := armOfSample(stats.Units(points), j.looked(j.at(k).shared()).Level)
	if a.N == 0 {
		h.say(Inconclusive, "no trial of the candidate measured it"+s.because(m, j.envOf(k.scenario)))
		return h
	}
	h.Value, h.Lo, h.Hi = a.Center, a.Lo, a.Hi
	h.rule(fmt.Sprintf("the candidate's median, %s [%s, %s],", m.unit.Format(a.Center), m.unit.Format(a.Lo), m.unit.Format(a.Hi)))
	return h
}

// because says why a side has no value of a metric, as far as that is known.
func (s *side) because(m metric, e results.Environment) string {
	switch {
	case s.failure != "":
		return ": " + s.failure
	case m.lane == scenarios.ObservedLane && unobserved(s, e) != "":
		return ": " + unobserved(s, e)
	case s.count.Trials() > 0:
		return ": " + plural(s.count.Trials(), "trial") + " ended without a value"
	}
	return ""
}

// holdThreshold holds a bracket, of which the lower end is below the threshold, against the bound.
func (j *judge) holdThreshold(c Ceiling, m metric, sc scenarios.Scenario, group key) Held {
	s, known := j.soughtFor(c, group)
	h := newHeld(c, m, group)
	h.Cell.Place = soughtPlace(sc)
	if !known {
		h.say(Inconclusive, "no start of the candidate shows where its threshold lies")
		return h
	}
	a := s.arm()
	h.Value, h.Lo, h.Hi = a.Center, a.Lo, a.Hi
	what := fmt.Sprintf("the candidate's threshold%s is in %s, which", h.inOrder(s.Order), s.Bracket())
	switch {
	case h.Hi <= h.AtMost:
		h.say(Pass, what+" is within it")
	case h.Lo >= h.AtMost: // the threshold itself is above its lower end
		h.say(Regressed, what+" is beyond it")
	default:
		h.say(Inconclusive, what+" is on both sides of it")
	}
	return h
}

func (h *Held) inOrder(o sequence.Order) string {
	if h.Order != WorstOrder {
		return ""
	}
	return " in the worst order, " + string(o) + ","
}

// soughtFor is the candidate's search in the order of the ceiling: of the worst one, that which is known to need most. All orders have
// to be known, or the worst of them may be the one that is not.
func (j *judge) soughtFor(c Ceiling, group key) (worst Sought, known bool) {
	for _, s := range j.searches {
		k := s.key()
		if c.Order == WorstOrder {
			k.order = natural
		}
		if s.Runtime != armNames[candidate] || k != group {
			continue
		}
		if s.Edge.Starts == 0 {
			return Sought{}, false
		}
		if !known || needsMore(s.Edge, worst.Edge) {
			worst, known = s, true
		}
	}
	return worst, known
}

// needsMore compares the upper ends, of which none is the worst there is, and of equals the lower ones.
func needsMore(a, b stats.Edge) bool {
	if (a.Hi == 0) != (b.Hi == 0) {
		return a.Hi == 0
	}
	return a.Hi > b.Hi || a.Hi == b.Hi && a.Lo > b.Lo
}

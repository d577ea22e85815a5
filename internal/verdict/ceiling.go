package verdict

import (
	"cmp"
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
		if c.Scenario != "" && c.Scenario != sc.Name || !c.measures(m, sc) || !c.hasOrder(sc) {
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
	for _, all := range [][]metric{table, leakTable, leftoverTable} {
		if i := slices.IndexFunc(all, func(m metric) bool { return m.name == name }); i >= 0 {
			return all[i], true
		}
	}
	return metric{}, false
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
	return sc.Judges(m.name) && (c.Limit == 0 || slices.Contains(sc.Limits, c.Limit))
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
	return c.hasOrder(sc)
}

// hasOrder: of a scenario with the natural order alone nothing says that another one is not worse.
func (c Ceiling) hasOrder(sc scenarios.Scenario) bool {
	orders := sc.AllOrders()
	if c.Order == WorstOrder {
		return len(orders) > 1 && slices.Contains(orders, natural)
	}
	return slices.Contains(orders, c.order())
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
	if c.Order == WorstOrder {
		text += " in the natural order and another one"
	}
	return text
}

// holdIn holds it in one group of cells, in the worst order in those of all orders.
func (j *judge) holdIn(c Ceiling, m metric, sc scenarios.Scenario, group key) (held []Held) {
	if sc.Search == nil && m.natural() && group.order != natural {
		return nil
	}
	for _, k := range j.layout(sc).in(group) {
		if sc.Search == nil && c.Limit != 0 && k.limit != c.Limit {
			continue
		}
		var orders []Held
		for _, k := range j.inOrders(c, sc, group, k) {
			orders = append(orders, j.holdAt(c, m, sc, k))
		}
		held = append(held, worst(orders))
	}
	return held
}

// inOrders are the cells that a ceiling speaks of as one: in the worst order those of all orders that the candidate can take.
func (j *judge) inOrders(c Ceiling, sc scenarios.Scenario, group, k key) (cells []key) {
	if c.Order != WorstOrder {
		return []key{k}
	}
	for _, g := range j.layout(sc).groups {
		if g.order = group.order; g != group {
			continue
		}
		cells = nil
		for _, o := range sc.AllOrders() {
			if k.order = o; o == natural || !j.at(k)[candidate].count.Natural() {
				cells = append(cells, k)
			}
		}
	}
	return cells
}

// worst is what holds of all orders: one that is beyond the bound breaks it, and one that is open leaves it open.
func worst(orders []Held) Held {
	return slices.MaxFunc(orders, func(a, b Held) int {
		return cmp.Or(cmp.Compare(gravity(a.Ruling), gravity(b.Ruling)), cmp.Compare(a.Hi, b.Hi))
	})
}

func gravity(r Ruling) int { return slices.Index([]Ruling{Pass, Inconclusive, Regressed}, r) }

func (j *judge) holdAt(c Ceiling, m metric, sc scenarios.Scenario, k key) Held {
	switch {
	case sc.Search != nil && m.kind == threshold:
		return j.holdThreshold(c, m, sc, k)
	case sc.Search != nil:
		return j.holdSearchedRate(c, m, sc, k)
	case m.kind == rate:
		return j.holdRate(c, m, k)
	}
	return j.holdMedian(c, m, k)
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
	return cellText(key{scenario: h.Cell.Scenario, driver: h.Cell.Driver, order: h.Cell.Order, build: h.Cell.Build, limit: h.Cell.Limit, enumerate: h.Cell.Enumerate})
}

func (j *judge) holdMedian(c Ceiling, m metric, k key) Held {
	h := newHeld(c, m, k)
	s := j.at(k)[candidate]
	points, _ := s.points(m)
	blocks := j.blocks(k)
	for _, l := range j.sights(len(blocks)) {
		in := l.seen(blocks)
		a := armOfSample(stats.Units(in.points(points)), l.Level)
		if lost := s.mostNotCounted(in, armNames[candidate], ""); lost != "" {
			h.say(Inconclusive, lost)
			continue
		}
		if a.N == 0 {
			h.say(Inconclusive, "no trial of the candidate measured it"+s.because(m, j.envOf(k.scenario)))
			continue
		}
		h.Value, h.Lo, h.Hi = a.Center, a.Lo, a.Hi
		if h.rule(fmt.Sprintf("the candidate's median, %s [%s, %s],", m.unit.Format(a.Center), m.unit.Format(a.Lo), m.unit.Format(a.Hi))); h.Ruling != Inconclusive {
			break
		}
	}
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
	h := newHeld(c, m, group)
	h.Cell.Place = soughtPlace(sc)
	s, why := j.soughtFor(group)
	if why != "" {
		h.say(Inconclusive, h.inOrderOf(group.order, why))
		return h
	}
	a := s.arm()
	h.Value, h.Lo, h.Hi = a.Center, a.Lo, a.Hi
	what := fmt.Sprintf("the candidate's threshold%s is %s, which", h.inOrder(s.Order), s.lies())
	switch {
	case h.Hi <= h.AtMost:
		h.say(Pass, what+" is within it")
	case h.Lo >= h.AtMost: // the threshold itself is above its lower end
		h.say(Regressed, what+" is beyond it")
	default:
		h.say(Inconclusive, what+" does not settle it")
	}
	return h
}

// inOrderOf says of what is not known in which order it is not.
func (h *Held) inOrderOf(o sequence.Order, why string) string {
	if h.Order != WorstOrder {
		return why
	}
	return "in " + string(o) + " order: " + why
}

func (h *Held) inOrder(o sequence.Order) string {
	if h.Order != WorstOrder {
		return ""
	}
	return " in the worst order, " + string(o) + ","
}

// soughtFor is the candidate's search in a cell; why says that nothing is known of it.
func (j *judge) soughtFor(k key) (found Sought, why string) {
	k.place, k.limit = "", 0
	if lost := j.at(k)[candidate].mostNotCounted(nil, armNames[candidate], ""); lost != "" {
		return Sought{}, lost
	}
	for _, s := range j.searches {
		if s.Runtime == armNames[candidate] && s.key() == k && s.Edge.Starts > 0 {
			return s, ""
		}
	}
	return Sought{}, "no start of the candidate shows where its threshold lies"
}

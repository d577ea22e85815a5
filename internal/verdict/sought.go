package verdict

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Sought is what a search for the start threshold found, of one runtime in one cell.
type Sought struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place
	Runtime  string // the arm
	Search   scenarios.Search
	// Edge is the natural order's where the runtime cannot take this one.
	Edge stats.Edge
	// NotCounted trials were not brought into the order, or were natural starts while others took it. NotApplicable ones were
	// natural starts of a runtime that took the order in none: they are no outcomes of it.
	NotCounted, NotApplicable int
	// Failed starts were neither started nor killed, and show nothing of the threshold.
	Failed int
	Points []Tried // rising
	Curve  []stats.CurvePoint
	// Trials is how many were made, those that show nothing included.
	Trials int
}

// Tried says how the starts under one limit ended.
type Tried struct {
	Limit                      int64
	Started, OOMKilled, Failed int
}

// try is one start of a search.
type try struct {
	index   int
	group   Group
	limit   int64
	outcome results.Outcome
	// counted: it took the order. A natural one was a start that could not.
	counted, natural bool
}

func tryOf(r *results.Record) try {
	counted, _ := r.Counted()
	return try{index: r.Index, group: GroupOf(&r.Trial), limit: r.Limit, outcome: r.Outcome, counted: counted, natural: wasNatural(r)}
}

// shows reports whether the try is evidence of the threshold.
func (t try) shows() bool { return t.counted && !t.natural && countOf(t.outcome).Failed == 0 }

// Shows reports whether a record of a search is evidence of its threshold: the start took its order, as one that was asked for, and started or was killed.
// It is what both the search under way and its replay go by.
func Shows(r *results.Record) bool { return tryOf(r).shows() }

// soughtPlace is where a search of the scenario sets its limits.
func soughtPlace(sc scenarios.Scenario) cgroupjoin.Place {
	if sc.Place == "" {
		return cgroupjoin.OnContainer
	}
	return sc.Place
}

// replay makes the search again from its starts, in the order in which they were asked for: what an edge claims holds
// for no order that depends on how starts ended, and of those that were made beside each other the quickest ended first.
func (p *Replays) replay(k key, sc scenarios.Scenario, runtime string, tries []try) Sought {
	s := Sought{
		Scenario: k.scenario, Driver: k.driver, Order: k.order, Build: k.build, Place: soughtPlace(sc), Runtime: runtime,
		Search: *sc.Search,
	}
	slices.SortStableFunc(tries, func(a, b try) int { return cmp.Compare(a.index, b.index) })
	tries = Whole(tries, func(t try) Group { return t.group })
	s.Trials = len(tries)
	at := replayed{k, runtime, *sc.Search}
	for _, t := range tries {
		s.take(t, at.onGrid(t.limit))
	}
	search := p.search(at, tries)
	s.Edge, s.Curve = search.Found(), search.Curve()
	if s.NotApplicable > 0 && s.Edge.Starts > 0 {
		s.NotCounted, s.NotApplicable = s.NotCounted+s.NotApplicable, 0
	}
	slices.SortFunc(s.Points, func(a, b Tried) int { return cmp.Compare(a.Limit, b.Limit) })
	return s
}

// take counts one start.
func (s *Sought) take(t try, onGrid bool) {
	switch {
	case !t.counted || !onGrid:
		s.NotCounted++
		return
	case t.natural:
		s.NotApplicable++
		return
	}
	i := slices.IndexFunc(s.Points, func(p Tried) bool { return p.Limit == t.limit })
	if i < 0 {
		i, s.Points = len(s.Points), append(s.Points, Tried{Limit: t.limit})
	}
	c, p := countOf(t.outcome), &s.Points[i]
	p.Started, p.OOMKilled, p.Failed = p.Started+c.Started, p.OOMKilled+c.OOMKilled, p.Failed+c.Failed
	s.Failed += c.Failed
}

// Natural reports whether the runtime took the order in none of the trials, so that its edge is the natural one's.
func (s Sought) Natural() bool { return s.NotApplicable > 0 }

// searched replays a scenario's searches, of each cell one a runtime.
func (p *Replays) searched(sc scenarios.Scenario, groups []key, runtimes []string, tries func(k key, runtime int) []try) (all []Sought) {
	for _, k := range groups {
		for i, name := range runtimes {
			all = append(all, p.replay(k, sc, name, tries(k, i)))
		}
	}
	for i := range all {
		s := &all[i]
		if !s.Natural() {
			continue
		}
		if own, known := naturalOf(all, *s); known {
			s.Edge, s.Curve = own.Edge, own.Curve
		}
	}
	return all
}

// naturalOf is the same runtime's search in its natural order.
func naturalOf(all []Sought, s Sought) (Sought, bool) {
	i := slices.IndexFunc(all, func(o Sought) bool {
		return o.Order == natural && s.Order != natural && o.Scenario == s.Scenario && o.Driver == s.Driver && o.Build == s.Build &&
			o.Place == s.Place && o.Runtime == s.Runtime
	})
	if i < 0 {
		return Sought{}, false
	}
	return all[i], true
}

// Bracket is where the threshold lies, in the words of a ladder's: "(7 MiB, 7.25 MiB]".
func (s Sought) Bracket() string { return bracketText(s.Edge.Lo, s.Edge.Hi) }

// lies is the same in a sentence, after "lies" or "is".
func (s Sought) lies() string {
	switch e := s.Edge; {
	case e.Lo == 0 && e.Hi == 0:
		return "not bracketed"
	case e.Lo > 0 && e.Hi > 0:
		return "in " + s.Bracket()
	}
	return s.Bracket()
}

func bracketText(lo, hi int64) string {
	switch {
	case lo == 0 && hi == 0:
		return "not measured"
	case lo == 0:
		return "<= " + exactSize(hi)
	case hi == 0:
		return "> " + exactSize(lo)
	}
	return "(" + exactSize(lo) + ", " + exactSize(hi) + "]"
}

// exactSize writes a limit of a search's grid in MiB, of which steps are quarters, without rounding.
func exactSize(bytes int64) string {
	const quarter = 256 << 10
	if bytes < 1<<20 || bytes%quarter != 0 {
		return scenarios.FormatSize(bytes)
	}
	return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', -1, 64) + " MiB"
}

// Held is a Ceiling and what was measured against it.
type Held struct {
	Ceiling
	// Cell has scenario, driver, order, place, limit and enumeration of what it was held against.
	Cell          Metric
	Value, Lo, Hi float64
	Ruling        Ruling
	Reason        string
	// Trace and Paragraph are as a row's.
	Trace, Paragraph string
}

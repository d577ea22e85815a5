package verdict

import (
	"slices"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// leakTable has the metrics of sessions. It stands beside table, which is gone through for every value of every record.
var leakTable = leakMetrics()

func leakMetrics() (all []metric) {
	for _, m := range scenarios.Metrics() {
		switch {
		case m.Name == scenarios.LeakInherited:
			all = append(all, metric{name: m.Name, measured: m.Name, unit: Counted, kind: inherited, lane: m.Lane})
		case m.Scope == scenarios.PerSession:
			all = append(all, metric{name: m.Name, measured: m.Name, unit: Counted, kind: growth, lane: m.Lane})
		}
	}
	return all
}

// leakJudged are the metrics of a session that its scenario names.
func leakJudged(sc scenarios.Scenario) []metric {
	return slices.DeleteFunc(slices.Clone(leakTable), func(m metric) bool { return !sc.Judges(m.name) })
}

// drifting kinds follow what else the machine does: a journal in a tmpfs grows with every line, and Go and C libraries keep threads as
// they like. With no margin such a count is never settled: by default it is told and does not rule.
var drifting = []string{scenarios.LeakMetric("shmem-pages"), scenarios.LeakMetric("tmpfs-pages"), scenarios.LeakMetric("threads")}

// DefaultSeverity is that of a metric of which nobody says anything.
func DefaultSeverity(name string) Severity {
	if slices.Contains(drifting, name) {
		return Warn
	}
	return Fail
}

// counted is what a series is of: a kind of the machine, or of a process's descriptors.
type countedOf struct{ kind, process string }

// session is what is kept of one.
type session struct {
	block, batch int
	series       map[countedOf]leakSeries
	unread       map[countedOf]string // of a process that could not be read as a whole, without a kind
	processes    []string
	inherited    *results.Inherited
}

// leakSeries is a kind's counts over one session.
type leakSeries struct {
	first  int64
	counts []int64 // nil where all are the first: most are
	// settled is NaN where nobody waited.
	settled *int64
	back    *int64
	left    []string
}

func (s leakSeries) at(i int) int64 {
	if s.counts == nil {
		return s.first
	}
	return s.counts[i]
}

// kept is what was left after settling beyond what there was after the first cycle: what a process makes once, at its first start, is no leak.
func (s leakSeries) kept() (n int64, known bool) {
	if s.settled == nil {
		return 0, false
	}
	return *s.settled - s.at(1), true
}

func sessionOf(r *results.Record) session {
	c := r.Census
	s := session{block: r.Block, batch: r.Batch, series: map[countedOf]leakSeries{}, unread: map[countedOf]string{}, inherited: c.Inherited}
	s.add("", c.Machine)
	for _, u := range c.Unread {
		s.unread[countedOf{kind: u.Kind}] = u.Why
	}
	for _, w := range c.Watched {
		s.processes = append(s.processes, w.Name)
		s.add(w.Name, w.Descriptors)
		if w.Unread != "" {
			s.unread[countedOf{process: w.Name}] = w.Unread
		}
	}
	return s
}

func (s session) add(process string, all []results.Series) {
	for _, of := range all {
		kept := leakSeries{first: of.Counts[0], counts: of.Counts, settled: of.Settled, back: of.BackNS, left: of.Left}
		if len(slices.Compact(slices.Clone(of.Counts))) == 1 {
			kept.counts = nil
		}
		s.series[countedOf{of.Kind, process}] = kept
	}
}

// of finds a series. A process that was read has none of a kind that it never had; of anything else that is missing why says so.
func (s session) of(what countedOf) (series leakSeries, why string) {
	if got, counted := s.series[what]; counted {
		return got, ""
	}
	if why := s.unread[what]; why != "" {
		return leakSeries{}, why
	}
	if what.process == "" {
		return leakSeries{}, "it was not counted"
	}
	if why := s.unread[countedOf{process: what.process}]; why != "" {
		return leakSeries{}, why
	}
	if !slices.Contains(s.processes, what.process) {
		return leakSeries{}, "the process was not watched"
	}
	return leakSeries{settled: new(int64), back: new(int64)}, ""
}

// addSession keeps what a session counted that ended well.
func (s *side) addSession(r *results.Record) {
	switch c := r.Census; {
	case r.Cycles == 0:
	case c == nil || c.Cycles < r.Cycles:
		s.blind++
	default:
		s.sessions = append(s.sessions, sessionOf(r))
	}
}

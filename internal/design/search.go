package design

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

const (
	// enoughNotApplicable natural starts say that a runtime cannot take an order: whether it copies inside init
	// does not change from start to start.
	enoughNotApplicable = 5
	// mostFailures in a row end a search: what fails without a kill fails for a reason that no limit mends.
	mostFailures = 3
	// mostUnordered starts in a row that could not be brought into the order end it too. They are no outcome: a deadline passed, or the
	// order found was another one.
	mostUnordered = 12
)

// search looks for the start threshold of one arm in one cell.
type search struct {
	cell scenarios.Cell
	arm  string
	most int
	edge *stats.Search
	// heard are the starts of the group under way. They are taken in when it is whole, in the order in which they were asked for:
	// what is claimed of an edge holds for no order that depends on how starts end, and of those beside each other the
	// quickest end first.
	heard []results.Record
	// records are all that were taken in; seen is the edge when a verdict last looked at them.
	records []results.Record
	seen    stats.Edge
	fresh   bool // starts were added since
	// starts are all that were made. Of those added none failed, and none was a natural start of an order that was asked for.
	starts, added, notApplicable int
	failures, unordered          int // in a row
	ended                        bool
	inapplicable                 bool   // its order is none of the runtime's
	why                          string // it ended without an edge
	of                           *contest
}

func newSearch(sc scenarios.Scenario, c scenarios.Cell, arm string) *search {
	return &search{cell: c, arm: arm, most: sc.Search.Most, edge: stats.NewSearch(verdict.SearchSpec(*sc.Search))}
}

func (s *search) hear(r results.Record) { s.heard = append(s.heard, r) }

// settle takes in what was heard, but for groups that an earlier session left unfinished.
func (s *search) settle() error {
	slices.SortFunc(s.heard, func(a, b results.Record) int { return cmp.Compare(a.Index, b.Index) })
	for _, r := range verdict.Whole(s.heard, func(r results.Record) verdict.Group { return verdict.GroupOf(&r.Trial) }) {
		if err := s.add(r); err != nil {
			return fmt.Errorf("design: trial %d: %w", r.Index, err)
		}
		s.records = append(s.records, slim(r))
	}
	if len(s.heard) > 0 && s.of == nil && s.edge.Found().Done {
		s.ended = true // now, and not when it is next asked: a run that is resumed is over without a warm-up of it
	}
	s.heard = nil
	return nil
}

func (s *search) add(r results.Record) error {
	s.starts++
	counted, why := r.Counted()
	switch {
	case verdict.Shows(&r):
		s.unordered, s.failures = 0, 0
		return s.take(r)
	case !counted:
		if s.unordered++; s.unordered >= mostUnordered {
			s.give(fmt.Sprintf("%d starts in a row could not be brought into %s: %s", s.unordered, r.Order, why))
		}
	case r.Outcome == results.Failed || r.Outcome == results.TimedOut:
		if s.failures++; s.failures > mostFailures {
			s.give(fmt.Sprintf("%d starts in a row %s: %s", s.failures, r.Outcome, r.Reason))
		}
	default:
		s.unordered, s.failures = 0, 0
		s.natural(r)
	}
	s.exhaust()
	return nil
}

// natural takes in a natural start of an order that was asked for. It is no outcome of it, and of a runtime that has shown none else it says
// that there is no such order.
func (s *search) natural(r results.Record) {
	if s.notApplicable++; s.notApplicable >= enoughNotApplicable && s.added == 0 {
		s.inapplicable = true
		s.give(fmt.Sprintf("%s does not apply to this runtime: its threshold is that of its natural order", r.Order))
	}
}

// take adds an outcome.
func (s *search) take(r results.Record) error {
	s.added++
	s.fresh = true
	if err := s.edge.Add(r.Limit, r.Outcome == results.Started); err != nil {
		return fmt.Errorf("search of %s: %w", s.arm, err)
	}
	s.exhaust()
	return nil
}

// exhaust ends a search that has had its starts, those that say nothing included.
func (s *search) exhaust() {
	switch {
	case s.ended || s.starts < s.most:
	case s.edge.Found().Done:
		s.ended = true
	default:
		s.give(fmt.Sprintf("all of its %d starts are spent", s.most))
	}
}

// over tells whether it gets no more starts for its own sake.
func (s *search) over() bool { return s.ended || s.of != nil && s.of.over }

func (s *search) give(why string) {
	if !s.ended {
		s.ended, s.why = true, why
	}
}

// next are up to n limits to try beside each other; none ends the search.
func (s *search) next(n int) []int64 {
	if s.ended {
		return nil
	}
	limits := s.edge.Next(min(n, s.most-s.starts))
	if len(limits) == 0 {
		s.ended = true
	}
	return limits
}

// moved tells whether an end is known better than when it was last asked.
func (s *search) moved() bool {
	if !s.fresh {
		return false
	}
	before := s.seen
	s.fresh = false
	s.seen = s.edge.Found()
	return s.seen.Lo != before.Lo || s.seen.Hi != before.Hi
}

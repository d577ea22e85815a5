package design

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// together is how many trials are about to be made side by side: enough to keep the CPUs of a small machine busy, few
// enough to look at what came of them before much is spent.
const together = 8

// scene is a scenario and what of it was made.
type scene struct {
	scenarios.Scenario
	clock    scenarios.Clock // that it waits for
	draft    *scenarios.Draft
	looks    []int
	warm     bool
	cells    []*cell
	searches []*search
	contests []*contest // of a gate's searches
	queue    []*cell    // of this round, those that have not had their block
	round    int
}

func (d *Director) newScene(sc scenarios.Scenario) *scene {
	s := &scene{Scenario: sc, clock: d.header.ClockOf(sc), draft: d.draft, warm: d.static != nil}
	for _, slot := range d.header.Spec.Slots(sc) {
		switch {
		case sc.Search != nil:
			for _, arm := range slot.Arms {
				s.searches = append(s.searches, newSearch(sc, slot.Cell, arm))
			}
		case d.static == nil:
			s.cells = append(s.cells, newCell(sc, slot))
		}
	}
	if d.judges() {
		s.pair(d.opts.Judge)
	}
	if d.header.Design != nil {
		s.looks = d.header.Design.Looks
	}
	return s
}

// add takes in one of its trials; of a static plan only what searches make of it is of interest.
func (s *scene) add(r results.Record, static bool) error {
	switch {
	case r.Warmup:
		s.warm = true
		return nil
	case s.Search != nil:
		return s.addStart(r)
	case static:
		return nil
	}
	i := slices.IndexFunc(s.cells, func(c *cell) bool { return c.Cell == r.Cell() })
	if i < 0 {
		return fmt.Errorf("scenario %s has no cell of %s, %s, %s", s.Name, r.Driver, r.Order, scenarios.FormatSize(r.Limit))
	}
	s.cells[i].add(r)
	return nil
}

func (s *scene) addStart(r results.Record) error {
	at := r.Cell()
	at.Limit, at.Place = 0, ""
	i := slices.IndexFunc(s.searches, func(q *search) bool { return q.cell == at && q.arm == r.Arm })
	if i < 0 {
		return fmt.Errorf("scenario %s has no search of %s, %s, %s", s.Name, r.Arm, r.Driver, r.Order)
	}
	s.searches[i].hear(r)
	return nil
}

// settleStarts has every search take in what came of its starts.
func (s *scene) settleStarts() error {
	for _, q := range s.searches {
		if err := q.settle(); err != nil {
			return err
		}
	}
	return nil
}

// open tells whether anything is left to be made.
func (s *scene) open() bool {
	return s.searching() || slices.ContainsFunc(s.cells, func(c *cell) bool { return !c.ended })
}

func (s *scene) searching() bool {
	if len(s.contests) > 0 {
		return slices.ContainsFunc(s.contests, func(k *contest) bool { return !k.over })
	}
	return slices.ContainsFunc(s.searches, func(q *search) bool { return !q.ended })
}

// unlooked tells whether a cell is open that was never looked at.
func (s *scene) unlooked() bool {
	return slices.ContainsFunc(s.cells, func(c *cell) bool { return !c.ended && c.looked == 0 })
}

// untilFirst is how many trials the cells are short of their first look.
func (s *scene) untilFirst() (trials int) {
	for _, c := range s.cells {
		if !c.ended && c.blocks < s.looks[0] {
			trials += (s.looks[0] - c.blocks) * c.whole
		}
		if !s.warm {
			trials += len(c.Arms) * s.Warmup
		}
	}
	return trials
}

// blocks is how many the open cell with the fewest has.
func (s *scene) blocks() int {
	least := 0
	for i, c := range s.openCells() {
		if i == 0 || c.blocks < least {
			least = c.blocks
		}
	}
	return least
}

func (s *scene) openCells() (all []*cell) {
	for _, c := range s.cells {
		if !c.ended {
			all = append(all, c)
		}
	}
	return all
}

// mid tells whether the scenario is between two looks, or has a search to finish.
func (s *scene) mid() bool {
	return s.searching() || len(s.queue) > 0 || slices.ContainsFunc(s.cells, func(c *cell) bool { return !c.ended && c.blocks != c.looked })
}

// next is what the scenario needs now; nothing where its last search has just ended.
func (s *scene) next() []scenarios.Trial {
	if !s.warm {
		s.warm = true
		if trials := s.draft.WarmUps(s.Scenario); len(trials) > 0 {
			return trials
		}
	}
	if s.Search != nil {
		return s.starts()
	}
	return s.someBlocks()
}

// someBlocks are the next of this round: one at a time where they are timed.
func (s *scene) someBlocks() (trials []scenarios.Trial) {
	if len(s.queue) == 0 {
		s.fill()
	}
	for len(s.queue) > 0 && (len(trials) == 0 || !s.Timed() && len(trials) < together) {
		c := s.queue[0]
		s.queue = s.queue[1:]
		if !c.ended {
			trials = append(trials, s.draft.Block(s.Scenario, c.Slot, c.begun)...)
		}
	}
	return trials
}

// fill begins a round: a block of each cell that has the fewest, in an order shuffled anew.
func (s *scene) fill() {
	least := s.blocks()
	s.queue = slices.DeleteFunc(s.openCells(), func(c *cell) bool { return c.blocks > least })
	s.draft.Shuffle("cells/"+s.Name, s.round, len(s.queue), func(i, j int) { s.queue[i], s.queue[j] = s.queue[j], s.queue[i] })
	s.round++
}

// starts are the next of every search, shuffled so that neither arm nor order is always tried at the same time.
func (s *scene) starts() (trials []scenarios.Trial) {
	tries := s.tries()
	s.draft.Shuffle("starts/"+s.Name, s.round, len(tries), func(i, j int) { tries[i], tries[j] = tries[j], tries[i] })
	s.round++
	for _, t := range tries {
		trials = append(trials, s.draft.Try(s.Scenario, t.of.cell, t.of.arm, t.limit))
	}
	tellGroups(tries, trials)
	return trials
}

// tellGroups has every start say how many its search asked for with it.
func tellGroups(tries []try, trials []scenarios.Trial) {
	first, asked := map[*search]int{}, map[*search]int{}
	for i, t := range tries {
		if asked[t.of]++; asked[t.of] == 1 {
			first[t.of] = trials[i].Index
		}
	}
	for i, t := range tries {
		if n := asked[t.of]; n > 1 {
			trials[i].Group, trials[i].InGroup = n, trials[i].Index-first[t.of]
		}
	}
}

func (s *scene) tries() (tries []try) {
	if len(s.contests) > 0 {
		return s.contested()
	}
	open := 0
	for _, q := range s.searches {
		open += one(!q.ended)
	}
	for _, q := range s.searches {
		for _, limit := range q.next(max(1, together/max(1, open))) {
			tries = append(tries, try{q, limit})
		}
	}
	return tries
}

type try struct {
	of    *search
	limit int64
}

// moved tells whether an end of a search under a driver is known better than before.
func (s *scene) moved(driver cgroupjoin.Driver) (any bool) {
	for _, q := range s.searches {
		if q.cell.Driver == driver && q.moved() {
			any = true
		}
	}
	return any
}

func (s *scene) startsUnder(driver cgroupjoin.Driver) (all []results.Record) {
	for _, q := range s.searches {
		if q.cell.Driver == driver {
			all = append(all, q.records...)
		}
	}
	return all
}

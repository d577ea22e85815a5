package scenarios

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// Slot is a cell that is planned, with the arms that are compared in it.
type Slot struct {
	Cell
	Arms []string
}

// Slots are the cells of a scenario that make sense, in the order in which reports show them.
func (s Spec) Slots(sc Scenario) (all []Slot) {
	for _, sl := range s.slots(sc) {
		all = append(all, Slot{sl.Cell, sl.arms})
	}
	return all
}

// Draft makes the trials of a run whose plan is not settled beforehand: its holder says what comes next, and the rest is
// as in [Spec.Trials]. Trials are numbered in the order they are made; what is random depends on the
// seed and on what is asked for alone, never on when.
type Draft struct {
	spec Spec
	made []Trial
	p    planner
}

// Draft begins a run of the Spec.
func (s Spec) Draft() *Draft {
	d := &Draft{spec: s}
	d.p = planner{seed: s.Seed, arms: names(s.Runtimes), yield: func(t Trial) bool {
		d.made = append(d.made, t)
		return true
	}}
	return d
}

// Follow goes on behind a trial of an earlier session: no number is given twice.
func (d *Draft) Follow(t Trial) {
	d.p.trial, d.p.block, d.p.batch = max(d.p.trial, t.Index+1), max(d.p.block, t.Block+1), max(d.p.batch, t.Batch+1)
}

// WarmUps are those of a scenario.
func (d *Draft) WarmUps(sc Scenario) []Trial {
	d.made = nil
	if d.spec.informed(sc) {
		newWarmer(&d.p, sc).all(d.spec.slots(sc))
	} else {
		d.p.warmups(sc)
	}
	return d.made
}

// Block is the nth block of a cell, from 0: with two arms ABBA, its first letter random.
func (d *Draft) Block(sc Scenario, s Slot, n int) []Trial {
	d.made = nil
	d.p.emit(blockArms(d.p.stream(sc.Name, "block/"+s.Cell.text(), n), s.Arms, batchesPerBlock(len(s.Arms))), measured(sc, s.Cell))
	return d.made
}

// Try is one start of an arm under a limit that a search asks for. It is a block of its own: what is found of
// one arm is found without the other.
func (d *Draft) Try(sc Scenario, c Cell, arm string, limit int64) Trial {
	d.made = nil
	t := measured(sc, c)
	t.Place, t.Limit = sc.Place, limit
	d.p.emit([]string{arm}, t)
	return d.made[0]
}

// Shuffle puts n things into a random order, by the decision's own randomness.
func (d *Draft) Shuffle(decision string, round, n int, swap func(i, j int)) {
	d.p.stream("", decision, round).Shuffle(n, swap)
}

// text tells cells apart, for the randomness of each. Of a cell of no payload's work it is what it was before there were others: a run that
// was begun then goes on as it was planned.
func (c Cell) text() string {
	text := fmt.Sprintf("%+v", struct {
		Driver cgroupjoin.Driver
		Order  sequence.Order
		Place  cgroupjoin.Place
		Limit  int64
		Build  Build
		Join   Join
	}{c.Driver, c.Order, c.Place, c.Limit, c.Build, c.Join})
	if c.Enumerate == (Enumeration{}) {
		return text
	}
	return text + " " + c.Enumerate.String()
}

// Timed tells whether the scenario's trials have to run alone: a figure of time is judged, or its
// containers share a batch whose size is the experiment, or their network's steps are timed, or each is a session, which counts what is the machine's.
func (s Scenario) Timed() bool {
	if s.Joins != nil || s.Concurrent || s.Network != nil || s.Cycles > 0 || s.Lives != nil {
		return true
	}
	return slices.ContainsFunc(s.Judge, func(name string) bool {
		m, _ := MetricNamed(name) // judgeFlaw has refused what is none
		return m.Lane == TimedLane
	})
}

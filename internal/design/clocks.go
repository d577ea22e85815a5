package design

import (
	"slices"
	"time"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

const (
	// Boot is what it takes to go on by another clock: a guest is closed and another one booted, under emulation in
	// 7 to 15 s.
	Boot = 10 * time.Second
	// worthABoot is the least time that a clock is returned to for, when the others have left it over.
	worthABoot = 6 * Boot

	// Of a run with a second clock these are the shares of what is not timed, and of what is timed by the run's own clock, while the
	// other's cells are open. The last third is enough for those to tell 5 %; where the run's own clock is noisy its times rule only if
	// they are clearly worse, and more time would not settle them.
	untimedBeforeClocks = 0.5
	timedBeforeClocks   = 0.2
)

// Session goes on to the next clock that something is open by, and says which: the one that is then to be given to the machine
// that makes the trials. It is false when the run is over. Next gives trials of one session, and none when that is over.
//
// The run's own clock comes first or, in a run that is resumed, that of its last session.
func (d *Director) Session() (clock scenarios.Clock, ok bool) {
	d.time.returned()
	if d.err == nil {
		d.err = d.look()
	}
	if d.err != nil || d.time.over() || len(d.visited) > 0 && !d.gave {
		return "", false
	}
	d.at, d.gave = nil, false
	for _, again := range []bool{false, true} {
		for _, c := range d.clocks() {
			if d.needs(c) && slices.Contains(d.visited, c) == again && (!again || d.time.left() >= worthABoot) {
				d.clock, d.visited = c, append(d.visited, c)
				return c, true
			}
		}
	}
	return "", false
}

// begunBy notes, before the first session, by which clock the last of the sessions before was made: it may have been killed before
// it recorded a trial.
func (d *Director) begunBy(e results.Environment) {
	if len(d.visited) > 0 {
		return
	}
	d.last = scenarios.RunsClock
	for _, s := range d.scenes {
		if s.clock != scenarios.RunsClock && string(s.clock) == e.Clock {
			d.last = s.clock
		}
	}
}

// clocks are those of all scenarios, in the order in which they are measured by.
func (d *Director) clocks() (all []scenarios.Clock) {
	for _, c := range []scenarios.Clock{d.last, scenarios.RunsClock} {
		if !slices.Contains(all, c) && slices.ContainsFunc(d.scenes, func(s *scene) bool { return s.clock == c }) {
			all = append(all, c)
		}
	}
	for _, s := range d.scenes {
		if !slices.Contains(all, s.clock) {
			all = append(all, s.clock)
		}
	}
	return all
}

// needs tells whether anything is left to be made by a clock.
func (d *Director) needs(c scenarios.Clock) bool {
	return d.static != nil && d.static.has(c) || slices.ContainsFunc(d.scenes, func(s *scene) bool { return s.clock == c && s.open() })
}

// waiting are the scenarios of clocks whose turn has yet to come.
func (d *Director) waiting() (all []*scene) {
	for _, s := range d.scenes {
		if s.open() && !slices.Contains(d.visited, s.clock) {
			all = append(all, s)
		}
	}
	return all
}

// hasTurn tells whether a scenario may be measured now.
func (d *Director) hasTurn(s *scene) bool {
	return s.clock == d.clock && !(s.Timed() && d.timedIsOver())
}

// timedIsOver tells whether the turn of another clock has come: the times of this one had their share and a first look, or that of the
// others could not be had any more.
func (d *Director) timedIsOver() bool {
	later := d.waiting()
	if d.time.most == 0 || d.clock != scenarios.RunsClock || len(later) == 0 {
		return false
	}
	if d.time.left() <= Boot+d.firstLook(later) {
		return true
	}
	unlooked := slices.ContainsFunc(d.scenes, func(s *scene) bool { return s.clock == d.clock && s.Timed() && s.unlooked() })
	return !unlooked && d.time.took >= d.time.share(timedBeforeClocks)
}

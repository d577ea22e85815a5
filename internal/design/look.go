package design

import (
	"math"
	"slices"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// look ends what is settled: cells that have come to a look, and searches of which more is known than before.
func (d *Director) look() error {
	for _, s := range d.scenes {
		if err := s.settleStarts(); err != nil {
			return err
		}
	}
	due := d.due()
	for _, at := range due {
		at.cell.looked = at.cell.blocks
		at.cell.ended = at.cell.blocks >= at.cell.most
	}
	if !d.judges() {
		return nil
	}
	if len(due) > 0 {
		if err := d.lookAt(due); err != nil {
			return err
		}
	}
	for _, s := range d.scenes {
		if err := d.lookAtSearches(s); err != nil {
			return err
		}
	}
	return nil
}

func (d *Director) lookAt(due []dueCell) error {
	v, err := d.judge(d.records)
	switch {
	case err != nil:
		return err
	case v.Ruling == verdict.Invalid:
		d.endAll()
	}
	for _, at := range due {
		c := at.cell
		c.ended = c.ended || c.hopeless() || isSettled(v, at.scene.Scenario, c)
	}
	return nil
}

type dueCell struct {
	scene *scene
	cell  *cell
}

func (d *Director) due() (all []dueCell) {
	for _, s := range d.scenes {
		for _, c := range s.cells {
			if c.due(s.looks) {
				all = append(all, dueCell{s, c})
			}
		}
	}
	return all
}

// lookAtSearches ends the contests whose row is settled. An edge that is known better than the verdict needs would cost
// starts that nobody asked for.
//
// The verdict is shown those of a driver alone, in all their orders, which a ceiling may speak of together, and only when an end of
// one has moved: it has the rest of the run to look at at every look.
func (d *Director) lookAtSearches(s *scene) error {
	for _, driver := range s.Drivers {
		if !s.moved(driver) {
			continue
		}
		v, err := d.judge(s.startsUnder(driver))
		if err != nil {
			return err
		}
		for _, k := range s.contests {
			if k.cell.Driver == driver && !k.over {
				k.look(v)
			}
		}
	}
	return nil
}

// endAll is for a run that can never be judged, whatever is added to it: its environments or binaries differ.
func (d *Director) endAll() {
	for _, s := range d.scenes {
		for _, c := range s.cells {
			c.ended = true
		}
		for _, k := range s.contests {
			k.over = true
		}
	}
}

func (d *Director) judge(records []results.Record) (verdict.Verdict, error) {
	return verdict.Judge(verdict.Run{Name: d.header.ID, Header: d.header, Environments: d.envs, Replays: &d.replays, Growing: true, Records: func(yield func(results.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}, d.opts.Judge)
}

// honest is how many blocks a time gets that its clock is too noisy to settle. It rules over nothing unless it is
// clearly worse, and more blocks would only narrow what is told of it: 20 tell 15 % on the noisiest clock known,
// an emulated wall clock, on which a block's ratio has a deviation of 0.12.
const honest = 20

// isSettled tells whether no row of a cell can still change what is said of the whole. A cell without any has
// nothing to wait for.
func isSettled(v verdict.Verdict, sc scenarios.Scenario, c *cell) bool {
	for _, m := range v.Metrics {
		if isOf(m, sc, c.Cell) && isOpen(m) && (!m.Open || c.blocks < honest) {
			return false
		}
	}
	return !slices.ContainsFunc(v.Ceilings, func(h verdict.Held) bool {
		return isHeld(h, sc, c.Cell) && (h.Cell.Limit == 0 || h.Cell.Limit == c.Limit) && !math.IsNaN(h.Value)
	})
}

// isSought tells whether the row of a cell's thresholds is settled, and with it every ceiling on them.
func isSought(v verdict.Verdict, sc scenarios.Scenario, c scenarios.Cell) bool {
	known := false
	for _, m := range v.Metrics {
		if m.Name != scenarios.StartThreshold || !isOf(m, sc, c) {
			continue
		}
		if isOpen(m) {
			return false
		}
		known = true
	}
	return known && !slices.ContainsFunc(v.Ceilings, func(h verdict.Held) bool { return isHeld(h, sc, c) })
}

// isHeld tells whether a ceiling that rules is still open in a cell. One on the worst order is open in every order.
func isHeld(h verdict.Held, sc scenarios.Scenario, c scenarios.Cell) bool {
	return h.Ruling == verdict.Inconclusive && h.Severity != verdict.Warn && h.Cell.Scenario == sc.Name &&
		h.Cell.Driver == c.Driver && h.Cell.Build == c.Build && (h.Order == verdict.WorstOrder || h.Cell.Order == c.Order)
}

// isOpen tells whether more trials may settle a row that rules.
func isOpen(m verdict.Metric) bool {
	return m.WantsMore() && m.Severity != verdict.Warn
}

// isOf tells whether a row has values of the cell. One that pools a ladder has no limit of its own.
func isOf(m verdict.Metric, sc scenarios.Scenario, c scenarios.Cell) bool {
	return m.Scenario == sc.Name && m.Driver == c.Driver && m.Order == c.Order && m.Build == c.Build && (m.Limit == 0 || m.Limit == c.Limit)
}

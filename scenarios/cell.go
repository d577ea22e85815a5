package scenarios

import (
	"iter"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// Cell is one combination of conditions of a scenario; the arms are compared within it.
type Cell struct {
	Driver cgroupjoin.Driver `json:"driver"`
	Order  sequence.Order    `json:"order"`
	Place  cgroupjoin.Place  `json:"limit_place,omitempty"`
	Limit  int64             `json:"limit_bytes,omitempty"` // 0: none asked
	Build  Build             `json:"build,omitzero"`
	Join   Join              `json:"join,omitzero"`
	// Enumerate is what the payload does beside its own work.
	Enumerate Enumeration `json:"enumerate,omitzero"`
}

// Cell is the one that a measured trial belongs to.
func (t Trial) Cell() Cell {
	return Cell{Driver: t.Driver, Order: t.Order, Place: t.Place, Limit: t.Limit, Build: t.Build, Join: t.Join, Enumerate: t.Enumerate}
}

// Cells yields every combination of the scenario's axes that r has, in the order reports show them, and why it is never
// planned: empty for a cell that makes sense. None of them is kept: a scenario that Validate accepts
// has at most MaxTrials for an arm.
func (s Spec) Cells(sc Scenario, r Runtime) iter.Seq2[Cell, string] {
	return func(yield func(Cell, string) bool) {
		for _, c := range combine(sc.axes(sc.builds(r))) {
			if !yield(c, c.Senseless(s.BuiltinBytes)) {
				return
			}
		}
	}
}

// HasBuilds tells whether the scenario has an axis of the built-in runtime.
func (s Scenario) HasBuilds() bool {
	return len(s.Clones)+len(s.Strategies)+len(s.Sizes) > 0
}

// builds tells whether r's cells have the scenario's axes of the built-in runtime.
func (s Scenario) builds(r Runtime) bool { return s.HasBuilds() && IsBuiltin(r.Ref) }

// axis is one dimension of a scenario's cells; set gives a cell its i-th value.
type axis struct {
	unit string // in a product that is refused
	n    int
	set  func(c *Cell, i int)
}

func axisOf[T any](unit string, values []T, set func(*Cell, T)) axis {
	return axis{unit, len(values), func(c *Cell, i int) { set(c, values[i]) }}
}

// axes lists the scenario's, outermost first: for a runtime that brings its own binary, or for the built-in one.
func (s Scenario) axes(built bool) []axis {
	all := []axis{axisOf("drivers", s.Drivers, func(c *Cell, d cgroupjoin.Driver) { c.Driver = d })}
	if s.Joins != nil {
		return append(all, s.Joins.axes()...)
	}
	all = append(all, axisOf("orders", s.AllOrders(), func(c *Cell, o sequence.Order) { c.Order = o }))
	if !built {
		all = append(all, axisOf("limits", s.bounds(), setBound))
		return append(all, s.Enumerate.axes()...)
	}
	all = append(all, s.buildAxes()...)
	if s.Headroom == nil {
		return append(all, axisOf("limits", s.bounds(), setBound))
	}
	return append(all, axisOf("limits", s.Headroom.bounds(s.Places), func(c *Cell, b bound) {
		if setBound(c, b); b.place != "" {
			c.Limit += c.Build.BinaryBytes
		}
	}))
}

// buildAxes leaves what has no values to the runtime's reference.
func (s Scenario) buildAxes() (all []axis) {
	if len(s.Clones) > 0 {
		all = append(all, axisOf("clones", s.Clones, func(c *Cell, w memfdclone.Where) { c.Build.Clone = w }))
	}
	if len(s.Strategies) > 0 {
		all = append(all, axisOf("strategies", s.Strategies, func(c *Cell, how memfdclone.Strategy) { c.Build.Strategy = how }))
	}
	if len(s.Sizes) > 0 {
		all = append(all, axisOf("sizes", s.Sizes, func(c *Cell, n int64) { c.Build.BinaryBytes = n }))
	}
	return all
}

func (j Joins) axes() []axis {
	return []axis{
		axisOf("mechanisms", j.Mechanisms, func(c *Cell, m cgroupjoin.Mechanism) { c.Order, c.Join.Mechanism = sequence.Natural, m }),
		axisOf("cgroup", j.Cgroup, func(c *Cell, w cgroupjoin.When) { c.Join.Cgroup = w }),
		axisOf("siblings", j.Siblings, func(c *Cell, n int) { c.Join.Siblings = n }),
		axisOf("threads", j.Threads, func(c *Cell, n int) { c.Join.Threads = n }),
		axisOf("busy", j.Busy, func(c *Cell, b bool) { c.Join.Busy = b }),
	}
}

// bound is a limit and where it is set; without a place there is none.
type bound struct {
	place cgroupjoin.Place
	bytes int64
}

func setBound(c *Cell, b bound) { c.Place, c.Limit = b.place, b.bytes }

// bounds are those of Limits. Without any the cell is the one without a limit.
func (s Scenario) bounds() (all []bound) {
	if s.Unlimited || len(s.Limits) == 0 {
		all = append(all, bound{})
	}
	for _, limit := range s.Limits {
		all = append(all, bound{s.Place, limit})
	}
	return all
}

// bounds are relative to the binary's size, the places innermost.
func (h Headroom) bounds(places []cgroupjoin.Place) (all []bound) {
	if len(places) == 0 {
		places = []cgroupjoin.Place{cgroupjoin.OnContainer}
	}
	if h.None {
		all = append(all, bound{})
	}
	for _, bytes := range h.Bytes {
		for _, place := range places {
			all = append(all, bound{place, bytes})
		}
	}
	return all
}

// combine yields each combination of the axes' values, the last axis turning fastest: the index of each value,
// which is only lent, and the cell.
func combine(axes []axis) iter.Seq2[[]int, Cell] {
	return func(yield func([]int, Cell) bool) {
		if slices.ContainsFunc(axes, func(a axis) bool { return a.n == 0 }) {
			return
		}
		at := make([]int, len(axes))
		for {
			var c Cell
			for i, a := range axes {
				a.set(&c, at[i])
			}
			if !yield(at, c) || !turn(at, axes) {
				return
			}
		}
	}
}

// turn goes on to the next combination; it is false after the last.
func turn(at []int, axes []axis) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < axes[i].n {
			return true
		}
		at[i] = 0
	}
	return false
}

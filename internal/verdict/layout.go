package verdict

import (
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// key is one cell. A limit of 0 is none, and has no place.
type key struct {
	scenario string
	driver   cgroupjoin.Driver
	order    sequence.Order
	build    scenarios.Build
	join     scenarios.Join
	place    cgroupjoin.Place
	limit    int64
	// enumerate is what the payloads did beside their own work.
	enumerate scenarios.Enumeration
}

// keyOf is the cell of a record. Of a search it has neither limit nor place: its limits are outcomes of one another.
func (o planned) keyOf(r *results.Record) key {
	k := keyOf(r)
	if o.searches[r.Scenario] {
		k.limit, k.place = 0, ""
	}
	return k
}

func keyOf(r *results.Record) key {
	c := r.Cell()
	c.Order = orderOf(&r.Trial)
	return keyIn(r.Scenario, c)
}

func keyIn(scenario string, c scenarios.Cell) key {
	if c.Limit == 0 {
		c.Place = ""
	}
	return key{scenario, c.Driver, c.Order, c.Build, c.Join, c.Place, c.Limit, c.Enumerate}
}

// layout has the cells of a scenario that are planned for a runtime, in groups: those that differ in their limit
// alone. It comes from the plan, so that a cell without a single record is there.
type layout struct {
	groups []key // in the order of the plan, without a limit
	limits map[key][]int64
	cells  int
}

func layoutOf(spec scenarios.Spec, sc scenarios.Scenario, rt scenarios.Runtime) layout {
	l := layout{limits: map[key][]int64{}}
	for c, senseless := range spec.Cells(sc, rt) {
		if senseless == "" {
			l.add(keyIn(sc.Name, c))
		}
	}
	return l
}

func (l *layout) add(k key) {
	limit := k.limit
	k.limit = 0
	if _, known := l.limits[k]; !known {
		l.groups = append(l.groups, k)
	}
	l.limits[k] = append(l.limits[k], limit)
	l.cells++
}

// both are the cells that l and m share.
func (l layout) both(m layout) layout {
	out := layout{limits: map[key][]int64{}}
	for _, group := range l.groups {
		for _, k := range l.in(group) {
			if slices.Contains(m.limits[group], k.limit) {
				out.add(k)
			}
		}
	}
	return out
}

// in are a group's cells, one a limit.
func (l layout) in(group key) []key {
	var all []key
	for _, limit := range l.limits[group] {
		group.limit = limit
		all = append(all, group)
	}
	return all
}

// ladders are the groups with limits that differ in their order alone, each by its first.
func (l layout) ladders() []key {
	var all []key
	known := map[key]bool{}
	for _, k := range l.groups {
		whole := k
		whole.order = ""
		if l.limits[k][0] != 0 && !known[whole] {
			known[whole] = true
			all = append(all, k)
		}
	}
	return all
}

// trialsOf is the number of trials planned for a runtime in a scenario, without warm-ups. Those of a search are not planned.
func trialsOf(spec scenarios.Spec, sc scenarios.Scenario, rt scenarios.Runtime) int {
	if sc.Search != nil {
		return 0
	}
	return sc.Trials * sc.Containers * layoutOf(spec, sc, rt).cells
}

package design

import (
	"time"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Looks are the numbers of blocks at which an adaptive run looks at a cell, unless told otherwise:
// docs/adr/0012-adaptive-run.md has the simulations they were chosen by. The first is the fewest at which a change can be told at its
// level, the last costs ten minutes of starts under emulation; each is a fifth to a third more than the one before,
// since a look at little more says little more.
var looks = []int{6, 8, 10, 12, 16, 20, 26, 34, 44, 58, 76, 100}

// Default is the design of a gate that has so long; 0 is no bound.
func Default(maxTime time.Duration) *results.Design {
	return &results.Design{Alpha: 0.05, Looks: append([]int(nil), looks...), MaxTime: maxTime}
}

// Adapt gives every scenario that does not search as many trials as the last look asks for. Where
// a run would then be too large for any (each cell of an order matrix) it keeps its own: looks at fewer blocks than
// the design has are only more careful than they need be.
func Adapt(s scenarios.Spec, d results.Design) scenarios.Spec {
	wide := s
	wide.Scenarios = nil
	for _, sc := range s.Scenarios {
		if sc.Search == nil {
			sc = sc.AtMost(max(sc.Trials, trialsFor(d)))
		}
		wide.Scenarios = append(wide.Scenarios, sc)
	}
	if _, err := wide.Size(); err != nil {
		return s
	}
	return wide
}

// trialsFor is what the last look takes of each arm.
func trialsFor(d results.Design) int {
	if len(d.Looks) == 0 {
		return 0
	}
	return 2 * d.Looks[len(d.Looks)-1]
}

package design

import (
	"time"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// looks are the numbers of blocks at which an adaptive run looks at a cell, unless told otherwise. The level of a look at fewer than 9
// of 100 blocks is below what signed ranks can reach; 100 blocks take two and a half minutes a cell under emulation.
// Each is a quarter more than the one before, since a look at little more says little more: docs/adr/0012-adaptive-run.md
// has what other looks cost and find.
var looks = []int{10, 12, 14, 17, 20, 25, 31, 39, 49, 62, 79, 100}

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
		if sc.Search == nil && sc.Cycles == 0 && sc.Lives == nil { // a session has its own cycles to see a trend in, or its own lives to repeat
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

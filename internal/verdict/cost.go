package verdict

import (
	"fmt"
	"math"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
)

// condition is what timed and observed starts must share for their difference to be the observer's.
type condition struct {
	driver cgroupjoin.Driver
	limit  int64
	place  cgroupjoin.Place
	build  scenarios.Build
	anon   int64
	clock  string
}

// lanePair has the logarithms of start.latency in both lanes, each runtime's less its own timed median, so
// that runtimes can be put together.
type lanePair struct{ timed, observed []float64 }

// observerCost says what observing cost, wherever a run has timed and observed starts under equal
// conditions. Both are up to the payload's stamp: the kernel's exec event, which timed starts lack, comes earlier. The lanes belong to different scenarios, which run one after the other: what the machine did
// in between is in the figure, and its interval does not know of it.
func (m *machines) observerCost(list []scenarios.Scenario, planOf func(scenarios.Scenario) layout, runtimes int, at func(k key, runtime int) *side, confidence float64) []string {
	var notes []string
	for _, c := range m.conditionsOf(list, planOf) {
		var pair lanePair
		for i := range runtimes {
			pair.add(m.startsUnder(list, c, i, at))
		}
		if len(pair.timed) == 0 {
			continue
		}
		change := stats.RankSum(pair.timed, pair.observed, confidence)
		interval := ""
		if change.Bounded() {
			interval = fmt.Sprintf(" [%s, %s]", relative(change.Lo), relative(change.Hi))
		}
		notes = append(notes, fmt.Sprintf("observer: %s%s of %s (%s%s%s%s; %d observed, %d timed trials, not interleaved: what else the machine did meanwhile is in it)",
			relative(change.Center), interval, scenarios.StartLatency, c.driver, inBuild(c.build), atLimit(c.limit), inClock(c.clock), len(pair.observed), len(pair.timed)))
	}
	return notes
}

func relative(log float64) string {
	x := math.Expm1(log)
	return signed(x, Percent(x))
}

// inClock names the clock, unless it is the wall's.
func inClock(clock string) string {
	if clock != string(scenarios.Instructions) {
		return ""
	}
	return ", by the clock that counts instructions"
}

// conditionsOf lists those of single starts, each once.
func (m *machines) conditionsOf(list []scenarios.Scenario, planOf func(scenarios.Scenario) layout) []condition {
	var all []condition
	seen := map[condition]bool{}
	for _, sc := range list {
		if sc.Containers != 1 || sc.Joins != nil || sc.Search != nil {
			continue
		}
		clock, one := m.clockOf(sc.Name)
		if !one {
			continue
		}
		plan := planOf(sc)
		for _, group := range plan.groups {
			for _, limit := range plan.limits[group] {
				c := condition{group.driver, limit, group.place, group.build, sc.Payload.AnonBytes, clock}
				if group.order == natural && !seen[c] {
					seen[c] = true
					all = append(all, c)
				}
			}
		}
	}
	return all
}

func (m *machines) startsUnder(list []scenarios.Scenario, c condition, runtime int, at func(k key, runtime int) *side) (timed, observed []float64) {
	for _, sc := range list {
		if sc.Containers != 1 || sc.Search != nil || sc.Payload.AnonBytes != c.anon {
			continue
		}
		if clock, one := m.clockOf(sc.Name); !one || clock != c.clock {
			continue
		}
		s := at(key{scenario: sc.Name, driver: c.driver, order: natural, build: c.build, place: c.place, limit: c.limit}, runtime)
		timed = append(timed, floats(s.values(figure{Timed, scenarios.StartLatency}))...)
		observed = append(observed, floats(s.values(figure{Observed, scenarios.StartLatency}))...)
	}
	return timed, observed
}

// add takes in one runtime's starts, if it has them in both lanes.
func (p *lanePair) add(timed, observed []float64) {
	if len(timed) == 0 || len(observed) == 0 {
		return
	}
	own := middle(timed)
	for _, x := range timed {
		p.timed = append(p.timed, math.Log(x/own))
	}
	for _, x := range observed {
		p.observed = append(p.observed, math.Log(x/own))
	}
}

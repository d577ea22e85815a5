package verdict

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// JoinSummary is one set-up of a join that was measured alone. No runtime has a part in it.
type JoinSummary struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Join     scenarios.Join
	Outcomes map[results.Outcome]int
	// Failure is the first reason of a join that failed.
	Failure string
	// Latency of the joins, in ns.
	Latency Spread
}

// Trials is all of them.
func (j JoinSummary) Trials() int { return sum(j.Outcomes) }

// describeJoins lists a scenario's set-ups as the plan has them. The arms of such a scenario are alike, for no runtime
// is started, and their trials are one sample.
func (s *survey) describeJoins(sc scenarios.Scenario) {
	for _, group := range s.merged(sc).groups {
		all := newObservedSide()
		for _, rt := range s.run.Header.Spec.Runtimes {
			all.join(s.side(cellKey{group, rt.Name}))
		}
		s.summary.Joins = append(s.summary.Joins, JoinSummary{
			Scenario: sc.Name, Driver: group.driver, Join: group.join, Outcomes: all.told.outcomes, Failure: all.failure,
			Latency: s.spread(all.side, Timed, scenarios.JoinLatency),
		})
	}
}

// join adds what joins have: outcomes, a failure and latencies.
func (d *observedSide) join(other *observedSide) {
	for o, n := range other.told.outcomes {
		d.told.outcomes[o] += n
	}
	if d.failure == "" {
		d.failure = other.failure
	}
	sheet := d.sheet(Timed)
	for _, p := range other.values(figure{Timed, scenarios.JoinLatency}) {
		sheet.rows = append(sheet.rows, spotted{p.Block, p.Batch})
		sheet.keep(scenarios.JoinLatency, p.Value)
	}
	d.batches.add(other.batches)
}

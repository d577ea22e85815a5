package report

import (
	"fmt"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

type jsonJoin struct {
	Scenario  string                  `json:"scenario"`
	Driver    string                  `json:"driver"`
	Mechanism cgroupjoin.Mechanism    `json:"mechanism"`
	Cgroup    cgroupjoin.When         `json:"cgroup"`
	Siblings  int                     `json:"siblings"`
	Threads   int                     `json:"threads"`
	Busy      bool                    `json:"busy"`
	Outcomes  map[results.Outcome]int `json:"outcomes"`
	Failure   string                  `json:"failure,omitempty"`
	Latency   jsonSpread              `json:"join.latency"`
}

func joinsJSON(all []verdict.JoinSummary) []jsonJoin {
	out := []jsonJoin{}
	for _, j := range all {
		row := jsonJoin{
			Scenario: j.Scenario, Driver: string(j.Driver), Mechanism: j.Join.Mechanism, Cgroup: j.Join.Cgroup, Siblings: j.Join.Siblings,
			Threads: j.Join.Threads, Busy: j.Join.Busy, Outcomes: map[results.Outcome]int{}, Failure: j.Failure, Latency: spreadJSON(j.Latency),
		}
		for _, o := range results.Outcomes() {
			row.Outcomes[o] = j.Outcomes[o]
		}
		out = append(out, row)
	}
	return out
}

// joins are those of one scenario. A birth has the start of the process in it, which the others find there.
func joins(all []verdict.JoinSummary, scenario, between string) *grid {
	g := &grid{
		title:  scenario + ": join.latency, from the first call of the join to the return of the last (of a birth, the start of the process included)",
		keys:   6,
		header: []string{"driver", "mechanism", "cgroup", "siblings", "threads", "tree", "n", "median", "p95", "mean"},
	}
	ns := verdict.Nanoseconds.Format
	for _, j := range all {
		if j.Scenario != scenario || j.Trials() == 0 {
			continue
		}
		l := j.Latency
		g.add(string(j.Driver), string(j.Join.Mechanism), string(j.Join.Cgroup), fmt.Sprint(j.Join.Siblings), fmt.Sprint(j.Join.Threads), busyOrIdle(j.Join.Busy),
			fmt.Sprint(l.N), ns(l.Median), ns(l.P95), stack(ns(l.Mean), meanInterval(l), between))
	}
	return g
}

// joinName names a set-up in a test's name.
func joinName(j verdict.JoinSummary) string {
	return fmt.Sprintf("join %s, cgroup %s, %d siblings, %d threads, %s", j.Join.Mechanism, j.Join.Cgroup, j.Join.Siblings, j.Join.Threads, busyOrIdle(j.Join.Busy))
}

func benchJoin(j verdict.JoinSummary) string {
	return fmt.Sprintf("JoinLatency/scenario=%s/driver=%s/mechanism=%s/cgroup=%s/siblings=%d/threads=%d/tree=%s",
		j.Scenario, j.Driver, j.Join.Mechanism, j.Join.Cgroup, j.Join.Siblings, j.Join.Threads, busyOrIdle(j.Join.Busy))
}

func busyOrIdle(busy bool) string {
	if busy {
		return "busy"
	}
	return "idle"
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Catches a resumed run whose tally forgets what earlier sessions recorded.
func TestProgressGoesOnFromEarlierSessions(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&measureFlags{progress: "plain"}, &out, 6, map[results.Outcome]int{results.Started: 3, results.InitOOMKilled: 2})
	p.recorded(results.Record{Outcome: results.Started})
	if got, want := out.String(), "trial 6 of 6, 4 started, 2 init-oom-killed\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Catches a gate that cannot but be inconclusive and says so only at its end, and a
// warning where there is enough, or where a rate or a session needs less.
func TestGateWarnsOfTooFewTrials(t *testing.T) {
	for _, test := range []struct {
		trials, cycles int
		judge          []string
		want           string
	}{
		{11, 0, []string{scenarios.OOMRate, scenarios.StartLatency}, "note: scenario s: an interval for start.latency needs 12 trials and will have 11: it can only be inconclusive\n"},
		{12, 0, []string{scenarios.StartLatency}, ""},
		{1, 0, []string{scenarios.OOMRate}, ""},
		{1, 100, []string{scenarios.AllLeaks}, ""},
	} {
		var out strings.Builder
		warnFew(&out, scenarios.Scenario{Name: "s", Trials: test.trials, Cycles: test.cycles, Judge: test.judge})
		if out.String() != test.want {
			t.Errorf("%d trials of %v: got %q, want %q", test.trials, test.judge, out.String(), test.want)
		}
	}
}

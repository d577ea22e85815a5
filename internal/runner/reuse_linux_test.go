package runner

import (
	"slices"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Catches a tree kept where a peak, a charge, a limit or a death is what the trial is about, or where others run beside.
func TestReuses(t *testing.T) {
	c := &collector{}
	plain := scenarios.Trial{Scenario: "test", Order: sequence.Natural, BatchSize: 1}
	judging := func(metrics ...string) bool {
		c.job.Spec.Scenarios = []scenarios.Scenario{{Name: "test", Judge: metrics}, {Name: "other", Judge: []string{scenarios.StartLatency}}}
		return c.reuses(plain)
	}
	for _, metric := range scenarios.Metrics() {
		m := metric.Name
		want := m == scenarios.StartLatency || m == scenarios.CreateLatency || m == scenarios.StartCPU ||
			m == scenarios.StartLatencyInstructions || m == scenarios.StartCPUInstructions
		if judging(m) != want || judging(scenarios.StartLatency, m) != want {
			t.Errorf("%s judged: want reuse %v", m, want)
		}
	}
	if judging() {
		t.Error("a tree is kept where nothing is judged")
	}
	judging(scenarios.StartLatency)
	for name, change := range map[string]func(*scenarios.Trial){
		"limit":      func(t *scenarios.Trial) { t.Limit = 1 << 20 },
		"observed":   func(t *scenarios.Trial) { t.Observe = true },
		"order":      func(t *scenarios.Trial) { t.Order = sequence.JoinBeforeClone },
		"together":   func(t *scenarios.Trial) { t.Together = true },
		"concurrent": func(t *scenarios.Trial) { t.Concurrent = true },
		"join":       func(t *scenarios.Trial) { t.Join.Threads = 1 },
		"session":    func(t *scenarios.Trial) { t.Cycles = 2 },
		"unknown":    func(t *scenarios.Trial) { t.Scenario = "elsewhere" },
	} {
		changed := plain
		if change(&changed); c.reuses(changed) {
			t.Errorf("%s: a tree is kept", name)
		}
	}
}

// Catches a peak that is of several trials, CPU times that add up over them, a second tree where one is kept,
// one kept from a trial that failed, and a tree that outlives the run.
func TestTreesAreReused(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Drivers()...)
	s.Trials, s.Judge = 4, []string{scenarios.StartLatency, scenarios.StartCPU}
	got := collect(t, job(s, map[string]string{"crun": "crun"}))
	if len(got.records) != 8 {
		t.Fatalf("%d records, want 8", len(got.records))
	}
	cpu := map[cgroupjoin.Driver][]int64{}
	for _, r := range got.records {
		if r.Outcome != results.Started || len(r.Leaks) > 0 || len(r.Warnings) > 0 {
			t.Errorf("trial %d: %s %s, leaks %v, warnings %v", r.Index, r.Outcome, r.Reason, r.Leaks, r.Warnings)
		}
		if r.ContainerPeak != nil || r.RuntimePeak != nil {
			t.Errorf("trial %d has peaks of a tree that is not its own", r.Index)
		}
		cpu[r.Driver] = append(cpu[r.Driver], *r.RuntimeCPU)
	}
	for d, usec := range cpu {
		if first, last := usec[0], usec[len(usec)-1]; first <= 0 || last <= 0 || last > 3*first {
			t.Errorf("%s: CPU times %v of like trials", d, usec)
		}
	}
}

// Catches a tree that is kept from a trial which left a process or a cgroup in it, and leaks that are laid to the next.
func TestUncleanTreeIsNotReused(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials, s.Judge = 2, []string{scenarios.StartLatency}
	path, err := hostile.Write(t.TempDir(), hostile.ForkAway)
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, job(s, map[string]string{"leaver": path})).records
	// How many each left depends on whether the shell had forked when it was looked at.
	if len(got) != 2 || len(got[0].Leaks) == 0 || len(got[1].Leaks) == 0 {
		t.Fatalf("records %+v, want leaks of each of two", got)
	}
	for _, leak := range got[1].Leaks {
		if slices.Contains(got[0].Leaks, leak) { // its pid is in it
			t.Errorf("the first trial's leak is the second's too: %s", leak)
		}
	}
}

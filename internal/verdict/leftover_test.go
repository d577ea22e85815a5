package verdict

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func livesScenario() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "lifecycle", Drivers: []cgroupjoin.Driver{cgroupjoin.Systemd}, Lives: &scenarios.Lives{Length: 2, Faults: 1, Settle: scenarios.DefaultSettle},
		Trials: 2, Containers: 1, Timeout: 30e9, Judge: []string{scenarios.AllLeftovers},
	}
}

// chances are, of each sequence, how often an arm leaves a process that its delete --force frees.
type chances map[string][arms]float64

// lives are two whole runs' worth of sessions: each sequence once, then those again that differed, as the runner has it.
func (c chances) run(seed uint64, mutate func(*results.Record)) Run {
	var first [arms]results.Lived
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	m := model{cv: 0.05, seed: seed, mutate: func(r *results.Record) {
		r.Runtime.Ref = r.Arm
		if r.Trial.Lives == 0 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, uint64(r.Index)))
		arm, _ := armOf(r.Arm)
		which := names
		if r.Trial.Lives > 1 {
			which = slices.Repeat(results.Again(first[baseline], first[candidate]), r.Trial.Lives)
		}
		r.Lived = &results.Lived{Lives: []results.Life{}}
		for _, name := range which {
			life := results.Life{Sequence: name}
			if rng.Float64() < c[name][arm] {
				life.Left = []results.Leftover{{Kind: lifecycle.Processes, FreedBy: lifecycle.ByDelete, Count: 1, Name: "init in the container's cgroup"}}
			}
			r.Lived.Lives = append(r.Lived.Lives, life)
		}
		if r.Trial.Lives == 1 {
			first[arm] = *r.Lived
		}
		if mutate != nil {
			mutate(r)
		}
	}}
	return m.run(gateOf(livesScenario()))
}

const leftProcess = "leftover.process"

func ruleLives(t *testing.T, c chances) (Verdict, Metric) {
	t.Helper()
	v := mustJudge(t, c.run(1, nil))
	for _, m := range v.Metrics {
		if m.Name == leftProcess {
			return v, m
		}
	}
	t.Fatal("there is no row")
	return v, Metric{}
}

// Catches a leftover of the candidate alone that passes or that nobody can live again, one of both that is blamed on it, and one that the
// candidate no longer leaves that goes unsaid.
func TestLeftoversAreRuled(t *testing.T) {
	both := [arms]float64{1, 1}
	never := [arms]float64{}
	for name, c := range map[string]struct {
		of   chances
		want Ruling
		says string
	}{
		"neither":   {chances{"create,delete": never, "delete": never}, Pass, "no sequence left it"},
		"both":      {chances{"create,delete": both, "delete": never}, Pass, "the same after each sequence"},
		"candidate": {chances{"create,delete": {0, 1}, "delete": never}, Regressed, "create,delete left it 8 of 8 times, with the baseline 0 of 8"},
		"baseline":  {chances{"create,delete": {1, 0}, "delete": never}, Improved, "with the baseline 8 of 8"},
	} {
		v, m := ruleLives(t, c.of)
		if m.Ruling != c.want || !strings.Contains(m.Reason, c.says) {
			t.Errorf("%s: %s: %s", name, m.Ruling, m.Reason)
		}
		if c.want != Regressed {
			continue
		}
		if v.Ruling != Regressed || !strings.Contains(m.Paragraph, "leaves a process after create,delete: init in the container's cgroup, freed by delete --force; the baseline leaves nothing there that lasts") ||
			!strings.HasSuffix(m.Trace, "initbench lifecycle --runtime baseline --runtime candidate --driver systemd --sequence create,delete") {
			t.Errorf("%s: %q, %q", v.Ruling, m.Paragraph, m.Trace)
		}
	}
}

// Catches a claim from sessions that lived everything once, and one from sessions that never were.
func TestLeftoversThatNobodyLivedAgain(t *testing.T) {
	c := chances{"create,delete": {0, 1}}
	once := c.run(1, func(r *results.Record) {
		if r.Trial.Lives > 1 {
			r.Lived.Lives = []results.Life{}
		}
	})
	failed := c.run(1, func(r *results.Record) { r.Outcome, r.Reason, r.Lived = results.Failed, "no room", nil })
	for says, run := range map[string]Run{"each once, which may be chance": once, "no room": failed} {
		for _, m := range mustJudge(t, run).Metrics {
			if m.Name == leftProcess && (m.Ruling != Inconclusive || !strings.Contains(m.Reason, says)) {
				t.Errorf("%s: %s", m.Ruling, m.Reason)
			}
		}
	}
}

// Catches a gate of a runtime against itself that is regressed by what happens now and then, and one in which that hides what always happens.
func TestLeftoversByChance(t *testing.T) {
	c := chances{"create,delete": {}}
	for i, p := range []float64{0.05, 0.1, 0.2, 0.3, 0.5, 0.5, 0.7, 0.9, 0.95} {
		c["kill9@create:p"+string(rune('a'+i))] = [arms]float64{p, p}
	}
	alarms, found := 0, 0
	const runs = 200
	for seed := range uint64(runs) {
		if mustJudge(t, c.run(seed, nil)).Ruling == Regressed {
			alarms++
		}
	}
	c["create,delete"] = [arms]float64{0, 1}
	for seed := range uint64(runs) {
		if mustJudge(t, c.run(seed, nil)).Ruling == Regressed {
			found++
		}
	}
	t.Logf("%d of %d gates raise a false alarm, %d find what always happens", alarms, runs, found)
	if alarms > runs/20+8 || found < runs {
		t.Errorf("%d of %d gates raise a false alarm, %d find what always happens", alarms, runs, found)
	}
}

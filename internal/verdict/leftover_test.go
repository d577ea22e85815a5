package verdict

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/pool"
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
	return c.gate(gateOf(livesScenario()), seed, mutate)
}

func (c chances) gate(h results.Header, seed uint64, mutate func(*results.Record)) Run {
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
	return m.run(h)
}

const leftProcess = "leftover.process"

func ruleLives(t *testing.T, c chances) (Verdict, Metric) {
	t.Helper()
	return judgeLives(t, c.run(1, nil))
}

func judgeLives(t *testing.T, r Run) (Verdict, Metric) {
	t.Helper()
	v := mustJudge(t, r)
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

// Catches leases that lives with a network left and no row has, rows of them where there is no network, and a command that lives it without, or in another time to settle.
func TestLeasesAreRuled(t *testing.T) {
	connected := livesScenario()
	connected.Network = &scenarios.Network{Pools: []pool.Written{{Base: "10.0.0.0/8", Size: 24}}}
	connected.Lives.Settle = 5 * time.Second
	for _, sc := range []scenarios.Scenario{livesScenario(), connected} {
		run := chances{"create,delete": {0, 1}}.gate(gateOf(sc), 1, func(r *results.Record) {
			for i := range r.Lived.Lives {
				for k := range r.Lived.Lives[i].Left {
					r.Lived.Lives[i].Left[k].Kind = lifecycle.Leases
				}
			}
		})
		rows := 0
		for _, m := range mustJudge(t, run).Metrics {
			if !m.Left.Kind.OfNetwork() {
				continue
			}
			if rows++; m.Name == "leftover.lease" && (m.Ruling != Regressed || !strings.HasSuffix(m.Trace, `--driver systemd --network '{"base":"10.0.0.0/8","size":24}' --settle 5s --sequence create,delete`)) {
				t.Errorf("%s: %s, %s", m.Ruling, m.Reason, m.Trace)
			}
		}
		if want := map[bool]int{true: 2}[sc.Network != nil]; rows != want {
			t.Errorf("network %v: %d rows, want %d", sc.Network, rows, want)
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

// Catches a pass of sequences that one arm missed, which are then told as steps that the other runtime does not take, and a miss that hides a regression.
func TestLeftoversThatOneArmMissed(t *testing.T) {
	c := chances{"create,delete": {}}
	for i := range 26 {
		c[fmt.Sprintf("kill9@create:p%c", 'a'+i)] = [arms]float64{}
	}
	missing := func(who ...string) func(*results.Record) {
		return func(r *results.Record) {
			for i := range r.Lived.Lives {
				l := &r.Lived.Lives[i]
				l.Missed = slices.Contains(who, r.Arm) && l.Sequence != "create,delete"
			}
		}
	}
	for _, of := range []struct {
		who    []string
		rate   float64
		want   Ruling
		missed [arms]int
		says   string
		note   string
	}{
		{[]string{"candidate"}, 0, Inconclusive, [arms]int{0, 26}, "the candidate missed 26 sequences that the baseline lived, such as kill9@create:pa", "the candidate missed 26 sequences, such as kill9@create:pa: it did"},
		{[]string{"baseline"}, 0, Inconclusive, [arms]int{26, 0}, "the baseline missed 26 sequences that the candidate lived", "the baseline missed 26 sequences"},
		{armNames[:], 0, Pass, [arms]int{26, 26}, "no sequence left it", "the baseline missed 26 sequences, such as kill9@create:pa, the candidate missed 26"},
		{[]string{"candidate"}, 1, Regressed, [arms]int{0, 26}, "create,delete left it 8 of 8 times", "the candidate missed 26 sequences"},
	} {
		c["create,delete"] = [arms]float64{0, of.rate}
		v, m := judgeLives(t, c.run(1, missing(of.who...)))
		if m.Ruling != of.want || !strings.Contains(m.Reason, of.says) || m.Left.Missed != of.missed || m.Left.Alone != [arms]int{} || m.Left.Sequences != 1 {
			t.Errorf("%v missed: %s: %s, %+v", of.who, m.Ruling, m.Reason, m.Left)
		}
		if n := strings.Count(strings.Join(v.Notes, "\n"), of.note); n != 1 {
			t.Errorf("%v missed: %d notes of it in %q", of.who, n, v.Notes)
		}
	}
}

// Catches a sequence that one arm's timeline does not have at all being told as one that it missed.
func TestLeftoversOfOneArmsOwnPoint(t *testing.T) {
	c := chances{"create,delete": {}, "kill9@create:join": {1, 1}}
	_, m := judgeLives(t, c.run(1, func(r *results.Record) {
		if r.Arm == "baseline" {
			r.Lived.Lives = slices.DeleteFunc(r.Lived.Lives, func(l results.Life) bool { return l.Sequence == "kill9@create:join" })
		}
	}))
	if l := m.Left; m.Ruling != Pass || l.Alone != [arms]int{0, 1} || l.OwnLasting != [arms]int{0, 1} || l.Missed != [arms]int{} {
		t.Errorf("%s: %s, %+v", m.Ruling, m.Reason, l)
	}
}

// Catches a pass of what only a later block found: whether it was lived again there, or could not be, or an earlier block's was refuted.
func TestLeftoversOfEveryBlock(t *testing.T) {
	blocks := map[int]int{}
	block := func(r *results.Record) int {
		if _, known := blocks[r.Block]; !known {
			blocks[r.Block] = len(blocks)
		}
		return blocks[r.Block]
	}
	nothing := func(r *results.Record) {
		for i := range r.Lived.Lives {
			r.Lived.Lives[i].Left = nil
		}
	}
	for name, of := range map[string]struct {
		trials int
		mutate func(*results.Record)
		want   Ruling
		says   string
	}{
		"lived again": {4, func(r *results.Record) {
			if block(r) == 0 {
				nothing(r)
			}
		}, Regressed, "create,delete left it 8 of 8 times, with the baseline 0 of 8"},
		"both": {4, nil, Regressed, "create,delete left it 16 of 16 times, with the baseline 0 of 16"},
		"not lived again": {3, func(r *results.Record) {
			if block(r) == 0 {
				nothing(r)
			}
		}, Inconclusive, "each once, which may be chance"},
		"nobody to compare with": {4, func(r *results.Record) {
			switch {
			case block(r) == 0:
				nothing(r)
			case r.Arm == "baseline":
				r.Outcome, r.Reason, r.Lived = results.Failed, "no room", nil
			}
		}, Inconclusive, "the candidate left it after create,delete"},
		"refuted before": {3, func(r *results.Record) {
			if r.Trial.Lives > 1 {
				nothing(r)
			}
		}, Inconclusive, "not in each block in which it differed was it lived again (0 of 8 times, with the baseline 0 of 8)"},
		"refuted": {4, func(r *results.Record) {
			if r.Trial.Lives > 1 {
				nothing(r)
			}
		}, Pass, "did not when it was lived again"},
	} {
		clear(blocks)
		sc := livesScenario()
		sc.Trials = of.trials
		c := chances{"create,delete": {0, 1}, "delete": {}}
		if _, m := judgeLives(t, c.gate(gateOf(sc), 1, of.mutate)); m.Ruling != of.want || !strings.Contains(m.Reason, of.says) {
			t.Errorf("%s: %s: %s, %+v", name, m.Ruling, m.Reason, m.Left.Cells)
		}
	}
}

// Catches what a block left that is harder to free than another block's, and is told of, or tested, as that one.
func TestLeftoversThatBlocksFreeInOtherWays(t *testing.T) {
	sc := livesScenario()
	sc.Trials = 4
	earlier := -1
	_, m := judgeLives(t, chances{"create,delete": {1, 1}}.gate(gateOf(sc), 1, func(r *results.Record) {
		if earlier < 0 {
			earlier = r.Block
		}
		for i := range r.Lived.Lives {
			switch {
			case r.Arm == "candidate" && r.Block != earlier:
				r.Lived.Lives[i].Left[0].FreedBy = lifecycle.Never
			case r.Arm == "baseline" && r.Block == earlier && r.Trial.Lives == 1:
				r.Lived.Lives[i].Left = nil // by chance
			}
		}
	}))
	if one := m.Left.Cells[0]; m.Ruling != Regressed || one.Candidate != lifecycle.Never || one.Baseline != lifecycle.ByDelete {
		t.Errorf("%s: %s, %+v", m.Ruling, m.Reason, one)
	}
}

// Catches the find of a later session of a run that is compared with another run, which nobody looks at.
func TestLeftoversOfTwoRuns(t *testing.T) {
	sc := livesScenario()
	sc.Trials = 3
	run := func(found bool) Run {
		h := gateOf(sc)
		h.Gate, h.ID, h.Spec.Runtimes = false, fmt.Sprint(found), []scenarios.Runtime{{Name: "candidate", Ref: "runc"}}
		blocks := 0
		return model{mutate: func(r *results.Record) {
			life := results.Life{Sequence: "create,delete"}
			if blocks++; found && blocks == 3 {
				life.Left = []results.Leftover{{Kind: lifecycle.Processes, FreedBy: lifecycle.ByDelete, Count: 1}}
			}
			r.Lived = &results.Lived{Lives: []results.Life{life}}
		}}.run(h)
	}
	v, err := JudgeRuns(run(false), run(true), roomy())
	if err != nil {
		t.Fatal(err)
	}
	if m := v.find(t, leftProcess, cgroupjoin.Systemd); m.Ruling != Inconclusive || !strings.Contains(m.Reason, "the candidate left it after create,delete") {
		t.Errorf("%s: %s", m.Ruling, m.Reason)
	}
}

// Catches the family of an adaptive gate that grows with what its lives find.
func TestLeftoversAreOfTheFamily(t *testing.T) {
	family := func(c chances) int {
		h := gateOf(livesScenario(), func() scenarios.Scenario { sc := latencyOnly(); sc.Trials = 20; return sc }())
		h.Design = &results.Design{Alpha: 0.05, Looks: []int{10}}
		return mustJudge(t, c.gate(h, 1, nil)).find(t, "start.latency", cgroupjoin.Systemd).Family
	}
	if before, after := family(chances{"create,delete": {}}), family(chances{"create,delete": {0, 1}}); before != after || after == 0 {
		t.Errorf("a family of %d tests has %d once something was found", before, after)
	}
}

// Catches a sequence that is blamed by the row's p and not its own, and one told of first that says less.
func TestLeftoversAreConfirmedByTheirOwnP(t *testing.T) {
	again := [arms]Hits{{0, 8}, {8, 8}}
	r := row{Metric: Metric{P: 0.001, PHolm: 0.01, Left: &Leftovers{Sequences: 3, Cells: []LeftoverCell{
		{Sequence: "a", Worse: true, P: 0.02, Again: again}, {Sequence: "b", Worse: true, P: 0.004, Again: again}, {Sequence: "c", Worse: true, P: 0.001, Again: again},
	}}}}
	ruling, why := r.ruleRemaining(Options{})
	if cells := r.Left.Cells; ruling != Regressed || !strings.HasPrefix(why, "lived again, c left it") || cells[0].Confirmed || !cells[1].Confirmed || !cells[2].Confirmed || r.Left.shown() != "c" {
		t.Errorf("%s: %s, %+v", ruling, why, cells)
	}
}

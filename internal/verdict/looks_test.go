package verdict

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// looking is a gate of an adaptive design, of which so many blocks of each cell were made.
func looking(blocks int, looks []int, list ...scenarios.Scenario) (whole, made results.Header) {
	most := slices.Clone(list)
	for i := range list {
		list[i].Trials, most[i].Trials = 2*blocks, 2*looks[len(looks)-1]
	}
	whole = gateOf(most...)
	whole.Design = &results.Design{Alpha: 0.05, Looks: looks, MaxTime: 6 * time.Minute}
	return whole, gateOf(list...)
}

func (m model) look(t *testing.T, blocks int, looks []int, list ...scenarios.Scenario) Verdict {
	t.Helper()
	whole, made := looking(blocks, looks, list...)
	return mustJudge(t, runOf(whole, m.all(made)))
}

func latencyOnly() scenarios.Scenario {
	sc := startup(2)
	sc.Judge = []string{"start.latency"}
	return sc
}

// Catches a look that may err as much as the only one, looks that were not made, and a settled cell held for an interrupted one.
func TestARowIsJudgedAtItsLook(t *testing.T) {
	looks := []int{10, 20, 40, 80}
	for _, c := range []struct {
		blocks int
		at     []int
	}{{10, []int{10}}, {20, []int{10, 20}}, {33, []int{10, 20, 33}}, {7, []int{7}}, {80, looks}} {
		v := model{cv: 0.5, seed: 3}.look(t, c.blocks, looks, latencyOnly())
		m := v.find(t, "start.latency", cgroupjoin.Systemd)
		levels := stats.Nominal(0.05, c.at, 80)
		if l := m.Looks; !slices.Equal(l.At, c.at) || l.Blocks != c.blocks || l.Most != 80 || l.Level != levels[len(levels)-1] || !(l.Level < 0.05) {
			t.Errorf("%d blocks: %+v, want %v at %v", c.blocks, l, c.at, levels)
		}
		if want := stats.RepeatedP(m.Looks.P, c.at, 80); m.P > want || len(c.at) == 1 && m.P != want {
			t.Errorf("%d blocks: p %v at the look, %v repeated, want %v", c.blocks, m.Looks.P, m.P, want)
		}
		if strings.Contains(m.Reason, "planned") || strings.Contains(strings.Join(v.Warnings, "\n"), "planned trials") {
			t.Errorf("%d blocks: a cell that ended is told as one that was cut short: %s, %q", c.blocks, m.Reason, v.Warnings)
		}
	}
	settled := model{cv: 0.03}.look(t, 20, looks, latencyOnly())
	wantRuling(t, settled, Pass, 0)
	open := model{cv: 0.5}.look(t, 20, looks, latencyOnly())
	wantRuling(t, open, Inconclusive, 3)
	if m := open.find(t, "start.latency", cgroupjoin.Systemd); !m.WantsMore() {
		t.Errorf("%s wants no more", m.Reason)
	}
	wantText(t, open.find(t, "start.latency", cgroupjoin.Systemd).Reason, "blocks in all would settle it")
	wantText(t, strings.Join(open.Warnings, "\n"), "the run ended before 2 rows were settled: it makes trials for 6m0s at most, and for longer by --max-time or max_time in its policy")
}

// Catches a row that was settled and is open again when other cells went on, or when time was over: as a run grows a row keeps the look, the interval,
// the p value and the ruling that it was settled with, and the run's director sees the same.
func TestASettledRowStaysSettled(t *testing.T) {
	looks := []int{10, 12, 14, 17, 20, 25, 31, 40}
	settledRows := 0
	for seed := range uint64(12) {
		whole, made := looking(33, looks, latencyOnly())
		records := model{cv: 0.08, seed: seed, factor: map[string]float64{"start.latency": []float64{1, 1.1, 1.3}[seed%3]}}.all(made)
		settled := map[cgroupjoin.Driver]Metric{}
		for n := 8; n <= 33; n++ {
			run := runOf(whole, firstBlocks(records, n))
			v := mustJudge(t, run)
			run.Growing, run.Replays = true, &Replays{}
			seen := mustJudge(t, run)
			for i, m := range v.Metrics {
				was, before := settled[m.Driver]
				if before && (m.Ruling != was.Ruling || m.Looks.Blocks != was.Looks.Blocks || m.Change != was.Change || m.ChangeHi != was.ChangeHi || m.P != was.P) {
					t.Fatalf("seed %d, %d blocks: was %s: %s, and is %s: %s", seed, n, was.Ruling, was.Reason, m.Ruling, m.Reason)
				}
				if g := seen.Metrics[i]; slices.Contains(looks, g.Looks.Blocks) && g.Ruling != Inconclusive {
					if m.Ruling != g.Ruling || m.Looks.Blocks != g.Looks.Blocks {
						t.Fatalf("seed %d, %d blocks: the director sees %s: %s, the verdict %s: %s", seed, n, g.Ruling, g.Reason, m.Ruling, m.Reason)
					}
					settled[m.Driver] = m
				}
			}
		}
		settledRows += len(settled)
	}
	if settledRows < 18 {
		t.Errorf("only %d rows were settled", settledRows)
	}
}

// Catches a half block that is taken for one: a run that goes on after it was interrupted would be looked at off its plan.
func TestALookIsOfWholeBlocks(t *testing.T) {
	whole, made := looking(11, []int{10, 20}, latencyOnly())
	all := model{cv: 0.5}.all(made)
	last := map[key]int{}
	for _, r := range all {
		last[keyOf(&r)] = max(last[keyOf(&r)], r.Block)
	}
	made2 := map[key]int{}
	var records []results.Record
	for _, r := range all {
		if k := keyOf(&r); r.Block == last[k] {
			if made2[k]++; made2[k] > 3 {
				continue
			}
		}
		records = append(records, r)
	}
	m := mustJudge(t, runOf(whole, records)).find(t, "start.latency", cgroupjoin.Systemd)
	if !slices.Equal(m.Looks.At, []int{10}) || m.Baseline.N != 20 || m.Candidate.N != 20 {
		t.Errorf("with a half block: looks at %v, %d and %d values", m.Looks.At, m.Baseline.N, m.Candidate.N)
	}
}

// Catches stored gates that were adaptive being held for interrupted ones where they are compared or summed up.
func TestAnAdaptiveRunIsNoneThatWasInterrupted(t *testing.T) {
	whole, made := looking(20, []int{10, 20, 40}, latencyOnly())
	run := func(seed uint64) Run { return runOf(whole, model{cv: 0.03, seed: seed}.all(made)) }
	v, err := JudgeRuns(run(1), run(2), roomy())
	if err != nil || v.Ruling != Pass {
		t.Errorf("%s %q, %v", v.Ruling, v.Reasons, err)
	}
	for _, w := range append(v.Warnings, mustSummarize(t, run(1)).Warnings...) {
		if strings.Contains(w, "planned trials") {
			t.Error(w)
		}
	}
}

// Catches two adaptive runs that are compared as if their looks cost nothing, and one of them that ended before its first look, or a fixed one
// that was cut short beside it, without a word.
func TestTwoAdaptiveRunsAreDoubted(t *testing.T) {
	whole, made := looking(20, []int{10, 20, 40}, latencyOnly())
	run := func(n int) Run { return runOf(whole, firstBlocks(model{cv: 0.03}.all(made), n)) }
	short, err := JudgeRuns(run(20), run(7), roomy())
	if err != nil || short.Ruling != Inconclusive {
		t.Errorf("%s %q, %v", short.Ruling, short.Reasons, err)
	}
	wantText(t, strings.Join(short.Reasons, "\n"), "only 12 of 20 planned trials of the candidate recorded")
	wantText(t, strings.Join(short.Warnings, "\n"), "run ended where its metrics were settled: the looks that it took at its own records are not paid for")
	fixed := gateOf(made.Spec.Scenarios...)
	cut, err := JudgeRuns(run(20), runOf(fixed, firstBlocks(model{cv: 0.03}.all(made), 12)), roomy())
	if err != nil || cut.Ruling != Inconclusive {
		t.Errorf("%s %q, %v", cut.Ruling, cut.Reasons, err)
	}
	wantText(t, strings.Join(cut.Reasons, "\n"), "only 22 of 40 planned trials of the candidate recorded")
}

// Catches a family that grows as cells begin: what the first cell to be looked at claims would depend on which came first.
func TestTheFamilyIsThatOfTheWholePlan(t *testing.T) {
	looks := []int{10, 20, 40}
	timed, late := latencyOnly(), latencyOnly()
	late.Name = "later"
	whole, _ := looking(10, looks, timed, late)
	_, made := looking(10, looks, timed)
	m := mustJudge(t, runOf(whole, model{cv: 0.03, factor: map[string]float64{"start.latency": 1.5}}.all(made))).find(t, "start.latency", cgroupjoin.Cgroupfs)
	if m.Family != 5 || m.Ruling != Regressed || m.Rank < 1 || m.Rank > 2 {
		t.Errorf("number %d of %d tests, %s: want one of the first 2 of 4 and of what events bring about, regressed (%s)", m.Rank, m.Family, m.Ruling, m.Reason)
	}
}

// Catches a family that grows by what happens: a row that was settled before the first OOM kill, failure or leak would then have had more of alpha than what
// is claimed of those leaves it. Where all trials are made anyway, what was not seen claims nothing.
func TestNoEventEnlargesTheFamily(t *testing.T) {
	looks := []int{10, 20, 40}
	judged := func(adaptive bool, spoil func(*results.Record)) Metric {
		whole, made := looking(10, looks, latencyOnly())
		if !adaptive {
			whole = made
		}
		return mustJudge(t, runOf(whole, model{cv: 0.03, factor: map[string]float64{"start.latency": 1.05}, mutate: func(r *results.Record) {
			if !r.Warmup && r.Driver == cgroupjoin.Systemd && r.Block == 9 {
				spoil(r)
			}
		}}.all(made))).find(t, "start.latency", cgroupjoin.Cgroupfs)
	}
	quiet := func(*results.Record) {}
	for name, spoil := range map[string]func(*results.Record){
		"a kill":    func(r *results.Record) { r.Outcome = results.InitOOMKilled },
		"a failure": func(r *results.Record) { r.Outcome, r.Reason = results.TimedOut, "create did not return" },
		"a leak":    func(r *results.Record) { r.Leaks = []string{"cgroup /x"} },
	} {
		before, after := judged(true, quiet), judged(true, spoil)
		if before.Family != 3 || after.Family != 3 || math.Abs(before.PHolm-after.PHolm) > 1e-12 || !(before.PHolm < 1) {
			t.Errorf("%s: %d tests and p %v, before it %d and %v", name, after.Family, after.PHolm, before.Family, before.PHolm)
		}
	}
	if m := judged(false, quiet); m.Family != 2 {
		t.Errorf("a run whose trials are all made has %d tests, want those that there are", m.Family)
	}
}

// Catches looks that each err as much as a single one, or a p value of one look taken for that of all: where nothing changed and no margin hides it, 400
// gates with eight looks claim a change in either direction in one of twenty at the most.
func TestAllLooksTogetherErrAsOne(t *testing.T) {
	const gates = 400
	sc := latencyOnly()
	sc.Drivers = sc.Drivers[:1]
	claimed := 0
	for seed := range uint64(gates) {
		whole, made := looking(64, []int{8, 11, 16, 22, 30, 40, 52, 64}, sc)
		v, err := Judge(runOf(whole, model{cv: 0.06, seed: 5000 + seed}.all(made)), Options{Margins: map[string]Margin{"start.latency": {}}})
		if err != nil {
			t.Fatal(err)
		}
		if v.Metrics[0].Ruling != Inconclusive {
			claimed++
		}
	}
	t.Logf("seeds 5000 to %d: %d of %d claimed", 5000+gates-1, claimed, gates)
	if claimed > gates*8/100 {
		t.Errorf("%d of %d gates claim a change", claimed, gates)
	}
}

// firstBlocks keeps the first n blocks of each cell, as a run that goes cell by cell has them at a look.
func firstBlocks(records []results.Record, n int) (all []results.Record) {
	seen := map[key][]int{}
	for _, r := range records {
		k := keyOf(&r)
		if !slices.Contains(seen[k], r.Block) {
			seen[k] = append(seen[k], r.Block)
		}
		if len(seen[k]) <= n {
			all = append(all, r)
		}
	}
	return all
}

// Catches a planted change that many looks hide.
func TestAChangeIsFoundAtSomeLook(t *testing.T) {
	looks := []int{10, 20, 40, 80}
	found := 0
	for seed := range uint64(40) {
		whole, made := looking(80, looks, latencyOnly())
		records := model{cv: 0.06, seed: seed, factor: map[string]float64{"start.latency": 1.1}}.all(made)
		for _, n := range looks {
			v, err := Judge(runOf(whole, firstBlocks(records, n)), Options{Margins: map[string]Margin{"start.latency": {Fraction: 0.05}}})
			if err != nil {
				t.Fatal(err)
			}
			if v.Ruling == Regressed {
				found++
				break
			}
		}
	}
	if found < 39 {
		t.Errorf("found in %d of 40 gates", found)
	}
}

// Catches a time that an emulated wall clock fails the gate by, one that it hides, and a pass that rests on nothing.
func TestANoisyClockLeavesTimesOpen(t *testing.T) {
	wall := func(cv float64, factor float64, judge ...string) Run {
		sc := startup(16)
		sc.Judge = judge
		run := model{cv: cv, factor: map[string]float64{"start.latency": factor}, mutate: func(r *results.Record) {
			peak := int64(9 << 20)
			r.RuntimePeak = &peak
		}}.run(gateOf(sc))
		run.Environments[0].Accelerator = "tcg"
		return run
	}
	v := mustJudge(t, wall(0.5, 1, "start.latency", "runtime.memory.peak"))
	wantRuling(t, v, Pass, 0)
	if got := v.Headline(); got != "pass, with 2 times left open by a noisy clock" {
		t.Errorf("headline %q", got)
	}
	wantRuling(t, mustJudge(t, wall(0.05, 2, "start.latency", "runtime.memory.peak")), Regressed, 1)
	alone := mustJudge(t, wall(0.5, 1, "start.latency"))
	wantRuling(t, alone, Inconclusive, 3)
	strict := roomy()
	strict.NoisyClock = Fail
	if v, err := Judge(wall(0.5, 1, "start.latency", "runtime.memory.peak"), strict); err != nil || v.Ruling != Inconclusive || v.Open() != 0 {
		t.Errorf("strict: %s, %d open, %v", v.Ruling, v.Open(), err)
	}
	counted := wall(0.5, 1, "start.latency", "runtime.memory.peak")
	counted.Environments[0].Clock = "instructions"
	wantRuling(t, mustJudge(t, counted), Inconclusive, 3)
	none := wall(0.05, 1, "start.latency", "runtime.memory.peak")
	none.Records = of(0, none).Records
	if v := mustJudge(t, none); v.Ruling != Invalid {
		t.Errorf("nothing measured: %s", v.Ruling)
	}
}

// Catches the noise of a clock as the excuse of a time that was never measured, that one arm has no value of, or that too few blocks have.
func TestANoisyClockForgivesNoTimeThatWasNotMeasured(t *testing.T) {
	judged := func(keep func(r *results.Record) bool, m model) Verdict {
		peaks := startup(2)
		peaks.Name, peaks.Judge = "peaks", []string{"runtime.memory.peak"}
		whole, made := looking(20, []int{10, 20, 40}, latencyOnly(), peaks)
		var records []results.Record
		for _, r := range m.all(made) {
			if r.Scenario == "peaks" || keep(&r) {
				records = append(records, r)
			}
		}
		run := runOf(whole, records)
		run.Environments[0].Accelerator = "tcg"
		return mustJudge(t, run)
	}
	for what, keep := range map[string]func(r *results.Record) bool{
		"never made": func(*results.Record) bool { return false },
		"candidate without a value": func(r *results.Record) bool {
			if r.Arm == "candidate" {
				r.Latency = results.Latency{}
			}
			return true
		},
		"five blocks":           func(r *results.Record) bool { return r.Block%20 < 5 },
		"before its first look": func(r *results.Record) bool { return r.Block%20 < 8 },
	} {
		v := judged(keep, model{cv: 0.01, factor: map[string]float64{"start.latency": 1.19}})
		if m := v.find(t, "start.latency", cgroupjoin.Systemd); v.Ruling != Inconclusive || m.Open || m.Ruling != Inconclusive {
			t.Errorf("%s: %s %q; open %v, %s", what, v.Ruling, v.Reasons, m.Open, m.Reason)
		}
	}
	noisy := judged(func(*results.Record) bool { return true }, model{mutate: func(r *results.Record) {
		if r.Scenario != "peaks" && r.Latency.Started != nil {
			*r.Latency.Started *= 1 + int64(r.Index*7%11)
		}
	}})
	if m := noisy.find(t, "start.latency", cgroupjoin.Systemd); noisy.Ruling != Pass || !m.Open {
		t.Errorf("a noisy time: %s %q; open %v, %s", noisy.Ruling, noisy.Reasons, m.Open, m.Reason)
	}
}

// Catches a severity without effect, and a gate of warnings alone that passes.
func TestSeverities(t *testing.T) {
	run := func() Run {
		return model{cv: 0.02, factor: map[string]float64{"start.latency": 1.5}}.run(gateOf(startup(16)))
	}
	for _, c := range []struct {
		of   map[string]Severity
		want Ruling
		rows int
	}{
		{nil, Regressed, 6}, {map[string]Severity{"start.latency": Warn}, Pass, 6}, {map[string]Severity{"start.latency": Ignore}, Pass, 4},
		{map[string]Severity{"start.latency": Warn, "container.memory.peak": Warn, "runtime.memory.peak": Warn}, Inconclusive, 6},
		{map[string]Severity{"start.latency": Ignore, "container.memory.peak": Ignore, "runtime.memory.peak": Ignore}, Inconclusive, 0},
	} {
		opts := roomy()
		opts.Severities = c.of
		v, err := Judge(run(), opts)
		if err != nil || v.Ruling != c.want || len(v.Metrics) != c.rows {
			t.Errorf("%v: %s with %d rows, want %s with %d (%v)", c.of, v.Ruling, len(v.Metrics), c.want, c.rows, err)
		}
		told := strings.Contains(strings.Join(v.Warnings, "\n"), "regressed, and by its severity only told: start.latency (startup, ")
		if want := c.of["start.latency"] == Warn; told != want {
			t.Errorf("%v: told %v: %q", c.of, told, v.Warnings)
		}
	}
}

// Catches the change from nothing told as some million per cent, and a margin in per cent of nothing.
func TestAChangeFromNothingIsADifference(t *testing.T) {
	copied := func(base, cand int64) Metric {
		sc := charges(16)
		sc.Judge = []string{"start.bytes_copied", "start.forks"}
		v := mustJudge(t, model{mutate: func(r *results.Record) {
			observed(r, 1)
			if r.ContainerCounters != nil {
				n := base
				if r.Arm == "candidate" {
					n = cand
				}
				r.ContainerCounters.MemfdBytes, r.RuntimeCounters.MemfdBytes = n, 0
				r.ContainerCounters.CopiedBytes, r.RuntimeCounters.CopiedBytes = nil, nil
			}
		}}.run(gateOf(sc)))
		return v.find(t, "start.bytes_copied", cgroupjoin.Systemd)
	}
	grown := copied(0, 10<<20)
	if grown.Ruling != Regressed || grown.Relative || grown.Change != 10<<20 || grown.ChangeLo != 10<<20 || grown.Margin != 64<<10 || grown.Baseline.Center != 0 {
		t.Errorf("%s: %+v", grown.Reason, grown)
	}
	wantText(t, grown.Reason, "changed by +10 MiB [+10 MiB, +10 MiB] within blocks (medians: 0 B, then 10 MiB)", "the margin of 64KiB")
	if strings.Contains(grown.Reason+grown.Paragraph, "%") && strings.Contains(grown.Reason, "e+") {
		t.Error(grown.Reason)
	}
	for _, c := range []struct {
		base, cand int64
		want       Ruling
	}{{0, 0, Pass}, {0, 60 << 10, Pass}, {10 << 20, 0, Improved}} {
		if m := copied(c.base, c.cand); m.Ruling != c.want || m.Relative {
			t.Errorf("%d then %d: %s %s", c.base, c.cand, m.Ruling, m.Reason)
		}
	}
	if m := copied(10<<20, 11<<20); m.Ruling != Regressed || !m.Relative {
		t.Errorf("%s", m.Reason)
	}
}

// Catches a trial that ran beside others in a figure of time.
func TestTrialsMadeTogetherAreNotTimed(t *testing.T) {
	beside := model{cv: 0.02, mutate: func(r *results.Record) { r.Together = true }}
	v := mustJudge(t, beside.run(gateOf(startup(16))))
	m := v.find(t, "start.latency", cgroupjoin.Systemd)
	if m.Ruling != Inconclusive || m.Baseline.N != 0 || !math.IsNaN(m.Change) {
		t.Errorf("%s of %d values: %s", m.Ruling, m.Baseline.N, m.Reason)
	}
	if peak := v.find(t, "container.memory.peak", cgroupjoin.Systemd); peak.Ruling != Pass {
		t.Errorf("a peak is the trial's own: %s", peak.Reason)
	}
}

// Catches an order that nobody judges, or that a start without a clone counts as its opposite.
func TestJoinFirstIsJudgedAsAClass(t *testing.T) {
	sc := charges(16)
	sc.Judge = []string{"order.join_first"}
	m := mustJudge(t, model{mutate: func(r *results.Record) {
		observed(r, 1)
		if r.Found != nil && r.Arm == "candidate" {
			r.Found.Order = map[bool]sequence.Found{true: "join-before-clone", false: "overlapping"}[r.Index%3 == 0]
		}
	}}.run(gateOf(sc))).find(t, "order.join_first", cgroupjoin.Systemd)
	if m.Ruling != Regressed || m.Baseline.Events != 0 || m.Candidate.Events != 16 || m.Relative {
		t.Errorf("%s, %d and %d of %d: %s", m.Ruling, m.Baseline.Events, m.Candidate.Events, m.Candidate.N, m.Reason)
	}
}

// Catches orders that differ without a word, and chance told as a difference.
func TestOrdersThatDifferAreNoted(t *testing.T) {
	sc := charges(20)
	sc.Judge = []string{"order.join_first"}
	orders := func(of func(r *results.Record) sequence.Found) string {
		return strings.Join(mustJudge(t, model{mutate: func(r *results.Record) {
			observed(r, 1)
			if r.Found != nil {
				r.Found.Order = of(r)
			}
		}}.run(gateOf(sc))).Notes, "\n")
	}
	differ := orders(func(r *results.Record) sequence.Found {
		if r.Arm == "baseline" {
			return sequence.FoundNoClone
		}
		return sequence.FoundCloneBeforeJoin
	})
	wantText(t, differ, "orders found differ (charges, systemd): baseline 20 no-clone; candidate 20 clone-before-join (p < 1e-9 by the exact test of classes, after Holm)")
	same := orders(func(r *results.Record) sequence.Found {
		return []sequence.Found{sequence.FoundCloneBeforeJoin, sequence.FoundJoinBeforeClone}[r.Index%3%2]
	})
	if strings.Contains(same, "differ") {
		t.Error(same)
	}
}

// Catches a row over all scenarios that accuses at alpha as if nobody had looked often: its p value is that of the signs of its blocks, which
// holds whenever one stops, and while the run grows it has none.
func TestRowsOverAllScenariosHoldWheneverOneStops(t *testing.T) {
	for _, c := range []struct {
		failing, up int // of 14 blocks, those in which the candidate fails
		want        Ruling
	}{{failing: 5, up: 5, want: Inconclusive}, {failing: 14, up: 14, want: Regressed}} {
		for name, spoil := range map[string]func(*results.Record){
			StartFailures: func(r *results.Record) { r.Outcome, r.Reason = results.TimedOut, "create did not return" },
			LeakCount:     func(r *results.Record) { r.Leaks = []string{"cgroup /x"} },
		} {
			blocks := map[int]bool{}
			whole, made := looking(14, []int{10, 20, 40}, latencyOnly())
			run := runOf(whole, model{cv: 0.02, mutate: func(r *results.Record) {
				if r.Arm != "candidate" || r.Warmup || r.Driver != cgroupjoin.Systemd || !blocks[r.Block] && len(blocks) == c.failing {
					return
				}
				blocks[r.Block] = true
				spoil(r)
			}}.all(made))
			m := mustJudge(t, run).find(t, name, cgroupjoin.Systemd)
			if want := stats.SignsP(c.up, 0); math.Abs(m.P-want) > 1e-12 {
				t.Errorf("%s in %d of 14 blocks: p %v, want %v", name, c.failing, m.P, want)
			}
			if name == StartFailures && m.Ruling != c.want {
				t.Errorf("%s in %d of 14 blocks: %s", name, c.failing, m.Reason)
			}
			run.Growing, run.Replays = true, &Replays{}
			if m := mustJudge(t, run).find(t, name, cgroupjoin.Systemd); !math.IsNaN(m.P) {
				t.Errorf("%s, while the run grows: p %v", name, m.P)
			}
		}
	}
}

// Catches a row, or a ceiling, that was settled by blocks which took its order and is open again since later ones did not.
func TestWhatComesAfterALookIsNotHeldAgainstIt(t *testing.T) {
	for taken, want := range map[int]Ruling{4: Inconclusive, 20: Pass} {
		sc := ordered(2, joinFirst)
		sc.Limits, sc.Drivers = sc.Limits[:1], sc.Drivers[:1]
		whole, made := looking(64, []int{20, 40, 64}, sc)
		blocks := map[int]bool{}
		run := runOf(whole, model{mutate: func(r *results.Record) {
			imposed(r)
			if r.Warmup {
				return
			}
			if blocks[r.Block] = true; len(blocks) > taken {
				r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "the deadline passed"}
			}
		}}.all(made))
		v := held(t, run, Ceiling{Metric: "oom.rate", Limit: sc.Limits[0], Order: joinFirst})
		m, h := v.inOrder(t, "oom.rate", sc.Drivers[0], joinFirst), v.Ceilings[0]
		if m.Ruling != want || h.Ruling != want {
			t.Errorf("of 64 blocks the first %d took the order: %s, %s", taken, m.Reason, h.Reason)
		}
		if left := strings.Contains(m.Reason, "could not be brought"); left != (want == Inconclusive) {
			t.Errorf("of 64 blocks the first %d took the order: %s", taken, m.Reason)
		}
	}
}

// Catches a rate over all scenarios that passes by an interval taken once, though cells end when they are settled: one failure of the baseline in so few
// blocks excludes nothing whenever one may have stopped.
func TestARateOverAllScenariosPassesWheneverOneStops(t *testing.T) {
	for blocks, want := range map[int]Ruling{10: Inconclusive, 40: Pass} {
		whole, made := looking(blocks, []int{10, 20, 40}, latencyOnly())
		failed := false
		m := mustJudge(t, runOf(whole, model{cv: 0.02, mutate: func(r *results.Record) {
			if r.Arm == "baseline" && !r.Warmup && r.Driver == cgroupjoin.Systemd && !failed {
				failed, r.Outcome, r.Reason = true, results.TimedOut, "create did not return"
			}
		}}.all(made))).find(t, StartFailures, cgroupjoin.Systemd)
		if m.Ruling != want || (m.ChangeHi <= m.Margin) != (want == Pass) {
			t.Errorf("%d blocks: %s, at most %v of %v: %s", blocks, m.Ruling, m.ChangeHi, m.Margin, m.Reason)
		}
	}
}

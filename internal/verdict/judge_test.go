package verdict

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func wantRuling(t *testing.T, v Verdict, want Ruling, exit int) {
	t.Helper()
	if v.Ruling != want || v.ExitCode() != exit {
		t.Errorf("verdict %s (exit %d), want %s (exit %d)", v.Ruling, v.ExitCode(), want, exit)
		for _, m := range v.Metrics {
			t.Logf("%s: %s", m.Ruling, m.Reason)
		}
	}
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// upgrade is runc 1.1.14 to 1.1.15 as it was seen in the guest.
func upgrade() model {
	return model{
		cv:     0.05,
		factor: map[string]float64{"start.latency": 1.5, "container.memory.peak": 5},
		killed: [arms]func(int64) bool{below(8), below(20)},
	}
}

// Catches a regression that is not seen, and a sentence without its numbers.
func TestAWorseCandidateRegresses(t *testing.T) {
	v := mustJudge(t, upgrade().run(gateOf(startup(16), oomLimits(6))))
	wantRuling(t, v, Regressed, 1)
	oom := v.find(t, "oom.rate", cgroupjoin.Cgroupfs)
	if oom.Ruling != Regressed || oom.Limit != 0 || len(oom.Ladder) != 5 {
		t.Errorf("oom.rate: %s, limit %d, %d rungs; want regressed, pooled, 5", oom.Ruling, oom.Limit, len(oom.Ladder))
	}
	if got, want := oom.Ladder[1], (Rung{12 << 20, Count{Started: 6}, Count{OOMKilled: 6}}); got != want {
		t.Errorf("rung at 12 MiB: %+v, want %+v", got, want)
	}
	wantText(t, oom.Reason, "oom.rate (oom-limits, cgroupfs)", "0 of 30", "18 of 30", "+60.0 points [", "(start.threshold: <= 8MiB, then (16MiB, 20MiB])")
	wantText(t, v.find(t, "start.latency", cgroupjoin.Systemd).Reason, "start.latency (startup, systemd)", "margin of 20 %")
	if v.find(t, "runtime.memory.peak", cgroupjoin.Systemd).Ruling != Pass {
		t.Error("a metric that did not change did not pass beside those that did")
	}
	if len(v.Reasons) != 6 {
		t.Errorf("%d reasons, want one for each of 6 regressed rows: %q", len(v.Reasons), v.Reasons)
	}
}

// Catches a sign taken twice: the same two binaries the other way round improve, row by row.
func TestSwappedArmsImprove(t *testing.T) {
	m := upgrade()
	m.factor = map[string]float64{"start.latency": 1 / 1.5, "container.memory.peak": 0.2}
	m.killed[baseline], m.killed[candidate] = m.killed[candidate], m.killed[baseline]
	v := mustJudge(t, m.run(gateOf(startup(16), oomLimits(6))))
	wantRuling(t, v, Pass, 0)
	wantText(t, strings.Join(v.Reasons, "\n"), "the whole interval is better by more than the margin")
	for _, name := range []string{"start.latency", "container.memory.peak", "oom.rate"} {
		if got := v.find(t, name, cgroupjoin.Cgroupfs); got.Ruling != Improved {
			t.Errorf("%s: %s, want improved (%s)", name, got.Ruling, got.Reason)
		}
	}
}

// Catches a gate that cries wolf, or that can never say yes: 300 gates of one
// binary against itself, six rows each, with values that vary by 10 %.
func TestSameBinaryPasses(t *testing.T) {
	const rounds = 300
	sc := startup(20)
	sc.Judge = []string{"start.latency", "create.latency", "start.cpu"}
	rulings := map[Ruling]int{}
	for seed := range uint64(rounds) {
		rulings[mustJudge(t, model{cv: 0.10, seed: seed}.run(gateOf(sc))).Ruling]++
	}
	t.Logf("seeds 0 to %d: %v", rounds-1, rulings)
	if rulings[Pass] < rounds*95/100 || rulings[Regressed] > rounds/100 {
		t.Errorf("of %d gates %v; want at least 95 %% pass and at most 1 %% regressed", rounds, rulings)
	}
}

// Catches a verdict from two trials a cell: none of its rows may claim anything.
func TestTwoTrialsSettleNothing(t *testing.T) {
	for _, m := range []model{{cv: 0.05}, upgrade()} {
		v := mustJudge(t, m.run(gateOf(startup(2), oomLimits(2))))
		wantRuling(t, v, Inconclusive, 3)
		for _, row := range v.Metrics {
			if row.Ruling != Inconclusive {
				t.Errorf("%s: %s", row.Ruling, row.Reason)
			}
		}
		wantText(t, v.Metrics[0].Reason, "1 block with both arms measured, an interval takes 6 (about 12 trials an arm)")
	}
}

// Catches a wide interval taken for no change, and a forecast that is missing or absurd.
func TestNoiseIsInconclusive(t *testing.T) {
	v := mustJudge(t, model{cv: 0.4}.run(gateOf(startup(16))))
	wantRuling(t, v, Inconclusive, 3)
	row := v.find(t, "start.latency", cgroupjoin.Cgroupfs)
	wantText(t, row.Reason, "straddles the margin of 20 %", " an arm would settle it")
}

// Catches a claim that Holm does not allow, and one that chance alone could make.
func TestAClaimNeedsMoreThanItsInterval(t *testing.T) {
	r := row{Metric: Metric{Unit: Nanoseconds, Margin: 0.1, PHolm: 0.2}, margin: 0.1}
	r.change.Center, r.change.Lo, r.change.Hi = 0.3, 0.2, 0.4
	ruling, why := r.rule(Options{}, 12)
	if ruling != Inconclusive {
		t.Errorf("%s with p=0.2", ruling)
	}
	wantText(t, why, "p=0.200 after Holm over 12 rows")
	r.change.Lo, r.change.Hi = -0.4, -0.2
	if ruling, _ := r.rule(Options{}, 12); ruling != Pass {
		t.Errorf("%s: better beyond the margin with p=0.2 is no improvement, but no worse either", ruling)
	}
	r.PHolm = math.NaN() // no test was made
	r.change.Lo, r.change.Hi = 0.2, 0.4
	if ruling, _ := r.rule(Options{}, 12); ruling != Inconclusive {
		t.Errorf("%s without a p value", ruling)
	}
}

// Catches an interrupted run that passes, and a regression found in it that is thrown away.
func TestAnInterruptedRunNeverPasses(t *testing.T) {
	h := gateOf(startup(16))
	whole := model{cv: 0.02}.run(h)
	v := mustJudge(t, of(63, whole)) // 4 warm-ups and 59 of 64 trials
	wantRuling(t, v, Inconclusive, 3)
	wantText(t, strings.Join(v.Warnings, "\n"), "59 of 64 planned trials are recorded: the run was ended before its plan was")
	wantText(t, strings.Join(v.Reasons, "\n"), "planned trials of the", "so far not worse by more than the margin")
	v = mustJudge(t, of(63, upgrade().run(h)))
	wantRuling(t, v, Regressed, 1)
}

// Catches runs that cannot be judged but get a verdict about the candidate.
func TestWhatCannotBeComparedIsInvalid(t *testing.T) {
	h := gateOf(startup(16))
	noEnvironment := model{}.run(h)
	noEnvironment.Environments = nil
	other := guest()
	other.Kernel = "6.12.0"
	twoKernels := model{}.run(h)
	twoKernels.Environments = append(twoKernels.Environments, other)
	replaced := model{mutate: func(r *results.Record) {
		if r.Index > 30 && r.Arm == "candidate" {
			r.Runtime.SHA256 = "another"
		}
	}}.run(h)
	for _, c := range []struct {
		name string
		run  Run
		why  string
	}{
		{"no record", of(0, model{}.run(h)), "holds no trial"},
		{"only warm-ups", of(4, model{}.run(h)), "holds no trial besides warm-ups"},
		{"no environment", noEnvironment, "does not say in which environment"},
		{"two kernels", twoKernels, "kernel: 6.1.0-28-amd64 and 6.12.0"},
		{"two binaries", replaced, "the candidate is not one binary: sha-of-candi on ext4, but another on ext4"},
	} {
		v := mustJudge(t, c.run)
		wantRuling(t, v, Invalid, 4)
		if len(v.Metrics) != 0 {
			t.Errorf("%s: an invalid verdict has %d rows", c.name, len(v.Metrics))
		}
		wantText(t, strings.Join(v.Reasons, "\n"), c.why)
	}
}

// Catches input that is no gate, or no run, being judged all the same.
func TestWhatIsNoGateIsAnError(t *testing.T) {
	h := gateOf(startup(16))
	notGate := h
	notGate.Gate = false
	stranger := model{mutate: func(r *results.Record) { r.Arm = "x" }}.run(h)
	unknown := startup(16)
	unknown.Judge = []string{"start.moons"}
	torn := errors.New("disk gone")
	broken := Run{Header: h, Records: func(yield func(results.Record, error) bool) { yield(results.Record{}, torn) }}
	for _, c := range []struct {
		run  Run
		want string
	}{
		{model{}.run(notGate), "run: not a gate: its runtimes are [baseline candidate]"},
		{stranger, `runtime "x" is not one the run's header names`},
		{model{}.run(gateOf(unknown)), `scenario startup: judge: "start.moons" is not one of the metrics`},
		{broken, "disk gone"},
	} {
		_, err := Judge(c.run, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if input := new(results.InputError); errors.As(err, &input) == errors.Is(err, torn) {
			t.Errorf("%v: wrong input must be told from a disk that fails", err)
		}
	}
}

// Catches one rung that flips being drowned by a long ladder: the smallest limit
// went up by one step of twenty, which pooled is 5 points.
func TestOneRungThatFlipsIsFound(t *testing.T) {
	sc := oomLimits(4)
	sc.Drivers = sc.Drivers[:1]
	sc.Limits = nil
	for i := range int64(20) {
		sc.Limits = append(sc.Limits, (8+i)<<20)
	}
	v := mustJudge(t, model{killed: [arms]func(int64) bool{below(10), below(11)}}.run(gateOf(sc)))
	wantRuling(t, v, Inconclusive, 3) // 2/70 suffices for one rung, not for twenty
	wantText(t, v.Reasons[0], "4 of 4 candidates against 0 of 4 baselines at 10MiB", "more trials are needed there")

	sc.Trials = 6 // 2/924 is below 0.05/20
	v = mustJudge(t, model{killed: [arms]func(int64) bool{below(10), below(11)}}.run(gateOf(sc)))
	wantRuling(t, v, Regressed, 1)
	wantText(t, v.Reasons[0], "(start.threshold: (9MiB, 10MiB], then (10MiB, 11MiB])", "6 of 6 candidates")

	v = mustJudge(t, model{killed: [arms]func(int64) bool{below(11), below(10)}}.run(gateOf(sc)))
	wantRuling(t, v, Pass, 0)
	if v.Metrics[0].Ruling != Improved {
		t.Errorf("swapped: %s, want improved", v.Metrics[0].Ruling)
	}
}

// Catches kills under a limit that both arms need being held against the candidate.
func TestBothArmsKilledAlikePass(t *testing.T) {
	v := mustJudge(t, model{killed: [arms]func(int64) bool{below(16), below(16)}}.run(gateOf(oomLimits(6))))
	wantRuling(t, v, Pass, 0)
}

// Catches a second, hopeless row for a cell in which one arm cannot start, and its silent loss.
func TestACellWithoutStartsIsLeftToOOMRate(t *testing.T) {
	sc := oomLimits(16)
	sc.Judge = []string{"start.latency"}
	v := mustJudge(t, model{cv: 0.02, killed: [arms]func(int64) bool{below(20), below(16)}}.run(gateOf(sc)))
	wantRuling(t, v, Pass, 0)
	latencies := 0
	for _, m := range v.Metrics {
		if m.Name == "start.latency" {
			latencies++
		}
	}
	if latencies != 4 { // 20 and 32 MiB, two drivers
		t.Errorf("%d rows of start.latency, want 4", latencies)
	}
	if v.find(t, "oom.rate", cgroupjoin.Systemd).Ruling != Improved {
		t.Error("oom.rate was not judged although kills were seen")
	}
	wantText(t, strings.Join(v.Warnings, "\n"),
		"start.latency (oom-limits, systemd, 16MiB) has no row: every trial of the baseline was OOM-killed")
}

// Catches failed trials counted as kills or as nothing at all.
func TestFailuresAreJudgedWithoutBeingNamed(t *testing.T) {
	failing := func(most int) Run {
		return model{cv: 0.02, mutate: func(r *results.Record) {
			if r.Arm == "candidate" && !r.Warmup && r.Driver == cgroupjoin.Systemd && most > 0 {
				r.Outcome, r.Reason = results.TimedOut, "create did not return"
				most--
			}
		}}.run(gateOf(startup(40)))
	}
	v := mustJudge(t, failing(40))
	row := v.find(t, StartFailures, cgroupjoin.Systemd)
	if row.Ruling != Regressed || v.Ruling != Regressed {
		t.Errorf("all of the candidate's trials failed: %s, %s", v.Ruling, row.Reason)
	}
	wantText(t, row.Reason, "(candidate: timed-out: create did not return)")
	wantText(t, v.find(t, "start.latency", cgroupjoin.Systemd).Reason,
		"no start of the candidate could be measured (timed-out: create did not return)")
	if slices.ContainsFunc(v.Metrics, func(m Metric) bool { return m.Driver == cgroupjoin.Cgroupfs && m.Name == StartFailures }) {
		t.Error("a driver without a failure has a row for failures")
	}
	if v.Trials.Failed != 40 {
		t.Errorf("%d failed trials, want 40", v.Trials.Failed)
	}
	once := mustJudge(t, failing(1))
	if row := once.find(t, StartFailures, cgroupjoin.Systemd); row.Ruling != Pass {
		t.Errorf("one failure in 40: %s: %s", row.Ruling, row.Reason)
	}
}

// Catches something left behind going unsaid, or a leak of the baseline blamed on the candidate.
func TestLeaks(t *testing.T) {
	leaking := func(trials int, which ...string) Verdict {
		return mustJudge(t, model{mutate: func(r *results.Record) {
			if slices.Contains(which, r.Arm) && r.Driver == cgroupjoin.Cgroupfs {
				r.Leaks = []string{"cgroup /x"}
			}
		}}.run(gateOf(startup(trials))))
	}
	for _, c := range []struct {
		trials int
		which  []string
		want   Ruling
	}{
		{16, []string{"candidate"}, Regressed},
		{16, []string{"baseline"}, Improved},
		{16, []string{"baseline", "candidate"}, Pass},
		{2, []string{"candidate"}, Regressed}, // a fact needs no statistics
		{2, []string{"baseline", "candidate"}, Inconclusive},
	} {
		row := leaking(c.trials, c.which...).find(t, LeakCount, cgroupjoin.Cgroupfs)
		if row.Ruling != c.want {
			t.Errorf("%d trials, leaks of %v: %s, want %s (%s)", c.trials, c.which, row.Ruling, c.want, row.Reason)
		}
	}
	wantText(t, leaking(16, "baseline", "candidate").find(t, LeakCount, cgroupjoin.Cgroupfs).Reason, "(candidate: cgroup /x)")
	if n := leaking(16, "candidate").Trials.Leaking; n != 16 {
		t.Errorf("%d leaking trials, want 16", n)
	}
}

// Catches a trial that failed by chance, and so left something behind, turning into
// a leak of the candidate: it happened to one of 256 trials of a real gate.
func TestWhatAFailedTrialLeavesIsNoLeak(t *testing.T) {
	first := true
	v := mustJudge(t, model{cv: 0.02, mutate: func(r *results.Record) {
		if first && r.Arm == "candidate" && !r.Warmup {
			first = false
			r.Outcome, r.Reason, r.Leaks = results.Failed, "delete exited with 1", []string{"state directory x"}
		}
	}}.run(gateOf(startup(20), oomLimits(6))))
	wantRuling(t, v, Pass, 0)
	var scenarios []string
	for _, m := range v.Metrics {
		if m.Name == StartFailures || m.Name == LeakCount {
			scenarios = append(scenarios, m.Name+" in "+m.Scenario)
		}
	}
	if !slices.Equal(scenarios, []string{"start.failures in all"}) {
		t.Errorf("rows %v, want one of failures over all scenarios, none of leaks", scenarios)
	}
	wantText(t, strings.Join(v.Warnings, "\n"), "the candidate left something behind after a start that was failed (1 trial)")
	if v.Trials.Leaking != 1 {
		t.Errorf("%d leaking trials, want 1", v.Trials.Leaking)
	}
}

// Catches a batch of many containers taken for many batches, and totals that
// are sums where the containers ran side by side.
func TestBatchesAreTheUnit(t *testing.T) {
	sc := startup(16)
	sc.Containers, sc.Judge, sc.Drivers = 10, []string{"batch.total", "start.latency"}, sc.Drivers[:1]
	v := mustJudge(t, model{}.run(gateOf(sc)))
	wantRuling(t, v, Pass, 0)
	total := v.find(t, "batch.total", cgroupjoin.Cgroupfs)
	if total.Baseline.N != 16 || total.Baseline.Center != 6e9 {
		t.Errorf("sequential: %d totals of %v, want 16 of 10 x 600 ms", total.Baseline.N, total.Baseline.Center)
	}
	if n := v.find(t, "start.latency", cgroupjoin.Cgroupfs).Baseline.N; n != 16 {
		t.Errorf("160 starts in 16 batches are %d units, want 16", n)
	}
	sc.Concurrent = true
	v = mustJudge(t, model{}.run(gateOf(sc)))
	if total := v.find(t, "batch.total", cgroupjoin.Cgroupfs); total.Baseline.Center != 9e9+600e6 {
		t.Errorf("concurrent: %v, want from the first start to the tenth's end, 9.6 s", total.Baseline.Center)
	}
	broken := model{mutate: func(r *results.Record) {
		if r.Batch%2 == 0 && r.InBatch == 3 {
			r.Outcome, r.Latency = results.Failed, results.Latency{}
		}
	}}
	v = mustJudge(t, broken.run(gateOf(sc)))
	total = v.find(t, "batch.total", cgroupjoin.Cgroupfs)
	if total.Baseline.N != 8 || total.Baseline.Center != 9e9+600e6 {
		t.Errorf("%d totals of %v: a batch that lost a container has no total", total.Baseline.N, total.Baseline.Center)
	}
	if fails := v.find(t, StartFailures, cgroupjoin.Cgroupfs); fails.Baseline.N != 16 || fails.Baseline.Center != 0.5 {
		t.Errorf("%d units, rate %v: containers of one concurrent batch fail together, want 16 units, half of them", fails.Baseline.N, fails.Baseline.Center)
	}
}

// Catches a counter that was not read being taken for a zero, or passed over in silence.
func TestWhatWasNotMeasuredIsSaid(t *testing.T) {
	m := model{cv: 0.02, mutate: func(r *results.Record) {
		r.RuntimePeak = nil
		if r.Driver == cgroupjoin.Systemd {
			r.Warnings = []string{"the limit in force was 4096 bytes, not 5000"}
		}
	}}
	v := mustJudge(t, m.run(gateOf(startup(16))))
	wantRuling(t, v, Inconclusive, 3)
	wantText(t, strings.Join(v.Warnings, "\n"),
		"startup, cgroupfs: runtime.memory.peak of the baseline was not measured (16 trials)",
		"startup, systemd: the limit in force was 4096 bytes, not 5000 (32 trials)")
}

// Catches a scenario that judges nothing passing.
func TestNothingJudgedIsInconclusive(t *testing.T) {
	sc := startup(16)
	sc.Judge = nil
	wantRuling(t, mustJudge(t, model{}.run(gateOf(sc))), Inconclusive, 3)
}

// Catches a doubt about the machine that stays in the record and never reaches the reader.
func TestDoubtsAboutTheMachineAreWarnings(t *testing.T) {
	run := model{mutate: func(r *results.Record) {
		r.Runtime.SHA256, r.Runtime.Filesystem = "same", "tmpfs"
	}}.run(gateOf(startup(16)))
	env := guest()
	env.Accelerator, env.SwapBytes = "tcg", 1<<30
	later := env
	later.BootID, later.Initbench = "b2", "v1"
	run.Environments = []results.Environment{env, later}
	run.Torn = &results.Torn{Line: 9, Bytes: 12}
	v := mustJudge(t, run)
	wantRuling(t, v, Pass, 0)
	wantText(t, strings.Join(v.Warnings, "\n"), "emulated (tcg)", "swap is on (1 GiB)", "half a line (12 bytes)",
		"measured in 2 boots", "initbench: v0 and v1", "the baseline lies on tmpfs", "same binary")
}

func single(m model, arm string, list ...scenarios.Scenario) Run {
	h := gateOf(list...)
	h.Gate, h.ID = false, arm
	h.Spec.Runtimes = []scenarios.Runtime{{Name: "it", Ref: "runc"}}
	mutate := m.mutate
	m.mutate = func(r *results.Record) {
		r.Runtime.SHA256 = arm
		if mutate != nil {
			mutate(r)
		}
	}
	r := m.run(h)
	r.Name = arm
	return r
}

// Catches stored runs compared block by block although they share none, and no word about it.
func TestTwoRunsAreComparedAsTwoSamples(t *testing.T) {
	slow := model{cv: 0.05, seed: 5, mutate: func(r *results.Record) { *r.Latency.Started *= 2 }}
	old := func() Run { return single(model{cv: 0.05}, "old", startup(16)) }
	v, err := JudgeRuns(old(), single(slow, "new", startup(16)), roomy())
	if err != nil {
		t.Fatal(err)
	}
	wantRuling(t, v, Regressed, 1)
	if v.Interleaved {
		t.Error("two runs are called interleaved")
	}
	wantText(t, v.Warnings[0], "two runs are compared")
	if row := v.find(t, "start.latency", cgroupjoin.Systemd); row.Change < 0.9 || row.Change > 1.1 {
		t.Errorf("change %v, want about +100 %%", row.Change)
	}
	same, err := JudgeRuns(old(), single(model{cv: 0.05, seed: 6}, "new", startup(16)), roomy())
	if err != nil {
		t.Fatal(err)
	}
	wantRuling(t, same, Pass, 0)
}

// Catches two runs compared that were not made alike, each difference by itself.
func TestRunsThatDifferAreInvalid(t *testing.T) {
	other := func(change func(*results.Environment)) Run {
		r := single(model{}, "new", oomLimits(6))
		change(&r.Environments[0])
		return r
	}
	shorter := oomLimits(6)
	shorter.Limits = shorter.Limits[:3]
	for _, c := range []struct {
		run Run
		why string
	}{
		{other(func(e *results.Environment) { e.Kernel = "6.12" }), "kernel: 6.1.0-28-amd64 and 6.12"},
		{other(func(e *results.Environment) { e.Cgroup = "hybrid" }), "cgroup set-up: cgroup2 and hybrid"},
		{other(func(e *results.Environment) { e.Accelerator = "tcg" }), "accelerator: kvm and tcg"},
		{other(func(e *results.Environment) { e.Clock = "instructions" }), "clock: wall and instructions"},
		{other(func(e *results.Environment) { e.PageSize = 65536 }), "page size: 4096 and 65536"},
		{other(func(e *results.Environment) { e.Systemd = "" }), "systemd: 252 and none"},
		{single(model{}, "new", shorter), "scenario oom-limits differs: limits: 8MiB, 12MiB, 16MiB, 20MiB, 32MiB and 8MiB, 12MiB, 16MiB"},
		{single(model{}, "new", oomLimits(6), startup(6)), "scenario startup is in the candidate's run alone"},
		{single(model{}, "new", startup(6)), "scenario oom-limits is in the baseline's run alone"},
		{of(0, single(model{}, "new", oomLimits(6))), "new holds no trial"},
	} {
		v, err := JudgeRuns(single(model{}, "old", oomLimits(6)), c.run, roomy())
		if err != nil {
			t.Fatal(err)
		}
		wantRuling(t, v, Invalid, 4)
		wantText(t, strings.Join(v.Reasons, "\n"), c.why)
	}
}

// Catches the arm of a comparison being guessed, and a gate's baseline taken for what is compared.
func TestWhichRuntimeOfARunIsCompared(t *testing.T) {
	two := single(model{}, "two", startup(16))
	two.Header.Spec.Runtimes = append(two.Header.Spec.Runtimes, scenarios.Runtime{Name: "other", Ref: "crun"})
	_, err := JudgeRuns(two, two, roomy())
	if err == nil || !strings.Contains(err.Error(), "two: has the runtimes [it other]: compare takes runs of one runtime") {
		t.Errorf("error %v", err)
	}
	slower := model{cv: 0.02, factor: map[string]float64{"start.latency": 2}}
	v, err := JudgeRuns(model{cv: 0.02}.run(gateOf(startup(16))), slower.run(gateOf(startup(16))), roomy())
	if err != nil {
		t.Fatal(err)
	}
	wantRuling(t, v, Regressed, 1)
	if v.Baseline.Name != "candidate" || v.Trials.Recorded != 64 || v.Trials.Planned != 64 {
		t.Errorf("compared %s over %+v, want both gates' candidates, 32 trials each", v.Baseline.Name, v.Trials)
	}
	wantText(t, strings.Join(v.Warnings, "\n"), "run is a gate: its candidate is taken", "both directories hold the same run")
}

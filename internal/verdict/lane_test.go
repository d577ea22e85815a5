package verdict

import (
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

func charges(trials int) scenarios.Scenario {
	sc := startup(trials)
	sc.Name, sc.Observe = "charges", true
	sc.Judge = []string{"container.memory.charged_at_exec", "start.syscalls", "start.pagefaults"}
	return sc
}

// observed gives an observed trial what an observer sees: factor times 10 MiB and 800 calls, and 700 more.
func observed(r *results.Record, factor float64) {
	if !r.Observe {
		return
	}
	at := int64(factor * (10 << 20))
	if r.Found == nil {
		r.Found = &sequence.Finding{Order: sequence.FoundCloneBeforeJoin}
	}
	r.Found.ChargedAtExec = &at
	waits := int64(100 + r.Index%50) // by the clock: it is in no figure
	r.ContainerCounters = &sequence.Counters{Syscalls: int64(800*factor) + waits, Waits: &waits, PageFaults: 1000}
	r.RuntimeCounters = &sequence.Counters{Syscalls: 700 + waits, Waits: &waits, PageFaults: 2000}
}

// Catches charges and counters that are not judged, judged by one side alone, or told without their sides.
func TestChargesAndCountersAreJudged(t *testing.T) {
	v := mustJudge(t, model{cv: 0.05, mutate: func(r *results.Record) {
		observed(r, map[string]float64{"baseline": 1, "candidate": 2}[r.Arm])
	}}.run(gateOf(charges(12))))
	wantRuling(t, v, Regressed, 1)
	for name, want := range map[string]Ruling{"container.memory.charged_at_exec": Regressed, "start.syscalls": Regressed, "start.pagefaults": Pass} {
		if m := v.find(t, name, cgroupjoin.Systemd); m.Ruling != want || !m.Relative {
			t.Errorf("%s: %s, want %s (%s)", name, m.Ruling, want, m.Reason)
		}
	}
	calls := v.find(t, "start.syscalls", cgroupjoin.Systemd)
	if calls.Baseline.Center != 1500 || *calls.Candidate.Sides != (Sides{Container: 1600, Runtime: 700}) || math.Abs(calls.Change-8.0/15) > 1e-9 {
		t.Errorf("%v, sides %+v, change %v; want 1500, {1600 700}, 0.533", calls.Baseline.Center, calls.Candidate.Sides, calls.Change)
	}
	wantText(t, calls.Reason, "start.syscalls (charges, systemd) changed by +53.3 % [+53.3 %, +53.3 %] within blocks (medians: 1500, then 2300)", "the margin of 30 %")
}

// Catches a machine without BPF, a filled ring or a scenario that observes nothing being taken for no change.
func TestWhatNobodyObservedIsInconclusive(t *testing.T) {
	unwatched := charges(12)
	unwatched.Observe = false
	for _, c := range []struct {
		name     string
		sc       scenarios.Scenario
		observer string
		see      func(*results.Record)
		why      string
	}{
		{"no BPF", charges(12), "none: bpf: operation not permitted", func(*results.Record) {}, "the trials were not observed (none: bpf: operation not permitted)"},
		{"events lost", charges(12), "ebpf", func(r *results.Record) { observed(r, 1); r.LostEvents = 3 }, "the observer lost events of every trial"},
		{"not asked for", unwatched, "ebpf", func(*results.Record) {}, "no trial was observed, which the scenario's observe: true asks for"},
		{"an older record", charges(12), "", func(*results.Record) {}, "no observer watched the trials"},
	} {
		run := model{cv: 0.02, mutate: c.see}.run(gateOf(c.sc))
		run.Environments[0].Observer = c.observer
		v := mustJudge(t, run)
		wantRuling(t, v, Inconclusive, 3)
		for _, m := range v.Metrics {
			if !strings.HasSuffix(m.Reason, ": "+c.why) {
				t.Errorf("%s: %s", c.name, m.Reason)
			}
		}
		if said := strings.Contains(strings.Join(v.Warnings, "\n"), "nothing observed the trials"); said != strings.HasPrefix(c.observer, "none") {
			t.Errorf("%s: warnings %q", c.name, v.Warnings)
		}
	}
}

// Catches the time of an observer or a filter in a figure that is judged.
func TestLanesAreNeverMixed(t *testing.T) {
	slow := func(r *results.Record) {
		imposed(r)
		observed(r, 1)
		if r.Observe { // by a second, which no margin forgives
			*r.Latency.Started += 1000 * ms
		}
	}
	timed := charges(12)
	timed.Judge = []string{"start.latency"}
	v := mustJudge(t, model{cv: 0.02, mutate: slow}.run(gateOf(timed)))
	wantRuling(t, v, Inconclusive, 3)
	wantText(t, v.Metrics[0].Reason, "every trial was observed, and the observer is in its latencies")

	mixed := startup(16)
	mixed.Name, mixed.Orders, mixed.Judge = "mixed", sequence.Orders(), []string{"start.latency", "container.memory.charged_at_exec"}
	v = mustJudge(t, model{cv: 0.02, mutate: slow}.run(gateOf(mixed)))
	for _, m := range v.Metrics {
		if m.Order != sequence.Natural {
			t.Errorf("%s has a row in the order %s", m.Name, m.Order)
		}
	}
	m := v.find(t, "start.latency", cgroupjoin.Systemd)
	if m.Baseline.N != 0 || m.Ruling != Inconclusive {
		t.Errorf("%d values, %s: want none, with the observer loaded all the while", m.Baseline.N, m.Ruling)
	}
	wantText(t, m.Reason, "the observer was loaded for other trials of the scenario")
	for _, c := range mustSummarize(t, single(model{mutate: slow}, "run", mixed, charges(12), startup(12))).Cells {
		want := map[string]Lane{"mixed": Enforced, "charges": Observed, "startup": Timed}[c.Scenario]
		if c.Scenario == "mixed" && c.Order == sequence.Natural {
			want = Attached
		}
		if c.Lane != want || c.Start.N == 0 || (c.Start.Median > 1e9) != (want == Observed || want == Enforced) {
			t.Errorf("%s in %s: lane %s, median %v of %d", c.Scenario, c.Order, c.Lane, c.Start.Median, c.Start.N)
		}
	}
}

// Catches an observer whose cost goes unsaid, is of other conditions, or is the difference of two runtimes.
func TestWhatObservingCostIsSaid(t *testing.T) {
	m := model{cv: 0.01, factor: map[string]float64{"start.latency": 2}, mutate: func(r *results.Record) {
		observed(r, 1)
		if r.Observe {
			*r.Latency.Started = *r.Latency.Started * 103 / 100
		}
	}}
	limited := charges(12)
	limited.Name, limited.Limits, limited.Place = "limited", []int64{32 << 20}, cgroupjoin.OnContainer
	v := mustJudge(t, m.run(gateOf(startup(20), charges(12), limited)))
	if len(v.Notes) != 2 {
		t.Fatalf("notes %q, want one a driver, none under the limit that was never timed", v.Notes)
	}
	wantText(t, v.Notes[0], "observer: +", " of start.latency (cgroupfs; 24 observed, 40 timed trials, not interleaved")
	for _, note := range v.Notes {
		if !strings.HasPrefix(note, "observer: +2.") && !strings.HasPrefix(note, "observer: +3.") {
			t.Errorf("%s: want about +3 %%", note)
		}
	}
	if s := mustSummarize(t, single(m, "run", startup(20), charges(12))); len(s.Notes) != 2 {
		t.Errorf("a run's notes are %q", s.Notes)
	}
}

// Catches the latency of observed starts taken from the payload's stamp though the kernel's event is there, and
// the observer's cost made out of the difference of the two.
func TestObservedStartsAreShownUpToTheExec(t *testing.T) {
	m := model{cv: 0.01, mutate: func(r *results.Record) {
		observed(r, 1)
		called := *r.Latency.Created + 50*ms // of which the harness's own are not the start's
		*r.Latency.Started += 50 * ms
		r.Latency.StartCalled = &called
		if r.Found != nil {
			exec := r.StartNS + called + 20*ms
			r.Found.ExecNS = &exec
		}
	}}
	s := mustSummarize(t, single(m, "run", startup(20), charges(12)))
	for _, c := range s.Cells {
		want := map[Lane]float64{Timed: 500e6, Observed: 420e6}[c.Lane]
		if math.Abs(c.Start.Median-want) > 10e6 {
			t.Errorf("%s: %v ns, want %v", c.Lane, c.Start.Median, want)
		}
	}
	for _, note := range s.Notes {
		if !strings.HasPrefix(note, "observer: +0.") && !strings.HasPrefix(note, "observer: -0.") {
			t.Errorf("%s: want nothing, both up to the stamp", note)
		}
	}
}

// Catches natural starts under a loaded observer taken for ones it has no part in, when its cost is told.
func TestTheObserversCostIsAgainstStartsWithoutIt(t *testing.T) {
	loaded := startup(20)
	loaded.Name, loaded.Orders, loaded.Judge = "loaded", []sequence.Order{sequence.Natural, joinFirst}, nil
	m := model{cv: 0.01, mutate: func(r *results.Record) {
		imposed(r)
		observed(r, 1)
	}}
	if notes := mustJudge(t, m.run(gateOf(loaded, charges(12)))).Notes; len(notes) > 0 {
		t.Errorf("notes %q: no start was without the observer", notes)
	}
	notes := mustJudge(t, m.run(gateOf(loaded, startup(20), charges(12)))).Notes
	if len(notes) != 2 {
		t.Fatalf("notes %q, want one a driver", notes)
	}
	wantText(t, notes[0], "24 observed, 40 timed trials")
}

// Catches harness time between create and start judged as the runtime's, and older
// records, which did not keep it apart, thrown away.
func TestStartLatencyLeavesTheHarnessOut(t *testing.T) {
	v := mustJudge(t, model{cv: 0.01, mutate: func(r *results.Record) {
		if r.Arm == "candidate" { // the harness dawdled for 200 ms before start and before delete
			called, exited, deleting := *r.Latency.Created+200*ms, *r.Latency.Started+250*ms, *r.Latency.Started+450*ms
			*r.Latency.Started += 200 * ms
			*r.Latency.Deleted = deleting + 50*ms
			r.Latency.StartCalled, r.Latency.Exited, r.Latency.DeleteCalled = &called, &exited, &deleting
		}
	}}.run(gateOf(startup(16))))
	if m := v.find(t, "start.latency", cgroupjoin.Systemd); m.Ruling != Pass || math.Abs(m.Candidate.Center-500e6) > 20e6 {
		t.Errorf("%s, candidate %v, want 500 ms as the baseline (%s)", m.Ruling, m.Candidate.Center, m.Reason)
	}
}

// Catches two boots of an emulator called a regression: their seconds are not the same.
func TestTimesOfTwoEmulatedBootsDoNotCompare(t *testing.T) {
	boot := func(id, clock string, m model) Run {
		r := single(m, id, startup(16))
		r.Environments[0].BootID, r.Environments[0].Accelerator, r.Environments[0].Clock = id, "tcg", clock
		return r
	}
	slow := model{cv: 0.02, mutate: func(r *results.Record) { *r.Latency.Started *= 3; *r.ContainerPeak *= 3 }}
	for clock, want := range map[string]Ruling{"wall": Inconclusive, "instructions": Regressed} {
		v, err := JudgeRuns(boot("b1", clock, model{cv: 0.02}), boot("b2", clock, slow), roomy())
		if err != nil {
			t.Fatal(err)
		}
		if m := v.find(t, "start.latency", cgroupjoin.Systemd); m.Ruling != want {
			t.Errorf("clock %s: %s, want %s (%s)", clock, m.Ruling, want, m.Reason)
		}
		if m := v.find(t, "container.memory.peak", cgroupjoin.Systemd); m.Ruling != Regressed {
			t.Errorf("clock %s: bytes are the same in every boot, but the peak is %s", clock, m.Ruling)
		}
	}
}

// Catches a margin that was widened without a word.
func TestAMarginWidenedByWhatTheKernelResolvesIsSaid(t *testing.T) {
	small := model{cv: 0.02, factor: map[string]float64{"container.memory.peak": 1.2}}.run(gateOf(startup(16)))
	wantText(t, mustJudge(t, small).find(t, "container.memory.peak", cgroupjoin.Systemd).Why, "the margin of 13", "(256 KiB, what the kernel charges ahead)")
}

// Catches counters of an observer that did not know which calls wait being taken for no observer, or for figures.
func TestCallsThatWereNotToldApartAreNotJudged(t *testing.T) {
	v := mustJudge(t, model{mutate: func(r *results.Record) {
		observed(r, 1)
		if r.ContainerCounters != nil {
			r.ContainerCounters.Waits = nil
		}
	}}.run(gateOf(charges(12))))
	m := v.find(t, "start.syscalls", cgroupjoin.Systemd)
	if m.Ruling != Inconclusive || !m.Stuck {
		t.Errorf("%s, stuck %v", m.Ruling, m.Stuck)
	}
	wantText(t, m.Reason, "the observer of its time did not tell it")
}

// Catches an interval of latencies that reaches below nothing, or that two values make.
func TestAnIntervalThatMeansNothingIsNone(t *testing.T) {
	wild := model{mutate: func(r *results.Record) { *r.Latency.Started = int64(1+r.Index*r.Index) * 100 * ms }}
	for trials, m := range map[int]model{2: {cv: 0.01}, 3: wild} {
		for _, c := range mustSummarize(t, single(m, "run", startup(trials))).Cells {
			if c.Start.N != trials || !math.IsInf(c.Start.MeanLo, -1) || !math.IsInf(c.Start.MeanHi, 1) {
				t.Errorf("%d values, mean %v in [%v, %v]", c.Start.N, c.Start.Mean, c.Start.MeanLo, c.Start.MeanHi)
			}
		}
	}
	if c := mustSummarize(t, single(model{cv: 0.01}, "run", startup(3))).Cells[0].Start; !(c.MeanLo > 0 && c.MeanHi < 1e9) {
		t.Errorf("three values close together: [%v, %v]", c.MeanLo, c.MeanHi)
	}
}

// Catches a run of nothing but failures that does not say why, and output that breaks a table.
func TestAFailureSaysWhatWasPrinted(t *testing.T) {
	broken := model{mutate: func(r *results.Record) {
		r.Outcome, r.Reason = results.Failed, "create exited with 1"
		r.Output = "\n  \tlevel=error msg=\"no \x1b[31mspace\" " + strings.Repeat("x", 300) + "\nsecond line\n"
	}}
	want := `failed: create exited with 1; it printed: level=error msg="no [31mspace" xxx`
	for _, c := range mustSummarize(t, single(broken, "run", startup(2))).Cells {
		if !strings.HasPrefix(c.Failure, want) || !strings.HasSuffix(c.Failure, "xxx...") || strings.Contains(c.Failure, "\n") {
			t.Errorf("failure %q", c.Failure)
		}
	}
	v := mustJudge(t, broken.run(gateOf(startup(16))))
	wantText(t, v.find(t, StartFailures, cgroupjoin.Systemd).Reason, want)
}

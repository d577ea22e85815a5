package verdict

import (
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

func held(t *testing.T, run Run, all ...Ceiling) Verdict {
	t.Helper()
	opts := roomy()
	for _, c := range all {
		if c.Text == "" {
			c.Text = c.Metric
		}
		opts.Ceilings = append(opts.Ceilings, c)
	}
	v, err := Judge(run, opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func rulingsOf(v Verdict) (all []Ruling) {
	for _, h := range v.Ceilings {
		all = append(all, h.Ruling)
	}
	return all
}

// Catches a bound that is held against the baseline, that a median on both sides of it meets, that rules where it is only told, or
// that makes the whole what it is while the headline reads as if rows had.
func TestACeilingIsHeldAgainstTheCandidatesInterval(t *testing.T) {
	run := model{cv: 0.05, factor: map[string]float64{"container.memory.peak": 0.5}}.run(gateOf(startup(16)))
	peak := Ceiling{Metric: "container.memory.peak"}
	for _, c := range []struct {
		atMost   float64
		severity Severity
		want     Ruling
		whole    Ruling
		headline string
	}{
		{1.2e6, "", Pass, Pass, "pass"}, {0.8e6, Warn, Regressed, Pass, "pass"},
		{0.8e6, Fail, Regressed, Regressed, "regressed, with 1 ceiling broken (container.memory.peak)"},
		{1.0e6, Fail, Inconclusive, Inconclusive, "inconclusive, with 1 ceiling not settled (container.memory.peak)"},
	} {
		peak.AtMost, peak.Severity = c.atMost, c.severity
		v := held(t, run, peak)
		if got := rulingsOf(v); !slices.Equal(got, []Ruling{c.want, c.want}) {
			t.Errorf("at most %v: %v, want twice %s: %+v", c.atMost, got, c.want, v.Ceilings[0].Reason)
		}
		if v.Ruling != c.whole || v.Headline() != c.headline {
			t.Errorf("at most %v, severity %s: the whole is %s, want %s; headline %q, want %q", c.atMost, c.severity, v.Ruling, c.whole, v.Headline(), c.headline)
		}
		if c.severity == Warn && !strings.Contains(strings.Join(v.Warnings, "\n"), "by its severity only told: ceiling container.memory.peak (startup, cgroupfs): the candidate's median") {
			t.Errorf("a ceiling that only warns is not told: %q", v.Warnings)
		}
	}
	low, lower := Ceiling{Metric: "container.memory.peak", AtMost: 0.8e6}, Ceiling{Metric: "container.memory.peak", AtMost: 0.7e6, Text: "lower"}
	if got := held(t, run, low, lower).Headline(); got != "regressed, with 2 ceilings broken" {
		t.Errorf("headline of two ceilings %q", got)
	}
	peak.Driver, peak.Severity = cgroupjoin.Systemd, Fail
	if v := held(t, run, peak); len(v.Ceilings) != 1 || v.Ceilings[0].Cell.Driver != cgroupjoin.Systemd || v.Ceilings[0].Cell.Scenario != "startup" {
		t.Errorf("%+v", v.Ceilings)
	}
}

// Catches a ceiling that passes for want of a measurement.
func TestACeilingOnWhatWasNotMeasuredNeverPasses(t *testing.T) {
	run := model{cv: 0.05, mutate: func(r *results.Record) {
		if r.Arm == "candidate" {
			r.ContainerPeak = nil
		}
	}}.run(gateOf(startup(16)))
	v := held(t, run, Ceiling{Metric: "container.memory.peak", AtMost: 1e12})
	if v.Ruling != Inconclusive || !slices.Equal(rulingsOf(v), []Ruling{Inconclusive, Inconclusive}) {
		t.Errorf("%s, %v", v.Ruling, rulingsOf(v))
	}
	wantText(t, v.Ceilings[0].Reason, "no trial of the candidate measured it")
	for _, c := range []Ceiling{
		{Metric: "start.threshold", AtMost: 1e12}, {Metric: "oom.rate", Limit: 16 * mib}, {Metric: "start.latency", AtMost: 1e12, Scenario: "density"},
		{Metric: "container.memory.peak", AtMost: 1e12, Limit: 16 * mib}, {Metric: "start.syscalls", AtMost: 1e12, Driver: cgroupjoin.Systemd},
	} {
		if v := held(t, run, c); v.Ruling != Invalid || !strings.Contains(v.Reasons[0], "the run has nothing that measures it") {
			t.Errorf("%+v: %s %q", c, v.Ruling, v.Reasons)
		}
	}
}

// Catches a threshold held by its middle, and a worst order that is not the worst.
func TestACeilingOnAThreshold(t *testing.T) {
	sc := thresholds(natural, joinFirst)
	racing := edges(func(arm string, _ cgroupjoin.Driver, o sequence.Order, limit int64) float64 {
		if arm == "candidate" && limit < map[sequence.Order]int64{natural: 7 * mib, joinFirst: 17 * mib}[o] {
			return 0
		}
		return 1
	})
	run := runOf(gateOf(sc), racing.search(1, sc, nil))
	for _, c := range []struct {
		atMost float64
		order  sequence.Order
		want   Ruling
	}{
		{7 * float64(mib), "", Pass}, {6.75 * float64(mib), "", Regressed}, {6.875 * float64(mib), "", Inconclusive}, {12 * float64(mib), WorstOrder, Regressed},
		{17 * float64(mib), WorstOrder, Pass}, {12 * float64(mib), joinFirst, Regressed}, {12 * float64(mib), "", Pass},
	} {
		v := held(t, run, Ceiling{Metric: "start.threshold", Order: c.order, AtMost: c.atMost})
		if got := rulingsOf(v); !slices.Equal(got, []Ruling{c.want, c.want}) {
			t.Errorf("at most %v MiB in order %q: %v, want twice %s: %s", c.atMost/float64(mib), c.order, got, c.want, v.Ceilings[0].Reason)
		}
	}
	worst := held(t, run, Ceiling{Metric: "start.threshold", Order: WorstOrder, AtMost: 12 << 20, Text: "start.threshold <= 12MiB in worst order"}).Ceilings[0]
	wantText(t, worst.Reason, "ceiling start.threshold <= 12MiB in worst order (thresholds, cgroupfs, worst): the candidate's threshold in the worst order, join-before-clone, is in (16.75 MiB, 17 MiB], which is beyond it")
	for _, c := range []struct {
		limit  int64
		order  sequence.Order
		atMost float64
		want   Ruling
	}{
		{16 * mib, "", 0, Pass}, {16 * mib, WorstOrder, 0, Regressed}, {6 * mib, "", 0, Regressed}, {32 * mib, WorstOrder, 0, Pass},
		{6 * mib, "", 0.05, Regressed}, {16 * mib, "", 0.1, Pass}, {16 * mib, "", 0.01, Inconclusive},
	} {
		v := held(t, run, Ceiling{Metric: "oom.rate", Limit: c.limit, Order: c.order, AtMost: c.atMost})
		if got := rulingsOf(v); !slices.Equal(got, []Ruling{c.want, c.want}) {
			t.Errorf("oom.rate at %d MiB in order %q <= %v: %v, want twice %s: %s", c.limit/mib, c.order, c.atMost, got, c.want, v.Ceilings[0].Reason)
		}
	}
}

// Catches a worst order that was not measured, or of which too little was, in a ceiling that passes; and one that no other order stands beside.
func TestTheWorstOrderIsOneOfThoseMeasured(t *testing.T) {
	zero := Ceiling{Metric: "oom.rate", Limit: 16 * mib, Order: WorstOrder, Text: "oom.rate at 16MiB = 0 in worst order"}
	sc := oomLimits(40)
	sc.Orders, sc.Limits, sc.Drivers = []sequence.Order{natural, joinFirst}, []int64{16 * mib}, []cgroupjoin.Driver{cgroupjoin.Systemd}
	h := gateOf(sc)
	h.Design = &results.Design{Alpha: 0.05, Looks: []int{10, 20}}
	for _, c := range []struct {
		what   string
		keep   int // candidate's trials of the other order
		change func(r *results.Record, n int)
		want   Ruling
		says   string
	}{
		{"all started", 40, nil, Pass, "40"},
		{"never made", 0, nil, Inconclusive, "in join-before-clone order: no trial of the candidate shows it"},
		{"three trials", 3, nil, Inconclusive, "more trials are needed"},
		{"natural starts are killed, others fail", 40, func(r *results.Record, n int) {
			switch {
			case r.Order == natural && n%4 == 0:
				r.Outcome = results.InitOOMKilled
			case r.Order != natural && n%2 == 0:
				r.Outcome, r.Reason = results.Failed, "x"
			}
		}, Regressed, "10 of 40 trials of the candidate in the worst order, natural, refute it"},
	} {
		n, records := map[string]int{}, []results.Record{}
		for _, r := range (model{mutate: func(r *results.Record) { imposed(r) }}).all(h) {
			n[string(r.Order)+r.Arm]++
			at := n[string(r.Order)+r.Arm]
			if r.Order != natural && at > c.keep {
				continue
			}
			if c.change != nil && r.Arm == "candidate" {
				c.change(&r, at)
			}
			records = append(records, r)
		}
		v := held(t, runOf(h, records), zero)
		if len(v.Ceilings) != 1 || v.Ceilings[0].Ruling != c.want {
			t.Errorf("%s: %v, want %s: %+v", c.what, rulingsOf(v), c.want, v.Ceilings)
			continue
		}
		if got := v.Ceilings[0].Reason; strings.Contains(got, ",,") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q does not say %q", c.what, got, c.says)
		}
	}
	alone := sc
	alone.Orders = nil
	if v := held(t, model{}.run(gateOf(alone)), zero); v.Ruling != Invalid || !strings.Contains(v.Reasons[0], "nothing that measures it in the natural order and another one") {
		t.Errorf("one order alone: %s %q", v.Ruling, v.Reasons)
	}
}

// Catches a kill in the other order of a search that a ceiling on the worst one does not know of.
func TestAKillInAnyOrderRefutesNone(t *testing.T) {
	sc := thresholds(natural, joinFirst)
	sc.Drivers = sc.Drivers[:1]
	e := edges(func(_ string, _ cgroupjoin.Driver, o sequence.Order, limit int64) float64 {
		if limit < map[sequence.Order]int64{natural: 8 * mib, joinFirst: 7 * mib}[o] {
			return 0
		}
		return 1
	})
	records := e.search(1, sc, nil)
	killed := records[len(records)-1] // a candidate's in the other order
	killed.Index, killed.Limit, killed.Outcome = len(records), 20*mib, results.InitOOMKilled
	v := held(t, runOf(gateOf(sc), append(records, killed)), Ceiling{Metric: "oom.rate", Limit: 16 * mib, Order: WorstOrder})
	if got := rulingsOf(v); killed.Order != joinFirst || !slices.Equal(got, []Ruling{Regressed}) {
		t.Errorf("%v: %+v", got, v.Ceilings)
	}
}

// Catches a bound of 5 % that one kill in two refutes, and a rate under its bound that some look refutes.
func TestARateIsRefutedByEvidenceThatHoldsAtEveryLook(t *testing.T) {
	sc := oomLimits(2)
	sc.Limits, sc.Drivers = []int64{16 * mib}, []cgroupjoin.Driver{cgroupjoin.Systemd}
	few := model{mutate: func(r *results.Record) {
		if r.Arm == "candidate" && r.Index%2 == 0 {
			r.Outcome = results.InitOOMKilled
		}
	}}
	some := Ceiling{Metric: "oom.rate", Limit: 16 * mib, AtMost: 0.05}
	if v := held(t, few.run(gateOf(sc)), some); !slices.Equal(rulingsOf(v), []Ruling{Inconclusive}) {
		t.Errorf("two trials: %+v", v.Ceilings)
	}
	sc.Trials = 40
	if v := held(t, few.run(gateOf(sc)), some); !slices.Equal(rulingsOf(v), []Ruling{Regressed}) {
		t.Errorf("forty trials: %+v", v.Ceilings)
	}
}

// Catches a rate that is called 0 after a handful of trials, or although it was seen not to be.
func TestACeilingOfNothing(t *testing.T) {
	zero := Ceiling{Metric: "oom.rate", Limit: 12 * mib, Driver: cgroupjoin.Systemd}
	for _, c := range []struct {
		trials int
		below  int64
		want   Ruling
	}{{8, 8, Inconclusive}, {16, 8, Pass}, {8, 16, Regressed}} {
		v := held(t, model{killed: [arms]func(int64) bool{nil, below(c.below)}}.run(gateOf(oomLimits(c.trials))), zero)
		if got := rulingsOf(v); !slices.Equal(got, []Ruling{c.want}) {
			t.Errorf("%d trials, killed below %d MiB: %v, want %s: %s", c.trials, c.below, got, c.want, v.Ceilings[0].Reason)
		}
	}
	left := model{mutate: func(r *results.Record) {
		if r.Arm == "candidate" && r.Driver == cgroupjoin.Systemd {
			r.Leaks = []string{"cgroup /x"}
		}
	}}.run(gateOf(startup(16)))
	if got := rulingsOf(held(t, left, Ceiling{Metric: LeakCount})); !slices.Equal(got, []Ruling{Pass, Regressed}) {
		t.Errorf("leak.count: %v", got)
	}
	if got := rulingsOf(held(t, left, Ceiling{Metric: StartFailures})); !slices.Equal(got, []Ruling{Pass, Pass}) {
		t.Errorf("start.failures: %v", got)
	}
}

// Catches a pass that does not tell what was concluded from what was seen, and a bound that a search reaches exactly and its arithmetic misses.
func TestASearchHoldsARateWithoutStartsAtItsLimit(t *testing.T) {
	for _, c := range []struct{ probability, atMost float64 }{{0.9, 0.1}, {0.95, 0.05}, {0.8, 0}} {
		sc := thresholds(natural)
		sc.Drivers, sc.Search.Probability = sc.Drivers[:1], c.probability
		ceiling := Ceiling{Metric: "oom.rate", Limit: 60 * mib, AtMost: c.atMost}
		left, most, ok := roomy().SearchedRate(ceiling, sc)
		if !ok || left > most {
			t.Errorf("%v: %v of %v, %v", c, left, most, ok)
		}
		records := slices.DeleteFunc(sharpAt(8*mib, 8*mib).search(1, sc, nil), func(r results.Record) bool { return r.Limit == ceiling.Limit })
		v := held(t, runOf(gateOf(sc), records), ceiling)
		if len(v.Ceilings) != 1 || v.Ceilings[0].Ruling != Pass || !strings.HasSuffix(v.Ceilings[0].Reason, "none was made at this limit itself") {
			t.Errorf("%v: %+v", c, v.Ceilings)
		}
	}
	if _, _, ok := roomy().SearchedRate(Ceiling{Metric: "oom.rate", Limit: 128 * mib}, thresholds(natural)); ok {
		t.Error("a limit beyond the search is answered by it")
	}
}

// Catches a ceiling that a policy may set though no scenario of the run can hold it.
func TestACeilingKnowsWhichScenarioMeasuresIt(t *testing.T) {
	sc := thresholds(natural)
	for _, c := range []struct {
		c    Ceiling
		sc   scenarios.Scenario
		want bool
	}{
		{Ceiling{Metric: "start.threshold"}, sc, true}, {Ceiling{Metric: "start.threshold"}, startup(4), false},
		{Ceiling{Metric: "start.threshold", Order: joinFirst}, sc, false}, {Ceiling{Metric: "start.threshold", Order: WorstOrder}, sc, false},
		{Ceiling{Metric: "start.threshold", Order: WorstOrder}, thresholds(natural, joinFirst), true},
		{Ceiling{Metric: "oom.rate", Limit: 16 * mib}, sc, true}, {Ceiling{Metric: "oom.rate", Limit: 128 * mib}, sc, false},
		{Ceiling{Metric: "oom.rate", Limit: 16 * mib}, oomLimits(4), true}, {Ceiling{Metric: "oom.rate", Limit: 17 * mib}, oomLimits(4), false},
		{Ceiling{Metric: "leak.count"}, startup(4), true}, {Ceiling{Metric: "start.latency", Scenario: "density"}, startup(4), false},
		{Ceiling{Metric: "nonsense"}, startup(4), false},
	} {
		if got := c.c.Measures(c.sc); got != c.want {
			t.Errorf("%+v in %s: %v", c.c, c.sc.Name, got)
		}
	}
}

// Catches reasons of two cells that are word for word the same: what their payloads enumerate is all that tells these apart.
func TestACeilingSaysWhatWasEnumerated(t *testing.T) {
	h := newHeld(Ceiling{Text: "container.memory.peak <= 64MiB"}, metric{name: scenarios.ContainerMemoryPeak},
		key{scenario: "address-pool", driver: cgroupjoin.Cgroupfs, order: natural, enumerate: scenarios.Enumeration{Bits: 32, How: scenarios.Lazy, RecordBytes: 80}})
	if h.say(Pass, "it is within it"); !strings.Contains(h.Reason, "(address-pool, cgroupfs, lazy 2^32): it is") {
		t.Errorf("the reason is %q", h.Reason)
	}
}

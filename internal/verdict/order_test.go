package verdict

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const joinFirst, cloneFirst = sequence.JoinBeforeClone, sequence.CloneBeforeJoin

func ordered(trials int, orders ...sequence.Order) scenarios.Scenario {
	sc := oomLimits(trials)
	sc.Orders = orders
	return sc
}

// kill ends a trial as the kernel does.
func kill(r *results.Record) {
	r.Outcome, r.Latency.Started, r.Latency.Deleted = results.InitOOMKilled, nil, nil
}

// imposed gives a trial with an order asked for the account of having got it.
func imposed(r *results.Record) {
	if r.Order != sequence.Natural {
		r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Notifications: 6, Held: 1, HeldNS: 40 * ms}
		r.Found = &sequence.Finding{Order: sequence.Found(r.Order)}
	}
}

func notApplicable(r *results.Record) {
	if r.Order != sequence.Natural {
		r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderNotApplicable, Why: "nothing was copied inside init"}
	}
}

// race is runc 1.1.14 to 1.1.15 where the copy always wins by itself: with the join
// first every start below 20 MiB is killed. The baseline makes no copy.
func race() model {
	return model{cv: 0.02, mutate: func(r *results.Record) {
		if r.Arm == "baseline" {
			notApplicable(r)
			return
		}
		imposed(r)
		if r.Order == joinFirst && r.Limit < 20<<20 {
			kill(r)
		}
	}}
}

func (v Verdict) inOrder(t *testing.T, name string, d cgroupjoin.Driver, o sequence.Order) Metric {
	t.Helper()
	for _, m := range v.Metrics {
		if m.Name == name && m.Driver == d && m.Order == o {
			return m
		}
	}
	t.Fatalf("no row for %s under %s in the order %s", name, d, o)
	return Metric{}
}

// Catches a runtime that passes because it happens to win a race, which is what the
// natural order shows of it.
func TestARuntimeThatIsSafeByARaceRegresses(t *testing.T) {
	v := mustJudge(t, race().run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	wantRuling(t, v, Regressed, 1)
	if m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, sequence.Natural); m.Ruling != Pass {
		t.Errorf("natural order: %s (%s)", m.Ruling, m.Reason)
	}
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	if m.Ruling != Regressed || m.Ladder[1].Baseline != (Count{Started: 8, NotApplicable: 8}) || m.Ladder[1].Candidate != (Count{OOMKilled: 8}) {
		t.Errorf("join first: %s, %+v", m.Ruling, m.Ladder[1])
	}
	wantText(t, m.Reason, "oom.rate (oom-limits, systemd, join-before-clone) went from 0 of 40 to 24 of 40", "<= 8MiB, then (16MiB, 20MiB]",
		"; the baseline cannot take the order, its starts are natural ones")
	if len(v.Findings) != 2 {
		t.Fatalf("%d findings, want the candidate's under each driver: %+v", len(v.Findings), v.Findings)
	}
	f := v.Findings[1]
	want := "candidate starts at 8MiB under systemd 8 of 8 times by itself, 0 of 8 when the join comes first, likewise at 12MiB, 16MiB (oom-limits): it is safe only by winning a race"
	if f.Text != want || f.Kind != SafeByRace {
		t.Errorf("finding %s: %s", f.Kind, f.Text)
	}
}

// Catches the worst order taken for one the runtime cannot take, thresholds of an order
// that was never there, and kills that vanish behind a runtime's own order.
func TestLaddersShowTheWorstOrder(t *testing.T) {
	v := mustJudge(t, race().run(gateOf(ordered(8, joinFirst, sequence.Natural))))
	if len(v.Ladders) != 4 {
		t.Fatalf("%d ladders, want one for each arm and driver", len(v.Ladders))
	}
	base, cand := v.Ladders[0], v.Ladders[1]
	if base.Runtime != "baseline" || !base.TakesNone() || cand.TakesNone() || cand.Orders[0].Order != sequence.Natural {
		t.Errorf("ladders %+v and %+v", base, cand)
	}
	for _, c := range []struct {
		what      string
		got, want string
	}{
		{"baseline, natural", base.Orders[0].Threshold.String(), "<= 8MiB"},
		{"baseline, worst", base.WorstThreshold().String(), "<= 8MiB"},
		{"candidate, natural", cand.Orders[0].Threshold.String(), "<= 8MiB"},
		{"candidate, worst", cand.WorstThreshold().String(), "(16MiB, 20MiB]"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	counts, orders := cand.Worst()
	if orders[1] != joinFirst || counts[1].OOMKilled != 8 || orders[4] != sequence.Natural {
		t.Errorf("worst %v in %v: want join first where it kills, natural where nothing is worse", counts, orders)
	}
	if _, orders := base.Worst(); slices.Contains(orders, joinFirst) {
		t.Errorf("the baseline's worst orders %v hold one it cannot take", orders)
	}
	alone := mustJudge(t, race().run(gateOf(ordered(8)))).Ladders[1]
	if counts, _ := alone.Worst(); counts != nil {
		t.Errorf("a ladder of one order has a worst one: %v", counts)
	}
}

// Catches an order in which nothing starts, but nothing is killed either, told as no worse than the natural
// one; and a rung that says nothing in the name of no order.
func TestAnOrderInWhichNothingStartsIsTheWorst(t *testing.T) {
	hang := model{mutate: func(r *results.Record) {
		imposed(r)
		switch {
		case r.Limit == 8<<20:
			r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot}
		case r.Order == joinFirst && r.Limit == 12<<20:
			r.Outcome, r.Latency = results.TimedOut, results.Latency{}
		case r.Order == sequence.Natural && r.Limit == 12<<20 && r.Batch%2 == 0, r.Order == joinFirst && r.Limit == 16<<20:
			kill(r)
		}
	}}
	l := mustSummarize(t, single(hang, "run", ordered(8, joinFirst, cloneFirst))).Ladders[0]
	if counts, orders := l.Worst(); orders[0] != sequence.Natural || counts[0] != (Count{}) {
		t.Errorf("where nothing was measured: %+v in %q", counts[0], orders[0])
	}
	l = mustSummarize(t, single(hang, "run", ordered(8, sequence.Natural, joinFirst))).Ladders[0]
	counts, orders := l.Worst()
	if orders[1] != joinFirst || counts[1] != (Count{Failed: 8}) || orders[2] != joinFirst || orders[3] != sequence.Natural {
		t.Errorf("worst %v in %v", counts, orders)
	}
	if got := l.WorstThreshold().String(); got != "(16MiB, 20MiB]" {
		t.Errorf("threshold %s, want (16MiB, 20MiB]", got)
	}
}

// Catches a threshold beyond what was measured, one that a stray kill higher up does not lift, and one that
// promises a start at a limit where trials failed.
func TestThresholdIsABracketOfRungs(t *testing.T) {
	limits := []int64{8 << 20, 12 << 20, 16 << 20, 20 << 20}
	up, killed, failed, both := Count{Started: 8}, Count{OOMKilled: 8}, Count{Failed: 8}, Count{Started: 7, OOMKilled: 1}
	flaky := Count{Started: 7, Failed: 1}
	for _, c := range []struct {
		counts []Count
		want   string
	}{
		{[]Count{up, up, up, up}, "<= 8MiB"},
		{[]Count{killed, killed, up, up}, "(12MiB, 16MiB]"},
		{[]Count{killed, up, both, up}, "(16MiB, 20MiB]"},
		{[]Count{killed, killed, killed, both}, "> 20MiB"},
		{[]Count{killed, failed, failed, up}, "<= 20MiB"},
		{[]Count{killed, up, flaky, up}, "<= 20MiB"},
		{[]Count{killed, up, {OOMKilled: 1, Failed: 7}, up}, "(16MiB, 20MiB]"},
		{[]Count{failed, up, up, failed}, "not measured"},
		{[]Count{up, up, up, flaky}, "not measured"},
		{[]Count{killed, {}, up, {}}, "(8MiB, 16MiB]"},
		{[]Count{failed, failed, {}, {}}, "not measured"},
	} {
		if got := thresholdOf(limits, c.counts).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.counts, got, c.want)
		}
	}
}

// Catches an order that only the enforcer vouches for, told like one that an observer saw; and the words in a row of
// natural starts, where there is nothing to vouch for.
func TestAnOrderThatNobodyObservedIsSaidToBe(t *testing.T) {
	blind := race()
	seen := blind.mutate
	blind.mutate = func(r *results.Record) {
		seen(r)
		if r.Arm == "candidate" && r.Driver == cgroupjoin.Systemd {
			r.Found = nil
		}
	}
	v := mustJudge(t, blind.run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	wantRuling(t, v, Regressed, 1)
	const words = "; no observer confirmed the order of 80 of the 80 trials, only what imposed it says so"
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	if m.Ruling != Regressed || !strings.HasSuffix(m.Reason, words) {
		t.Errorf("join first: %s (%s)", m.Ruling, m.Reason)
	}
	wantText(t, v.inOrder(t, "oom.rate", cgroupjoin.Cgroupfs, joinFirst).Reason, "; no observer confirmed the order of 40 of the 80 trials")
	if m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, sequence.Natural); strings.Contains(m.Reason, "no observer") {
		t.Errorf("natural order: %s", m.Reason)
	}
}

// Catches a flaw of both arms that fails a runtime against itself, or that nobody is told of.
func TestTheSameFindingOnBothArmsIsReported(t *testing.T) {
	m := model{cv: 0.02, mutate: func(r *results.Record) {
		imposed(r)
		if r.Order == joinFirst && r.Limit == 12<<20 {
			kill(r)
		}
	}}
	v := mustJudge(t, m.run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	wantRuling(t, v, Pass, 0)
	if len(v.Findings) != 4 {
		t.Errorf("%d findings, want one for each arm and driver", len(v.Findings))
	}
	wantText(t, v.Headline(), "pass, with 2 findings: ", "candidate starts at 12MiB under systemd only by winning a race, as does the baseline")
}

// mixed is a candidate of which some starts under 12 MiB, the first ones of each cell, are said to have no
// order to impose, and start; all others there are killed with the join first.
func mixed(apart int) model {
	seen := map[string]int{}
	return model{cv: 0.02, mutate: func(r *results.Record) {
		imposed(r)
		cell := fmt.Sprint(r.Arm, r.Driver, r.Order)
		switch {
		case r.Order != joinFirst || r.Limit != 12<<20 || r.Arm == "baseline":
		case seen[cell] < apart:
			seen[cell]++
			notApplicable(r)
			r.Found, r.Leaks = nil, []string{"a mount"} // nobody observed it to be otherwise
		default:
			kill(r)
		}
	}}
}

// Catches natural starts that make an imposed order look better than it is: in its share of kills, its worst
// order, its finding and its row; and their being left out unsaid.
func TestNaturalStartsAreLeftOutOfAnOrderThatOthersTook(t *testing.T) {
	run := func() Run { return mixed(5).run(gateOf(ordered(20, sequence.Natural, joinFirst))) }
	v := mustJudge(t, run())
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	if got, want := m.Ladder[1].Candidate, (Count{OOMKilled: 15}); got != want || m.Ruling != Regressed {
		t.Errorf("%s with %+v, want regressed with %+v (%s)", m.Ruling, got, want, m.Reason)
	}
	warning := "5 of 20 trials of the candidate said that join-before-clone does not apply (oom-limits, systemd, 12MiB), while the others took it: those natural starts do not count"
	wantText(t, strings.Join(v.Warnings, "\n"), warning, "oom-limits, systemd: the candidate left something behind in a trial that is not counted (5 trials)")
	if v.Trials.NotCounted != 10 || v.Trials.Recorded != v.Trials.Planned {
		t.Errorf("trials %+v, want 10 not counted and none missing", v.Trials)
	}
	counts, orders := v.Ladders[3].Worst()
	if orders[1] != joinFirst || counts[1] != (Count{OOMKilled: 15}) {
		t.Errorf("worst %v in %v", counts, orders)
	}
	wantText(t, v.Findings[1].Text, "candidate starts at 12MiB under systemd 20 of 20 times by itself, 0 of 15 when the join comes first")

	h := run().Header
	h.Spec.Runtimes = h.Spec.Runtimes[1:]
	s := mustSummarize(t, mixed(5).run(h))
	wantText(t, strings.Join(s.Warnings, "\n"), strings.Replace(warning, "the candidate", "candidate", 1))
	for _, c := range s.Cells {
		if c.Order != joinFirst || c.Limit != 12<<20 {
			continue
		}
		if c.Trials() != 15 || c.NotCounted != 5 || c.Outcomes[results.Started] != 0 || c.Start.N != 0 || c.Imposing.NotApplicable != 5 {
			t.Errorf("cell %+v, want 15 kills and 5 not counted", c)
		}
	}
}

// Catches a trial that was left out of its cell taken for one that was never made.
func TestTrialsLeftOutOfAnOrderAreNotMissing(t *testing.T) {
	m := mixed(2)
	mutate := m.mutate
	m.mutate = func(r *results.Record) {
		mutate(r)
		if r.Outcome != results.Started {
			r.Outcome, r.Latency = results.Started, results.Latency{}
		}
	}
	v := mustJudge(t, m.run(gateOf(ordered(20, sequence.Natural, joinFirst))))
	wantRuling(t, v, Pass, 0)
	if m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst); m.Ladder[1].Candidate != (Count{Started: 18}) {
		t.Errorf("%+v, want 18 starts", m.Ladder[1].Candidate)
	}
}

// Catches a claim from the few trials that took an order, where most said that it does not apply.
func TestAnOrderThatMostTrialsDidNotTakeIsInconclusive(t *testing.T) {
	v := mustJudge(t, mixed(5).run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	if m.Ruling != Inconclusive {
		t.Errorf("%s: %s", m.Ruling, m.Reason)
	}
	wantText(t, m.Reason, "5 of 8 trials of the candidate at 12MiB said that the order does not apply, others took it")
}

// Catches a pass whose headline keeps to itself that the candidate starts by luck, that the baseline does
// too, or that tells the baseline's flaw as the candidate's.
func TestTheHeadlineNamesTheCandidatesFindings(t *testing.T) {
	at := func(kind FindingKind, arm string, natural Count, also ...int64) Finding {
		return Finding{Kind: kind, Scenario: "oom-limits", Driver: cgroupjoin.Systemd, Runtime: arm, Order: joinFirst, Limit: 12 << 20, AlsoAt: also, Natural: natural}
	}
	safe, coin := Count{Started: 8}, Count{Started: 6, OOMKilled: 2}
	for _, c := range []struct {
		ruling   Ruling
		findings []Finding
		want     string
	}{
		{Pass, nil, "pass"},
		{Pass, []Finding{at(SafeByRace, "candidate", safe)}, "pass, with 1 finding: candidate starts at 12MiB under systemd only by winning a race"},
		{Pass, []Finding{at(SafeByRace, "baseline", safe)}, "pass"},
		{Pass, []Finding{at(SafeByRace, "baseline", safe), at(SafeByRace, "candidate", coin, 16<<20, 8<<20)},
			"pass, with 1 finding: candidate starts at 8MiB, 12MiB, 16MiB under systemd as often as it wins a race, as does the baseline"},
		{Pass, []Finding{at(SafeByRace, "candidate", safe), at(KilledByOrder, "candidate", Count{OOMKilled: 8})},
			"pass, with 2 findings: candidate starts at 12MiB under systemd only by winning a race; candidate dies at 12MiB under systemd only for the order of its steps"},
		{Inconclusive, []Finding{at(SafeByRace, "candidate", safe)}, "inconclusive"},
	} {
		if got := (Verdict{Ruling: c.ruling, Findings: c.findings}).Headline(); got != c.want {
			t.Errorf("headline %q, want %q", got, c.want)
		}
	}
}

// Catches a finding that the baseline has not, and that no row makes a regression of.
func TestAFindingThatTheBaselineHasNotRegresses(t *testing.T) {
	v := mustJudge(t, model{cv: 0.02, mutate: func(r *results.Record) {
		imposed(r)
		if r.Order == joinFirst && r.Arm == "candidate" && r.Limit == 12<<20 {
			kill(r)
		}
	}}.run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	wantRuling(t, v, Regressed, 1)
	if m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst); m.Ruling != Regressed || len(v.Findings) != 2 {
		t.Errorf("%s (%s), findings %v", m.Ruling, m.Reason, v.Findings)
	}
}

// Catches a kill for which the order is to blame being told as a need for memory.
func TestAStartThatOnlyTheOrderKills(t *testing.T) {
	s := mustSummarize(t, single(model{mutate: func(r *results.Record) {
		imposed(r)
		if r.Order != cloneFirst && r.Limit < 20<<20 {
			kill(r)
		}
	}}, "run", ordered(20, sequence.Orders()...)))
	if len(s.Findings) != 2 || s.Findings[0].Kind != KilledByOrder {
		t.Fatalf("findings %+v, want one a driver", s.Findings)
	}
	wantText(t, s.Findings[0].Text, "it starts at 8MiB under cgroupfs 0 of 20 times by itself, 20 of 20 when the clone comes first",
		"it is killed for the order of its steps, not for what it needs")
}

// Catches chance told as a finding: 300 runs of a runtime to which the order is nothing and a coin everything.
func TestChanceIsNoFinding(t *testing.T) {
	const rounds = 300
	told := 0
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := model{seed: seed, mutate: func(rec *results.Record) {
			imposed(rec)
			if rec.Limit == 12<<20 && r.Float64() < 0.5 {
				kill(rec)
			}
		}}
		if len(mustSummarize(t, single(m, "run", ordered(8, sequence.Orders()...))).Findings) > 0 {
			told++
		}
	}
	t.Logf("seeds 0 to %d: %d runs with a finding", rounds-1, told)
	if told > rounds*5/100 {
		t.Errorf("%d of %d runs of a coin have a finding, want at most 5 %%", told, rounds)
	}
}

// Catches a trial in an order it never had, and its silent loss; and a row that claims
// something from the few trials that could be brought into the order.
func TestTrialsThatCouldNotBeBroughtIntoTheirOrder(t *testing.T) {
	failing := func(most int) Verdict {
		seen := map[string]int{}
		return mustJudge(t, model{cv: 0.02, mutate: func(r *results.Record) {
			imposed(r)
			cell := fmt.Sprint(r.Arm, r.Driver, r.Order, r.Limit)
			if r.Order == joinFirst && r.Arm == "candidate" && r.Limit == 12<<20 && seen[cell] < most {
				seen[cell]++
				r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "the deadline passed"}
				kill(r)
			}
		}}.run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	}
	v := failing(3)
	wantRuling(t, v, Pass, 0)
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	if got, want := m.Ladder[1].Candidate, (Count{Started: 5}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	wantText(t, strings.Join(v.Warnings, "\n"),
		"3 of 40 trials of the candidate could not be brought into join-before-clone (oom-limits, systemd) and do not count: the deadline passed")
	if v.Trials.NotCounted != 6 || v.Trials.Recorded != v.Trials.Planned {
		t.Errorf("trials %+v, want 6 not counted and none missing", v.Trials)
	}
	v = failing(5)
	wantRuling(t, v, Inconclusive, 3)
	wantText(t, v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst).Reason,
		"5 of 8 trials of the candidate at 12MiB could not be brought into the order: the deadline passed")
	if m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, sequence.Natural); m.Ruling != Pass {
		t.Errorf("the natural order's row is %s", m.Ruling)
	}
}

// Catches an order that was imposed by the enforcer's word and refuted by the observer.
func TestAnOrderFoundToBeAnotherDoesNotCount(t *testing.T) {
	s := mustSummarize(t, single(model{mutate: func(r *results.Record) {
		imposed(r)
		if r.Order == joinFirst && r.Limit == 8<<20 {
			r.Found.Order = sequence.FoundOverlapping
		}
	}}, "run", ordered(4, sequence.Natural, joinFirst)))
	for _, c := range s.Cells {
		lost := c.Order == joinFirst && c.Limit == 8<<20
		if lost != (c.NotCounted == 4) || lost != (c.Trials() == 0) {
			t.Errorf("%s at %d: %d trials, %d not counted", c.Order, c.Limit, c.Trials(), c.NotCounted)
		}
		if lost && (c.Found[sequence.FoundOverlapping] != 4 || c.Imposing.Imposed != 4) {
			t.Errorf("what did not count is not shown: %+v, %v", c.Imposing, c.Found)
		}
	}
	wantText(t, strings.Join(s.Warnings, "\n"), "4 of 20 trials of it could not be brought into join-before-clone (oom-limits, cgroupfs) and do not count: the order found was overlapping")
}

// Catches eight trials being too few for the gate as it is shipped: one rung of one
// order, at which one kill went missing, among all of its rows.
func TestTheDefaultGateFindsOneRungInOneOrder(t *testing.T) {
	var all []scenarios.Scenario
	for _, name := range []string{"startup", "oom-limits", "pod-limit", "charges"} {
		sc, err := scenarios.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sc)
	}
	spared := false
	v := mustJudge(t, model{cv: 0.03, mutate: func(r *results.Record) {
		imposed(r)
		observed(r, 1)
		if r.Arm != "candidate" || r.Scenario != "oom-limits" || r.Driver != cgroupjoin.Systemd || r.Order != joinFirst || r.Limit != 12<<20 {
			return
		}
		if spared {
			kill(r)
		}
		spared = true
	}}.run(gateOf(all...)))
	m := v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst)
	t.Logf("%d rows, p %.2g, after Holm %.2g", len(v.Metrics), m.P, m.PHolm)
	if m.Ruling != Regressed || m.Candidate.Events != 7 {
		t.Errorf("7 kills of 8 at one limit: %s (%s)", m.Ruling, m.Reason)
	}
	for _, other := range v.Metrics {
		if other.Ruling != Pass && other.Reason != m.Reason {
			t.Errorf("%s: %s", other.Ruling, other.Reason)
		}
	}
}

// Catches a gate that fails a runtime against itself because both lose the same race now and then: 300
// gates over the two orders, kills at two limits by the toss of a coin.
func TestARaceThatBothArmsLoseAlikeIsNoRegression(t *testing.T) {
	const rounds = 300
	rulings := map[Ruling]int{}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 2))
		m := model{cv: 0.02, seed: seed, mutate: func(rec *results.Record) {
			imposed(rec)
			if (rec.Limit == 12<<20 || rec.Limit == 16<<20) && r.Float64() < 0.5 {
				kill(rec)
			}
		}}
		rulings[mustJudge(t, m.run(gateOf(ordered(8, sequence.Natural, joinFirst)))).Ruling]++
	}
	t.Logf("seeds 0 to %d: %v", rounds-1, rulings)
	// Two coins in each of four rows are the hardest a ladder has: a third of all rungs, each of
	// the greatest variance. Eight trials leave half of those gates inconclusive, and none may accuse.
	if rulings[Regressed] > rounds*2/100 || rulings[Pass] < rounds*40/100 {
		t.Errorf("of %d gates %v; want at most 2 %% regressed and at least 40 %% passed", rounds, rulings)
	}
}

// Catches a row that compares natural starts under the name of an order nobody took, and one stray
// trial to which the order did not apply hiding what the others show.
func TestWhoeverCannotTakeAnOrderIsNamed(t *testing.T) {
	v := mustJudge(t, model{cv: 0.02, mutate: notApplicable}.run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	wantRuling(t, v, Pass, 0)
	wantText(t, v.inOrder(t, "oom.rate", cgroupjoin.Systemd, joinFirst).Reason, "; neither runtime can take the order, these are their natural starts")
	if len(v.Findings) > 0 {
		t.Errorf("findings of an order that nobody took: %+v", v.Findings)
	}
	m, first := race(), true
	mutate := m.mutate
	m.mutate = func(r *results.Record) {
		mutate(r)
		if first && r.Arm == "candidate" && r.Order == joinFirst {
			first = false
			notApplicable(r)
		}
	}
	if v := mustJudge(t, m.run(gateOf(ordered(8, sequence.Natural, joinFirst)))); len(v.Findings) != 2 {
		t.Errorf("%d findings, want 2", len(v.Findings))
	}
}

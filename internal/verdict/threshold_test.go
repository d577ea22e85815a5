package verdict

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

func thresholds(orders ...sequence.Order) scenarios.Scenario {
	q := scenarios.DefaultSearch()
	return scenarios.Scenario{
		Name: "thresholds", Drivers: cgroupjoin.Drivers(), Orders: orders, Search: &q, Place: cgroupjoin.OnContainer,
		Trials: q.Most, Containers: 1, Timeout: 30e9, Judge: []string{"start.threshold"},
	}
}

// edges says in a made-up world how likely a start is.
type edges func(arm string, d cgroupjoin.Driver, o sequence.Order, limit int64) float64

// sharpAt starts from a limit on, of each arm one.
func sharpAt(base, cand int64) edges {
	return func(arm string, _ cgroupjoin.Driver, _ sequence.Order, limit int64) float64 {
		at := base
		if arm == "candidate" {
			at = cand
		}
		if limit >= at {
			return 1
		}
		return 0
	}
}

// search makes the records that searches of all cells give, each as the one after the other.
func (e edges) search(seed uint64, sc scenarios.Scenario, mutate func(*results.Record)) []results.Record {
	r := rand.New(rand.NewPCG(seed, 11))
	var all []results.Record
	for _, driver := range sc.Drivers {
		for _, order := range sc.AllOrders() {
			for _, arm := range armNames {
				q := sc.Search
				s := stats.NewSearch(SearchSpec(*q))
				for limits := s.Next(1); len(limits) > 0; limits = s.Next(1) {
					rec := results.Record{
						Kind: "trial", Schema: results.Schema, Environment: "e1", Outcome: results.Started,
						Trial:   scenarios.Trial{Index: len(all), Scenario: sc.Name, Arm: arm, Driver: driver, Order: order, Place: sc.Place, Limit: limits[0], Block: len(all), Batch: len(all), BatchSize: 1, Together: true},
						Runtime: results.RuntimeID{Name: arm, Ref: "runc@" + arm, SHA256: "sha-of-" + arm, Filesystem: "ext4"},
					}
					imposed(&rec)
					if r.Float64() >= e(arm, driver, order, limits[0]) {
						rec.Outcome = results.InitOOMKilled
					}
					if mutate != nil {
						mutate(&rec)
					}
					if err := s.Add(limits[0], rec.Outcome == results.Started); err != nil {
						panic(err)
					}
					all = append(all, rec)
				}
			}
		}
	}
	return all
}

func runOf(h results.Header, records []results.Record) Run {
	return Run{Name: "run", Header: h, Environments: []results.Environment{guest()}, Records: func(yield func(results.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

func (e edges) gate(t *testing.T, seed uint64, sc scenarios.Scenario) Verdict {
	t.Helper()
	return mustJudge(t, runOf(gateOf(sc), e.search(seed, sc, nil)))
}

// Catches a sharp edge that does not pass against itself, one that moved by more than the margin and is not seen, and
// a sentence without both ends.
func TestThresholdsAreJudgedByTheirBrackets(t *testing.T) {
	sc := thresholds(natural)
	for _, c := range []struct {
		base, cand int64
		want       Ruling
	}{
		{7*mib + mib/4, 7*mib + mib/4, Pass}, {7 * mib, 7*mib + 3*mib/4, Pass}, {7 * mib, 8*mib + mib/2, Regressed},
		{8*mib + mib/2, 7 * mib, Improved}, {7 * mib, 8*mib + mib/4, Inconclusive}, {7 * mib, 17*mib + mib/4, Regressed},
		{7 * mib, 100 * mib, Regressed}, {100 * mib, 7 * mib, Improved}, {100 * mib, 100 * mib, Inconclusive},
	} {
		m := sharpAt(c.base, c.cand).gate(t, 1, sc).find(t, "start.threshold", cgroupjoin.Cgroupfs)
		if m.Ruling != c.want || m.Unit != Bytes || m.Relative || m.Margin != 1<<20 {
			t.Errorf("%v then %v: %s, margin %v (%s), want %s", c.base, c.cand, m.Ruling, m.Margin, m.Reason, c.want)
		}
	}
	v := sharpAt(7*mib, 17*mib+mib/4).gate(t, 1, sc)
	m := v.find(t, "start.threshold", cgroupjoin.Systemd)
	wantText(t, m.Reason, "start.threshold (thresholds, systemd) went from 7 MiB to 17.25 MiB, +10.25 MiB (+146 %) [+10 MiB, +10.5 MiB]", "the margin of 1 MiB")
	if m.Change != 10.25*float64(mib) || m.Candidate.Lo != float64(17*mib) || m.Candidate.Hi != float64(17*mib+mib/4) || m.Place != cgroupjoin.OnContainer {
		t.Errorf("%+v", m)
	}
	if len(v.Searches) != 4 || v.Searches[0].Edge.Threshold != 7*mib || !v.Searches[0].Edge.Sharp || v.Searches[0].Points[0].Limit >= v.Searches[0].Points[1].Limit {
		t.Errorf("searches: %+v", v.Searches)
	}
	if v.Trials.Planned != v.Trials.Recorded {
		t.Errorf("%+v: a search is no plan that was cut short", v.Trials)
	}
}

// Catches an edge that does not pass against itself, wherever on the grid or below it, and a candidate that is held for worse though it starts at the
// lowest limit there is.
func TestASharpEdgePassesAgainstItself(t *testing.T) {
	sc := thresholds(natural)
	sc.Drivers = sc.Drivers[:1]
	q := sc.Search
	for at := int64(0); at <= q.To; at = at*5/4 + 300<<10 {
		m := sharpAt(at, at).gate(t, uint64(at), sc).Metrics[0]
		if m.Ruling != Pass {
			t.Errorf("edge at %d: %s %s", at, m.Ruling, m.Reason)
		}
	}
	for _, c := range []struct {
		base, cand int64
		want       Ruling
	}{{q.From, q.From + q.Step, Pass}, {q.From + q.Step, q.From, Pass}, {7 * mib, 0, Improved}, {0, 7 * mib, Regressed}, {0, q.From + 6*q.Step, Regressed}} {
		m := sharpAt(c.base, c.cand).gate(t, 1, sc).Metrics[0]
		if m.Ruling != c.want {
			t.Errorf("%d then %d: %s, want %s (%s)", c.base, c.cand, m.Ruling, c.want, m.Reason)
		}
		wantText(t, m.Reason, "the lowest limit of the search")
	}
}

// Catches a row that rules by the few starts that took their order, and one in which nothing starts that does not say so.
func TestAThresholdThatCannotBeRuledSaysWhy(t *testing.T) {
	sc := thresholds(natural, joinFirst)
	n := 0
	lost := sharpAt(7*mib, 12*mib).search(1, sc, func(r *results.Record) {
		if n++; r.Order == joinFirst && r.Arm == "candidate" && n%4 != 0 {
			r.Enforcement.Outcome, r.Enforcement.Why = sequence.OrderCouldNot, "the deadline passed"
		}
	})
	v := mustJudge(t, runOf(gateOf(sc), lost))
	m := v.inOrder(t, "start.threshold", cgroupjoin.Cgroupfs, joinFirst)
	if m.Ruling != Inconclusive || m.Stuck || v.inOrder(t, "start.threshold", cgroupjoin.Cgroupfs, natural).Ruling != Regressed {
		t.Errorf("%s, stuck %v: %s", m.Ruling, m.Stuck, m.Reason)
	}
	wantText(t, m.Reason, "starts of the candidate could not be brought into the order")
	nowhere := sharpAt(100*mib, 100*mib).gate(t, 1, thresholds(natural)).Metrics[0]
	wantText(t, nowhere.Reason, "neither runtime starts at 64 MiB, the largest limit of the search")
}

// Catches a search that was not begun in the way of what is known of failures elsewhere, and failures within one that go unsaid.
func TestFailuresArePooledOverTheSearchesThatWereMade(t *testing.T) {
	sc, th := startup(40), thresholds(natural)
	sc.Drivers, th.Drivers = sc.Drivers[:1], th.Drivers[:1]
	n := 0
	one := model{cv: 0.01, mutate: func(r *results.Record) {
		if n++; n == 30 {
			r.Outcome, r.Reason = results.Failed, "x"
		}
	}}
	m := mustJudge(t, runOf(gateOf(sc, th), one.all(gateOf(sc)))).find(t, StartFailures, sc.Drivers[0])
	if m.Ruling != Pass || m.Baseline.N+m.Candidate.N != 80 {
		t.Errorf("a search not begun: %s %s", m.Ruling, m.Reason)
	}
	n = 0
	failing := sharpAt(7*mib, 7*mib).search(1, th, func(r *results.Record) {
		if n++; r.Arm == "candidate" && n%2 == 0 {
			r.Outcome, r.Reason = results.Failed, "boom"
		}
	})
	if m := mustJudge(t, runOf(gateOf(th), failing)).find(t, StartFailures, sc.Drivers[0]); m.Ruling != Regressed {
		t.Errorf("failures in a search: %s %s", m.Ruling, m.Reason)
	}
	level := mustJudge(t, runOf(gateOf(th), sharpAt(7*mib, 12*mib).search(1, th, nil))).Metrics[0]
	wantText(t, level.Paragraph, "each search claims its bracket at 95.0 % confidence, so that the difference of both holds at 90.0 %")
}

// Catches a search that depends on the order in which records were stored.
func TestASearchIsReplayedInTheOrderOfItsTrials(t *testing.T) {
	sc := thresholds(natural)
	coin := edges(func(_ string, _ cgroupjoin.Driver, _ sequence.Order, limit int64) float64 {
		return min(1, max(0, float64(limit-6*mib)/float64(6*mib)))
	})
	records := coin.search(3, sc, nil)
	want := mustJudge(t, runOf(gateOf(sc), records)).Searches
	shuffled := slices.Clone(records)
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
	got := mustJudge(t, runOf(gateOf(sc), shuffled)).Searches
	for i := range want {
		if want[i].Edge != got[i].Edge || !slices.Equal(want[i].Points, got[i].Points) {
			t.Errorf("%+v, then %+v", want[i].Edge, got[i].Edge)
		}
	}
}

// Catches a race that hides a threshold, and a runtime without an order that is judged as if it had starts of none.
func TestTheWorstOrderHasARowAndAFinding(t *testing.T) {
	sc := thresholds(natural, joinFirst)
	racing := edges(func(arm string, d cgroupjoin.Driver, o sequence.Order, limit int64) float64 {
		at := 7 * mib
		if arm == "candidate" && (o == joinFirst || d == cgroupjoin.Cgroupfs) {
			at = 17 * mib
		}
		if limit >= at {
			return 1
		}
		return 0
	})
	records := racing.search(1, sc, func(r *results.Record) {
		if r.Arm == "baseline" && r.Order == joinFirst {
			r.Enforcement.Outcome, r.Found.Order = sequence.OrderNotApplicable, sequence.FoundNoClone
		}
	})
	v := mustJudge(t, runOf(gateOf(sc), records))
	for _, c := range []struct {
		d    cgroupjoin.Driver
		o    sequence.Order
		want Ruling
	}{{cgroupjoin.Cgroupfs, natural, Regressed}, {cgroupjoin.Cgroupfs, joinFirst, Regressed}, {cgroupjoin.Systemd, natural, Pass}, {cgroupjoin.Systemd, joinFirst, Regressed}} {
		m := v.inOrder(t, "start.threshold", c.d, c.o)
		if m.Ruling != c.want {
			t.Errorf("%s, %s: %s (%s)", c.d, c.o, m.Ruling, m.Reason)
		}
		if c.o == joinFirst {
			wantText(t, m.Reason, "the baseline cannot take the order, its edge is that of its natural starts")
		}
	}
	if len(v.Findings) != 1 || v.Findings[0].Kind != SafeByRace || v.Findings[0].Driver != cgroupjoin.Systemd {
		t.Fatalf("findings: %+v", v.Findings)
	}
	wantText(t, v.Findings[0].Text, "candidate under systemd: start.threshold is in (6.75 MiB, 7 MiB] by itself, in (16.75 MiB, 17 MiB] when the join comes first")
	wantText(t, v.Findings[0].brief(), "candidate starts between 7 MiB and 16.75 MiB under systemd only by winning a race")
}

// Catches failures taken for kills, and a search of nothing but failures that passes.
func TestFailedStartsShowNoThreshold(t *testing.T) {
	sc := thresholds(natural)
	records := sharpAt(7*mib, 7*mib).search(1, sc, nil)
	broken := slices.Clone(records)
	for i := range broken {
		if broken[i].Arm == "candidate" {
			broken[i].Outcome, broken[i].Reason = results.Failed, "create exited with 1"
		}
	}
	v := mustJudge(t, runOf(gateOf(sc), broken))
	m := v.find(t, "start.threshold", cgroupjoin.Cgroupfs)
	if m.Ruling != Inconclusive || !m.Stuck {
		t.Errorf("%s, stuck %v: %s", m.Ruling, m.Stuck, m.Reason)
	}
	wantText(t, m.Reason, "no start of the candidate showed anything (failed: create exited with 1)")
	if got := v.find(t, StartFailures, cgroupjoin.Cgroupfs).Ruling; got != Regressed {
		t.Errorf("start.failures: %s", got)
	}
	none := mustJudge(t, runOf(gateOf(sc, startup(2)), model{}.all(gateOf(startup(2)))))
	if m := none.find(t, "start.threshold", cgroupjoin.Cgroupfs); m.Ruling != Inconclusive || !strings.Contains(m.Reason, "no start of the baseline was made") {
		t.Errorf("%s: %s", m.Ruling, m.Reason)
	}
}

// all are the records of a plan.
func (m model) all(h results.Header) (all []results.Record) {
	for r := range m.records(h.Spec) {
		all = append(all, r)
	}
	return all
}

// Catches a summary without the searches, or with their limits mixed into cells.
func TestASummaryShowsSearches(t *testing.T) {
	sc := thresholds(natural)
	h := gateOf(sc)
	s := mustSummarize(t, runOf(h, sharpAt(7*mib, 9*mib).search(1, sc, nil)))
	if len(s.Cells) != 0 || len(s.Searches) != 4 || s.Searches[0].Driver != s.Searches[1].Driver || s.Searches[1].Edge.Threshold != 9*mib {
		t.Errorf("%d cells, searches %+v", len(s.Cells), s.Searches)
	}
}

// Catches a verdict of a run under way that is not the one of its stored records.
func TestAGrowingRunIsJudgedAsAStoredOne(t *testing.T) {
	sc := thresholds(natural)
	records := sharpAt(7*mib, 9*mib).search(1, sc, nil)
	kept := &Replays{}
	for _, n := range []int{10, 60, 61, 30, len(records), len(records)} {
		run := runOf(gateOf(sc), records[:n])
		stored := mustJudge(t, run).Searches
		run.Replays = kept
		for i, s := range mustJudge(t, run).Searches {
			if s.Edge != stored[i].Edge || s.Edge.Starts > n {
				t.Errorf("%d records: %+v, stored %+v", n, s.Edge, stored[i].Edge)
			}
		}
	}
}

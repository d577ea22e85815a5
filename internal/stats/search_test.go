package stats

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

var gateSearch = SearchSpec{From: 1 * mib, To: 64 * mib, Step: 256 * kib, Probability: 0.9, Confidence: 0.95, Most: 200}

// family is a way in which starts may depend on the limit; make draws one of it.
type family struct {
	name string
	make func(r *rand.Rand) func(limit float64) float64
}

func families() []family {
	place := func(r *rand.Rand) float64 { return (1 + 62*r.Float64()) * mib }
	var all []family
	for _, lapse := range []float64{0, 0.01, 0.02} {
		all = append(all, family{fmt.Sprintf("sharp, lapses %v", lapse), func(r *rand.Rand) func(float64) float64 {
			edge := place(r)
			return func(x float64) float64 { return atLeast(x, edge) * (1 - lapse) }
		}})
	}
	for _, width := range []float64{64 * kib, 512 * kib, 2 * mib, 8 * mib} {
		all = append(all, family{fmt.Sprintf("logistic, width %v KiB", width/kib), func(r *rand.Rand) func(float64) float64 {
			edge := place(r)
			return func(x float64) float64 { return 1 / (1 + math.Exp(-(x-edge)/width)) }
		}})
	}
	for _, q := range []float64{0.05, 0.3, 0.5, 0.8, 0.88, 0.92, 0.97} {
		for _, lapse := range []float64{0, 0.02} {
			all = append(all, family{fmt.Sprintf("stairs with a landing at %v, lapses %v", q, lapse), func(r *rand.Rand) func(float64) float64 {
				bottom := place(r)
				top := bottom + 8*mib*r.Float64()
				return func(x float64) float64 { return math.Max(q*atLeast(x, bottom), atLeast(x, top)) * (1 - lapse) }
			}})
		}
	}
	return all
}

func atLeast(x, edge float64) float64 {
	if x >= edge {
		return 1
	}
	return 0
}

// truth is the index of the threshold, the number of limits if there is none.
func (s *Search) truth(curve func(float64) float64) int {
	for i := range s.limits {
		if curve(float64(s.limit(i))) >= s.spec.Probability {
			return i
		}
	}
	return s.limits
}

// run makes the starts that a search asks for, n at once, and hands each group's outcomes over in an order of its own.
func (s *Search) run(t *testing.T, r *rand.Rand, n int, curve func(float64) float64, order func(outcomes []outcome)) {
	t.Helper()
	for limits := s.Next(n); len(limits) > 0; limits = s.Next(n) {
		if len(limits) > n {
			t.Fatalf("%d limits proposed, %d asked for", len(limits), n)
		}
		var group []outcome
		for _, limit := range limits {
			group = append(group, outcome{limit, r.Float64() < curve(float64(limit))})
		}
		order(group)
		for _, o := range group {
			if err := s.Add(o.limit, o.started); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type outcome struct {
	limit   int64
	started bool
}

func asProposed([]outcome) {}

// failuresFirst is how outcomes come in when what is killed ends sooner.
func failuresFirst(group []outcome) {
	slices.SortStableFunc(group, func(a, b outcome) int {
		switch {
		case a.started == b.started:
			return 0
		case b.started:
			return -1
		}
		return 1
	})
}

var rounds = flag.Int("rounds", 24, "how many searches are simulated of each family of curves")

// -short simulates a quarter.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		*rounds = (*rounds + 3) / 4
	}
	os.Exit(m.Run())
}

// allowed is whether so few of n is to be expected one time in a thousand, if the share is as promised.
func allowed(held, n int, promised float64) bool { return binomialCDF(held, n, promised) > 0.001 }

// Catches claims that are wrong more often than they say, searches that do not end, and starts beyond the most.
func TestSearchesHoldTheTruth(t *testing.T) {
	const seed = 20251124
	t.Logf("seed %d, %d searches a family, in turn 1, 2 and 8 starts at once", seed, *rounds)
	for _, f := range families() {
		r := rand.New(rand.NewPCG(seed, uint64(len(f.name))))
		held, proven := 0, 0
		var starts, widths []int
		for round := range *rounds {
			s, curve := NewSearch(gateSearch), f.make(r)
			s.run(t, r, []int{1, 2, 8}[round%3], curve, asProposed)
			truth := s.truth(curve)
			lo, hi := s.ends()
			held += count(lo < truth && truth <= hi)
			proven += count(truth <= hi)
			starts, widths = append(starts, s.starts), append(widths, hi-lo)
			if e := s.Found(); !e.Done || e.Starts > gateSearch.Most {
				t.Fatalf("%s: ended with %+v", f.name, e)
			}
		}
		slices.Sort(starts)
		slices.Sort(widths)
		t.Logf("%-42s interval true %.3f, threshold true %.3f, starts: median %3d most %3d, steps from Lo to Hi: median %3d, 90 %% %3d",
			f.name, float64(held)/float64(*rounds), float64(proven)/float64(*rounds), starts[*rounds/2], starts[*rounds-1], widths[*rounds/2], widths[*rounds*9/10])
		if !allowed(held, *rounds, gateSearch.Confidence) {
			t.Errorf("%s: %d of %d intervals hold the truth", f.name, held, *rounds)
		}
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Catches an edge that is missed by a step, ends of the grid that are not told, and starts that are wasted: every place
// of a sharp edge on the gate's grid, also below and beyond it.
func TestSharpEdgesTakeFewStarts(t *testing.T) {
	atOnce := []int{1, 2, 8}
	if testing.Short() {
		atOnce = atOnce[1:2]
	}
	for _, n := range atOnce {
		var starts []int
		for place := range NewSearch(gateSearch).limits + 1 {
			s := NewSearch(gateSearch)
			s.run(t, certain, n, func(x float64) float64 { return atLeast(x, float64(s.limit(place))) }, asProposed)
			want := Edge{Sharp: true, Done: true, Threshold: s.limit(place), Hi: s.limit(place), Lo: s.limit(place - 1)}
			switch place {
			case 0:
				want.Lo = 0
			case s.limits:
				want.Hi, want.Threshold, want.Sharp = 0, 0, false
			}
			got := s.Found()
			starts = append(starts, got.Starts)
			if got.Starts = 0; got != want {
				t.Errorf("edge at place %d: %+v, want %+v", place, got, want)
			}
		}
		slices.Sort(starts)
		t.Logf("%d at once: median %d starts, most %d", n, starts[len(starts)/2], starts[len(starts)-1])
		if most := starts[len(starts)-1]; most > 60 {
			t.Errorf("%d at once: a sharp edge took %d starts", n, most)
		}
	}
}

// certain is for curves whose outcomes do not depend on it.
var certain = rand.New(rand.NewPCG(0, 0))

// Catches evidence that leans on the order in which a group ends: the killed first, near the hardest landings.
func TestSearchesHoldTheTruthWhateverEndsFirst(t *testing.T) {
	const seed = 20251127
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	held := 0
	for range 3 * *rounds {
		s := NewSearch(gateSearch)
		bottom := (1 + 40*r.Float64()) * mib
		curve := func(x float64) float64 { return math.Max(0.88*atLeast(x, bottom), atLeast(x, bottom+6*mib)) }
		s.run(t, r, 8, curve, failuresFirst)
		lo, hi := s.ends()
		held += count(lo < s.truth(curve) && s.truth(curve) <= hi)
	}
	t.Logf("%d of %d intervals hold the truth", held, 3**rounds)
	if !allowed(held, 3**rounds, gateSearch.Confidence) {
		t.Errorf("%d of %d intervals hold the truth", held, 3**rounds)
	}
}

// Catches claims that hold only if the search itself chooses: a hostile one goes on to the next limit after each failure, where
// starts have a probability just below the one asked for, and stops as soon as anything is claimed.
func TestNobodyCanFishForAThreshold(t *testing.T) {
	const seed, searches = 20251128, 400
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	caught := 0
	for range searches {
		s := NewSearch(gateSearch)
		claimed := func() bool { _, hi := s.ends(); return hi < s.limits }
		for at := 0; s.starts < 400 && !claimed(); {
			started := r.Float64() < 0.899
			if err := s.Add(s.limit(at), started); err != nil {
				t.Fatal(err)
			}
			if !started && at < s.limits-1 {
				at++
			}
		}
		caught += count(claimed())
	}
	t.Logf("%d of %d got a threshold", caught, searches)
	if !allowed(searches-caught, searches, gateSearch.Confidence) {
		t.Errorf("%d of %d searches claim a threshold where there is none", caught, searches)
	}
}

// Catches bets at odds that are not fair: under the hypothesis the mean wealth stays 1, and whoever stops when it is highest
// has been shown something with a probability of at most alpha.
func TestBetsAreFair(t *testing.T) {
	const seed, players, alpha = 20251129, 20000, 0.05
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, win := range []float64{0.1, 0.5, 0.9} {
		mean, shown := 0.0, 0
		for range players {
			e := newEvidence(1, win, alpha)
			for bet := range 200 {
				e.bet(0, 1, r.Float64() < win)
				if bet == 2 { // later the mean is that of a few very rich
					mean += e.limits[0].total() / players
				}
			}
			shown += count(e.shown[0])
		}
		t.Logf("wins at %v: mean wealth %.3f, shown %.4f", win, mean, float64(shown)/players)
		near(t, "mean wealth", mean, 1, 0.08)
		if !allowed(players-shown, players, 1-alpha) {
			t.Errorf("wins at %v: shown to %d of %d", win, shown, players)
		}
	}
}

// Catches a search that depends on when it is asked, on chance, or on anything that the records do not hold: a verdict
// made of them later must say what the running search said.
func TestASearchCanBeReplayed(t *testing.T) {
	r := rand.New(rand.NewPCG(20251130, 0))
	for _, f := range families()[:12] {
		first, curve := NewSearch(gateSearch), f.make(r)
		var log []outcome
		first.run(t, r, 8, curve, func(group []outcome) { log = append(log, group...) })
		again := NewSearch(gateSearch)
		for _, o := range log {
			if err := again.Add(o.limit, o.started); err != nil {
				t.Fatal(err)
			}
		}
		if first.Found() != again.Found() {
			t.Errorf("%s: %+v, replayed %+v", f.name, first.Found(), again.Found())
		}
		if a, b := first.Next(8), again.Next(8); !slices.Equal(a, b) {
			t.Errorf("%s: next %v, replayed %v", f.name, a, b)
		}
	}
}

// Catches a start that is counted at a limit where it was not made.
func TestLimitsOffTheGridAreRefused(t *testing.T) {
	s := NewSearch(gateSearch)
	for _, limit := range []int64{0, gateSearch.From - gateSearch.Step, gateSearch.From + 1, gateSearch.To + gateSearch.Step, -1} {
		if err := s.Add(limit, true); err == nil {
			t.Errorf("a start at %d is taken in", limit)
		}
	}
	if got := s.Found(); got.Starts != 0 || got.Done {
		t.Errorf("after nothing but refusals: %+v", got)
	}
}

// Catches a claim that so few starts cannot carry: 99 % need 300 without a failure. What can be shown is, and the search ends.
func TestASearchSaysWhatItCannotShow(t *testing.T) {
	spec := gateSearch
	spec.Probability = 0.99
	s := NewSearch(spec)
	s.run(t, certain, 1, func(x float64) float64 { return atLeast(x, 20*mib) }, asProposed)
	got := s.Found()
	if !got.Done || got.Hi != 0 || got.Threshold != 0 || got.Starts > spec.Most {
		t.Errorf("%+v", got)
	}
	if got.Lo != 20*mib-spec.Step {
		t.Errorf("lower end %d, want the step below 20 MiB", got.Lo)
	}
}

// Catches a grid of one limit, and one whose threshold may have any probability.
func TestSmallGridsAndOtherProbabilities(t *testing.T) {
	for _, p := range []float64{0.1, 0.5, 0.8, 0.95} {
		for limits := int64(1); limits <= 4; limits++ {
			for edge := int64(0); edge <= limits; edge++ {
				s := NewSearch(SearchSpec{From: 1, To: limits, Step: 1, Probability: p, Confidence: 0.9, Most: 200})
				s.run(t, certain, 2, func(x float64) float64 { return atLeast(x, float64(1+edge)) }, asProposed)
				lo, hi := s.ends()
				if lo != int(edge)-1 || hi != int(edge) {
					t.Errorf("P=%v, %d limits, edge at place %d: ends %d and %d", p, limits, edge, lo, hi)
				}
			}
		}
	}
}

// Catches a curve that falls, an interval without its own estimate, and ends that do not widen to where nothing is known.
func TestTheCurveRises(t *testing.T) {
	s := NewSearch(SearchSpec{From: 1, To: 9, Step: 1, Probability: 0.9, Confidence: 0.95, Most: 200})
	add := func(limit int64, started, failed int) {
		for range started + failed {
			if err := s.Add(limit, started > 0); err != nil {
				t.Fatal(err)
			}
			started--
		}
	}
	add(2, 0, 10)
	add(4, 6, 4)
	add(5, 4, 6)
	add(8, 10, 0)
	got := s.Curve()
	want := []CurvePoint{{2, 0, 0, 0.3085}, {4, 0.5, 0.2624, 0.7376}, {5, 0.5, 0.2624, 0.7376}, {8, 1, 0.6915, 1}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i, w := range want {
		if got[i].Limit != w.Limit {
			t.Errorf("point %d is at %d", i, got[i].Limit)
		}
		near(t, "estimate", got[i].P, w.P, 1e-9)
		near(t, "lower end", got[i].Lo, w.Lo, 1e-4) // of 6 of 10 by Clopper and Pearson
		near(t, "upper end", got[i].Hi, w.Hi, 1e-4) // of 4 of 10
	}
}

// Catches pointwise intervals that are much too narrow for limits that were chosen by what was seen.
func TestTheCurvesIntervalsHoldTheTruth(t *testing.T) {
	const seed = 20251201
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	held, points := 0, 0
	for _, f := range families() {
		for range max(6, *rounds/4) { // fewer say too little: the intervals of one search hang together
			s, curve := NewSearch(gateSearch), f.make(r)
			s.run(t, r, 2, curve, asProposed)
			for _, p := range s.Curve() {
				truth := curve(float64(p.Limit))
				held += count(p.Lo <= truth && truth <= p.Hi)
				points++
			}
		}
	}
	share := float64(held) / float64(points)
	t.Logf("%.3f of %d intervals hold the truth", share, points)
	if share < 0.93 {
		t.Errorf("%.3f of %d intervals hold the truth, want 0.95", share, points)
	}
}

// What runs between two starts: after the bracket, when most of the model is still in play, and of a random edge.
func BenchmarkNext(b *testing.B) {
	for _, n := range []int{0, 12, 45, 100} {
		b.Run(fmt.Sprintf("after %d starts", n), func(b *testing.B) {
			r, s := rand.New(rand.NewPCG(1, 0)), NewSearch(gateSearch)
			for range n {
				x := s.Next(1)[0]
				if err := s.Add(x, r.Float64() < 1/(1+math.Exp(-float64(x-20*mib)/(2*mib)))); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				s.Next(8)
			}
		})
	}
}

// What a start's outcome costs, and a new search.
func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		s := NewSearch(gateSearch)
		for _, started := range []bool{false, true, false} {
			if err := s.Add(20*mib, started); err != nil {
				b.Fatal(err)
			}
		}
	}
}

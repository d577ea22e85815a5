package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Catches one tail taken for both, and an order that matters: R's fisher.test and Fisher's own tea.
func TestExactClassesGivesTheTextbookValues(t *testing.T) {
	near(t, "Fisher's tea", ExactClasses([]int{3, 1}, []int{1, 3}), 34.0/70, 1e-9)
	// The tables of these margins are 1: 1/20, 2: 9/20 each way, so all are as likely as 3 3 0 0 or likelier ones.
	near(t, "three against three", ExactClasses([]int{3, 0}, []int{0, 3}), 2.0/20, 1e-9)
	near(t, "three classes", ExactClasses([]int{2, 0, 0}, []int{0, 1, 1}), 2.0/6, 1e-9)
	near(t, "one class", ExactClasses([]int{5, 0}, []int{7, 0}), 1, 0)
	if p := ExactClasses([]int{0, 0}, []int{3, 4}); !math.IsNaN(p) {
		t.Errorf("p of an empty arm = %v", p)
	}
}

// Catches a node that is closed too early or counted twice: the network against a list of all tables.
func TestTheNetworkWalksEveryTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes := rapid.IntRange(2, 4).Draw(t, "classes")
		base, cand := make([]int, classes), make([]int, classes)
		n, m := 0, 0
		for i := range classes {
			least := 0
			if i == 0 {
				least = 1 // an empty arm has no p
			}
			base[i], cand[i] = rapid.IntRange(least, 6).Draw(t, "base"), rapid.IntRange(least, 6).Draw(t, "cand")
			m, n = m+base[i], n+cand[i]
		}
		want := 0.0
		seen := math.Exp(logTable(base, cand) - lchoose(n+m, n))
		eachTable(base, cand, n, func(p float64) {
			if p/math.Exp(lchoose(n+m, n)) <= seen*(1+1e-7) {
				want += p / math.Exp(lchoose(n+m, n))
			}
		})
		if got := ExactClasses(base, cand); math.Abs(got-want) > 1e-6 {
			t.Fatalf("p = %v, want %v", got, want)
		}
	})
}

// eachTable lists the ways of every table with these margins.
func eachTable(base, cand []int, n int, visit func(ways float64)) {
	var place func(class, left int, ways float64)
	place = func(class, left int, ways float64) {
		if class == len(base) {
			if left == 0 {
				visit(ways)
			}
			return
		}
		for x := 0; x <= min(left, base[class]+cand[class]); x++ {
			place(class+1, left-x, ways*math.Exp(lchoose(base[class]+cand[class], x)))
		}
	}
	place(0, n, 1)
}

// Catches p values that are too small, for few units as for so many that the test is no longer exact.
func TestExactClassesKeepsItsLevel(t *testing.T) {
	const seed, rounds = 20251125, 1000
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	shares := []float64{0.7, 0.9, 0.97, 1}
	for _, units := range []int{8, 30, 3000} {
		claims := 0
		for range rounds {
			if ExactClasses(drawClasses(r, units, shares), drawClasses(r, units, shares)) <= 0.05 {
				claims++
			}
		}
		share := float64(claims) / rounds
		t.Logf("%d units an arm: p <= 0.05 in %.3f", units, share)
		if share > 0.05+3*0.0069 { // three standard errors of a share of 1000
			t.Errorf("%d units an arm: p <= 0.05 in %.3f of the samples without a change", units, share)
		}
	}
}

func drawClasses(r *rand.Rand, units int, cumulated []float64) []int {
	counts := make([]int, len(cumulated))
	for range units {
		u, class := r.Float64(), 0
		for u >= cumulated[class] {
			class++
		}
		counts[class]++
	}
	return counts
}

// Catches a network that never ends, and rounding that matters: five classes of many units, where the test
// on large samples is near.
func TestTheNetworkIsBounded(t *testing.T) {
	base, cand := []int{200, 150, 90, 40, 20}, []int{180, 160, 100, 30, 30}
	near(t, "p", ExactClasses(base, cand), pearson(base, cand, 500, 500), 0.01)
}

// Catches a term too many or too few: the 5 % points of every table.
func TestChiSquaredTailsAreThoseOfTheTables(t *testing.T) {
	for freedom, x := range map[int]float64{1: 3.8415, 2: 5.9915, 3: 7.8147, 4: 9.4877, 5: 11.0705, 10: 18.3070} {
		near(t, "tail", chiSquaredTail(x, freedom), 0.05, 1e-5)
	}
}

func BenchmarkExactClassesOfFiveHundredUnits(b *testing.B) {
	for b.Loop() {
		ExactClasses([]int{200, 150, 90, 40, 20}, []int{180, 160, 100, 30, 30})
	}
}

// Catches a p value that depends on the order in which a map is walked: the same table has the same verdict, to the last digit.
func TestTheSameClassesHaveTheSameP(t *testing.T) {
	base, cand := []int{11, 7, 5, 9}, []int{4, 12, 8, 6}
	want := ExactClasses(base, cand)
	for range 30 {
		if got := ExactClasses(base, cand); got != want {
			t.Fatalf("p is %v, and then %v", want, got)
		}
	}
}

// BenchmarkManyClasses is the largest table that is walked.
func BenchmarkManyClasses(b *testing.B) {
	for b.Loop() {
		ExactClasses([]int{225, 125, 75, 50, 14, 11}, []int{245, 120, 70, 48, 9, 8})
	}
}

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Catches a selection that is off by one, counts a tie on one side of the border alone, or loses the sign of a number.
func TestSelectionIsSorting(t *testing.T) {
	const seed = 20261121
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	draw := map[string]func() float64{
		"normal":   rng.NormFloat64,
		"tied":     func() float64 { return float64(rng.IntN(5) - 2) },
		"constant": func() float64 { return 0.25 },
		"large":    func() float64 { return 1e300 * rng.NormFloat64() },
		"tiny":     func() float64 { return 5e-324 * float64(rng.IntN(9)-4) },
	}
	for name, next := range draw {
		for n := 1; n < 24; n++ {
			x, y := make([]float64, n), make([]float64, 1+rng.IntN(24))
			for _, s := range [][]float64{x, y} {
				for i := range s {
					s[i] = next()
				}
			}
			same(t, fmt.Sprintf("%s, Walsh averages of %d", name, n), walshOf(x), allWalsh(x))
			same(t, fmt.Sprintf("%s, shifts of %d and %d", name, n, len(y)), shiftsOf(x, y), allShifts(x, y))
		}
	}
}

func allWalsh(x []float64) (all []float64) {
	for i := range x {
		for j := i; j < len(x); j++ {
			all = append(all, (x[i]+x[j])/2)
		}
	}
	return all
}

func allShifts(x, y []float64) (all []float64) {
	for _, a := range x {
		for _, b := range y {
			all = append(all, b-a)
		}
	}
	return all
}

func same(t *testing.T, what string, set ordered, all []float64) {
	t.Helper()
	slices.Sort(all)
	if set.len() != len(all) {
		t.Errorf("%s: %d, want %d", what, set.len(), len(all))
	}
	for i, want := range all {
		if got := kth(set, i+1); got != want {
			t.Fatalf("%s: number %d is %v, want %v of %v", what, i+1, got, want, all)
		}
	}
	if got, want := medianOfSet(set), median(all); got != want {
		t.Errorf("%s: median %v, want %v", what, got, want)
	}
}

// Catches numbers that do not keep their order, or do not come back.
func TestRanksOfNumbersRise(t *testing.T) {
	rising := []float64{math.Inf(-1), -math.MaxFloat64, -1, -5e-324, math.Copysign(0, -1), 0, 5e-324, 1, math.MaxFloat64, math.Inf(1)}
	for i, x := range rising {
		if back := unrank(rank(x)); back != x || math.Signbit(back) != math.Signbit(x) {
			t.Errorf("%v comes back as %v", x, back)
		}
		if i > 0 && rank(x) <= rank(rising[i-1]) {
			t.Errorf("%v does not come after %v", x, rising[i-1])
		}
	}
}

// Catches an interval of many blocks that is not the one that sorting all Walsh averages gives.
func TestManyBlocksHaveTheSameInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	x, y := make([]float64, 700), make([]float64, 600)
	for _, s := range [][]float64{x, y} {
		for i := range s {
			s[i] = math.Round(1000*rng.NormFloat64()) / 1000 // some are tied
		}
	}
	walsh, moved := allWalsh(x), allShifts(x, y)
	slices.Sort(walsh)
	slices.Sort(moved)
	for _, c := range []struct {
		iv  Interval
		all []float64
	}{{SignedRank(x, 0.95), walsh}, {RankSum(x, y, 0.95), moved}} {
		lo, _ := slices.BinarySearch(c.all, c.iv.Lo)
		hi, _ := slices.BinarySearch(c.all, c.iv.Hi)
		if n := len(c.all); c.iv.Center != median(c.all) || c.all[lo] != c.iv.Lo || c.all[hi] != c.iv.Hi || math.Abs(float64(lo+hi-n)) > float64(n)/100 {
			t.Errorf("%+v is not of the numbers %d and %d of %d, with the middle %v", c.iv, lo, hi, n, median(c.all))
		}
	}
}

// Catches a p value of many blocks that does not continue the exact one: it would change where the approximation takes over.
func TestManyBlocksHaveTheSameP(t *testing.T) {
	var exact, normal blockNull
	for range exactPairs / 4 {
		exact.add(2, 2)
		normal.add(2, 2)
	}
	normal.pmf = nil
	for _, sds := range []float64{0, 0.1, 1, 2, 3, 4, 6} {
		u := math.Round(exact.mean + sds*math.Sqrt(exact.vari))
		if a, e := normal.twoSided(u), exact.twoSided(u); math.Abs(a-e) > 0.002+0.05*e && e > 1e-6 || a/e > 1.5 || e/a > 1.5 {
			t.Errorf("%v standard deviations off: %v, exactly %v", sds, a, e)
		}
		if low := exact.mean - (u - exact.mean); math.Abs(normal.twoSided(low)-normal.twoSided(u)) > 1e-12 {
			t.Errorf("%v standard deviations off: not the same on both sides", sds)
		}
	}
	one := blockNull{}
	one.add(2, 2)
	for range exactPairs {
		one.add(1, 1)
	}
	if one.pmf != nil {
		t.Error("the exact distribution is made beyond its bound")
	}
}

// BenchmarkSignedRank is what a row of so many blocks costs.
func BenchmarkSignedRank(b *testing.B) {
	for _, n := range []int{20, 200, 10_000, 250_000} {
		rng := rand.New(rand.NewPCG(1, 1))
		x := make([]float64, n)
		for i := range x {
			x[i] = 0.1 * rng.NormFloat64()
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				SignedRank(x, 0.95)
			}
		})
	}
}

// BenchmarkBlockedP likewise.
func BenchmarkBlockedP(b *testing.B) {
	for _, blocks := range []int{20, 1000, 250_000} {
		rng := rand.New(rand.NewPCG(1, 1))
		var arms [2]Sample
		for block := range blocks {
			for i := range 4 {
				arms[i%2] = append(arms[i%2], Obs{Block: block, Value: 1e8 * math.Exp(0.1*rng.NormFloat64())})
			}
		}
		b.Run(fmt.Sprint(blocks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				BlockedP(arms[0], arms[1])
			}
		})
	}
}

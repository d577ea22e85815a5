package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Catches a wrong pair, a wrong rank or a wrong level: the five values of Hollander and Wolfe's example 9.1 (1999, Nonparametric
// Statistical Methods), whose ten slopes can be put in order by hand. Of 120 orders 5 have at most one discordant pair.
func TestSlopeOfAnExampleByHand(t *testing.T) {
	values := []float64{1.26, 1.27, 1.12, 1.16, 1.03}
	got := SlopeOf(values, 0.91)
	near(t, "slope", got.Slope.Center, -0.05625, 1e-9)
	near(t, "lo", got.Slope.Lo, -0.13, 1e-9)
	near(t, "hi", got.Slope.Hi, 0.01, 1e-9)
	near(t, "level", got.Slope.Confidence, 1-10.0/120, 1e-9)
	near(t, "p of S = -6", got.P, 2*(1+4+9)/120.0, 1e-9)
}

// Catches an exact distribution that is not that of S: all 24 orders of four values.
func TestInversionsCountOrders(t *testing.T) {
	for d, want := range []float64{1, 3, 5, 6, 5, 3, 1} {
		near(t, "orders", 24*inversions(4)[d], want, 1e-9)
	}
	near(t, "p of a rise without exception", SlopeOf([]float64{1, 2, 3, 4}, 0.95).P, 2.0/24, 1e-9)
	near(t, "p of one exception", SlopeOf([]float64{1, 2, 4, 3}, 0.95).P, 2*4.0/24, 1e-9)
}

// Catches the two ways to a p value drifting apart where one takes over from the other.
func TestKendallsNormalMeetsTheExact(t *testing.T) {
	variance, _ := kendallVariance(make1to(exactKendall))
	for _, s := range []float64{21, 101, 171} {
		near(t, "p", kendallP(exactKendall, s, variance, false), kendallP(exactKendall, s, variance, true), 0.005)
	}
	exact, _ := kendallQuantile(exactKendall, variance, true, 0.95)
	normal, _ := kendallQuantile(exactKendall, variance, false, 0.95)
	near(t, "quantile", normal, exact, 2)
}

func make1to(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i + 1)
	}
	return values
}

// Catches a finite interval made of next to nothing, also where the few values are equal.
func TestFewValuesBoundNoSlope(t *testing.T) {
	nan := math.NaN()
	for _, values := range [][]float64{nil, {1}, {nan, 4, nan}, {1, 2}, {5, 5, 5}, {1, 2, 3, 4}, {nan, 7, 7, nan, 7}} {
		if got := SlopeOf(values, 0.95); got.Slope.Bounded() {
			t.Errorf("%v: slope %+v", values, got.Slope)
		}
	}
	if got := SlopeOf([]float64{5, 5, 5, 5, 5, 5}, 0.95).Slope; got.Lo != 0 || got.Hi != 0 {
		t.Errorf("six equal values: slope %+v, want 0", got)
	}
}

// Catches a straight line that is taken for a series which remembers itself, of which nothing could be said.
func TestAStraightLineIsBounded(t *testing.T) {
	for _, slope := range []float64{1, -2, 0.1, 1.0 / 3, 1e6 + 0.7} {
		for _, n := range []int{5, 9, 10, 20, exactKendall, exactKendall + 1, 100} {
			line := make([]float64, n)
			for i := range line {
				line[i] = slope*float64(i) + 7
			}
			got := SlopeOf(line, 0.95)
			if off := math.Abs(slope) * 1e-9; got.Inflation != 1 || !(math.Abs(got.Slope.Lo-slope) < off && math.Abs(got.Slope.Hi-slope) < off) {
				t.Errorf("%d values that rise by %g: %+v", n, slope, got)
			}
		}
	}
}

// Catches missing values that close the ranks: every other count of a series that rises by 3 is missing.
func TestMissingValuesKeepTheirPlaces(t *testing.T) {
	var values []float64
	for i := range 40 {
		v := 3 * float64(i)
		if i%2 == 1 {
			v = math.NaN()
		}
		values = append(values, v)
	}
	got := SlopeOf(values, 0.95)
	near(t, "slope", got.Slope.Center, 3, 1e-9)
	near(t, "lo", got.Slope.Lo, 3, 1e-9)
	if got.N != 20 {
		t.Errorf("%d values, want 20", got.N)
	}
}

// Catches a long series whose slope is per chunk, or whose pairs are all kept.
func TestALongSeriesHasTheSameSlope(t *testing.T) {
	var values []float64
	for i := range 25000 {
		values = append(values, float64(i/10))
	}
	got := SlopeOf(values, 0.95).Slope
	near(t, "slope", got.Center, 0.1, 1e-3)
	near(t, "lo", got.Lo, 0.1, 1e-3)
}

// Catches what is made once and kept, at any time, called a leak.
func TestAStepIsNoSlope(t *testing.T) {
	for _, at := range []int{1, 20, 50, 80, 99} {
		values := make([]float64, 101)
		for i := at; i < len(values); i++ {
			values[i] = 40
		}
		if got := SlopeOf(values, 0.95).Slope; got.Lo > 0 {
			t.Errorf("a step at %d: slope %+v", at, got)
		}
	}
}

// noises are what a count does besides leaking, each with a mean that stays.
var noises = map[string]func(*rand.Rand) func() float64{
	"none": func(*rand.Rand) func() float64 { return func() float64 { return 0 } },
	"a few open": func(r *rand.Rand) func() float64 {
		return func() float64 { return float64(r.IntN(7)) }
	},
	"rarely one": func(r *rand.Rand) func() float64 {
		return func() float64 { return math.Floor(r.Float64() * 1.05) }
	},
	"a pool that breathes": func(r *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 {
			x = 0.6*x + r.NormFloat64()
			return math.Round(2 * x)
		}
	},
	"bursts": func(r *rand.Rand) func() float64 {
		return func() float64 {
			if r.IntN(20) == 0 {
				return 500
			}
			return float64(r.IntN(3))
		}
	},
}

const cycles = 101 // one count before the first of a hundred

func leaking(noise func() float64, every int) []float64 {
	values := make([]float64, cycles)
	for i := range values {
		values[i] = 40 + noise()
		if every > 0 {
			values[i] += float64(i / every)
		}
	}
	return values
}

// Catches a leak of one object each tenth cycle that hundred cycles do not show, and a slope that is not a tenth.
func TestALeakEachTenthCycleIsFound(t *testing.T) {
	const seed, rounds = 20261121, 200
	for name, noise := range noises {
		r := rand.New(rand.NewPCG(seed, 1))
		found, covered := 0, 0
		for range rounds {
			got := SlopeOf(leaking(noise(r), 10), 0.95).Slope
			if got.Lo > 0 {
				found++
			}
			if got.Lo <= 0.1 && 0.1 <= got.Hi {
				covered++
			}
		}
		t.Logf("%s: found %d, covered %d of %d (seed %d)", name, found, covered, rounds, seed)
		if found < rounds-often(0.01, rounds) || covered < rounds-often(0.05, rounds) {
			t.Errorf("%s: of %d leaks %d were found, and the interval had the slope %d times", name, rounds, found, covered)
		}
	}
}

// Catches an honest count called a leak more often than 2.5 %, the half of what a 95 % interval errs by.
func TestAnHonestCountIsNoLeak(t *testing.T) {
	const seed, rounds = 20261122, 500
	for name, noise := range noises {
		r := rand.New(rand.NewPCG(seed, 2))
		flagged, significant := 0, 0
		for range rounds {
			got := SlopeOf(leaking(noise(r), 0), 0.95)
			if got.Slope.Lo > 0 {
				flagged++
			}
			if got.P < 0.05 {
				significant++
			}
		}
		t.Logf("%s: flagged %d, p below 0.05 %d of %d (seed %d)", name, flagged, significant, rounds, seed)
		if flagged > often(0.025, rounds) || significant > often(0.06, rounds) { // the memory is estimated too
			t.Errorf("%s: %d of %d honest series flagged, %d with p below 0.05", name, flagged, rounds, significant)
		}
	}
}

// often is how many of so many draws at a rate are too many by no more than three standard deviations.
func often(rate float64, rounds int) int {
	n := float64(rounds)
	return int(n*rate + 3*math.Sqrt(n*rate*(1-rate)))
}

func BenchmarkSlopeOf(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	for name, n := range map[string]int{"100": 101, "1000": 1000} {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i/10 + r.IntN(5))
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				SlopeOf(values, 0.95)
			}
		})
	}
}

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Catches a step drawn below its values, ties drawn as two steps, and a band of the wrong width.
func TestECDFSteps(t *testing.T) {
	got := ECDF([]float64{3, 1, 3, 7}, 0.95)
	off := math.Sqrt(math.Log(40) / 8)
	want := []ECDFPoint{{1, 0.25, 0, 0.25 + off}, {3, 0.75, 0.75 - off, 1}, {7, 1, 1 - off, 1}}
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		for _, d := range []float64{got[i].X - want[i].X, got[i].F - want[i].F, got[i].Lo - want[i].Lo, got[i].Hi - want[i].Hi} {
			near(t, "step", d, 0, 1e-12)
		}
	}
	if none := ECDF(nil, 0.95); len(none) != 0 {
		t.Errorf("steps of nothing: %v", none)
	}
}

// Catches thinning that loses an end or moves a point off the function.
func TestECDFIsThinned(t *testing.T) {
	var values []float64
	for i := range 100000 {
		values = append(values, float64(i+1))
	}
	got := ECDF(values, 0.95)
	if len(got) != MaxECDFPoints || got[0].X != 1 || got[len(got)-1].X != 100000 {
		t.Fatalf("%d points from %v to %v", len(got), got[0], got[len(got)-1])
	}
	for _, p := range got {
		near(t, "F", p.F, p.X/100000, 1e-12)
	}
}

// Catches bands and intervals that are too narrow: shares that hold the truth, the whole function for the band.
func TestBandsAndQuantileIntervalsHoldTheTruth(t *testing.T) {
	const seed, rounds = 20251126, 4000
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{10, 60, 400} {
		band, quantiles := 0, map[float64]int{}
		for range rounds {
			values := make([]float64, n)
			for i := range values {
				values[i] = r.Float64()
			}
			band += inBand(ECDF(values, 0.95))
			for _, q := range []float64{0.25, 0.5, 0.95} {
				quantiles[q] += holds(QuantileInterval(values, q, 0.95), q)
			}
		}
		t.Logf("n=%d: band %.4f, quantiles %v of %d", n, float64(band)/rounds, quantiles, rounds)
		// 0.0034 is the standard error of a share of 4000.
		if share := float64(band) / rounds; share < 0.95-3*0.0034 {
			t.Errorf("n=%d: the band holds the function in %.4f", n, share)
		}
		for q, hits := range quantiles {
			if share := float64(hits) / rounds; share < 0.95-3*0.0034 {
				t.Errorf("n=%d: the interval holds the quantile %v in %.4f", n, q, share)
			}
		}
	}
}

// inBand is 1 if the uniform distribution is in the band on both sides of every step.
func inBand(steps []ECDFPoint) int {
	before := ECDFPoint{Hi: steps[0].Hi - steps[0].F}
	for _, p := range steps {
		if p.X < p.Lo || p.X > before.Hi && p.X < 1 {
			return 0
		}
		before = p
	}
	return 1
}

// Catches order statistics that are off by one: the table of sign-test intervals of the median, and the smallest samples
// in which a quantile has an end.
func TestQuantileIntervalsAreOrderStatistics(t *testing.T) {
	count := func(n int) (values []float64) {
		for i := range n {
			values = append(values, float64(i+1))
		}
		return values
	}
	for n, lo := range map[int]float64{6: 1, 10: 2, 20: 6, 50: 18} {
		iv := QuantileInterval(count(n), 0.5, 0.95)
		near(t, "lower end", iv.Lo, lo, 0)
		near(t, "upper end", iv.Hi, float64(n)+1-lo, 0)
	}
	if QuantileInterval(count(5), 0.5, 0.95).Bounded() || QuantileInterval(count(367), 0.99, 0.95).Bounded() {
		t.Error("a sample that is too small has a bounded interval")
	}
	if iv := QuantileInterval(count(368), 0.99, 0.95); iv.Hi != 368 {
		t.Errorf("the 99th percentile of 368 values: %+v", iv)
	}
	// The normal approximation of a large sample: 500000 +- 1.96*500.
	near(t, "large sample", QuantileInterval(count(1000000), 0.5, 0.95).Hi, 500980, 2)
}

func BenchmarkQuantileIntervalOfAMillion(b *testing.B) {
	values := make([]float64, 1000000)
	for b.Loop() {
		QuantileInterval(values, 0.95, 0.95)
	}
}

package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %v, want %v within %v", what, got, want, tolerance)
	}
}

// Catches a wrong order statistic: the depression scores of Hollander and Wolfe,
// table 3.1, whose estimate and 96.1 % interval they print.
func TestSignedRankGivesTheTextbookInterval(t *testing.T) {
	before := []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	after := []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	diffs := make([]float64, len(before))
	for i := range before {
		diffs[i] = after[i] - before[i]
	}
	iv := SignedRank(diffs, 0.95)
	near(t, "center", iv.Center, -0.46, 1e-9)
	near(t, "lo", iv.Lo, -0.786, 1e-9)
	near(t, "hi", iv.Hi, -0.010, 1e-9)
	near(t, "confidence", iv.Confidence, 0.961, 5e-4)
}

// Catches arms the wrong way round and a wrong order statistic: the membrane
// permeabilities of Hollander and Wolfe, table 4.1.
func TestRankSumGivesTheTextbookInterval(t *testing.T) {
	term := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	early := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	iv := RankSum(term, early, 0.95)
	near(t, "center", iv.Center, -0.305, 1e-9)
	near(t, "lo", iv.Lo, -0.76, 1e-9)
	near(t, "hi", iv.Hi, 0.15, 1e-9)
}

// Catches an off-by-one in a null distribution: the critical values every
// printed table has for 5 % two-sided (the largest statistic that still rejects).
func TestCriticalValuesAreThoseOfTheTables(t *testing.T) {
	for n, want := range map[int]int{5: -1, 6: 0, 7: 2, 8: 3, 10: 8, 15: 25, 20: 52, 25: 89, 50: 434} {
		if k, _ := (rankNull{pmf: signedRankPMF(n)}).critical(0.025); k-1 != want {
			t.Errorf("signed rank, n=%d: %d, want %d", n, k-1, want)
		}
	}
	for n, want := range map[int]int{3: -1, 4: 0, 5: 2, 8: 13, 10: 23, 15: 64, 20: 127} {
		if k, _ := (rankNull{pmf: rankSumPMF(n, n)}).critical(0.025); k-1 != want {
			t.Errorf("rank sum, n=m=%d: %d, want %d", n, k-1, want)
		}
	}
}

// Catches a probability lost or counted twice, and a normal approximation that
// does not continue the exact one where it takes over.
func TestNullDistributionsAreWhole(t *testing.T) {
	for _, pmf := range [][]float64{signedRankPMF(50), rankSumPMF(50, 50), rankSumPMF(3, 17)} {
		sum := 0.0
		for _, p := range pmf {
			sum += p
		}
		near(t, "sum", sum, 1, 1e-9)
	}
	f := float64(exactLimit)
	approx := rankNull{mean: f * (f + 1) / 4, sd: math.Sqrt(f * (f + 1) * (2*f + 1) / 24)}
	a, _ := approx.critical(0.025)
	e, _ := (rankNull{pmf: signedRankPMF(exactLimit)}).critical(0.025)
	near(t, "critical value", float64(a), float64(e), 2)
}

// Catches an interval invented for a sample that cannot have one.
func TestTooFewUnitsHaveNoBoundedInterval(t *testing.T) {
	for n := range 8 {
		var b, c Sample
		for i := range n {
			b = append(b, Obs{Block: i, Value: 100})
			c = append(c, Obs{Block: i, Value: 300})
		}
		within, between := WithinBlocks(b, c, 0.95), BetweenRuns(b, c, 0.95)
		if got, want := within.Log.Bounded(), n >= MinBlocks; got != want {
			t.Errorf("%d blocks: bounded %v, want %v", n, got, want)
		}
		if got, want := between.Log.Bounded(), n >= MinUnits; got != want {
			t.Errorf("%d units an arm: bounded %v, want %v", n, got, want)
		}
	}
}

// Catches pairs made of units of different blocks, and a unit without a partner that is counted.
func TestWithinBlocksComparesOnlyNeighbours(t *testing.T) {
	var b, c Sample
	for i := range 10 {
		speed := math.Pow(2, float64(i)) // every block twice as slow as the one before
		b = append(b, Obs{Block: i, Value: speed})
		c = append(c, Obs{Block: i, Value: 1.1 * speed})
	}
	c = append(c, Obs{Block: 99, Value: 1e9})
	got := WithinBlocks(b, c, 0.95)
	if got.Units != 10 {
		t.Errorf("units = %d, want the 10 blocks both arms ran in", got.Units)
	}
	for _, x := range []float64{got.Log.Center, got.Log.Lo, got.Log.Hi} {
		near(t, "ratio", math.Exp(x), 1.1, 1e-9)
	}
}

// Catches a sign or an end that depends on which arm is called baseline: the
// gate with its arms swapped must say the mirror image.
func TestSwappingTheArmsMirrorsTheChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		value := rapid.Float64Range(1, 1e9)
		var b, c Sample
		for i := range n {
			b = append(b, Obs{Block: i, Value: value.Draw(t, "b")})
			c = append(c, Obs{Block: i, Value: value.Draw(t, "c")})
		}
		for _, f := range []func(b, c Sample, confidence float64) Change{WithinBlocks, BetweenRuns} {
			there, back := f(b, c, 0.95).Log, f(c, b, 0.95).Log
			for _, d := range []float64{there.Center + back.Center, there.Lo + back.Hi, there.Hi + back.Lo} {
				if !math.IsNaN(d) && math.Abs(d) > 1e-9 { // NaN: both ends infinite
					t.Fatalf("%+v and %+v are no mirror images", there, back)
				}
			}
			if !(there.Lo <= there.Center && there.Center <= there.Hi) {
				t.Fatalf("%+v does not hold its own centre", there)
			}
		}
	})
}

// Catches intervals that are too narrow: with nothing changed, 95 % of them
// must hold zero, whatever the machine's drift does to whole blocks.
func TestChangeCoversTheTruth(t *testing.T) {
	const seed, rounds, n, shift = 20241031, 2000, 20, 0.1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	within, between, claims := 0, 0, 0
	for range rounds {
		var b, c Sample
		for i := range n {
			drift := 0.2 * r.NormFloat64()
			b = append(b, Obs{Block: i, Value: math.Exp(drift + 0.1*r.NormFloat64())})
			c = append(c, Obs{Block: i, Value: math.Exp(drift + 0.1*r.NormFloat64() + shift)})
		}
		within += holds(WithinBlocks(b, c, 0.95).Log, shift)
		between += holds(BetweenRuns(b, c, 0.95).Log, shift)
	}
	for range rounds {
		b, c := abba(r, n/2), abba(r, n/2)
		if BlockedP(b, c) < 0.05 {
			claims++
		}
	}
	// The standard error of a share of 2000 is half a point: 0.935 is three
	// below the nominal 0.95. Between runs the shared drift is not taken out,
	// so its interval may only be too wide.
	if share := float64(within) / rounds; share < 0.935 || share > 0.97 {
		t.Errorf("within blocks: %.3f of the intervals hold the truth, want about 0.95", share)
	}
	if share := float64(claims) / rounds; share > 0.06 {
		t.Errorf("p < 0.05 in %.3f of the samples without a change", share)
	}
	if share := float64(between) / rounds; share < 0.95 {
		t.Errorf("between runs: %.3f of the intervals hold the truth, want at least 0.95", share)
	}
}

// abba draws two units a block around the block's own speed.
func abba(r *rand.Rand, blocks int) (s Sample) {
	for i := range blocks {
		for range 2 {
			s = append(s, Obs{Block: i, Value: math.Exp(float64(i%3) + 0.1*r.NormFloat64())})
		}
	}
	return s
}

func holds(iv Interval, truth float64) int {
	if iv.Lo <= truth && truth <= iv.Hi {
		return 1
	}
	return 0
}

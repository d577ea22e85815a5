package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Catches pseudo-replication: a batch of many containers must count once, and
// its value be robust to the one that hung.
func TestUnitsReducesABatchToItsMedian(t *testing.T) {
	points := []Point{
		{Block: 1, Batch: 7, Value: 30}, {Block: 0, Batch: 2, Value: 10},
		{Block: 1, Batch: 7, Value: 9000}, {Block: 1, Batch: 7, Value: 20},
		{Block: 0, Batch: 3, Value: 4}, {Block: 0, Batch: 3, Value: 6}, {Block: 2, Batch: 9, Value: 0},
	}
	got := Units(points)
	want := Sample{{0, 10}, {0, 5}, {1, 30}, {2, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("Units = %v, want %v", got, want)
	}
}

// Catches an arm that ran twice in a block (A B B A) counting as two pairs.
func TestABlockIsOnePair(t *testing.T) {
	b := Sample{{0, 10}, {0, 40}}
	c := Sample{{0, 20}, {0, 20}, {1, 5}}
	got := blockDiffs(b, c, math.Log)
	if len(got) != 1 {
		t.Fatalf("%d pairs, want 1", len(got))
	}
	near(t, "difference", got[0], 0, 1e-12) // geometric mean of 10 and 40 is 20
}

// Catches an interval or a p value made of nothing.
func TestEmptySamplesGiveNoNumbers(t *testing.T) {
	for what, x := range map[string]float64{
		"median":  Median(nil, 0.95).Center,
		"mean":    Mean(nil, 0.95).Center,
		"p":       MannWhitney(nil, []float64{1}),
		"p95":     Quantile(nil, 0.95),
		"blocks":  WithinBlocks(nil, nil, 0.95).Log.Center,
		"shift":   BetweenRuns(nil, Sample{{0, 1}}, 0.95).Log.Center,
		"exact p": ExactP(nil),
	} {
		if !math.IsNaN(x) {
			t.Errorf("%s of nothing = %v, want NaN", what, x)
		}
	}
}

// Catches benchmath sorting the caller's values under his feet, and an interval for five values.
func TestMedianLeavesItsInputAlone(t *testing.T) {
	values := []float64{5, 3, 9, 1, 7}
	iv := Median(values, 0.95)
	near(t, "median", iv.Center, 5, 0)
	if iv.Bounded() {
		t.Errorf("five values have the interval %+v at 95 %%", iv)
	}
	if !slices.Equal(values, []float64{5, 3, 9, 1, 7}) {
		t.Errorf("values became %v", values)
	}
	six := Median([]float64{1, 2, 3, 4, 5, 6}, 0.95)
	near(t, "lo", six.Lo, 1, 0)
	near(t, "hi", six.Hi, 6, 0)
}

// Catches interpolation, and rounding that turns the 19th of 20 into the 20th.
func TestQuantileIsAMeasuredValue(t *testing.T) {
	var values []float64
	for i := range 100 {
		values = append(values, float64(100-i))
	}
	near(t, "p50 of 100", Quantile(values, 0.50), 50, 0)
	near(t, "p95 of 100", Quantile(values, 0.95), 95, 0)
	near(t, "p99 of 100", Quantile(values, 0.99), 99, 0)
	near(t, "p95 of 20", Quantile(values[80:], 0.95), 19, 0)
	near(t, "p99 of 20", Quantile(values[80:], 0.99), 20, 0)
	near(t, "p99 of 1", Quantile(values[:1], 0.99), 100, 0)
}

// Catches a normal quantile where Student's belongs: 1 2 3 has the half width 4.303*1/sqrt(3).
func TestMeanHasStudentsInterval(t *testing.T) {
	iv := Mean([]float64{1, 2, 3}, 0.95)
	near(t, "mean", iv.Center, 2, 1e-12)
	near(t, "hi", iv.Hi, 2+4.30265/math.Sqrt(3), 1e-4)
	if Mean([]float64{5}, 0.95).Bounded() {
		t.Error("one value has a bounded interval")
	}
}

// Catches Holm without the running maximum, and a test that was not made being counted.
func TestHolmAdjusts(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, math.NaN(), 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, math.NaN(), 0.06, 0.02} {
		if math.IsNaN(want) != math.IsNaN(got[i]) || math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("p[%d] = %v, want %v", i, got[i], want)
		}
	}
}

// Catches shares that are not those of the whole family, and silent tests that leave theirs to others.
func TestHolmShares(t *testing.T) {
	got := HolmShares([]float64{0.01, 0.04, 0.004, math.NaN()}, []float64{1, 1, 0.25, 1}, 0.75)
	// p/w are 0.01, 0.04 and 0.016: of 3 all are left, then 2, then 1.75.
	for i, want := range []float64{0.03, 0.07, 0.032, math.NaN()} {
		if math.IsNaN(want) != math.IsNaN(got[i]) || math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("p[%d] = %v, want %v", i, got[i], want)
		}
	}
}

// Catches a family of what is there so far: a gate that ends when its one row claims a change, and that goes on to a second row if not, errs at
// half as much again as it says. With shares that were fixed at the start it does not, whatever became of the rows.
func TestAFamilyThatGrowsErrsMore(t *testing.T) {
	const gates, alpha = 200_000, 0.05
	r := rand.New(rand.NewPCG(11, 0))
	var grown, fixed int
	for range gates {
		first, second := r.Float64(), r.Float64() // nothing changed
		if Holm([]float64{first})[0] < alpha || slices.Min(Holm([]float64{first, second})) < alpha {
			grown++
		}
		if HolmShares([]float64{first}, []float64{1}, 1)[0] < alpha || slices.Min(HolmShares([]float64{first, second}, []float64{1, 1}, 0)) < alpha {
			fixed++
		}
	}
	if e := float64(grown) / gates; e < 0.07 || e > 0.08 {
		t.Errorf("the growing family errs in %.4f, want 0.05 and half of the rest's 0.05", e)
	}
	if e := float64(fixed) / gates; e > alpha+0.002 {
		t.Errorf("the fixed family errs in %.4f", e)
	}
}

// Catches a forecast that shrinks the wrong way or never ends.
func TestGrowthForecasts(t *testing.T) {
	iv := Interval{Center: 0, Lo: -2, Hi: 2}
	k := Growth(func(k float64) bool { return iv.Narrow(k).Hi <= 1 }) // half the width: four times the sample
	if k < 4 || k > 4.5 {
		t.Errorf("factor %v, want 4 to 4.5", k)
	}
	if k := Growth(func(float64) bool { return false }); !math.IsInf(k, 1) {
		t.Errorf("factor %v for what never settles", k)
	}
	scaled := Scale(one(1, 10, 2, 20), 3)[0]
	if scaled != (Stratum{Base: Count{3, 30}, Cand: Count{6, 60}}) {
		t.Errorf("Scale gave %+v", scaled)
	}
}

// Catches drift from block to block in the p value, as in a real gate: the machine
// became three times as slow halfway, the candidate was always slower than its neighbours.
func TestBlockedPSeesThroughDrift(t *testing.T) {
	var b, c Sample
	for block, speed := range []float64{180, 190, 170, 180, 550, 530, 500, 560} {
		b = append(b, Obs{block, speed}, Obs{block, speed * 1.1})
		c = append(c, Obs{block, speed * 1.12}, Obs{block, speed * 1.15})
	}
	// Every block has both candidates above both baselines: 1 of C(4,2) = 6 ways, 8 times, two sides.
	near(t, "blocked p", BlockedP(b, c), 2*math.Pow(6, -8), 1e-12)
	if p := MannWhitney(b.Values(), c.Values()); p < 0.05 {
		t.Errorf("Mann-Whitney p = %v: the example no longer shows why blocks are needed", p)
	}
}

// Catches an unmatched block, a tie or an empty sample counted as evidence.
func TestBlockedPCountsOnlyComparisons(t *testing.T) {
	b := Sample{{0, 10}, {1, 10}, {2, 10}}
	near(t, "sign test", BlockedP(b, Sample{{0, 11}, {1, 12}, {2, 13}}), 2.0/8, 1e-12)
	near(t, "an unmatched block", BlockedP(b, Sample{{0, 11}, {1, 12}, {2, 13}, {9, 99}}), 2.0/8, 1e-12)
	near(t, "all tied", BlockedP(b, b), 1, 1e-12)
	near(t, "either way", BlockedP(b, Sample{{0, 11}, {1, 9}, {2, 13}}), 1, 1e-12)
	if p := BlockedP(b, nil); !math.IsNaN(p) {
		t.Errorf("p of nothing = %v", p)
	}
}

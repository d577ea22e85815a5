package stats

import (
	"math"
	"slices"

	mstats "github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// Median returns the sample's median with the order-statistic interval of
// benchmath, which assumes nothing of the distribution. Below six values the
// interval at 95 % is unbounded.
func Median(values []float64, confidence float64) Interval {
	if len(values) == 0 {
		return noInterval()
	}
	s := benchmath.AssumeNothing.Summary(sample(values), confidence)
	return Interval{Center: s.Center, Lo: s.Lo, Hi: s.Hi, Confidence: s.Confidence}
}

// MannWhitney returns benchmath's two-sided p value of the hypothesis that both
// arms come from one distribution; NaN when an arm is empty.
func MannWhitney(base, cand []float64) float64 {
	if len(base) == 0 || len(cand) == 0 {
		return math.NaN()
	}
	return benchmath.AssumeNothing.Compare(sample(base), sample(cand)).P
}

// sample copies the values because benchmath sorts in place.
func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

// Mean returns the arithmetic mean with Student's interval, for those who add
// up totals; verdicts rest on the median.
func Mean(values []float64, confidence float64) Interval {
	switch len(values) {
	case 0:
		return noInterval()
	case 1:
		return Interval{Center: values[0], Lo: math.Inf(-1), Hi: math.Inf(1), Confidence: 1}
	}
	mean, lo, hi := mstats.MeanCI(values, confidence)
	return Interval{Center: mean, Lo: lo, Hi: hi, Confidence: confidence}
}

// Quantile returns the nearest-rank quantile: the smallest value that at least
// the fraction q of the sample does not exceed. It is always a value that was
// measured; the 99th percentile of fewer than 100 values is the largest.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	// 0.95*20 is 19.000000000000004 in binary: shave that off before rounding up.
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[max(rank, 1)-1]
}

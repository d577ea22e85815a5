package stats

import "math"

// Interval is an estimate with a confidence interval. The ends are infinite
// when the sample is too small for the confidence asked for, and everything is
// NaN when there is no sample.
type Interval struct {
	Center, Lo, Hi float64
	// Confidence is the level the interval really has: at least the one asked
	// for where the distribution is discrete.
	Confidence float64
}

// Bounded reports whether both ends are finite numbers.
func (i Interval) Bounded() bool { return finite(i.Lo) && finite(i.Hi) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func noInterval() Interval {
	nan := math.NaN()
	return Interval{Center: nan, Lo: nan, Hi: nan}
}

// normalQuantile returns z with P(Z <= z) = p for a standard normal Z.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// twoSided returns z for a two-sided interval: 1.96 for 0.95.
func twoSided(confidence float64) float64 { return normalQuantile((1 + confidence) / 2) }

package stats

import (
	"math"
	"slices"
)

// ECDFPoint is a step of an empirical distribution function: F is the share of values that are at most X, with a
// band that holds the whole true function at once.
type ECDFPoint struct{ X, F, Lo, Hi float64 }

// MaxECDFPoints is how many steps are kept of a large sample: more than a screen has columns to draw them in.
const MaxECDFPoints = 512

// ECDF is the empirical distribution function with the band of Dvoretzky, Kiefer and Wolfowitz 1956, with Massart's
// constant (1990): it is nowhere off by more than sqrt(ln(2/alpha)/2n). One point a distinct value; of more than
// MaxECDFPoints, that many at equal distances of F, the first and the last among them. Each of these is a point of the true step function.
func ECDF(values []float64, confidence float64) []ECDFPoint {
	n := float64(len(values))
	off := math.Sqrt(math.Log(2/(1-confidence)) / (2 * n))
	sorted := slices.Sorted(slices.Values(values))
	var points []ECDFPoint
	for i, x := range sorted {
		if i+1 < len(sorted) && sorted[i+1] == x {
			continue
		}
		f := float64(i+1) / n
		points = append(points, ECDFPoint{X: x, F: f, Lo: math.Max(0, f-off), Hi: math.Min(1, f+off)})
	}
	return thin(points, MaxECDFPoints)
}

func thin(points []ECDFPoint, most int) []ECDFPoint {
	if len(points) <= most {
		return points
	}
	out := make([]ECDFPoint, most)
	for i := range out {
		out[i] = points[i*(len(points)-1)/(most-1)]
	}
	return out
}

// QuantileInterval is the nearest-rank quantile between two order statistics: the number of values below the true
// quantile is binomial, whatever the distribution (Thompson 1936; David and Nagaraja 2003, section 7.1). An end for which the sample is too
// small is infinite: the 99th percentile has an upper end at 95 % from 368 values on.
func QuantileInterval(values []float64, q, confidence float64) Interval {
	n := len(values)
	if n == 0 {
		return noInterval()
	}
	sorted := slices.Sorted(slices.Values(values))
	tail := (1 - confidence) / 2
	iv := Interval{Center: Quantile(sorted, q), Lo: math.Inf(-1), Hi: math.Inf(1), Confidence: confidence}
	first, cdf := binomialWindow(n, q)
	// The r-th smallest is above the quantile if fewer than r values are at most it: CDF(r-1). The r-th is below it if r or more are.
	for i, below := range cdf {
		r := first + i + 1
		if below <= tail && r <= n {
			iv.Lo = sorted[r-1]
		}
		if 1-below <= tail && r <= n {
			iv.Hi = sorted[r-1]
			break
		}
	}
	return iv
}

// binomialWindow is the distribution function of the number of n from first on, as far as it differs from 0 and 1.
func binomialWindow(n int, p float64) (first int, cdf []float64) {
	mean, off := float64(n)*p, 10+10*math.Sqrt(float64(n)*p*(1-p))
	first = max(0, int(mean-off))
	sum := 0.0
	for k := first; k <= min(n, int(mean+off)); k++ {
		sum += math.Exp(lchoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		cdf = append(cdf, math.Min(1, sum))
	}
	return first, cdf
}

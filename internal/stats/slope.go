package stats

import (
	"math"
	"slices"
)

// Trend is by how much a series rises from one position to the next, as seen through its noise.
type Trend struct {
	// Slope is the estimate of Theil and Sen with Sen's interval.
	Slope Interval
	// N is how many values there were.
	N int
	// P is the two-sided p value of Kendall's test of "no trend", corrected like the interval.
	P float64
	// Inflation is the factor by which the series' own memory enlarges the variance of Kendall's statistic; 1 without one.
	Inflation float64
}

// longest is the number of values whose pairs are all looked at, half a million; of a longer series neighbours are put
// together.
const longest = 1000

// SlopeOf estimates the trend of a series of equidistant values. NaN stands for a value that is missing; the others keep
// their places.
//
// The slope is the median of the slopes between all pairs (Theil 1950; Sen 1968, J. Am. Stat. Assoc. 63: 1379), which
// up to 29 % of wild values do not move, with the interval that Sen derived from Kendall's statistic S: of the N slopes
// in order, those at (N-C)/2 and (N+C)/2+1, where C is the quantile of S (as in Gilbert 1987, Statistical Methods for
// Environmental Pollution Monitoring, 16.5, here rounded outwards). Up to 30 values without ties C is of the exact
// distribution; else of the normal one, with the variance corrected for ties.
//
// Counts remember: what is open now is likely to be open a moment later, and then S varies more than it would among
// independent values. Its variance is therefore enlarged by the correlations of the ranks of the series without its trend,
// as Hamed and Rao did (1998, J. Hydrology 204: 182): a pool of connections that breathes is no leak.
//
// The interval is infinite where no pairs are left beyond its ends: of fewer than five values at 95 %, where every order is too
// likely by chance, and of a series that remembers itself so well that it amounts to as few.
//
// A single step, as of something that is made at first use and kept, leaves half of all pairs level and hence the interval's
// lower end at zero: that is no slope.
func SlopeOf(series []float64, confidence float64) Trend {
	x, y := present(shorten(series))
	n := len(y)
	per := 1.0
	if len(series) > longest {
		per = float64(chunk(len(series)))
	}
	if n < 2 {
		none := noInterval()
		return Trend{Slope: none, N: n, P: math.NaN(), Inflation: 1}
	}
	slopes := pairSlopes(x, y)
	center := median(slopes)
	variance, ties := kendallVariance(y)
	inflation := 1.0
	if n >= shortestMemory {
		inflation = memory(x, y, center)
	}
	exact := n <= exactKendall && !ties && inflation == 1
	quantile, level := kendallQuantile(n, variance*inflation, exact, confidence)
	lo, hi := around(slopes, quantile)
	return Trend{
		Slope:     Interval{Center: center / per, Lo: lo / per, Hi: hi / per, Confidence: level},
		N:         n,
		P:         kendallP(n, score(slopes), variance*inflation, exact),
		Inflation: inflation,
	}
}

// chunk is how many neighbours become one value.
func chunk(n int) int { return (n + longest - 1) / longest }

// shorten puts neighbours together by their median, so that the number of pairs stays bounded.
func shorten(series []float64) []float64 {
	if len(series) <= longest {
		return series
	}
	var short []float64
	for part := range slices.Chunk(series, chunk(len(series))) {
		_, values := present(part)
		slices.Sort(values)
		short = append(short, median(values)) // NaN when all are missing
	}
	return short
}

// present leaves out what is missing.
func present(series []float64) (x, y []float64) {
	for i, v := range series {
		if !math.IsNaN(v) {
			x, y = append(x, float64(i)), append(y, v)
		}
	}
	return x, y
}

// pairSlopes are the slopes between all pairs in ascending order.
func pairSlopes(x, y []float64) []float64 {
	slopes := make([]float64, 0, len(y)*(len(y)-1)/2)
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			slopes = append(slopes, (y[j]-y[i])/(x[j]-x[i]))
		}
	}
	slices.Sort(slopes)
	return slopes
}

// score is Kendall's S: the pairs that rise minus those that fall.
func score(slopes []float64) float64 {
	s := 0.0
	for _, v := range slopes {
		s += sign(v)
	}
	return s
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// kendallVariance is that of S among independent values: n(n-1)(2n+5)/18, less t(t-1)(2t+5)/18 for each group of t equal ones
// (Kendall 1955, Rank Correlation Methods).
func kendallVariance(y []float64) (variance float64, ties bool) {
	term := func(n float64) float64 { return n * (n - 1) * (2*n + 5) / 18 }
	variance = term(float64(len(y)))
	sorted := slices.Sorted(slices.Values(y))
	for len(sorted) > 0 {
		t := 1
		for t < len(sorted) && sorted[t] == sorted[0] {
			t++
		}
		variance -= term(float64(t))
		ties = ties || t > 1
		sorted = sorted[t:]
	}
	return math.Max(0, variance), ties
}

// exactKendall is the number of values up to which the distribution of S is counted out.
const exactKendall = 30

// inversions counts the orders of n values by their discordant pairs, as fractions of all n! orders: the generating
// function is the product over k to n of (1 + z + ... + z^(k-1)) / k.
func inversions(n int) []float64 {
	p := []float64{1}
	for k := 2; k <= n; k++ {
		next := make([]float64, len(p)+k-1)
		for i, v := range p {
			for j := range k {
				next[i+j] += v / float64(k)
			}
		}
		p = next
	}
	return p
}

// kendallQuantile is C with P(|S| >= C) <= 1-confidence among independent values, and the level that it has: +Inf when n is
// too small for any.
func kendallQuantile(n int, variance float64, exact bool, confidence float64) (c, level float64) {
	if !exact && n > exactKendall {
		return twoSided(confidence) * math.Sqrt(variance), confidence
	}
	c, level = exactQuantile(n, confidence)
	if !exact && !math.IsInf(c, 1) { // what independent values of that number cannot say, equal ones cannot either
		return twoSided(confidence) * math.Sqrt(variance), confidence
	}
	return c, level
}

func exactQuantile(n int, confidence float64) (c, level float64) {
	pairs := float64(n * (n - 1) / 2)
	tail, alpha := 0.0, (1-confidence)/2
	for d, p := range inversions(n) { // with d discordant pairs S is pairs-2d
		if tail+p > alpha {
			if d == 0 {
				return math.Inf(1), 1
			}
			return pairs - 2*float64(d), 1 - 2*tail
		}
		tail += p
	}
	return math.Inf(1), 1
}

// kendallP is the probability of an S that is as far from zero. The normal one is asked at one less, for S is a whole number.
func kendallP(n int, s, variance float64, exact bool) float64 {
	if s == 0 || variance == 0 {
		return 1
	}
	if !exact {
		return math.Erfc((math.Abs(s) - 1) / math.Sqrt(2*variance))
	}
	tail, discordant := 0.0, (n*(n-1)/2-int(math.Abs(s)))/2
	for _, p := range inversions(n)[:discordant+1] {
		tail += p
	}
	return math.Min(1, 2*tail)
}

// around are the slopes that C leaves between: infinite when there are not so many.
func around(slopes []float64, c float64) (lo, hi float64) {
	n := float64(len(slopes))
	below := math.Floor((n-c)/2) - 1
	if c > n || below < 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return slopes[int(below)], slopes[len(slopes)-1-int(below)]
}

package stats

import (
	"math"
	"slices"
)

// shortestMemory is the number of values below which correlations are noise, and none is corrected for.
const shortestMemory = 10

// memory is Hamed and Rao's factor: 1 + 2/(n(n-1)(n-2)) * sum over lags k of (n-k)(n-k-1)(n-k-2) r(k), with r(k) the
// correlations of the ranks of what is left of the series without its trend.
//
// They sum all r(k) that are significant at 5 %. Of a hundred values as many far lags are so by chance, mostly negative ones,
// and with a memory of 0.6 from one value to the next the test of no trend then errs in 17 % of series instead of 5. Here the
// sum ends at the first lag that is not positive, as Geyer's initial sequence does (1992, Statistical Science 7: 473), and it errs in 9 %.
func memory(x, y []float64, slope float64) float64 {
	n := float64(len(y))
	ranks := midranks(withoutTrend(x, y, slope))
	sum := 0.0
	for k := 1; k < len(y)-2; k++ {
		r, lag := correlation(ranks, k), float64(k)
		if r <= 0 {
			break
		}
		sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * r
	}
	return 1 + 2*sum/(n*(n-1)*(n-2))
}

// withoutTrend is what is left of a series. What differs by less than floating point can tell is made equal: of a straight
// line nothing is left, and the ranks of its rounding would be taken for a memory.
func withoutTrend(x, y []float64, slope float64) []float64 {
	rest := make([]float64, len(y))
	unit := (slices.Max(y) - slices.Min(y)) * 1e-9
	for i := range y {
		rest[i] = y[i] - slope*x[i]
		if unit > 0 {
			rest[i] = math.Round((rest[i] - y[0]) / unit)
		}
	}
	return rest
}

// midranks gives equal values the mean of their ranks.
func midranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(sign(values[a] - values[b])) })
	ranks := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to+1) / 2
		}
		from = to
	}
	return ranks
}

// correlation is that of a series' ranks with themselves k places later; 0 of one that does not vary.
func correlation(ranks []float64, k int) float64 {
	mean := float64(len(ranks)+1) / 2 // ties or not, and without a sum's rounding, by which all that are equal would seem to vary alike
	var with, all float64
	for i, v := range ranks {
		all += (v - mean) * (v - mean)
		if i+k < len(ranks) {
			with += (v - mean) * (ranks[i+k] - mean)
		}
	}
	if all == 0 {
		return 0
	}
	return with / all
}

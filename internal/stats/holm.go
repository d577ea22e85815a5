package stats

import (
	"math"
	"slices"
)

// Holm returns p values adjusted so that testing each against alpha keeps the
// chance of even one false claim among all of them at alpha (Holm 1979): the
// k-th smallest of m is multiplied by m-k+1, and none may be smaller than the
// one before it. A NaN is a test that was not made: it stays NaN and is not counted.
func Holm(p []float64) []float64 {
	var order []int
	for i := range p {
		if !math.IsNaN(p[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	adjusted := slices.Clone(p)
	floor := 0.0
	for k, i := range order {
		floor = math.Min(1, math.Max(floor, p[i]*float64(len(order)-k)))
		adjusted[i] = floor
	}
	return adjusted
}

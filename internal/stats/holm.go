package stats

import (
	"cmp"
	"math"
	"slices"
)

// Holm returns p values adjusted so that testing each against alpha keeps the
// chance of even one false claim among all of them at alpha (Holm 1979): the
// k-th smallest of m is multiplied by m-k+1, and none may be smaller than the
// one before it. A NaN is a test that was not made: it stays NaN and is not counted.
func Holm(p []float64) []float64 {
	w := make([]float64, len(p))
	for i := range w {
		w[i] = 1
	}
	return HolmShares(p, w, 0)
}

// HolmShares is Holm's with unequal shares of alpha (his section 4): in the order of p/w the first is multiplied by the sum of all w over its own,
// the next by the sum without the first's, and so on. What a test's w is must not depend on what any test found. rest is the w of tests of the family that found
// nothing: each is larger than all others in that order.
func HolmShares(p, w []float64, rest float64) []float64 {
	var order []int
	for i := range p {
		if !math.IsNaN(p[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a]/w[a], p[b]/w[b]) })
	left := make([]float64, len(order)) // from each on
	for k, i := range slices.Backward(order) {
		rest += w[i]
		left[k] = rest
	}
	adjusted := slices.Clone(p)
	floor := 0.0
	for k, i := range order {
		floor = math.Min(1, math.Max(floor, p[i]/w[i]*left[k]))
		adjusted[i] = floor
	}
	return adjusted
}

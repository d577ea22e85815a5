package stats

import "math"

// Drift sums up values from -1 to 1 of which each may have a mean of its own.
type Drift struct{ N, Sum, Squares float64 }

// Add takes in a value.
func (d *Drift) Add(x float64) { d.N, d.Sum, d.Squares = d.N+1, d.Sum+x, d.Squares+x*x }

// Times is a drift of k times as many such values.
func (d Drift) Times(k float64) Drift { return Drift{d.N * k, d.Sum * k, d.Squares * k} }

// MeanBelow is what the mean of the values' true means lies below. It holds with 1-alpha at all times at once, so that one may stop for any reason and
// choose by what was seen which value comes next: exp(b(m-x) - (-log(1-b)-b)x^2) has a mean of at most 1 where x <= 1 has the mean m and 0 < b < 1 (Fan,
// Grama and Liu 2015, lemma 4.1), and the product of these, of several b weighted alike, exceeds 1/alpha with a probability of at most alpha (Ville 1939).
// Centred squares would be closer where all values are far from 0, which is no case for an upper end near it.
func (d Drift) MeanBelow(alpha float64) float64 {
	if !(d.N > 0) || d.bet(d.N) < 1/alpha {
		return 1
	}
	lo, hi := d.Sum, d.N
	for range 60 { // the bets rise with the mean
		if mid := (lo + hi) / 2; d.bet(mid) >= 1/alpha {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi / d.N
}

// bet is that product where the true means add up to a sum.
func (d Drift) bet(sum float64) float64 {
	bets := []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9}
	total := 0.0
	for _, b := range bets {
		total += math.Exp(b*(sum-d.Sum) - (-math.Log1p(-b)-b)*d.Squares)
	}
	return total / float64(len(bets))
}

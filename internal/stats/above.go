package stats

import "math"

// RateAbove is a rate that the true one exceeds: a lower end that holds with 1-alpha at all times at once, so that one may look after each trial and
// stop for any reason. A rate is refuted when the likelihood of the outcomes under all higher ones, each weighted alike, is 1/alpha times its
// own: as a bet at odds that are fair or worse the ratio exceeds that with a probability of at most alpha (Ville 1939; Robbins 1970).
func RateAbove(c Count, alpha float64) float64 {
	if !(c.X > 0) {
		return 0
	}
	lo, hi := 0.0, c.Rate()
	for range 40 { // the ratio falls from infinity at 0 to less than 1 at the rate seen
		if mid := (lo + hi) / 2; odds(c, mid) >= math.Log(1/alpha) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// odds is the logarithm of that ratio, by the midpoint rule.
func odds(c Count, rate float64) float64 {
	const points = 512
	likelihood := func(q float64) float64 {
		l := c.X * math.Log(q)
		if c.N > c.X {
			l += (c.N - c.X) * math.Log1p(-q)
		}
		return l
	}
	own, most := likelihood(rate), math.Inf(-1)
	var all [points]float64
	for i := range all {
		all[i] = likelihood(rate + (1-rate)*(float64(i)+0.5)/points)
		most = math.Max(most, all[i])
	}
	sum := 0.0
	for _, l := range all {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum/points) - own
}

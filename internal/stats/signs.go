package stats

import "math"

// SignsP is the p value of signs that are fair coins, of which up went one way and down the other. It holds at all times at once, so that one may
// stop for any reason: the likelihood of the signs under all shares of heads, each weighted alike, is 1/p times that under one half, and as a bet
// at fair odds that ratio exceeds 1/p with a probability of at most p (Ville 1939; Robbins 1970).
func SignsP(up, down int) float64 {
	n, x := float64(up+down), float64(up)
	logGamma := func(v float64) float64 {
		l, _ := math.Lgamma(v) // of what is above 0: the sign is +
		return l
	}
	weighted := logGamma(x+1) + logGamma(n-x+1) - logGamma(n+2)
	return math.Min(1, math.Exp(-n*math.Ln2-weighted))
}

package stats

import "math"

// CurvePoint is the estimated probability of a start under one limit, with its pointwise interval.
type CurvePoint struct {
	Limit     int64
	P, Lo, Hi float64
}

// Curve is the probability of a start under each limit that was tried, rising: the isotonic estimate (Ayer, Brunk, Ewing, Reid
// and Silverman 1955) with the interval of Clopper and Pearson 1934 of each limit's own starts, each end carried on to where
// it also holds if the probability rises. It is for drawing: the claims are Found's.
func (s *Search) Curve() []CurvePoint {
	var points []CurvePoint
	var starts []tally
	for i, t := range s.tried {
		if t != (tally{}) {
			lo, hi := clopperPearson(t.started, t.started+t.failed, s.spec.Confidence)
			points = append(points, CurvePoint{Limit: s.limit(i), Lo: lo, Hi: hi})
			starts = append(starts, t)
		}
	}
	for i, p := range isotonic(starts) {
		points[i].P = p
	}
	for i := 1; i < len(points); i++ {
		points[i].Lo = math.Max(points[i].Lo, points[i-1].Lo)
	}
	for i := len(points) - 2; i >= 0; i-- {
		points[i].Hi = math.Min(points[i].Hi, points[i+1].Hi)
	}
	for i, p := range points {
		// Ends carried on from both sides can cross the estimate, or each other, where starts got rarer with the limit.
		points[i].Lo, points[i].Hi = math.Min(p.Lo, p.P), math.Max(p.Hi, p.P)
	}
	return points
}

// isotonic pools neighbours that fall until none does.
func isotonic(starts []tally) []float64 {
	type pool struct {
		tally
		limits int
	}
	rate := func(t tally) float64 { return float64(t.started) / float64(t.started+t.failed) }
	var pools []pool
	for _, t := range starts {
		pools = append(pools, pool{t, 1})
		for n := len(pools); n > 1 && rate(pools[n-2].tally) >= rate(pools[n-1].tally); n = len(pools) {
			last := pools[n-1]
			pools = pools[:n-1]
			pools[n-2].started += last.started
			pools[n-2].failed += last.failed
			pools[n-2].limits += last.limits
		}
	}
	var out []float64
	for _, p := range pools {
		for range p.limits {
			out = append(out, rate(p.tally))
		}
	}
	return out
}

// clopperPearson is the exact interval of a proportion: what is not refuted by x or more, and x or fewer, of n.
func clopperPearson(x, n int, confidence float64) (lo, hi float64) {
	tail := (1 - confidence) / 2
	hi = 1
	if x > 0 {
		lo = bisect(func(p float64) bool { return 1-binomialCDF(x-1, n, p) > tail })
	}
	if x < n {
		hi = bisect(func(p float64) bool { return binomialCDF(x, n, p) < tail })
	}
	return lo, hi
}

// bisect is where on 0..1 a condition becomes true.
func bisect(holds func(float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 50 {
		if mid := (lo + hi) / 2; holds(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return (lo + hi) / 2
}

// binomialCDF is the probability of x or fewer of n.
func binomialCDF(x, n int, p float64) float64 {
	switch {
	case x < 0 || p >= 1 && x < n:
		return 0
	case x >= n || p <= 0:
		return 1
	}
	sum := 0.0
	for k := 0; k <= x; k++ {
		sum += math.Exp(lchoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	return math.Min(1, sum)
}

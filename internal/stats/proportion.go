package stats

import "math"

// Count is X events among N units.
type Count struct{ X, N float64 }

// Rate is X/N, NaN without units.
func (c Count) Rate() float64 { return c.X / c.N }

// Stratum is one condition under which both arms were tried, such as one memory limit.
type Stratum struct{ Base, Cand Count }

// Wilson is the score interval of one proportion (Wilson 1927), at z instead
// of a confidence because the stratified interval needs that.
func wilson(c Count, z float64) (lo, hi float64) {
	p, z2 := c.Rate(), z*z
	mid := p + z2/(2*c.N)
	half := z * math.Sqrt(p*(1-p)/c.N+z2/(4*c.N*c.N))
	return math.Max(0, (mid-half)/(1+z2/c.N)), math.Min(1, (mid+half)/(1+z2/c.N))
}

// Rates are both arms' rates over all strata, each stratum weighted alike in
// both, and how far the candidate's lies above the baseline's.
type Rates struct{ Base, Cand, Diff Interval }

// Difference gives the rates with Wilson's intervals and their difference with
// Newcombe's hybrid score interval (Newcombe 1998, method 10), stratified as by
// Yan and Su 2010; with one stratum it is Newcombe's own.
//
// Why strata and not one pooled table: on a ladder of memory limits some rungs
// always start and some never do, in both arms. Those are certain, yet in a
// pooled table they look like a coin that falls one way 5 times in 35, whose
// difference cannot be told from 16 points.
func Difference(strata []Stratum, confidence float64) Rates {
	weights := weigh(strata)
	if weights == nil {
		return Rates{Base: noInterval(), Cand: noInterval(), Diff: noInterval()}
	}
	bases, cands := arms(strata)
	b, c := weighted(bases, weights, confidence), weighted(cands, weights, confidence)
	// Method 10: each end is as far away as the two single intervals allow, squares added.
	d := c.Center - b.Center
	return Rates{Base: b, Cand: c, Diff: Interval{
		Center:     d,
		Lo:         d - math.Hypot(c.Center-c.Lo, b.Hi-b.Center),
		Hi:         d + math.Hypot(c.Hi-c.Center, b.Center-b.Lo),
		Confidence: confidence,
	}}
}

func arms(strata []Stratum) (bases, cands []Count) {
	for _, s := range strata {
		bases, cands = append(bases, s.Base), append(cands, s.Cand)
	}
	return bases, cands
}

// weigh gives each stratum Mantel and Haenszel's weight n1*n2/(n1+n2), scaled
// to sum to one: a stratum counts as far as both arms were tried in it. Nil
// when there is none.
func weigh(strata []Stratum) []float64 {
	weights, sum := make([]float64, len(strata)), 0.0
	for i, s := range strata {
		if s.Base.N > 0 && s.Cand.N > 0 {
			weights[i] = s.Base.N * s.Cand.N / (s.Base.N + s.Cand.N)
			sum += weights[i]
		}
	}
	if sum == 0 {
		return nil
	}
	for i := range weights {
		weights[i] /= sum
	}
	return weights
}

// weighted adds up the strata's rates and Wilson ends. Adding ends at the full
// z would add standard deviations where variances add, so Yan and Su take the
// smaller z' with z' * sum(w*sd) = z * sqrt(sum(w^2*var)).
//
// Their sd is Wald's, sqrt(p(1-p)/n): zero at 0 of n, and 0/0 when every stratum is
// like that, our usual case. Here it is the one Wilson's own half width has,
// sqrt(p(1-p)/n + z'^2/4n^2), so z' is found by iteration. k equal strata of 0 of
// n then give exactly the interval of 0 of k*n.
func weighted(counts []Count, weights []float64, confidence float64) Interval {
	z := reduced(counts, weights, twoSided(confidence))
	iv := Interval{Confidence: confidence}
	for i, c := range counts {
		if weights[i] == 0 {
			continue
		}
		lo, hi := wilson(c, z)
		iv.Center += weights[i] * c.Rate()
		iv.Lo += weights[i] * lo
		iv.Hi += weights[i] * hi
	}
	return iv
}

func reduced(counts []Count, weights []float64, z float64) float64 {
	zr := z
	for range 50 { // a contraction: each round gains about a digit
		squares, sum := 0.0, 0.0
		for i, c := range counts {
			if weights[i] == 0 {
				continue
			}
			p := c.Rate()
			sd := math.Sqrt(p*(1-p)/c.N + zr*zr/(4*c.N*c.N))
			squares += weights[i] * weights[i] * sd * sd
			sum += weights[i] * sd
		}
		zr = z * math.Sqrt(squares) / sum
	}
	return zr
}

// ExactP is the two-sided p value of the hypothesis that in every stratum both
// arms have the same rate: Fisher's exact test for one stratum, and for several
// the exact conditional test of a common odds ratio (Mehta, Patel and Gray
// 1985). Given each stratum's margins, the candidate's events are
// hypergeometric; their sum over strata is the statistic, and p adds up every
// sum no more likely than the one seen. NaN when there is no stratum with both arms.
func ExactP(strata []Stratum) float64 {
	pmf, seen, any := []float64{1}, 0, false
	low := 0
	for _, s := range strata {
		if s.Base.N == 0 || s.Cand.N == 0 {
			continue
		}
		any = true
		h, first := hypergeometric(s)
		pmf = convolve(pmf, h)
		low += first
		seen += int(s.Cand.X)
	}
	if !any {
		return math.NaN()
	}
	return tails(pmf, seen-low)
}

// hypergeometric is the distribution of the candidate's events given the
// stratum's margins, from its smallest possible value on.
func hypergeometric(s Stratum) (pmf []float64, first int) {
	n1, n2 := int(s.Base.N), int(s.Cand.N)
	events := int(s.Base.X + s.Cand.X)
	first, last := max(0, events-n1), min(events, n2)
	for x := first; x <= last; x++ {
		pmf = append(pmf, math.Exp(lchoose(n2, x)+lchoose(n1, events-x)-lchoose(n1+n2, events)))
	}
	return pmf, first
}

func lchoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n) + 1)
	b, _ := math.Lgamma(float64(k) + 1)
	c, _ := math.Lgamma(float64(n-k) + 1)
	return a - b - c
}

func convolve(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}

// tails sums the probabilities of all outcomes no more likely than the one
// seen. The slack counts equals that differ by rounding, as R's fisher.test does.
func tails(pmf []float64, seen int) float64 {
	const slack = 1 + 1e-7
	p := 0.0
	for _, q := range pmf {
		if q <= pmf[seen]*slack {
			p += q
		}
	}
	return math.Min(1, p)
}

package stats

import "math"

// Scale multiplies every count, as if the experiment had been k times as large with the same rates.
func Scale(strata []Stratum, k float64) []Stratum {
	out := make([]Stratum, len(strata))
	for i, s := range strata {
		out[i] = Stratum{
			Base: Count{X: s.Base.X * k, N: s.Base.N * k},
			Cand: Count{X: s.Cand.X * k, N: s.Cand.N * k},
		}
	}
	return out
}

// Narrow is the interval of a k times larger sample with the same centre and
// spread: its ends come closer by the square root.
func (i Interval) Narrow(k float64) Interval {
	root := math.Sqrt(k)
	i.Lo = i.Center - (i.Center-i.Lo)/root
	i.Hi = i.Center + (i.Hi-i.Center)/root
	return i
}

// Growth is the smallest factor, in steps of a tenth, by which a sample must
// grow for settled to become true, and +Inf when 100 times is not enough. It
// is a forecast from one sample: good for "forty, not four hundred", no more.
func Growth(settled func(factor float64) bool) float64 {
	for k := 1.0; k < 100; k *= 1.1 {
		if settled(k) {
			return k
		}
	}
	return math.Inf(1)
}

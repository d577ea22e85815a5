package simulate

import (
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Slower has every start take a fraction of its own latency longer before the first call returns: a wrapper that sleeps.
func Slower(fraction float64) Plant {
	return func(r *results.Record) {
		ns, ok := r.Latency.Start()
		if !ok {
			return
		}
		Later(int64(fraction * float64(ns)))(r)
	}
}

// Later has the first call return so many nanoseconds later, and with it all that comes after.
func Later(ns int64) Plant {
	return func(r *results.Record) {
		l := &r.Latency
		for _, at := range []**int64{&l.Created, &l.StartCalled, &l.Started, &l.Exited, &l.DeleteCalled, &l.Deleted} {
			*at = plus(*at, ns)
		}
	}
}

// plus leaves the stored number alone, which other trials are drawn from.
func plus(p *int64, by int64) *int64 {
	if p == nil {
		return nil
	}
	n := *p + by
	return &n
}

// More adds to one of a start's amounts: bytes, or a count of the runtime's. A metric that is no amount stays as it is.
func More(metric string, by int64) Plant {
	return func(r *results.Record) {
		switch metric {
		case scenarios.ContainerMemoryPeak:
			r.ContainerPeak = plus(r.ContainerPeak, by)
		case scenarios.RuntimeMemoryPeak:
			r.RuntimePeak = plus(r.RuntimePeak, by)
		case scenarios.StartCPU:
			const nsPerUsec = 1000
			r.RuntimeCPU = plus(r.RuntimeCPU, by/nsPerUsec)
		case scenarios.ContainerChargedAtExec:
			if r.Found != nil {
				found := *r.Found
				found.ChargedAtExec = plus(found.ChargedAtExec, by)
				r.Found = &found
			}
		default:
			moreCounted(r, metric, by)
		}
	}
}

func moreCounted(r *results.Record, metric string, by int64) {
	if r.RuntimeCounters == nil {
		return
	}
	c := *r.RuntimeCounters
	switch metric {
	case scenarios.StartSyscalls:
		c.Syscalls += by
	case scenarios.StartPageFaults:
		c.PageFaults += by
	case scenarios.StartForks:
		c.Forks += by
	case scenarios.StartBytesCopied:
		c.MemfdBytes += by
		c.CopiedBytes = plus(c.CopiedBytes, by)
	}
	r.RuntimeCounters = &c
}

// isFound tells whether any row of the metric is regressed.
func isFound(v verdict.Verdict, metric string) bool {
	for _, m := range v.Metrics {
		if m.Name == metric && m.Ruling == verdict.Regressed {
			return true
		}
	}
	return false
}

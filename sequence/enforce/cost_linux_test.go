package enforce

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// BenchmarkFilter compares starts with the filter installed, every call answered at once, with starts
// without it. An iteration is a block of four: without, with, with, without, or the other
// way round. %overhead is the ratio of the medians less one; what is claimed is less than 3 for runc. The
// instructions clock (initbench vm --clock instructions) shows it in ten blocks; a wall clock under
// emulation, whose starts differ by a third, in some hundred.
func BenchmarkFilter(b *testing.B) {
	for name, binary := range map[string]func(testing.TB) string{
		"runc-1.1.15": func(t testing.TB) string { return runcOf(t, "v1.1.15") },
		"runc-1.2.6":  func(t testing.TB) string { return runcOf(t, "v1.2.6") },
		"crun":        func(testing.TB) string { return "crun" },
	} {
		b.Run(name, func(b *testing.B) {
			for _, d := range cgroupjoin.Drivers() {
				b.Run(string(d), func(b *testing.B) { benchmarkFilter(b, trial{binary: binary(b), driver: d, order: sequence.Natural}) })
			}
		})
	}
}

func benchmarkFilter(b *testing.B, with trial) {
	where := openBench(b)
	without := with
	without.plain = true
	var plain, filtered []time.Duration
	var cost sequence.Enforcement
	for b.Loop() {
		block := []trial{without, with, with, without}
		if rand.IntN(2) == 0 {
			block = []trial{with, without, without, with}
		}
		for _, tr := range block {
			e := where.run(tr)
			if !e.started {
				b.Fatal(e)
			}
			if tr.plain {
				plain = append(plain, e.took)
				continue
			}
			filtered = append(filtered, e.took)
			cost = e.Enforcement
		}
	}
	p, f := median(plain), median(filtered)
	b.ReportMetric(100*(f/p-1), "%overhead")
	b.ReportMetric(p/1e6, "plain-ms")
	b.ReportMetric(f/1e6, "filtered-ms")
	b.ReportMetric(float64(cost.Notifications), "notifications")
	b.ReportMetric(0, "ns/op") // of a block: of no use
}

// median in ns.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	n := len(d)
	return float64(d[(n-1)/2]+d[n/2]) / 2
}

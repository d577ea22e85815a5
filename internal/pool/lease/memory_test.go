package lease

import (
	"runtime"
	"testing"
)

// BenchmarkNext holds the memory and the disk that a lease takes from a pool of 2^64 subnets to what it takes from one of 2^4: it
// fails where the peaks are a MiB apart. What the Go runtime has of the system it keeps, so that it is a peak.
func BenchmarkNext(b *testing.B) {
	peaks := map[int]uint64{}
	for _, bits := range []int{4, 64} {
		p := mustPool(b, "fd00::/16", 16+bits)
		b.Run(p.Subnets().String(), func(b *testing.B) {
			a := open(b, b.TempDir(), p)
			b.ReportAllocs()
			for b.Loop() {
				l, err := a.Next("o")
				if err == nil {
					err = a.Free(l)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peaks[bits] = m.Sys
			b.ReportMetric(float64(m.Sys), "peak-B")
		})
	}
	if peaks[64] > peaks[4]+1<<20 {
		b.Errorf("peak memory is %d bytes with 2^4 subnets and %d with 2^64", peaks[4], peaks[64])
	}
}

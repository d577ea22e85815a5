//go:build amd64

package observe

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
)

// BenchmarkStart says what being observed costs a real start, as the change of
// the median latency in percent: attached-% while programs are attached and watch nothing,
// watch-% while the start itself is watched. A round is four starts under each of the three conditions,
// in turn forwards and backwards. In a guest with --clock instructions some 15 rounds (-benchtime 15x)
// tell one percent; a wall clock under emulation needs many more.
func BenchmarkStart(b *testing.B) {
	for _, name := range []string{"runc-1.2.6", "crun"} {
		for _, d := range cgroupjoin.Drivers() {
			b.Run(name+"/"+string(d), func(b *testing.B) { benchmarkStart(b, name, d) })
		}
	}
}

// condition is what a start of the benchmark is made under.
type condition int

const (
	closed condition = iota
	attached
	watched
)

func benchmarkStart(b *testing.B, name string, d cgroupjoin.Driver) {
	l := newLab(b)
	path := l.runtime(name)
	var ns [3][]float64
	l.latency(nil, path, d) // warms the caches
	for i := 0; b.Loop(); i++ {
		conditions := []condition{closed, attached, watched}
		if i%2 == 1 {
			slices.Reverse(conditions)
		}
		l.round(conditions, func(c condition, watcher *Observer) {
			for range 4 {
				ns[c] = append(ns[c], float64(l.latency(watcher, path, d)))
			}
		})
	}
	base := median(ns[closed])
	b.ReportMetric(base, "ns/start")
	b.ReportMetric(100*(median(ns[attached])/base-1), "attached-%")
	b.ReportMetric(100*(median(ns[watched])/base-1), "watch-%")
	b.ReportMetric(0, "ns/op") // of a round, which means nothing
}

// round opens and closes an observer as the conditions ask, and hands it on where it is to watch.
func (l *lab) round(conditions []condition, do func(condition, *Observer)) {
	l.Helper()
	var o *Observer
	for _, c := range conditions {
		switch {
		case c == closed && o != nil:
			l.must(o.Close())
			o = nil
		case c != closed && o == nil:
			var err error
			o, err = Open(Options{})
			l.must(err)
		}
		if c == watched {
			do(c, o)
		} else {
			do(c, nil)
		}
	}
	if o != nil {
		l.must(o.Close())
	}
}

// latency is the time that create takes, and from start to the payload's first instruction.
func (l *lab) latency(o *Observer, binary string, d cgroupjoin.Driver) int64 {
	l.Helper()
	c := l.container(binary, d, 0, ociruntime.Payload{})
	var w *Watch
	var err error
	if o != nil {
		w, err = o.Watch(c.target())
		l.must(err)
	}
	began := now(l)
	l.must(c.create())
	stamp := c.start()
	c.wait()
	c.remove()
	if w != nil {
		_, err = w.Finish()
		l.must(err)
	}
	return stamp - began
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}

func now(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

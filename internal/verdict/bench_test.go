package verdict

import (
	"testing"

	"github.com/initbench/initbench/results"
)

// adaptive is a gate as an adaptive run has it in the middle: 40 timed and 20 observed blocks a cell, and whole searches.
func adaptive() (results.Header, []results.Record) {
	watched := charges(40)
	watched.Judge = append(watched.Judge, "start.forks", "start.bytes_copied", "order.join_first")
	timed := startup(80)
	timed.Judge = []string{"start.latency", "create.latency", "start.cpu", "container.memory.peak", "runtime.memory.peak"}
	sc := thresholds(natural, joinFirst)
	h := gateOf(timed, sc, watched)
	h.Design = &results.Design{Alpha: 0.05, Looks: []int{10, 20, 40, 60, 100}}
	records := model{cv: 0.1, mutate: func(r *results.Record) { observed(r, 1) }}.all(gateOf(timed, watched))
	return h, append(records, sharpAt(7*mib, 7*mib).search(1, sc, nil)...)
}

// BenchmarkJudge is what one look of an adaptive run costs the host.
func BenchmarkJudge(b *testing.B) {
	h, records := adaptive()
	run := runOf(h, records)
	run.Replays = &Replays{}
	for b.Loop() {
		if _, err := Judge(run, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(records)), "records")
}

// BenchmarkReplay is what one search of a sharp edge costs, of those starts that it took.
func BenchmarkReplay(b *testing.B) {
	sc := thresholds(natural)
	records := sharpAt(7*mib, 7*mib).search(1, sc, nil)
	var tries []try
	for _, r := range records {
		if r.Arm == "baseline" && r.Driver == sc.Drivers[0] {
			tries = append(tries, tryOf(&r))
		}
	}
	k := key{scenario: sc.Name, driver: sc.Drivers[0], order: natural}
	for b.Loop() {
		if s := (*Replays)(nil).replay(k, sc, "baseline", tries); s.Edge.Starts != len(tries) {
			b.Fatalf("%d starts of %d", s.Edge.Starts, len(tries))
		}
	}
	b.ReportMetric(float64(len(tries)), "starts")
}

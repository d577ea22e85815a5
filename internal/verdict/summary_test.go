package verdict

import (
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func mustSummarize(t *testing.T, r Run) Summary {
	t.Helper()
	s, err := Summarize(r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Catches warm-ups in the figures, and percentiles that are not values of the run.
func TestSummaryOfAHundred(t *testing.T) {
	sc := startup(2)
	sc.Containers, sc.Drivers = 100, sc.Drivers[:1]
	start := int64(0)
	s := mustSummarize(t, single(model{mutate: func(r *results.Record) {
		if r.Warmup {
			*r.Latency.Started = 1e12
			return
		}
		start++
		*r.Latency.Started = start // 1 to 200
	}}, "run", sc))
	if len(s.Cells) != 1 {
		t.Fatalf("%d cells, want 1", len(s.Cells))
	}
	c := s.Cells[0]
	if c.Trials() != 200 || c.Start.N != 200 {
		t.Errorf("%d trials, %d starts, want 200", c.Trials(), c.Start.N)
	}
	if c.Start.Median != 100.5 || c.Start.P95 != 190 || c.Start.P99 != 198 || c.Start.Mean != 100.5 {
		t.Errorf("spread %v %v %v %v, want 100.5 190 198 100.5", c.Start.Median, c.Start.P95, c.Start.P99, c.Start.Mean)
	}
	if c.Batch.N != 2 || c.Batch.Total != 60e9 || c.Batch.Each != 600e6 {
		t.Errorf("batches %+v, want 2 of 100 x 600 ms", c.Batch)
	}
}

// Catches outcomes lumped together, peaks of killed trials among those of started
// ones, and victims of one process name added to another's.
func TestSummaryOfALadder(t *testing.T) {
	h := gateOf(oomLimits(6))
	m := upgrade()
	m.mutate = func(r *results.Record) {
		switch {
		case r.Outcome == results.InitOOMKilled:
			r.Victim = &results.Victim{Comm: "runc:[2:INIT]", AnonBytes: 1 << 20, FileBytes: 2 << 20, ShmemBytes: 7 << 20}
			if r.Limit == 8<<20 {
				r.Victim.Comm = "exe"
			}
			*r.ContainerPeak = r.Limit
		case r.Driver == cgroupjoin.Systemd && r.Limit == 32<<20 && r.Arm == "baseline":
			r.Outcome, r.Leaks = results.TimedOut, []string{"scope x"}
		}
	}
	s := mustSummarize(t, m.run(h))
	if len(s.Cells) != 20 || len(s.Ladders) != 4 {
		t.Fatalf("%d cells, %d ladders, want 20 and 4", len(s.Cells), len(s.Ladders))
	}
	for i, want := range []Count{{Started: 6}, {OOMKilled: 6}} {
		if l := s.Ladders[i]; l.Limits[1] != 12<<20 || l.Orders[0].Counts[1] != want {
			t.Errorf("ladder of the %s at %d: %+v, want %+v", l.Runtime, l.Limits[1], l.Orders[0].Counts[1], want)
		}
	}
	last := s.Cells[18]
	if last.Driver != cgroupjoin.Systemd || last.Outcomes[results.TimedOut] != 6 || last.Start.N != 0 || last.ContainerPeak.Known() {
		t.Errorf("cell of time-outs: %+v", last)
	}
	if s.Trials != (Trials{Planned: 120, Recorded: 120, Failed: 6, Leaking: 6}) {
		t.Errorf("trials %+v", s.Trials)
	}
	if len(s.Victims) != 6 {
		t.Fatalf("%d kinds of victims, want one for each of 3 limits and 2 drivers", len(s.Victims))
	}
	if v := s.Victims[1]; v.Comm != "runc:[2:INIT]" || v.N != 6 || v.Shmem != 7<<20 || v.Limit != 12<<20 {
		t.Errorf("victim %+v", v)
	}
}

// Catches an interval of the mean that counts containers started at once as independent.
func TestMeanOfConcurrentStartsRestsOnBatches(t *testing.T) {
	sc := startup(3)
	sc.Containers, sc.Drivers = 20, sc.Drivers[:1]
	sequential := mustSummarize(t, single(model{cv: 0.1}, "run", sc)).Cells[0].Start
	sc.Concurrent = true
	concurrent := mustSummarize(t, single(model{cv: 0.1}, "run", sc)).Cells[0].Start
	if math.Abs(sequential.Mean/concurrent.Mean-1) > 1e-9 {
		t.Errorf("means %v and %v of the same values", sequential.Mean, concurrent.Mean)
	}
	if s, c := sequential.MeanHi-sequential.Mean, concurrent.MeanHi-concurrent.Mean; math.Abs(s-c) < 1e-9 {
		t.Errorf("half widths %v and %v: 3 batches must not count as 60", s, c)
	}
}

// Catches a cell without a record that vanishes, and an interruption that is not said.
func TestSummaryShowsWhatIsMissing(t *testing.T) {
	run := of(10, single(model{}, "run", startup(16)))
	run.Header.Spec.Runtimes = append(run.Header.Spec.Runtimes, scenarios.Runtime{Name: "absent", Ref: "crun"})
	s := mustSummarize(t, run)
	if len(s.Cells) != 4 || len(s.Runtimes) != 1 {
		t.Errorf("%d cells, %d runtimes: want all 4 planned cells, and the one runtime that ran", len(s.Cells), len(s.Runtimes))
	}
	wantText(t, strings.Join(s.Warnings, "\n"), "of 64 planned trials are recorded: the run was ended before its plan was")
}

// Catches a second meaning of the word median: of two values it is their mean, whatever the figure.
func TestMediansOfTwoAreMeans(t *testing.T) {
	v := victim(cellKey{}, "runc:[2:INIT]", [][3]float64{{1, 10, 100}, {2, 30, 400}})
	if v.Anon != 1.5 || v.File != 20 || v.Shmem != 250 {
		t.Errorf("victim: %v %v %v, want 1.5 20 250", v.Anon, v.File, v.Shmem)
	}
	d := newObservedSide()
	for _, calls := range []int64{7, 10} {
		d.sheet(Observed).begin(&results.Record{})
		d.sheet(Observed).keep(scenarios.StartSyscalls+runtimePart, calls)
	}
	if got := d.counted(Observed, scenarios.StartSyscalls).Runtime; got != 8.5 {
		t.Errorf("of 7 and 10 calls %v, want 8.5", got)
	}
}

package verdict

import (
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func named(r *results.Record) {
	r.Runtime.Ref = map[string]string{"baseline": "runc@v1.1.14", "candidate": "./my runc"}[r.Arm]
}

// Catches a failure that is told without its numbers, its conditions or the command that shows it.
func TestAFailureHasAParagraph(t *testing.T) {
	m := upgrade()
	m.mutate = named
	v := mustJudge(t, m.run(gateOf(startup(16), oomLimits(6))))
	latency := v.find(t, "start.latency", cgroupjoin.Systemd)
	wantText(t, latency.Paragraph, "start.latency (startup, driver systemd) rose by ", " % (", " to ", "; the medians are ", " ms, then ", "The whole interval is beyond the margin of 20 %; p ",
		"adjusted for 8 tests; 8 blocks. To see a start of it: initbench trace --runtime runc@v1.1.14 --runtime './my runc' --driver systemd")
	if strings.HasSuffix(latency.Trace, "--limit") || strings.Contains(latency.Trace, "--order") {
		t.Errorf("trace: %s", latency.Trace)
	}
	oom := v.find(t, "oom.rate", cgroupjoin.Cgroupfs)
	wantText(t, oom.Paragraph, "oom.rate (oom-limits, driver cgroupfs) rose from 0 of 30 to 18 of 30 trials, by 60.0 points (", "--driver cgroupfs --limit 8MiB")
	if passed := v.find(t, "runtime.memory.peak", cgroupjoin.Systemd); passed.Paragraph != "" || passed.Trace == "" {
		t.Errorf("a row that passed: %q, %q", passed.Paragraph, passed.Trace)
	}
	noise := mustJudge(t, model{cv: 0.4, mutate: named}.run(gateOf(startup(16)))).find(t, "start.latency", cgroupjoin.Systemd)
	wantText(t, noise.Paragraph, "start.latency (startup, driver systemd) is not settled: the interval straddles the margin of 20 %")
}

// Catches a threshold that is told without the limit at which one starts and the other does not.
func TestAThresholdHasAParagraph(t *testing.T) {
	sc := thresholds(natural, joinFirst)
	v := mustJudge(t, runOf(gateOf(sc), sharpAt(7*mib, 17*mib).search(1, sc, named)))
	m := v.inOrder(t, "start.threshold", cgroupjoin.Systemd, joinFirst)
	wantText(t, m.Paragraph, "start.threshold (thresholds, driver systemd, order join-before-clone imposed) rose from 7 MiB to 17 MiB, by 10 MiB (9.75 MiB to 10.25 MiB). Even the smallest difference of both brackets is beyond the margin of 1 MiB",
		"each search claims its bracket at 95.0 % confidence", "--driver systemd --order join-before-clone --limit 7MiB")
	never := sharpAt(7*mib, 100*mib).search(1, sc, named)
	wantText(t, mustJudge(t, runOf(gateOf(sc), never)).inOrder(t, "start.threshold", cgroupjoin.Systemd, natural).Paragraph,
		"start.threshold (thresholds, driver systemd) was 7 MiB and is above 64 MiB. ")
	coarse := Metric{Name: StartThreshold, Unit: Bytes, Ruling: Regressed, Baseline: Arm{Center: 4 * float64(mib), Hi: 4 * float64(mib)}, Candidate: Arm{Center: math.NaN(), Lo: 6 * float64(mib), Hi: math.Inf(1)}}
	wantText(t, coarse.told(), "start.threshold was at most 4 MiB and is above 6 MiB")
	opts := held(t, runOf(gateOf(sc), never), Ceiling{Metric: "start.threshold", AtMost: 12 << 20, Text: "start.threshold <= 12MiB"})
	wantText(t, opts.Ceilings[0].Paragraph, "ceiling start.threshold <= 12MiB", "initbench trace --runtime './my runc' --driver cgroupfs --limit 12MiB")
}

// Catches a threshold that nobody found whose command has no limit, or one that is no number.
func TestATraceShowsAThresholdThatWasNotFound(t *testing.T) {
	const mb = float64(mib)
	nan, inf := math.NaN(), math.Inf(1)
	for want, m := range map[int64]Metric{
		8 * mib:  {Baseline: Arm{Lo: 7 * mb, Hi: 8 * mb}, Candidate: Arm{Lo: 13 * mb, Hi: inf}},
		13 * mib: {Baseline: Arm{Lo: 2 * mb, Hi: inf}, Candidate: Arm{Lo: 13 * mb, Hi: inf}},
		9 * mib:  {Baseline: Arm{Lo: nan, Hi: nan}, Candidate: Arm{Hi: 9 * mb}},
		0:        {Baseline: Arm{Lo: nan, Hi: nan}, Candidate: Arm{Lo: nan, Hi: nan}},
	} {
		m.Name = StartThreshold
		if got := m.shownAt(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

// Catches a command that traces another build than the row's.
func TestATraceHasTheBuild(t *testing.T) {
	v := Verdict{Baseline: results.RuntimeID{Ref: "builtin"}, Candidate: results.RuntimeID{Ref: "builtin:join=birth"}}
	m := Metric{Name: "oom.rate", Driver: "systemd", Order: natural, Place: cgroupjoin.OnAncestor, Limit: 12 << 20, Build: scenarios.Build{Clone: memfdclone.InInit, Strategy: "memfd", BinaryBytes: 16 << 20}}
	want := "initbench trace --runtime builtin:clone=init,strategy=memfd,size=16MiB --runtime builtin:join=birth,clone=init,strategy=memfd,size=16MiB --driver systemd --limit 12MiB --limit-place ancestor"
	if got := v.trace(m); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	v.Candidate = v.Baseline
	if got := v.trace(m); strings.Count(got, "--runtime") != 1 {
		t.Errorf("one runtime: %s", got)
	}
	if got := v.trace(Metric{Name: scenarios.JoinLatency}); got != "" {
		t.Errorf("a join that no runtime made: %s", got)
	}
	counted := v.trace(Metric{Name: "start.cpu.instructions", Driver: "systemd", Order: natural})
	if !strings.HasSuffix(counted, " --driver systemd --in vm --clock instructions") {
		t.Errorf("a time by instructions: %s", counted)
	}
	v.Baseline.Ref = ""
	if got := v.trace(m); got != "" {
		t.Errorf("an unnamed runtime: %s", got)
	}
}

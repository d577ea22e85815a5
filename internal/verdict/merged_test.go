package verdict

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/results"
)

// mergedRun has the records of two parts, of which each made the plan.
func mergedRun(design *results.Design) Run {
	h := gateOf(startup(20))
	h.MergedFrom = []results.Part{{ID: "a", Trials: 80, Design: design}, {ID: "b", Trials: 80, Design: design}}
	run := model{cv: 0.01}.run(h)
	run.Records = model{cv: 0.01}.records(planOf(h))
	return run
}

// Catches a merged run of which a part is taken for the whole plan, or that lacks trials which were never planned.
func TestMergedRunIsJudgedByAllItsParts(t *testing.T) {
	v := mustJudge(t, mergedRun(nil))
	m := v.find(t, "start.latency", "cgroupfs")
	if v.Trials.Planned != 160 || v.Trials.Recorded != 160 || m.Baseline.N != 40 || m.Ruling != Pass {
		t.Errorf("%+v, and %d trials of the baseline are %s: %s", v.Trials, m.Baseline.N, m.Ruling, m.Why)
	}
	half := mustJudge(t, of(100, mergedRun(nil))).find(t, "start.latency", "cgroupfs")
	if half.Ruling != Inconclusive || !strings.Contains(half.Why, "of 40 planned trials") {
		t.Errorf("half of it is %s: %s", half.Ruling, half.Why)
	}
	s := mustSummarize(t, mergedRun(nil))
	if s.Trials.Planned != 160 || strings.Contains(strings.Join(s.Warnings, "\n"), "planned trials") {
		t.Errorf("summary: %+v, %q", s.Trials, s.Warnings)
	}
}

// Catches looks at a part's own records that nobody hears of, and trials held against a run that needed no more.
func TestMergeOfAdaptiveRunsWarns(t *testing.T) {
	v := mustJudge(t, of(100, mergedRun(&results.Design{Alpha: 0.05, Looks: []int{10, 20}})))
	if m := v.find(t, "start.latency", "cgroupfs"); m.Ruling != Pass || len(m.Looks.At) > 0 {
		t.Errorf("%s after the looks %d: %s", m.Ruling, m.Looks.At, m.Why)
	}
	if doubted := slices.ContainsFunc(v.Warnings, func(w string) bool { return strings.HasPrefix(w, "merged from 2 runs that ended") }); !doubted {
		t.Errorf("warnings: %q", v.Warnings)
	}
}

// Catches a verdict on what a run said of itself before it was read.
func TestRunIsKnownWhenItWasRead(t *testing.T) {
	run := model{cv: 0.01}.run(gateOf(startup(20)))
	records, read := run.Records, false
	run.Environments = nil
	run.Records = iter.Seq2[results.Record, error](func(yield func(results.Record, error) bool) {
		records(yield)
		read = true
	})
	run.Rest = func() ([]results.Environment, *results.Torn) {
		if !read {
			return nil, nil
		}
		return []results.Environment{guest()}, &results.Torn{Line: 9, Bytes: 5}
	}
	v := mustJudge(t, run)
	if v.Environment.Kernel != guest().Kernel || v.Ruling != Pass || !strings.Contains(strings.Join(v.Warnings, "\n"), "records.jsonl:9: half a line") {
		t.Errorf("%s in %+v: %q", v.Ruling, v.Environment, v.Warnings)
	}
	if s := mustSummarize(t, run); s.Environment.Kernel != guest().Kernel {
		t.Errorf("summary: %+v", s.Environment)
	}
}

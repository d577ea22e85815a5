package results_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// part stores a run with the ID and the trials of testdata/schema-1-observed, as change makes them.
func part(t *testing.T, id string, change func(*results.Header, *results.Environment, *results.Record)) string {
	t.Helper()
	h, env, rec := header1, environment1, observed()
	h.ID, h.Spec.Seed = id, uint64(len(id))
	h.Spec.Scenarios = slices.Clone(h.Spec.Scenarios)
	h.Spec.Scenarios[0].Orders, h.Spec.Scenarios[0].Observe = sequence.Orders(), true
	h.Spec.Runtimes = slices.Clone(h.Spec.Runtimes)
	env.BootID = id
	if change != nil {
		change(&h, &env, &rec)
	}
	dir := filepath.Join(t.TempDir(), id)
	s, err := results.Create(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	first := records1[0]
	first.Warnings = []string{`no number: ,"block":7,"batch":7 and ,\"trial\":7`}
	for _, err := range []error{s.Append(env), s.Append(first), s.Timeline(rec.Index, timeline1), s.Append(rec), s.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mergeOptions() results.MergeOptions {
	return results.MergeOptions{ID: "merged", Created: "2026-01-03T00:00:00Z", Initbench: "v0.2.0", Differ: func(a, b results.Environment) string {
		if a.Kernel != b.Kernel {
			return fmt.Sprintf("kernel: %s and %s", a.Kernel, b.Kernel)
		}
		return ""
	}}
}

// merged joins the directories, and wants nothing beside what it names.
func merged(t *testing.T, dirs ...string) *results.Run {
	t.Helper()
	out := filepath.Join(t.TempDir(), "merged")
	h, err := results.Merge(t.Context(), dirs, out, mergeOptions())
	if err != nil {
		t.Fatal(err)
	}
	run := load(t, out)
	if diff := cmp.Diff(h, run.Header); diff != "" {
		t.Errorf("the header returned is not the one written:\n%s", diff)
	}
	return run
}

// Catches trials of two runs that get one number, block or batch, anything else of a record that changes on the way, a
// timeline that is lost or another trial's, and a header that does not say what the run was made of.
func TestMergeKeepsRunsApart(t *testing.T) {
	a, b := part(t, "a", nil), part(t, "bb", nil)
	run := merged(t, a, b)
	want := append(records(t, load(t, a)), records(t, load(t, b))...)
	for i := range want[2:] {
		r := &want[2+i]
		r.Index, r.Block, r.Batch = r.Index+4, r.Block+2, r.Batch+4
	}
	if diff := cmp.Diff(want, records(t, run)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if trials := timelines(t, run); !slices.Equal(trials, []int{3, 7}) {
		t.Errorf("timelines of the trials %d, want 3 and 7", trials)
	}
	if tl, found, err := run.Timeline(7); !found || err != nil || !cmp.Equal(tl, timeline1) {
		t.Errorf("trial 7: %v, %v, %+v", found, err, tl)
	}
	if len(run.Environments) != 2 || run.Environments[1].BootID != "bb" {
		t.Errorf("environments: %+v", run.Environments)
	}
	parts := []results.Part{{ID: "a", Created: header1.Created, Initbench: "v0.1.0", Seed: 1, Trials: 2}, {ID: "bb", Created: header1.Created, Initbench: "v0.1.0", Seed: 2, Trials: 2}}
	if diff := cmp.Diff(parts, run.Header.MergedFrom); diff != "" || run.Header.ID != "merged" || run.Header.Initbench != "v0.2.0" || run.Header.Parts() != 2 {
		t.Errorf("header %+v (-want +got):\n%s", run.Header, diff)
	}
	if info, err := os.Stat(run.Dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v; want a directory as that of any run", info.Mode(), err)
	}
}

// Catches a merged run that cannot be merged again, or that forgets what it was made of.
func TestMergeOfMerged(t *testing.T) {
	ab := merged(t, part(t, "a", nil), part(t, "bb", nil))
	run := merged(t, ab.Dir, part(t, "ccc", nil))
	var ids []string
	for _, p := range run.Header.MergedFrom {
		ids = append(ids, fmt.Sprintf("%s %d", p.ID, p.Trials))
	}
	if !slices.Equal(ids, []string{"a 2", "bb 2", "ccc 2"}) || run.Done.Len() != 6 {
		t.Errorf("%q with %d trials", ids, run.Done.Len())
	}
}

// Catches runs that are joined although their trials do not compare, or although they are one run, an answer that does not
// say in what they differ, and anything that is left behind of it.
func TestMergeRefuses(t *testing.T) {
	type change = func(*results.Header, *results.Environment, *results.Record)
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"scenario": {func(h *results.Header, _ *results.Environment, _ *results.Record) { h.Spec.Scenarios[0].Trials = 2 },
			"bb: is not a run of the plan of A: scenario oom-limits: trials: 1 and 2"},
		"a key of one alone": {func(h *results.Header, _ *results.Environment, _ *results.Record) {
			h.Spec.Scenarios[0].Unlimited = true
		},
			"bb: is not a run of the plan of A: scenario oom-limits: unlimited: none and true"},
		"scenarios": {func(h *results.Header, _ *results.Environment, _ *results.Record) {
			more := h.Spec.Scenarios[0]
			more.Name = "more"
			h.Spec.Scenarios = append(h.Spec.Scenarios, more)
		}, "bb: is not a run of the plan of A: scenarios: 1 and 2"},
		"arms": {func(h *results.Header, _ *results.Environment, _ *results.Record) { h.Spec.Runtimes[1].Name = "other" },
			"bb: is not a run of the plan of A: runtime 2: candidate and other"},
		"no gate": {func(h *results.Header, _ *results.Environment, _ *results.Record) { h.Gate = false }, "gate: true and false"},
		"one policy": {func(h *results.Header, _ *results.Environment, _ *results.Record) { h.Policy = "rows: []" },
			"policy: the run a keeps none, for initbench v0.1.0 made it: judge each alone (compare DIR --policy FILE), or measure that one again"},
		"design": {func(h *results.Header, _ *results.Environment, _ *results.Record) {
			h.Design = &results.Design{Alpha: 0.05, Looks: []int{8}}
		}, "design: alpha: none and 0.05"},
		"kernel": {func(_ *results.Header, e *results.Environment, _ *results.Record) { e.Kernel = "6.12" },
			"bb/records.jsonl:1: its environment is not that of A: kernel: 6.1.0-37-cloud-amd64 and 6.12"},
		"binary": {func(_ *results.Header, _ *results.Environment, r *results.Record) {
			r.Arm, r.Runtime.SHA256 = "candidate", strings.Repeat("cc", 32)
		}, "bb/records.jsonl:3: trial 3: candidate is the binary cccccccccccc on ext4, and in A it is bbbbbbbbbbbb on ext4"},
		"numbers": {func(_ *results.Header, _ *results.Environment, r *results.Record) { r.Block = 1 << 62 },
			"bb/records.jsonl:3: trial 3, block 4611686018427387904, batch 3: no plan has such numbers"},
		"the same run": {func(h *results.Header, _ *results.Environment, _ *results.Record) { h.ID = "a" },
			"bb: holds the run a, which A holds too: its trials would count twice"},
	} {
		a := part(t, "a", nil)
		b := part(t, "bb", c.change)
		out := filepath.Join(t.TempDir(), "merged")
		_, err := results.Merge(t.Context(), []string{a, b}, out, mergeOptions())
		if want := strings.ReplaceAll(c.want, "A", a); !isInputError(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an InputError with: %s", name, err, want)
		}
		nothingIn(t, filepath.Dir(out))
	}
}

// Catches two policies taken for one that is missing.
func TestMergeTellsTwoPolicies(t *testing.T) {
	by := func(policy string) func(*results.Header, *results.Environment, *results.Record) {
		return func(h *results.Header, _ *results.Environment, _ *results.Record) { h.Policy = policy }
	}
	dirs := []string{part(t, "a", by("rows: []")), part(t, "bb", by("alpha: 0.01"))}
	_, err := results.Merge(t.Context(), dirs, filepath.Join(t.TempDir(), "merged"), mergeOptions())
	if !isInputError(err) || !strings.HasSuffix(err.Error(), ": policy: they were judged by two") {
		t.Error(err)
	}
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Catches a run that is written over, one that is empty, and half a directory after a line that cannot be read.
func TestMergeWritesWholeRunsAlone(t *testing.T) {
	a, b := part(t, "a", nil), part(t, "bb", nil)
	if _, err := results.Merge(t.Context(), []string{a, b}, a, mergeOptions()); !isInputError(err) || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("into itself: %v", err)
	}
	where := t.TempDir()
	for name, change := range map[string]func(){
		"holds no trial": func() { truncate(t, filepath.Join(b, "records.jsonl")) },
		"not a record":   func() { appendTo(t, filepath.Join(b, "records.jsonl"), "rot\n") },
		"not a timeline": func() { appendTo(t, filepath.Join(a, "timelines.jsonl"), `{"kind":"environment","schema":1}`+"\n") },
	} {
		change()
		if _, err := results.Merge(t.Context(), []string{a, b}, filepath.Join(where, "merged"), mergeOptions()); !isInputError(err) {
			t.Errorf("%s: %v", name, err)
		}
		nothingIn(t, where)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
}

// Catches an interruption after which something is left, or that is told as something else.
func TestMergeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts, where := mergeOptions(), t.TempDir()
	lines := 0
	opts.Read = func(int64) {
		if lines++; lines == 4 {
			cancel()
		}
	}
	_, err := results.Merge(ctx, []string{part(t, "a", nil), part(t, "bb", nil)}, filepath.Join(where, "merged"), opts)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want an interruption", err)
	}
	nothingIn(t, where)
}

// Catches half a line, or the timeline of a trial that was not recorded, in a merged run, where they are no last ones.
func TestMergeLeavesOutWhatWasNotMade(t *testing.T) {
	a, b := part(t, "a", nil), part(t, "bb", nil)
	appendTo(t, filepath.Join(a, "records.jsonl"), `{"kind":"tri`)
	line, err := results.EncodeTimeline(9, timeline1)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(a, "timelines.jsonl"), string(line)+`{"kind":"ti`)
	run := merged(t, a, b)
	if run.Torn != nil || run.Done.Len() != 4 || len(timelines(t, run)) != 2 {
		t.Errorf("%+v with %d trials and timelines of %d", run.Torn, run.Done.Len(), timelines(t, run))
	}
	if of := run.Header.MergedFrom; of[0].HalfLines != 2 || of[0].LeftTimelines != 1 || of[1].HalfLines+of[1].LeftTimelines != 0 {
		t.Errorf("left out, as the parts have it: %+v", of)
	}
}

// Catches a key of a later initbench that is lost on the way, and a line written by another program that keeps its numbers.
func TestMergeOfLinesThatAreNotOurs(t *testing.T) {
	b := part(t, "bb", nil)
	path := filepath.Join(b, "records.jsonl")
	text := read(t, path)
	text = strings.Replace(text, `"trial":3,`, `"Trial":3, "later":{"block":1},`, 1)
	text = strings.Replace(text, `"block":1,"batch":3,`, `"batch" : 3,`, 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := merged(t, part(t, "a", nil), b)
	all := records(t, run)
	if last := all[len(all)-1]; last.Index != 7 || last.Block != 2 || last.Batch != 7 || last.Runtime != candidate {
		t.Errorf("trial %d, block %d, batch %d of %+v; want 7, 2, 7 and all else as it was", last.Index, last.Block, last.Batch, last.Runtime)
	}
	if lines := strings.Split(read(t, filepath.Join(run.Dir, "records.jsonl")), "\n"); !strings.Contains(lines[len(lines)-2], `"later":{"block":1}`) {
		t.Errorf("the later key is gone from %s", lines[len(lines)-2])
	}
}

// Catches a timeline that is too long for a line once its trial has a longer number.
func TestMergeOfTheLongestTimeline(t *testing.T) {
	long := timeline1
	for len(long.Events) < 9000 {
		long.Events = append(long.Events, timeline1.Events...)
	}
	a, b := part(t, "a", func(_ *results.Header, _ *results.Environment, r *results.Record) { r.Index = 123_456 }), part(t, "bb", nil)
	path := filepath.Join(b, "timelines.jsonl")
	truncate(t, path)
	for pad := 0; ; pad++ { // up to a line that has no byte to spare
		line, err := results.EncodeTimeline(3, long)
		if err != nil {
			t.Fatal(err)
		}
		room := results.MaxLine - len(line)
		if room == 0 {
			appendTo(t, path, string(line))
			break
		}
		fitted, _, err := results.FitTimeline(3, long)
		if err != nil {
			t.Fatal(err)
		}
		long = fitted
		long.Events = slices.Clone(fitted.Events)
		long.Events[0].Detail += strings.Repeat("x", room)
	}
	run := merged(t, a, b)
	tl, found, err := run.Timeline(123_457 + 3)
	if !found || err != nil || tl.Lost <= long.Lost || len(tl.Events) >= len(long.Events) {
		t.Errorf("%t, %v: %d events and %d lost; want fewer than %d", found, err, len(tl.Events), tl.Lost, len(long.Events))
	}
}

// Catches a merged run that goes on by a plan which is that of each of its parts.
func TestMergedRunIsNotResumed(t *testing.T) {
	run := merged(t, part(t, "a", nil), part(t, "bb", nil))
	if _, err := results.Resume(run); !isInputError(err) || err.Error() != run.Dir+": was merged from 2 runs: only a run as it was measured can be resumed" {
		t.Errorf("got %v", err)
	}
}

// Catches looks that nobody paid for and nobody hears of.
func TestMergeOfAdaptiveRunsIsDoubted(t *testing.T) {
	adaptive := func(h *results.Header, _ *results.Environment, _ *results.Record) {
		h.Design = &results.Design{Alpha: 0.05, Looks: []int{8, 16}}
	}
	run := merged(t, part(t, "a", adaptive), part(t, "bb", adaptive))
	if h := run.Header; h.Design != nil || !h.Adaptive() || h.MergedFrom[1].Design == nil || !strings.Contains(h.MergeDoubt(), "merged from 2 runs") {
		t.Errorf("%+v", h)
	}
	if h := merged(t, part(t, "a", nil), part(t, "bb", nil)).Header; h.Adaptive() || h.MergeDoubt() != "" {
		t.Errorf("runs of a fixed number of trials are doubted: %s", h.MergeDoubt())
	}
}

// Catches a gate whose scenarios ask for two clocks, as the default one's do, that cannot be merged; and environments of the second
// clock that are compared with nothing.
func TestMergeOfTwoClocks(t *testing.T) {
	by := func(clock, kernel string) func(*results.Header, *results.Environment, *results.Record) {
		return func(h *results.Header, e *results.Environment, _ *results.Record) {
			sc := &h.Spec.Scenarios[0]
			sc.Clock, sc.Judge, sc.Observe, sc.Orders = scenarios.Instructions, []string{"start.latency.instructions"}, false, nil
			e.Clock, e.Kernel = clock, kernel
		}
	}
	wall, counted := part(t, "a", by("wall", "6.1")), part(t, "bb", by("instructions", "6.1"))
	if run := merged(t, wall, counted); len(run.Environments) != 2 {
		t.Errorf("environments: %+v", run.Environments)
	}
	other := part(t, "ccc", by("instructions", "6.12"))
	_, err := results.Merge(t.Context(), []string{wall, counted, other}, filepath.Join(t.TempDir(), "merged"), mergeOptions())
	if want := "its environment is not that of " + counted + ": kernel: 6.1 and 6.12"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// BenchmarkMerge is what joining runs costs, their checks included.
func BenchmarkMerge(b *testing.B) {
	dirs := benchmarkRun(b)
	n := 0
	for b.Loop() {
		out := filepath.Join(b.TempDir(), "merged")
		h, err := results.Merge(b.Context(), dirs, out, mergeOptions())
		if err != nil {
			b.Fatal(err)
		}
		n += h.MergedFrom[0].Trials + h.MergedFrom[1].Trials
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

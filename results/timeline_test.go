package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// timeline1 is testdata/schema-1-observed's as a Go value.
var timeline1 = sequence.Timeline{
	RuntimePID: 700,
	Events: []sequence.Event{
		{NS: 1e9, Step: sequence.Fork, PID: 700, Comm: "runc", Cgroup: sequence.Runtime, CgroupID: 90, Other: 707,
			Runtime: &sequence.Charge{Bytes: 9187328}},
		{NS: 1_017_000_000, Step: sequence.MemfdCreate, PID: 707, TID: 708, Comm: "6", Cgroup: sequence.Container, CgroupID: 91, Detail: "runc_cloned:/proc/self/exe",
			Container: &sequence.Charge{Bytes: 0, Anon: ptr(0), File: ptr(0), Shmem: ptr(0)}, Runtime: &sequence.Charge{Bytes: 9187328}},
		{NS: 1_040_000_000, Step: sequence.CloneSealed, PID: 707, Comm: "6", Cgroup: sequence.Container, Bytes: ptr(9875328),
			Container: &sequence.Charge{Bytes: 10170368, Anon: ptr(4096), File: ptr(9875456), Shmem: ptr(9875456)}},
	},
	Lost:              1,
	ContainerCounters: &sequence.Counters{Syscalls: 812, PageFaults: 3120, Forks: 9, ContextSwitches: 40, MemfdBytes: 9875328},
	RuntimeCounters:   &sequence.Counters{Syscalls: 2011, PageFaults: 4002, Forks: 14, ContextSwitches: 77},
}

// observed is the record the timeline belongs to.
func observed() results.Record {
	r := records1[2]
	r.Trial.Order, r.Observe = sequence.JoinBeforeClone, true
	r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Why: "memfd_create was held until the join",
		Notifications: 6, Held: 1, HeldNS: 17e6, AnsweredNS: 300e3}
	r.Found = &sequence.Finding{Order: sequence.FoundJoinBeforeClone, Why: "the join came 2.0 ms before memfd_create", Guard: "memfd",
		CloneBytes: ptr(9875328), CloneToContainer: ptr(9875456), CloneToRuntime: ptr(0), ChargedAtExec: ptr(10170368), ExecNS: ptr(1_050_000_000)}
	r.ContainerCounters, r.RuntimeCounters, r.LostEvents = timeline1.ContainerCounters, timeline1.RuntimeCounters, 1
	return r
}

// writeObserved stores what testdata/schema-1-observed holds.
func writeObserved(t *testing.T, dir string) *results.Store {
	t.Helper()
	h, env := header1, environment1
	h.Spec.Scenarios = append(h.Spec.Scenarios[:0:0], h.Spec.Scenarios...)
	h.Spec.Scenarios[0].Orders, h.Spec.Scenarios[0].Observe = sequence.Orders(), true
	env.Observer = "ebpf"
	s, err := results.Create(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(env); err != nil {
		t.Fatal(err)
	}
	if err := s.Timeline(3, timeline1); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(observed()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Catches a change that makes stored timelines, findings and orders unreadable, and a writer that has drifted from them.
func TestSchema1WithTimelinesStaysReadable(t *testing.T) {
	const stored = "testdata/schema-1-observed"
	dir := filepath.Join(t.TempDir(), "run")
	if err := writeObserved(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.json", "records.jsonl", "timelines.jsonl"} {
		if diff := cmp.Diff(read(t, filepath.Join(stored, name)), read(t, filepath.Join(dir, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	run := load(t, stored)
	if diff := cmp.Diff([]results.Record{observed()}, records(t, run)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	got, found, err := run.Timeline(3)
	if diff := cmp.Diff(timeline1, got); diff != "" || !found || err != nil {
		t.Errorf("timeline: found %v, %v (-want +got):\n%s", found, err, diff)
	}
	if env := run.Environments[0]; env.Observer != "ebpf" || !run.Header.Spec.Scenarios[0].Imposes() {
		t.Errorf("observer %q, scenario %+v", env.Observer, run.Header.Spec.Scenarios[0])
	}
}

func load(t *testing.T, dir string) *results.Run {
	t.Helper()
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func timelines(t *testing.T, run *results.Run) (trials []int) {
	t.Helper()
	for l, err := range run.Timelines() {
		if err != nil {
			t.Fatal(err)
		}
		trials = append(trials, l.Trial)
	}
	return trials
}

// Catches a run from before there was an observer that fails for the file it has not got.
func TestRunWithoutTimelines(t *testing.T) {
	run := load(t, "testdata/schema-1")
	if _, found, err := run.Timeline(0); found || err != nil || timelines(t, run) != nil {
		t.Errorf("found %v, %v, timelines %v", found, err, timelines(t, run))
	}
}

// Catches a timeline shown for a trial that was never recorded, and one of an
// interrupted attempt that a resumed run takes for its own.
func TestTimelineOfAnUnrecordedTrial(t *testing.T) {
	for name, interrupted := range map[string]func(*testing.T, *results.Store, string){
		"whole": func(t *testing.T, s *results.Store, _ string) {
			if err := s.Timeline(4, timeline1); err != nil {
				t.Fatal(err)
			}
		},
		"half a line": func(t *testing.T, _ *results.Store, path string) {
			appendTo(t, path, `{"kind":"timeline","schema":1,"tri`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			s := writeObserved(t, dir)
			path := filepath.Join(dir, "timelines.jsonl")
			want := read(t, path)
			interrupted(t, s, path)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			run := load(t, dir)
			if got := timelines(t, run); len(got) != 1 || got[0] != 3 {
				t.Errorf("timelines of trials %v, want [3]", got)
			}
			resumed, err := results.Resume(run)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, path)); diff != "" {
				t.Errorf("after the resume (-want +got):\n%s", diff)
			}
			again := observed()
			again.Index = 4
			if err := resumed.Append(again); err != nil { // made again, unobserved
				t.Fatal(err)
			}
			if err := resumed.Close(); err != nil {
				t.Fatal(err)
			}
			if _, found, err := load(t, dir).Timeline(4); found || err != nil {
				t.Errorf("found %v, %v: the timeline is of the attempt before", found, err)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Catches a line of one file that is accepted in the other, and an error that does not name the line.
func TestLinesBelongInTheirFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := writeObserved(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(dir, "timelines.jsonl"), goodTrial+"\n")
	run := load(t, dir)
	_, _, err := run.Timeline(9)
	if want := filepath.Join(dir, "timelines.jsonl:2") + ": not a timeline: the line belongs in records.jsonl"; !isInputError(err) || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	if _, err := results.Resume(run); !isInputError(err) {
		t.Errorf("Resume: %v, want an InputError", err)
	}
	line, err := results.EncodeTimeline(9, timeline1)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(dir, "records.jsonl"), string(line))
	if _, err := results.Load(dir); !isInputError(err) || !strings.Contains(err.Error(), "records.jsonl:3: a timeline: the line belongs in timelines.jsonl") {
		t.Errorf("got %v", err)
	}
}

// Catches a line that no reader takes: a container that forks thousands of times has that many events.
func TestLongTimelineIsCutToALine(t *testing.T) {
	long := sequence.Timeline{Lost: 5}
	for i := range 20_000 {
		long.Events = append(long.Events, sequence.Event{NS: int64(i), Step: sequence.Exec, Comm: strings.Repeat("\x01", 15), Detail: strings.Repeat("x", i%200)})
	}
	line, err := results.EncodeTimeline(1, long)
	if err != nil {
		t.Fatal(err)
	}
	if len(line) > results.MaxLine || len(line) < results.MaxLine/2 {
		t.Errorf("%d bytes, want at most %d and not much less", len(line), results.MaxLine)
	}
	got, err := results.DecodeLine(line)
	if err != nil {
		t.Fatal(err)
	}
	kept := got.Timeline.Timeline
	if n := len(kept.Events); uint64(n)+kept.Lost != 20_005 || kept.Events[n-1].NS != int64(n-1) {
		t.Errorf("%d events kept, %d lost; want 20005 together, the first ones kept", n, kept.Lost)
	}
	if len(long.Events) != 20_000 || long.Lost != 5 {
		t.Error("the caller's timeline was changed")
	}
}

// Catches a cut that nobody is told of: a record that speaks of more than what is stored.
func TestFitTimeline(t *testing.T) {
	var long sequence.Timeline
	for i := range 20_000 {
		long.Events = append(long.Events, sequence.Event{NS: int64(i), Step: sequence.Exec, Comm: "sh", Detail: strings.Repeat("x", 100)})
	}
	fitted, left, err := results.FitTimeline(1, long)
	if err != nil || left <= 0 || left+len(fitted.Events) != 20_000 || fitted.Lost != uint64(left) {
		t.Fatalf("%d left out, %d events kept, %d lost, %v; want 20000 events in all, and what is left out lost", left, len(fitted.Events), fitted.Lost, err)
	}
	line, err := results.EncodeTimeline(1, fitted)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := results.DecodeLine(line)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fitted, stored.Timeline.Timeline); diff != "" {
		t.Errorf("cut again when it was stored (-want +got):\n%s", diff)
	}
	if _, left, err := results.FitTimeline(1, timeline1); left != 0 || err != nil {
		t.Errorf("of a short one %d events left out, %v", left, err)
	}
}

// Catches an observed latency with initbench's own time between the calls in it, and one made of a moment that never
// came or that lies before the payload could run.
func TestExecLatency(t *testing.T) {
	record := func() results.Record {
		return results.Record{StartNS: 5e9, Latency: started, Found: &sequence.Finding{ExecNS: ptr(5e9 + 250e6)}}
	}
	if ns, ok := record().ExecLatency(); !ok || ns != 211e6+36e6 {
		t.Errorf("%d, %v; want create's 211 ms and 36 ms of start's", ns, ok)
	}
	for name, change := range map[string]func(*results.Record){
		"nothing watched":  func(r *results.Record) { r.Found = nil },
		"no exec":          func(r *results.Record) { r.Found = &sequence.Finding{} },
		"not created":      func(r *results.Record) { r.Latency.Created = nil },
		"not started":      func(r *results.Record) { r.Latency.StartCalled = nil },
		"before the start": func(r *results.Record) { r.Found = &sequence.Finding{ExecNS: ptr(5e9 + 213e6)} },
	} {
		r := record()
		change(&r)
		if ns, ok := r.ExecLatency(); ok {
			t.Errorf("%s: %d ns", name, ns)
		}
	}
}

// Catches a trial counted in a cell it was not made in: its order was not imposed, or another one occurred, or
// its runtime does make the copy of which it is said that there is none. And one dropped because it was killed early.
func TestCounted(t *testing.T) {
	const (
		clone, join    = sequence.CloneBeforeJoin, sequence.JoinBeforeClone
		imposed, na    = sequence.OrderImposed, sequence.OrderNotApplicable
		nobody, noWord = sequence.Found(""), sequence.Imposed("")
	)
	for _, test := range []struct {
		order   sequence.Order
		outcome sequence.Imposed
		held    int
		found   sequence.Found
		lost    uint64
		why     string // empty: counted
	}{
		{sequence.Natural, noWord, 0, nobody, 0, ""},
		{"", noWord, 0, nobody, 0, ""},
		{sequence.Natural, noWord, 0, sequence.FoundOverlapping, 0, ""},
		{join, imposed, 1, sequence.FoundJoinBeforeClone, 0, ""},
		{join, imposed, 1, nobody, 0, ""},
		{join, imposed, 1, sequence.FoundUnknown, 3, "the order found is unknown: so it was"},
		{join, imposed, 1, sequence.FoundUnknown, 0, "the order found is unknown: so it was"},
		{join, imposed, 1, sequence.FoundOverlapping, 0, "the order found was overlapping"},
		{join, imposed, 1, sequence.FoundNoClone, 0, "the order found was no-clone"},
		{clone, imposed, 1, sequence.FoundJoinBeforeClone, 0, "the order found was join-before-clone"},
		{join, na, 0, nobody, 0, ""},
		{join, na, 0, sequence.FoundNoClone, 0, ""},
		{clone, na, 0, sequence.FoundBornInCgroup, 0, ""},
		{clone, na, 0, sequence.FoundUnknown, 0, ""},
		{clone, na, 0, sequence.FoundUnknown, 3, "the order is said not to apply, and the one found is unknown: so it was"},
		{clone, na, 1, sequence.FoundOverlapping, 0, "the order is said not to apply, and the one found was overlapping"},
		{join, na, 1, sequence.FoundOverlapping, 0, "the order is said not to apply, and the one found was overlapping"},
		{join, na, 1, sequence.FoundCloneBeforeJoin, 0, ""},
		{join, na, 0, sequence.FoundCloneBeforeJoin, 0, "the order is said not to apply, and the one found was clone-before-join"},
		{join, na, 1, sequence.FoundJoinBeforeClone, 0, "the order is said not to apply, and the one found was join-before-clone"},
		{clone, na, 1, sequence.FoundCloneBeforeJoin, 0, "the order is said not to apply, and the one found was clone-before-join"},
		{clone, na, 1, sequence.FoundJoinBeforeClone, 0, "the order is said not to apply, and the one found was join-before-clone"},
		{clone, sequence.OrderCouldNot, 1, nobody, 0, "the deadline passed"},
		{clone, sequence.OrderCouldNot, 1, sequence.FoundCloneBeforeJoin, 0, "the deadline passed"},
		{clone, noWord, 0, sequence.FoundCloneBeforeJoin, 0, "nothing imposed the order"},
	} {
		r := results.Record{LostEvents: test.lost}
		r.Trial.Order = test.order
		if test.outcome != noWord {
			r.Enforcement = &sequence.Enforcement{Outcome: test.outcome, Why: "the deadline passed", Held: test.held}
		}
		if test.found != nobody {
			r.Found = &sequence.Finding{Order: test.found, Why: "so it was"}
		}
		if counted, why := r.Counted(); counted != (test.why == "") || why != test.why {
			t.Errorf("%+v: %v %q", test, counted, why)
		}
	}
}

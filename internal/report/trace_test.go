package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

func timeline(t *testing.T, name string) sequence.Timeline {
	t.Helper()
	path := filepath.Join("testdata", "trace", name+".json")
	if recorded, is := strings.CutPrefix(name, "recorded/"); is {
		path = filepath.Join("..", "..", "sequence", "testdata", "timelines", recorded+".json")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out sequence.Timeline
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// trace is a record with the timeline of a stored start.
func trace(t *testing.T, name, ref string, change func(*results.Record)) Trace {
	t.Helper()
	line := timeline(t, name)
	found := line.Find()
	ns := func(us int64) *int64 { us *= 1000; return &us }
	r := results.Record{
		StartNS: line.Events[0].NS,
		Trial:   scenarios.Trial{Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural, Limit: 16 << 20, Place: cgroupjoin.OnContainer, Observe: true},
		Runtime: results.RuntimeID{Name: ref, Ref: ref, Version: "runc version " + strings.TrimPrefix(ref, "runc@v"), SHA256: "c0ffee00c0ffee00", Size: 10170368, Filesystem: "ext4"},
		Outcome: results.Started, Found: &found,
		Latency: results.Latency{Created: ns(50500), StartCalled: ns(50900), Started: ns(60050), Exited: ns(61000), DeleteCalled: ns(61500), Deleted: ns(70000)},
	}
	if change != nil {
		change(&r)
	}
	return TraceOf(r, line, guest())
}

// Catches a name that somebody gave a runtime and does not find again, and one that it has of itself told as if it had been given.
func TestATraceHasTheNameThatARuntimeWasGiven(t *testing.T) {
	for _, c := range []struct{ name, ref, want string }{
		{"old", "/usr/bin/runc", "old=/usr/bin/runc, runc version"}, {"runc", "/usr/bin/runc", " /usr/bin/runc, runc version"},
		{"runc@v1.1.15", "runc@v1.1.15", " runc@v1.1.15, runc version"}, {"builtin-once", "builtin:clone=once", " builtin:clone=once, runc version"},
	} {
		one := trace(t, "overlay", c.ref, func(r *results.Record) { r.Runtime.Name, r.Runtime.Version = c.name, "runc version 1" })
		two := drawnTrace(t, Table, Options{Width: 250}, one, trace(t, "overlay", "crun", nil))
		for _, text := range []string{drawnTrace(t, Table, Options{}, one), two} {
			if !strings.Contains(text, c.want) {
				t.Errorf("%s=%s: no %q in\n%s", c.name, c.ref, c.want, text)
			}
		}
	}
}

func imposed(o sequence.Order) func(*results.Record) {
	return func(r *results.Record) {
		r.Order = o
		r.Enforcement = &sequence.Enforcement{
			Outcome: sequence.OrderImposed, Why: "memfd_create waited until its caller was in the container's cgroup",
			Notifications: 7, Held: 1, HeldNS: 17_200_000, AnsweredNS: 830_000,
		}
	}
}

// unstamped is a start whose times of the runtime's verbs were not stored.
func unstamped(r *results.Record) {
	r.Driver, r.Limit, r.Latency = cgroupjoin.Systemd, 64<<20, results.Latency{}
}

func killed(r *results.Record) {
	imposed(sequence.JoinBeforeClone)(r)
	r.Outcome, r.Reason = results.InitOOMKilled, "1 OOM kill(s) in the container's cgroup before the payload's first instruction"
	r.Latency.StartCalled, r.Latency.Started, r.Latency.Exited = nil, nil, nil
	r.Warnings = []string{"swap is on (1 GiB)"}
}

func drawnTrace(t *testing.T, format string, opts Options, traces ...Trace) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTrace(&b, format, traces, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Catches any change of what people and programs read of one start and of two.
func TestTraceGolden(t *testing.T) {
	first := trace(t, "join-first", "runc@v1.1.15", killed)
	clone := trace(t, "clone-first", "runc@v1.1.15", imposed(sequence.CloneBeforeJoin))
	overlay := trace(t, "overlay", "runc@v1.2.6", nil)
	old, recent := trace(t, "recorded/runc-1.1.15-systemd", "runc@v1.1.15", unstamped), trace(t, "recorded/runc-1.2.6-systemd", "runc@v1.2.6", unstamped)
	for name, c := range map[string]struct {
		format string
		opts   Options
		traces []Trace
	}{
		"trace-recorded.table":    {Table, Options{}, []Trace{old}},
		"trace-recorded-90.table": {Table, Options{Width: 90}, []Trace{trace(t, "recorded/crun-systemd", "crun", unstamped)}},
		"traces-recorded.table":   {Table, Options{Width: 200}, []Trace{old, recent}},
		"trace.table":             {Table, Options{}, []Trace{first}},
		"trace-130.table":         {Table, Options{Width: 130}, []Trace{first}},
		"trace-80.table":          {Table, Options{Width: 80}, []Trace{first}},
		"trace-color.table":       {Table, Options{Color: true}, []Trace{clone}},
		"trace.json":              {JSON, Options{}, []Trace{first}},
		"trace.chrome":            {Chrome, Options{}, []Trace{clone}},
		"traces.table":            {Table, Options{}, []Trace{first, overlay}},
		"traces-120.table":        {Table, Options{Width: 120}, []Trace{clone, overlay}},
		"traces-80.table":         {Table, Options{Width: 80}, []Trace{clone, overlay}},
		"traces.json":             {JSON, Options{}, []Trace{clone, overlay}},
		"traces.chrome":           {Chrome, Options{}, []Trace{first, overlay}},
	} {
		golden(t, name, []byte(drawnTrace(t, c.format, c.opts, c.traces...)))
	}
}

// Catches a line longer than the terminal, which then breaks in the middle of a figure.
func TestTracesKeepToTheWidth(t *testing.T) {
	one := []Trace{trace(t, "recorded/crun-systemd", "crun", unstamped)}
	two := []Trace{trace(t, "recorded/runc-1.1.15-cgroupfs", "runc@v1.1.15", killed), trace(t, "overlay", "runc@v1.2.6", nil)}
	for _, traces := range [][]Trace{one, two} {
		for width := 80; width < 260; width++ {
			for i, line := range strings.Split(drawnTrace(t, Table, Options{Width: width}, traces...), "\n") {
				if n := len([]rune(line)); n > width {
					t.Fatalf("width %d: line %d has %d columns: %q", width, i+1, n, line)
				}
			}
		}
	}
}

// Catches colours in a pipe, and a coloured trace whose text differs from the plain one.
func TestTraceColorIsOnlyColor(t *testing.T) {
	traces := []Trace{trace(t, "join-first", "runc@v1.1.15", killed), trace(t, "overlay", "runc@v1.2.6", nil)}
	plain, colored := drawnTrace(t, Table, Options{}, traces...), drawnTrace(t, Table, Options{Color: true}, traces...)
	if strings.Contains(plain, "\x1b") {
		t.Error("a plain trace has escape sequences")
	}
	if !strings.Contains(colored, "\x1b[31;1minit-oom-killed\x1b[0m") {
		t.Error("a kill is not red")
	}
	for _, code := range []string{"\x1b[31;1m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[0m"} {
		colored = strings.ReplaceAll(colored, code, "")
	}
	if diff := cmp.Diff(plain, colored); diff != "" {
		t.Errorf("without its colours the trace differs:\n%s", diff)
	}
}

// Catches a process whose name, or a path in whose name, moves the cursor.
func TestTraceIsPrintable(t *testing.T) {
	tr := trace(t, "overlay", "runc@v1.2.6", nil)
	tr.Timeline.Events[1].Comm, tr.Timeline.Events[1].Detail = "\x1b[2J", "a\nb\x9b"
	text := drawnTrace(t, Table, Options{}, tr)
	if strings.ContainsAny(text, "\x1b\u009b") || !strings.Contains(text, "?[2J") || !strings.Contains(text, "a?b?") {
		t.Errorf("drawn as %q", text)
	}
}

// Catches a sentence that puts a charge down to the wrong side, or claims one that was not read.
func TestSentence(t *testing.T) {
	n := func(x int64) *int64 { return &x }
	clone := n(10170368)
	for want, f := range map[string]sequence.Finding{
		"the join came first: 9.70 MiB of the 9.70 MiB clone was charged to the container": {
			Order: sequence.FoundJoinBeforeClone, Guard: sequence.GuardMemfd, CloneBytes: clone, CloneToContainer: clone, CloneToRuntime: n(0)},
		"the join came first: an unknown part of the 9.70 MiB clone was charged to the container": {
			Order: sequence.FoundJoinBeforeClone, Guard: sequence.GuardMemfd, CloneBytes: clone},
		"the join came first, and init ended before its clone was sealed": {Order: sequence.FoundJoinBeforeClone, Guard: sequence.GuardMemfd},
		"the clone was sealed before the join: none of its 9.70 MiB was charged to the container": {
			Order: sequence.FoundCloneBeforeJoin, Guard: sequence.GuardBoth, CloneBytes: clone, CloneToContainer: n(0), CloneToRuntime: clone},
		"the join fell inside the copy: 7 MiB of the 9.70 MiB clone was charged to the container, 2.70 MiB to the runtime": {
			Order: sequence.FoundOverlapping, Guard: sequence.GuardMemfd, CloneBytes: clone, CloneToContainer: n(7 << 20), CloneToRuntime: n(10170368 - 7<<20)},
		"the join fell inside the copy, and init ended before its clone was sealed": {Order: sequence.FoundOverlapping, Guard: sequence.GuardMemfd},
		"init was born in its cgroup and made its clone there: 9.70 MiB of 9.70 MiB was charged to the container": {
			Order: sequence.FoundBornInCgroup, Guard: sequence.GuardMemfd, CloneBytes: clone, CloneToContainer: clone},
		"init was born in its cgroup and makes no clone there: the runtime's own copy of 512 KiB was made before, and none was charged to the container": {
			Order: sequence.FoundBornInCgroup, Guard: sequence.GuardParentMemfd, CloneBytes: n(512 << 10), CloneToContainer: n(0)},
		"no clone is made inside init: the runtime's own copy of 9.70 MiB was made before, and none was charged to the container": {
			Order: sequence.FoundNoClone, Guard: sequence.GuardParentMemfd, CloneBytes: clone, CloneToContainer: n(0)},
		"no clone is made inside init: the binary is guarded by an overlay mount, and nothing of it was charged to the container": {
			Order: sequence.FoundNoClone, Guard: sequence.GuardOverlay},
		"no clone is made inside init: the binary is guarded by a bind mount, and nothing of it was charged to the container": {
			Order: sequence.FoundNoClone, Guard: sequence.GuardBindMount},
		"no clone is made inside init: nothing of the binary was charged to the container": {Order: sequence.FoundNoClone, Guard: sequence.GuardNone},
		"the order of clone and join is not known: 3 events were lost":                     {Order: sequence.FoundUnknown, Why: "3 events were lost"},
	} {
		if got := phrase.Sentence(f); got != want {
			t.Errorf("%s guarded by %s:\n got %q\nwant %q", f.Order, f.Guard, got, want)
		}
	}
}

// Catches the sentence that matters being lost among others.
func TestTheSentenceComesLast(t *testing.T) {
	for _, width := range []int{0, 200} {
		tr := trace(t, "join-first", "runc@v1.1.15", killed)
		lines := strings.Split(strings.TrimRight(drawnTrace(t, Table, Options{Width: width}, tr), "\n"), "\n")
		if got := lines[len(lines)-1]; got != phrase.Sentence(tr.Finding) {
			t.Errorf("width %d: the last line is %q", width, got)
		}
	}
}

// Catches steps on one line that are not the same, and a step that is lost or moved.
func TestAlign(t *testing.T) {
	step := rapid.Custom(func(t *rapid.T) sequence.Row {
		return sequence.Row{
			Event: sequence.Event{Step: rapid.SampledFrom([]sequence.Step{sequence.Fork, sequence.Join, sequence.Exec}).Draw(t, "step")},
			Init:  rapid.Bool().Draw(t, "init"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(step, 0, 9).Draw(t, "a"), rapid.SliceOfN(step, 0, 9).Draw(t, "b")
		i, j := 0, 0
		for _, p := range phrase.Align(a, b) {
			if p.A != nil {
				if p.A != &a[i] {
					t.Fatalf("step %d of a is not where it was", i)
				}
				i++
			}
			if p.B != nil {
				if p.B != &b[j] {
					t.Fatalf("step %d of b is not where it was", j)
				}
				j++
			}
			if p.A != nil && p.B != nil && (p.A.Step != p.B.Step || p.A.Init != p.B.Init) {
				t.Fatalf("%s is next to %s", p.A.Step, p.B.Step)
			}
		}
		if i != len(a) || j != len(b) {
			t.Fatalf("%d of %d and %d of %d steps", i, len(a), j, len(b))
		}
	})
}

// Catches a common step that is not on a common line: the join and the payload of two orders are.
func TestAlignFindsTheCommonSteps(t *testing.T) {
	a, b := timeline(t, "clone-first").Steps(), timeline(t, "overlay").Steps()
	var both, only []string
	for _, p := range phrase.Align(a, b) {
		switch {
		case p.A != nil && p.B != nil:
			both = append(both, string(p.A.Step))
		case p.A != nil:
			only = append(only, "A "+string(p.A.Step))
		default:
			only = append(only, "B "+string(p.B.Step))
		}
	}
	if len(both) != len(b)-1 || !slices.Contains(both, "join") || !slices.Contains(both, "payload exec") {
		t.Errorf("both: %v", both)
	}
	want := []string{"B overlay mount", "A memfd_create", "A clone sealed", "A fexecve", "A exec"}
	if diff := cmp.Diff(want, only); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Catches a file that a viewer of the Trace Event Format rejects or shows wrong:
// a phase without its fields, a time before the beginning, slices that cross, two processes in one.
func TestChromeKeepsTheFormat(t *testing.T) {
	traces := []Trace{trace(t, "join-first", "runc@v1.1.15", killed), trace(t, "crun", "crun", nil), trace(t, "recorded/runc-1.1.15-systemd", "runc@v1.1.15", unstamped)}
	var file struct {
		Events          []map[string]any  `json:"traceEvents"`
		DisplayTimeUnit string            `json:"displayTimeUnit"`
		OtherData       map[string]string `json:"otherData"`
	}
	if err := json.Unmarshal([]byte(drawnTrace(t, Chrome, Options{}, traces...)), &file); err != nil {
		t.Fatal(err)
	}
	if file.DisplayTimeUnit != "ms" || len(file.OtherData) != len(traces) {
		t.Errorf("unit %q, data %v", file.DisplayTimeUnit, file.OtherData)
	}
	phases := map[string]int{}
	named := map[float64]bool{}
	slices := map[float64][][2]float64{}
	for i, e := range file.Events {
		if wrong := chromeWrong(e); wrong != "" {
			t.Errorf("event %d: %s: %v", i, wrong, e)
		}
		phase, _ := e["ph"].(string)
		phases[phase]++
		pid, _ := e["pid"].(float64)
		ts, _ := e["ts"].(float64)
		switch phase {
		case "M":
			named[pid] = true
		case "X":
			dur, _ := e["dur"].(float64)
			slices[pid] = append(slices[pid], [2]float64{ts, ts + dur})
		}
	}
	for _, e := range file.Events {
		if pid, _ := e["pid"].(float64); !named[pid] {
			t.Errorf("pid %v has no name", pid)
		}
	}
	for pid, all := range slices {
		for _, a := range all {
			for _, b := range all {
				if a[0] < b[0] && b[0] < a[1] && a[1] < b[1] {
					t.Errorf("pid %v: slices %v and %v cross", pid, a, b)
				}
			}
		}
	}
	for _, phase := range []string{"X", "i", "C", "M"} {
		if phases[phase] == 0 {
			t.Errorf("no event of phase %s", phase)
		}
	}
}

// chromeWrong says which field an event lacks for its phase.
func chromeWrong(e map[string]any) string {
	for _, key := range []string{"ts", "pid", "tid"} {
		if n, ok := e[key].(float64); !ok || n < 0 {
			return key + " is no number from 0"
		}
	}
	if name, _ := e["name"].(string); name == "" {
		return "no name"
	}
	args, _ := e["args"].(map[string]any)
	switch e["ph"] {
	case "X":
		if dur, ok := e["dur"].(float64); !ok || dur < 0 {
			return "a slice without dur"
		}
	case "i":
		if s, _ := e["s"].(string); !slices.Contains([]string{"g", "p", "t"}, s) {
			return "an instant without scope"
		}
	case "C":
		if len(args) == 0 {
			return "a counter without values"
		}
		for _, v := range args {
			if _, ok := v.(float64); !ok {
				return "a counter's value is no number"
			}
		}
	case "M":
		_, text := args["name"].(string)
		_, index := args["sort_index"].(float64)
		if !text && !index {
			return "a name without one"
		}
	default:
		return fmt.Sprintf("phase %v", e["ph"])
	}
	return ""
}

// Catches a copy or counter at another time or of another size than the timeline has.
func TestChromeShowsTheCopy(t *testing.T) {
	var file chromeTrace
	if err := json.Unmarshal([]byte(drawnTrace(t, Chrome, Options{}, trace(t, "join-first", "runc@v1.1.15", nil))), &file); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(file.Events, func(e chromeEvent) bool { return e.Cat == "copy" })
	if i < 0 {
		t.Fatal("no copy")
	}
	if e := file.Events[i]; e.TS != 4000 || *e.Dur != 12000 || e.PID != 110 || e.Args["bytes"] != 10170368.0 {
		t.Errorf("the copy is %+v", e)
	}
	most := 0.0
	for _, e := range file.Events {
		if e.Name == "container charged" {
			most = max(most, e.Args["bytes"].(float64))
		}
	}
	if most != 11<<20 {
		t.Errorf("the container's track goes up to %v", most)
	}
}

// Catches a key of the contract that is missing or null, and events that json leaves out.
func TestTraceJSONHasEverything(t *testing.T) {
	one := trace(t, "join-first", "runc@v1.1.15", killed)
	var file struct {
		Schema int              `json:"schema"`
		Traces []map[string]any `json:"traces"`
	}
	if err := json.Unmarshal([]byte(drawnTrace(t, JSON, Options{}, one, Trace{})), &file); err != nil {
		t.Fatal(err)
	}
	if file.Schema != 1 || len(file.Traces) != 2 {
		t.Fatalf("schema %d with %d traces", file.Schema, len(file.Traces))
	}
	for i, tr := range file.Traces {
		for _, key := range []string{"name", "runtime", "driver", "order", "outcome", "found", "sentence", "spans", "timeline", "warnings", "environment"} {
			if tr[key] == nil {
				t.Errorf("trace %d: %s is missing or null", i, key)
			}
		}
		events, ok := tr["timeline"].(map[string]any)["events"].([]any)
		if want := len([]Trace{one, {}}[i].Timeline.Events); !ok || len(events) != want {
			t.Errorf("trace %d has %d events, want %d", i, len(events), want)
		}
	}
}

// Catches a trace that was not written passing for one that was, a format nobody
// knows, and a start without a timeline that draws an empty table.
func TestWriteTraceErrors(t *testing.T) {
	tr := trace(t, "overlay", "runc@v1.2.6", nil)
	for _, format := range TraceFormats() {
		if err := CheckTraceFormat(format); err != nil {
			t.Error(err)
		}
		if err := WriteTrace(fullDisk{}, format, []Trace{tr}, Options{}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s to a full disk: %v", format, err)
		}
	}
	err := WriteTrace(&bytes.Buffer{}, "junit", []Trace{tr}, Options{})
	if err == nil || err.Error() != `format "junit" is not one of table, json, chrome` {
		t.Errorf("format junit: %v", err)
	}
	none := TraceOf(results.Record{}, sequence.Timeline{}, results.Environment{})
	if text := drawnTrace(t, Table, Options{}, none); !strings.Contains(text, "no steps were recorded") || !strings.Contains(text, "no observer watched") {
		t.Errorf("without a timeline:\n%s", text)
	}
}

// Catches an emulated machine's times shown without a word, the same word said of each of two, and details that go unmentioned.
func TestTraceSaysWhatItsTimesAndColumnsLack(t *testing.T) {
	a, b := trace(t, "join-first", "runc@v1.1.15", killed), trace(t, "overlay", "runc@v1.2.6", nil)
	for format, times := range map[string]int{Table: 1, JSON: 2} {
		if n := strings.Count(drawnTrace(t, format, Options{}, a, b), "the CPU is emulated (tcg)"); n != times {
			t.Errorf("%s warns %d times, want %d", format, n, times)
		}
	}
	if text := drawnTrace(t, Table, Options{}, a, b); !strings.Contains(text, noDetails) || !strings.Contains(text, "A: swap is on") {
		t.Errorf("side by side:\n%s", text)
	}
	if text := drawnTrace(t, Table, Options{}, a); strings.Contains(text, noDetails) {
		t.Errorf("alone:\n%s", text)
	}
}

// Catches a process that is drawn as born when it first does something.
func TestChromeProcessesBeginAtTheirFork(t *testing.T) {
	tr := trace(t, "join-first", "runc@v1.1.15", nil)
	forks := map[int]float64{}
	for _, e := range tr.Timeline.Events {
		if e.Step == sequence.Fork {
			forks[e.Other] = float64(e.NS-beginning(tr)) / 1e3
		}
	}
	var file chromeTrace
	if err := json.Unmarshal([]byte(drawnTrace(t, Chrome, Options{}, tr)), &file); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range file.Events {
		at, forked := forks[e.PID]
		if e.Cat != "process" || !forked {
			continue
		}
		if seen++; e.TS != at {
			t.Errorf("%s %d begins at %v, its fork was at %v", e.Name, e.PID, e.TS, at)
		}
	}
	if seen == 0 {
		t.Error("no process with a fork")
	}
}

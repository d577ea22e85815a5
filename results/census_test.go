package results_test

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// session is a record with all that a census may have.
func session() results.Record {
	r := records1[0]
	r.Index, r.Warmup, r.Scenario, r.Cycles, r.Embedded, r.Collector = 4, false, "handle-leak", 20, true, scenarios.NoCollector
	r.Latency, r.ContainerPeak, r.RuntimePeak, r.ExitCode = results.Latency{}, nil, nil, nil
	leaking := make([]int64, 21)
	for i := range leaking {
		leaking[i] = 7 + int64(i/10)
	}
	r.Census = &results.Census{
		Cycles: 20,
		Machine: []results.Series{
			{Kind: "mounts", Counts: slices.Repeat([]int64{31}, 21), Settled: ptr(31), BackNS: ptr(0)},
			{Kind: "dying-cgroups", Counts: leaking, Settled: ptr(7), BackNS: ptr(2_100_000_000)},
		},
		Unread: []results.Unread{{Kind: "bpf-links", Why: "BPF_LINK_GET_NEXT_ID: operation not permitted"}},
		Watched: []results.Watched{
			{Name: results.EmbedderName, PID: 512, Descriptors: []results.Series{
				{Kind: "fd:bpf-prog", Counts: leaking, Settled: ptr(9), Left: []string{"fd 12: anon_inode:bpf-prog"}}}},
			{Name: "felix.service", PID: 9, Unread: "it ended: exit status 1"},
		},
		WaitedNS:  ptr(2_100_000_000),
		Inherited: &results.Inherited{Descriptors: []results.Descriptor{{FD: 7, Kind: "fd:cgroup", Target: "/sys/fs/cgroup"}}},
	}
	return r
}

// Catches a change of the keys of a census, and a writer that has drifted from them.
func TestSchema1WithSessionsStaysReadable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := create(t, dir)
	for _, line := range []any{environment1, session()} {
		if err := s.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const stored = "testdata/schema-1-session"
	if diff := cmp.Diff(read(t, stored+"/records.jsonl"), read(t, filepath.Join(dir, "records.jsonl"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	run, err := results.Load(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]results.Record{session()}, records(t, run)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Catches a census that no session makes and that a reader would take for one: a kind that is none, or is there twice, counts that
// are too few or below nothing, and lists as long as somebody likes.
func TestCensusIsRefused(t *testing.T) {
	many := func(n int) []results.Descriptor {
		return slices.Repeat([]results.Descriptor{{Kind: "fd:file"}}, n)
	}
	for want, break_ := range map[string]func(*results.Record){
		"a census of a trial that is no session":                  func(r *results.Record) { r.Cycles = 0 },
		"census: 20 cycles of 19":                                 func(r *results.Record) { r.Cycles = 19 },
		"census: 1001 cycles of 2000":                             func(r *results.Record) { r.Cycles, r.Census.Cycles = 2000, 1001 },
		`census: "mount" is no kind that is counted there`:        func(r *results.Record) { r.Census.Machine[0].Kind = "mount" },
		`census: "fd:file" is no kind that is counted there`:      func(r *results.Record) { r.Census.Machine[0].Kind = "fd:file" },
		"census: mounts is there twice":                           func(r *results.Record) { r.Census.Machine[1].Kind = "mounts" },
		"census: bpf-links is there twice":                        func(r *results.Record) { r.Census.Machine[1].Kind = "bpf-links" },
		"census: bpf-links is unread without a reason":            func(r *results.Record) { r.Census.Unread[0].Why = "" },
		"census: mounts: 20 counts over 20 cycles":                func(r *results.Record) { r.Census.Machine[0].Counts = r.Census.Machine[0].Counts[1:] },
		"census: mounts: a count of -1":                           func(r *results.Record) { r.Census.Machine[0].Counts[3] = -1 },
		"census: mounts: settled at -1":                           func(r *results.Record) { r.Census.Machine[0].Settled = ptr(-1) },
		"census: mounts: names that are no text, or more than 16": func(r *results.Record) { r.Census.Machine[0].Left = []string{"a\x1b[31m"} },
		"census: waited for -1 ns":                                func(r *results.Record) { r.Census.WaitedNS = ptr(-1) },
		`census: a watched process named "embedder", or two`:      func(r *results.Record) { r.Census.Watched[1].Name = "embedder" },
		"census: felix.service is unread, and was counted or has no reason": func(r *results.Record) {
			r.Census.Watched[1].Descriptors = r.Census.Watched[0].Descriptors
		},
		"census: 10 processes: at most 9 are watched":                 func(r *results.Record) { r.Census.Watched = make([]results.Watched, 10) },
		`census: embedder: "mounts" is no kind that is counted there`: func(r *results.Record) { r.Census.Watched[0].Descriptors[0].Kind = "mounts" },
		"census: 65 descriptors inherited: at most 64 are kept":       func(r *results.Record) { r.Census.Inherited.Descriptors = many(65) },
		`census: inherited fd -1 of the kind "fd:file"`: func(r *results.Record) {
			r.Census.Inherited.Descriptors = []results.Descriptor{{FD: -1, Kind: "fd:file"}}
		},
	} {
		r := session()
		break_(&r)
		_, err := results.DecodeLine(mustMarshal(t, r))
		if err == nil || err.Error() != "trial 4: "+want {
			t.Errorf("got %v, want trial 4: %s", err, want)
		}
	}
}

// Catches a session that asks for all there is and does not fit into a line of a run: its record could not be stored.
func TestLongestSessionFitsALine(t *testing.T) {
	r := session()
	r.Cycles, r.Census.Cycles, r.Census.Machine, r.Census.Unread, r.Census.Watched = scenarios.MaxCycles, scenarios.MaxCycles, nil, nil, nil
	rng := rand.New(rand.NewPCG(1, 1))
	counts := func(least, most int64) []int64 {
		all := make([]int64, scenarios.MaxCycles+1)
		for i := range all {
			all[i] = least + rng.Int64N(most-least)
		}
		return all
	}
	left := slices.Repeat([]string{strings.Repeat("n", 64)}, results.MaxLeft)
	for _, kind := range scenarios.MachineKinds() {
		r.Census.Machine = append(r.Census.Machine, results.Series{Kind: kind, Counts: counts(10_000, 1_000_000), Settled: ptr(1), BackNS: ptr(1), Left: left})
	}
	// Of thirty kinds of descriptors a daemon has about a dozen.
	for w := range scenarios.MaxWatch + 1 {
		watched := results.Watched{Name: strings.Repeat("w", w+1), PID: 1 << 22}
		for _, kind := range scenarios.DescriptorKinds()[:14] {
			watched.Descriptors = append(watched.Descriptors, results.Series{Kind: kind, Counts: counts(1000, 10_000), Settled: ptr(1), Left: left})
		}
		r.Census.Watched = append(r.Census.Watched, watched)
	}
	if n := len(mustMarshal(t, r)); n > results.MaxLine {
		t.Errorf("%d bytes, and a line has at most %d", n, results.MaxLine)
	}
}

// Catches a name that a process chose and that a terminal obeys, or that no decoder takes back.
func FuzzCensusText(f *testing.F) {
	for _, s := range []string{"fd 7: /sys/fs/cgroup", "a\x1b[31mb\n", "\xff\xfe", strings.Repeat("é", 200), "\ufffd", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := results.CensusText(s)
		text, err := json.Marshal(got)
		if again := results.CensusText(got); again != got || len(got) > 256 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x1b\u202e") || err != nil {
			t.Errorf("%q became %q and then %q (%s, %v)", s, got, again, text, err)
		}
	})
}

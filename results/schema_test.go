package results_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// What follows is testdata/schema-1 as Go values. A directory like it stays for
// every schema there ever was: what people stored must remain readable.
var (
	baseline = results.RuntimeID{Name: "baseline", Ref: "runc@v1.1.14", Version: "runc version v1.1.14",
		SHA256: strings.Repeat("aa", 32), Size: 9871232, Filesystem: "ext4"}
	candidate = results.RuntimeID{Name: "candidate", Ref: "runc@v1.1.15", Version: "runc version v1.1.15",
		SHA256: strings.Repeat("bb", 32), Size: 9875328, Filesystem: "ext4"}
	header1 = results.Header{
		Schema: 1, ID: "20260102t030405ab12", Created: "2026-01-02T03:04:05Z", Initbench: "v0.1.0", Gate: true,
		Spec: scenarios.Spec{
			Scenarios: []scenarios.Scenario{{
				Name: "oom-limits", Description: "starts under a ladder of limits",
				Drivers: []cgroupjoin.Driver{cgroupjoin.Cgroupfs}, Limits: []int64{16 << 20}, Place: cgroupjoin.OnContainer,
				Trials: 1, Warmup: 1, Containers: 1, Timeout: 30 * time.Second,
				Payload: scenarios.Payload{AnonBytes: 1 << 20}, Judge: []string{"oom.rate"},
			}},
			Runtimes: []scenarios.Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}},
			Seed:     1<<53 - 1,
		},
	}
	environment1 = results.Environment{
		Kind: "environment", Schema: 1, ID: "0123456789ab", Initbench: "v0.1.0",
		Kernel: "6.1.0-37-cloud-amd64", Arch: "x86_64", BootID: "7c0a1c76-5f0e-4c0e-9a35-6d1d2b0e8f11",
		OS: "Debian GNU/Linux 12 (bookworm)", CPU: "QEMU TCG CPU version 2.5+", CPUs: 2,
		MemBytes: 2076549120, THP: "always", ShmemTHP: "never", PageSize: 4096,
		Cgroup: "cgroup2", Controllers: []string{"cpu", "memory", "pids"}, Systemd: "252.38-1~deb12u1",
		Where: "vm", Accelerator: "tcg", Clock: "wall", QEMU: "7.2.17", Clocksource: "tsc",
		Scales: []results.Scale{{Driver: cgroupjoin.Cgroupfs, Counter: "anon", Asked: 33554432, Read: 33570816}},
	}
	started = results.Latency{Created: ptr(211e6), StartCalled: ptr(214e6), Started: ptr(251e6),
		Exited: ptr(260e6), DeleteCalled: ptr(261e6), Deleted: ptr(300e6)}
	records1 = []results.Record{
		{
			Kind: "trial", Schema: 1, Runtime: candidate, Environment: "0123456789ab",
			Trial: scenarios.Trial{Index: 0, Scenario: "oom-limits", Arm: "candidate", Driver: cgroupjoin.Cgroupfs,
				Order: sequence.Natural, BatchSize: 1, Warmup: true, Timeout: 30 * time.Second, Payload: scenarios.Payload{AnonBytes: 1 << 20}},
			Outcome: results.Started, StartNS: 1e9, Latency: started,
			ContainerPeak: ptr(3354624), RuntimePeak: ptr(9187328), Ancestor: &results.Events{},
			ContainerCPU: ptr(21000), RuntimeCPU: ptr(180000), ExitCode: new(int),
		},
		{
			Kind: "trial", Schema: 1, Runtime: baseline, Environment: "0123456789ab", Trial: limited(2, "baseline", 2),
			Outcome: results.Started, StartNS: 2e9, Latency: started,
			ContainerPeak: ptr(3354624), RuntimePeak: ptr(9187328), LimitInForce: ptr(16 << 20),
			Leaf: &results.Events{}, Ancestor: &results.Events{},
			ContainerCPU: ptr(20000), RuntimeCPU: ptr(175000), ExitCode: new(int),
			Warnings: []string{"the payload's exit status could not be read"},
		},
		{
			Kind: "trial", Schema: 1, Runtime: candidate, Environment: "0123456789ab", Trial: limited(3, "candidate", 3),
			Outcome: results.InitOOMKilled, Reason: "1 OOM kill(s) in the container's cgroup before the payload's first instruction",
			StartNS: 3e9, Latency: results.Latency{Created: ptr(402e6), DeleteCalled: ptr(403e6), Deleted: ptr(431e6)},
			ContainerPeak: ptr(16 << 20), RuntimePeak: ptr(8650752), Ancestor: &results.Events{OOM: 1, OOMKill: 1, Max: 41},
			Victim: &results.Victim{PID: 713, Comm: "runc:[2:INIT]", AnonBytes: 4915200, FileBytes: 4096, ShmemBytes: 7782400,
				Memcg: "/initbench-x/pod/c", Line: "Memory cgroup out of memory: Killed process 713 (runc:[2:INIT])"},
			ContainerCPU: ptr(90000), RuntimeCPU: ptr(160000),
			Leaks: []string{"state directory c"}, Output: "runc create failed: unable to start container process",
		},
	}
)

func ptr(n int64) *int64 { return &n }

func limited(index int, arm string, batch int) scenarios.Trial {
	return scenarios.Trial{Index: index, Scenario: "oom-limits", Arm: arm, Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural,
		Place: cgroupjoin.OnContainer, Limit: 16 << 20, Block: 1, Batch: batch, BatchSize: 1,
		Timeout: 30 * time.Second, Payload: scenarios.Payload{AnonBytes: 1 << 20}}
}

// Catches a change of a name, a unit or a type that makes stored runs unreadable, or reads them as something else.
func TestSchema1StaysReadable(t *testing.T) {
	for _, dir := range []string{"schema-1", "schema-1-torn"} {
		run, err := results.Load(filepath.Join("testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(header1, run.Header); diff != "" {
			t.Errorf("%s: header (-want +got):\n%s", dir, diff)
		}
		if diff := cmp.Diff([]results.Environment{environment1}, run.Environments); diff != "" {
			t.Errorf("%s: environments (-want +got):\n%s", dir, diff)
		}
		if diff := cmp.Diff(records1, records(t, run)); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", dir, diff)
		}
		if run.Done.Len() != 3 || !run.Done.Has(0) || !run.Done.Has(2) || !run.Done.Has(3) {
			t.Errorf("%s: %d trials done, want 0, 2 and 3", dir, run.Done.Len())
		}
	}
}

// Catches a writer that has drifted from what the reader of the same schema is tested with.
func TestStoreWritesSchema1(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := create(t, dir)
	if err := s.Append(environment1); err != nil {
		t.Fatal(err)
	}
	for _, r := range records1 {
		if err := s.Append(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.json", "records.jsonl"} {
		if diff := cmp.Diff(read(t, "testdata/schema-1/"+name), read(t, filepath.Join(dir, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func records(t *testing.T, run *results.Run) []results.Record {
	t.Helper()
	var all []results.Record
	for r, err := range run.Records() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func create(t *testing.T, dir string) *results.Store {
	t.Helper()
	s, err := results.Create(dir, header1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Catches arithmetic that takes initbench's own time between two calls for the runtime's.
func TestLatencies(t *testing.T) {
	if ns, ok := started.Start(); !ok || ns != 211e6+37e6 {
		t.Errorf("Start: %d, %v; want create's 211 ms and start's 37 ms", ns, ok)
	}
	if ns, ok := started.Life(); !ok || ns != 211e6+46e6+39e6 {
		t.Errorf("Life: %d, %v; want 211 ms, 46 ms and delete's 39 ms", ns, ok)
	}
}

// Catches a figure made of a moment that never came.
func TestLatenciesNeedTheirMoments(t *testing.T) {
	blank := []func(*results.Latency){
		func(l *results.Latency) { l.Created = nil }, func(l *results.Latency) { l.StartCalled = nil },
		func(l *results.Latency) { l.Started = nil }, func(l *results.Latency) { l.Exited = nil },
		func(l *results.Latency) { l.DeleteCalled = nil }, func(l *results.Latency) { l.Deleted = nil },
	}
	for i, drop := range blank {
		l := started
		drop(&l)
		_, start := l.Start()
		_, life := l.Life()
		if wantStart, wantLife := i >= 3, i == 2; start != wantStart || life != wantLife {
			t.Errorf("without moment %d: Start %v, Life %v; want %v, %v", i, start, life, wantStart, wantLife)
		}
	}
}

// Catches an outcome that is added without a place in the reports' order.
func TestOutcomesAreClosed(t *testing.T) {
	for _, o := range results.Outcomes() {
		line := strings.Replace(goodTrial, `"started"`, `"`+string(o)+`"`, 1)
		if l, err := results.DecodeLine([]byte(line)); err != nil || l.Record.Outcome != o {
			t.Errorf("%s: %v", o, err)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(results.Outcomes())))); n != 5 {
		t.Errorf("%d outcomes, want 5 different ones", n)
	}
}

func isInputError(err error) bool {
	var input *results.InputError
	return errors.As(err, &input)
}

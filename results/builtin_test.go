package results_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// builtIn are the records of testdata/schema-1-builtin: a start of the built-in runtime in a build, and a measured join.
func builtIn() []results.Record {
	start, join := records1[0], records1[0]
	start.Index, start.Warmup = 2, false
	start.Build = scenarios.Build{Clone: memfdclone.InParent, Strategy: memfdclone.MemfdTHP, BinaryBytes: 16 << 20}
	start.Clone = &memfdclone.Report{Strategy: memfdclone.Memfd, FellBack: []string{"memfd-thp: shmem_enabled is never"}, Bytes: 16 << 20, TookNS: 4_200_000}
	join = results.Record{
		Kind: "trial", Schema: 1, Environment: "0123456789ab", Outcome: results.Started, StartNS: 4e9, JoinNS: ptr(73_500),
		Trial: scenarios.Trial{Index: 3, Scenario: "join-latency", Driver: cgroupjoin.Systemd, Order: "natural", BatchSize: 1, Timeout: join.Timeout,
			Join: scenarios.Join{Mechanism: cgroupjoin.ByUnit, Cgroup: cgroupjoin.Early, Siblings: 2000, Threads: 16, Busy: true}},
	}
	return []results.Record{start, join}
}

// Catches a change of the keys of builds, joins and what came of them, and a writer that has drifted from them.
func TestSchema1WithBuildsAndJoinsStaysReadable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := create(t, dir)
	for _, line := range []any{environment1, builtIn()[0], builtIn()[1]} {
		if err := s.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const stored = "testdata/schema-1-builtin"
	if diff := cmp.Diff(read(t, stored+"/records.jsonl"), read(t, dir+"/records.jsonl")); diff != "" {
		t.Errorf("records.jsonl (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(builtIn(), records(t, load(t, stored))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

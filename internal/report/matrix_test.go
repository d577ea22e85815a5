package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const mib = int64(1 << 20)

// builds is the order-matrix of the catalogue with fewer ways to copy.
func builds() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "order-matrix", Drivers: cgroupjoin.Drivers(), Orders: sequence.Orders(), Observe: true, Trials: 3, Warmup: 1, Containers: 1, Timeout: 30e9,
		Limits: []int64{12 * mib, 16 * mib, 20 * mib}, Place: cgroupjoin.OnContainer, Judge: []string{scenarios.OOMRate},
		Clones:     memfdclone.Wheres(),
		Strategies: []memfdclone.Strategy{memfdclone.Memfd, memfdclone.Tmpfile, memfdclone.Overlayfs, memfdclone.None},
		Sizes:      []int64{1 * mib, 8 * mib, 16 * mib}, Headroom: &scenarios.Headroom{None: true, Bytes: []int64{-mib, 8 * mib}},
		Places: []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor},
	}
}

// matrixRun is a run of the built-in runtime and of runc 1.1.15 that a budget ended after some trials; 0 is all of them.
func matrixRun(t *testing.T, trials int) verdict.Run {
	t.Helper()
	spec := scenarios.Spec{
		Scenarios: []scenarios.Scenario{builds()}, Seed: 3, BuiltinBytes: 6 * mib,
		Runtimes: []scenarios.Runtime{{Name: "builtin", Ref: "builtin"}, {Name: "runc-1.1.15", Ref: "runc@v1.1.15"}},
	}
	return inMemory(t, spec, trials, buildRecord)
}

// inMemory makes the records of a plan after a model, which need not be stored: it is made of integers alone.
func inMemory(t *testing.T, spec scenarios.Spec, trials int, record func(scenarios.Trial, *rand.Rand) results.Record) verdict.Run {
	t.Helper()
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	h := results.Header{Schema: results.Schema, ID: "20241108-matrix", Created: "2024-11-08T10:00:00Z", Initbench: "v0.1.0", Spec: spec}
	if trials > 0 {
		h.Budget = 5 * 60e9
	}
	return verdict.Run{Name: "matrix", Header: h, Environments: []results.Environment{guest()}, Records: func(yield func(results.Record, error) bool) {
		r := rand.New(rand.NewPCG(spec.Seed, 1))
		for trial := range spec.Trials() {
			if trials > 0 && trial.Index >= trials || !yield(record(trial, r), nil) {
				return
			}
		}
	}}
}

// around is x, give or take 3 %.
func around(r *rand.Rand, x int64) *int64 {
	v := x / 1000 * int64(970+r.IntN(61))
	return &v
}

// start is what the model settles of one trial.
type start struct {
	size, toContainer, own int64
	found                  sequence.Finding
	report                 *memfdclone.Report
}

// buildRecord is a world in which arithmetic holds, but for one cell: a container with the overlay dies under a limit that
// leaves it 8 MiB more than its binary.
func buildRecord(t scenarios.Trial, r *rand.Rand) results.Record {
	s := modelled(t, r)
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Environment: "0123456789ab", Outcome: results.Started, StartNS: int64(t.Index+1) * 1e9,
		Runtime: results.RuntimeID{Name: t.Arm, Ref: t.Arm, Version: "v1", SHA256: "c0ffee00c0ffee00", Size: s.size, Filesystem: "ext4"},
		Clone:   s.report, Found: &s.found, RuntimePeak: around(r, 9*mib),
		Latency: results.Latency{Created: around(r, 200e6+s.size*3), Started: around(r, 240e6+s.size*3), Exited: around(r, 300e6), Deleted: around(r, 350e6)},
	}
	rec.Latency.StartCalled = rec.Latency.Created
	peak, exec := s.own+s.toContainer, rec.StartNS+*rec.Latency.Started-1e6
	rec.ContainerPeak, rec.Found.ExecNS = &peak, &exec
	if t.Order != sequence.Natural {
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Notifications: 6, Held: 1, HeldNS: 21e6}
		if t.Index%40 == 0 {
			rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "the deadline of 10 s passed while memfd_create was held"}
		}
	}
	cursed := t.Build.Strategy == memfdclone.Overlayfs && t.Limit == 16*mib && t.Driver == cgroupjoin.Cgroupfs && t.Place == cgroupjoin.OnContainer
	if t.Limit > 0 && (peak > t.Limit || cursed) {
		rec.Outcome, rec.Latency, rec.Found.ExecNS = results.InitOOMKilled, results.Latency{}, nil
		rec.Victim = &results.Victim{Comm: "exe", ShmemBytes: s.toContainer}
	}
	return rec
}

func modelled(t scenarios.Trial, r *rand.Rand) start {
	s := start{size: t.Build.BinaryBytes, own: *around(r, 2600<<10)}
	if t.Arm != "builtin" || s.size == 0 {
		s.size = 10170368
	}
	zero, whole := new(int64), s.size
	switch b := t.Build; {
	case t.Arm != "builtin" || b.Clone == memfdclone.InInit:
		s.toContainer = insideShare(t, r, s.size)
		rest := s.size - s.toContainer
		s.found = sequence.Finding{Order: sequence.FoundOverlapping, Guard: "memfd", CloneBytes: &whole, CloneToContainer: &s.toContainer, CloneToRuntime: &rest}
		switch s.toContainer {
		case 0:
			s.found.Order = sequence.FoundCloneBeforeJoin
		case s.size:
			s.found.Order = sequence.FoundJoinBeforeClone
		}
	case b.Clone == memfdclone.InParent && b.Strategy == memfdclone.Memfd:
		s.found = sequence.Finding{Order: sequence.FoundNoClone, Guard: "memfd in the parent", CloneBytes: &whole, CloneToContainer: zero, CloneToRuntime: &whole}
	default:
		s.found = sequence.Finding{Order: sequence.FoundNoClone, Guard: map[bool]string{true: "overlay", false: "none"}[b.Strategy == memfdclone.Overlayfs]}
	}
	if t.Build.Clone == memfdclone.InParent {
		s.report = &memfdclone.Report{Strategy: t.Build.Strategy, Bytes: s.size, TookNS: *around(r, s.size)}
		if t.Build.Strategy == memfdclone.Overlayfs {
			s.report.Bytes = 0
		}
	}
	return s
}

// insideShare is what a container pays of a copy that init makes: under cgroupfs the join mostly comes first, and splits the
// larger copies; under systemd it never does by itself.
func insideShare(t scenarios.Trial, r *rand.Rand, size int64) int64 {
	switch {
	case t.Order == sequence.JoinBeforeClone, t.Order == sequence.Natural && t.Driver == cgroupjoin.Cgroupfs && size < 12*mib:
		return size
	case t.Order == sequence.Natural && t.Driver == cgroupjoin.Cgroupfs:
		return size / 100 * int64(40+r.IntN(50))
	}
	return 0
}

func matrixSummary(t *testing.T, trials int) verdict.Summary {
	t.Helper()
	s, err := verdict.Summarize(matrixRun(t, trials), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func summaryIn(t *testing.T, format string, s verdict.Summary, opts Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSummary(&b, format, s, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Catches any change of what people and programs read of a matrix.
func TestGoldenMatrix(t *testing.T) {
	whole, short := matrixSummary(t, 0), matrixSummary(t, 260)
	golden(t, "matrix.table", summaryIn(t, Table, whole, Options{}))
	golden(t, "matrix-short.table", summaryIn(t, Table, short, Options{}))
	golden(t, "matrix-120.table", summaryIn(t, Table, short, Options{Width: 120}))
	golden(t, "matrix.markdown", summaryIn(t, Markdown, short, Options{}))
}

// Keep the imports of the tests to come.
var _ = []any{json.Valid, xml.Unmarshal, errors.New, fmt.Sprint, io.EOF, strings.Cut}

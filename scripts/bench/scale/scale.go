package scale

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Shape is what the runs are of.
type Shape []string

var (
	// Gate has what a gate measures: many cells of some thousand blocks.
	Gate = Shape{"startup", "charges", "oom-limits", "pod-limit"}
	// Startup has two cells: as many blocks in each as can be.
	Startup = Shape{"startup"}
)

// Write makes gates of one plan below dir, each with about so many trials and no more, and returns their directories.
func Write(dir string, shape Shape, parts, trials int) ([]string, error) {
	var dirs []string
	for i := range parts {
		part := filepath.Join(dir, fmt.Sprintf("part-%02d", i))
		if err := writePart(part, shape, trials, uint64(i+1)); err != nil {
			return nil, err
		}
		dirs = append(dirs, part)
	}
	return dirs, nil
}

func writePart(dir string, shape Shape, most int, seed uint64) error {
	h, err := header(shape, most, seed)
	if err != nil {
		return err
	}
	store, err := results.Create(dir, h)
	if err != nil {
		return err
	}
	if err := store.Append(environment(seed)); err != nil {
		return err
	}
	f := fabricator{rng: rand.New(rand.NewPCG(seed, 1)), seed: seed, clock: 5e9}
	for t := range h.Spec.Trials() {
		if err := store.Append(f.record(t)); err != nil {
			return err
		}
	}
	return store.Close()
}

// header plans a gate of the shape's scenarios with as many trials as fit into most.
func header(shape Shape, most int, seed uint64) (results.Header, error) {
	h := results.Header{
		Schema: results.Schema, ID: fmt.Sprintf("20260102t03%04dab12", seed), Created: "2026-01-02T03:04:05Z", Initbench: "v0.1.0", Gate: true,
		Spec: scenarios.Spec{Seed: seed, Runtimes: []scenarios.Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}}},
	}
	for _, name := range shape {
		s, err := scenarios.Load(name)
		if err != nil {
			return h, err
		}
		s.Trials = 2 // a block; the rest follows from what these make
		h.Spec.Scenarios = append(h.Spec.Scenarios, s)
	}
	size, err := h.Spec.Size()
	if err != nil {
		return h, err
	}
	blocks := max(1, most/int(size))
	for i := range h.Spec.Scenarios {
		h.Spec.Scenarios[i].Trials = 2 * blocks
	}
	return h, h.Spec.Validate()
}

// environment is that of one boot of a machine; seed tells boots apart.
func environment(seed uint64) results.Environment {
	return results.Environment{
		Kind: "environment", Schema: results.Schema, ID: "0123456789ab", Initbench: "v0.1.0",
		Kernel: "6.1.0-37-cloud-amd64", Arch: "x86_64", BootID: fmt.Sprintf("7c0a1c76-5f0e-4c0e-9a35-6d1d2b%06d", seed),
		OS: "Debian GNU/Linux 12 (bookworm)", CPU: "QEMU TCG CPU version 2.5+", CPUs: 2, MemBytes: 2076549120,
		THP: "always", ShmemTHP: "never", PageSize: 4096, Cgroup: "cgroup2", Controllers: []string{"cpu", "memory", "pids"},
		Systemd: "252.38-1~deb12u1", Where: "vm", Accelerator: "tcg", Clock: "wall", QEMU: "7.2.17", Clocksource: "tsc", Observer: "ebpf",
		Scales: []results.Scale{{Driver: cgroupjoin.Cgroupfs, Counter: "anon", Asked: 33554432, Read: 33570816}},
	}
}

var binaries = map[string]results.RuntimeID{
	"baseline": {Name: "baseline", Ref: "runc@v1.1.14", Version: "runc version v1.1.14",
		SHA256: strings.Repeat("a7", 32), Size: 9871232, Filesystem: "ext4"},
	"candidate": {Name: "candidate", Ref: "runc@v1.1.15", Version: "runc version v1.1.15",
		SHA256: strings.Repeat("b3", 32), Size: 9875328, Filesystem: "ext4"},
}

// fabricator makes up what came of trials, the candidate's some per cent worse.
type fabricator struct {
	rng   *rand.Rand
	seed  uint64
	clock int64
	block int
	drift float64
}

func (f *fabricator) record(t scenarios.Trial) results.Record {
	if t.Block != f.block {
		f.block, f.drift = t.Block, f.rng.NormFloat64()*0.08 // what slows a whole block down
	}
	f.clock += 400e6
	r := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Runtime: binaries[t.Arm], Environment: "0123456789ab", Outcome: results.Started,
		StartNS: f.clock, ContainerPeak: f.about(3_354_624, t), RuntimePeak: f.about(9_187_328, t), Ancestor: &results.Events{},
		ContainerCPU: f.about(21_000, t), RuntimeCPU: f.about(180_000, t), ExitCode: new(int),
	}
	created, started := *f.about(211e6, t), *f.about(251e6, t)
	r.Latency = results.Latency{Created: &created, StartCalled: some(created + 3e6), Started: some(created + started),
		Exited: some(created + started + 9e6), DeleteCalled: some(created + started + 10e6), Deleted: some(created + started + 49e6)}
	if t.Limit > 0 {
		r.LimitInForce, r.Leaf = some(t.Limit), &results.Events{Max: uint64(f.rng.IntN(90))}
	}
	f.impose(&r)
	f.observe(&r)
	if t.Limit > 0 && f.rng.Float64() < f.killed(t) {
		f.kill(&r)
	}
	if f.rng.IntN(500) == 0 {
		r.Warnings = []string{"the payload's exit status could not be read"}
	}
	return r
}

// killed is the chance of an OOM kill under a limit: of the candidate, whose container pays for the clone, up to 20 MiB.
func (f *fabricator) killed(t scenarios.Trial) float64 {
	switch {
	case t.Arm == "candidate" && t.Limit < 20<<20:
		return 0.9
	case t.Limit <= 8<<20:
		return 0.3
	}
	return 0.001
}

func (f *fabricator) impose(r *results.Record) {
	if r.Order == sequence.Natural {
		return
	}
	r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Why: "memfd_create was held until the join",
		Notifications: 4 + f.rng.IntN(4), Held: 1, HeldNS: *f.about(17e6, r.Trial), AnsweredNS: *f.about(3e5, r.Trial)}
}

func (f *fabricator) observe(r *results.Record) {
	if !r.Observe {
		return
	}
	clone := r.Runtime.Size
	r.Found = &sequence.Finding{Order: sequence.FoundJoinBeforeClone, Why: fmt.Sprintf("the join came %d.%d ms before memfd_create", f.rng.IntN(9), f.rng.IntN(9)),
		Guard: "memfd", CloneBytes: &clone, CloneToContainer: some(clone + 128), CloneToRuntime: some(0),
		ChargedAtExec: f.about(10_170_368, r.Trial), ExecNS: some(r.StartNS + *r.Latency.Started)}
	counters := func(calls, faults, forks int64) *sequence.Counters {
		return &sequence.Counters{Syscalls: *f.about(calls, r.Trial), PageFaults: *f.about(faults, r.Trial), Forks: forks + int64(f.rng.IntN(3)),
			ContextSwitches: *f.about(60, r.Trial), MemfdBytes: clone}
	}
	r.ContainerCounters, r.RuntimeCounters = counters(812, 3120, 9), counters(2011, 4002, 14)
	if f.rng.IntN(1000) == 0 {
		r.LostEvents = 1 + f.rng.Uint64N(9)
	}
}

// kill makes of a start one that the kernel ended.
func (f *fabricator) kill(r *results.Record) {
	pid := 700 + f.rng.IntN(30000)
	r.Outcome, r.Reason, r.ExitCode = results.InitOOMKilled, "1 OOM kill(s) in the container's cgroup before the payload's first instruction", nil
	r.Latency.StartCalled, r.Latency.Started, r.Latency.Exited = nil, nil, nil
	r.ContainerPeak, r.Leaf, r.Ancestor = some(r.Limit), nil, &results.Events{OOM: 1, OOMKill: 1, Max: uint64(f.rng.IntN(90))}
	r.Victim = &results.Victim{PID: pid, Comm: "runc:[2:INIT]", AnonBytes: *f.about(4_915_200, r.Trial), FileBytes: 4096, ShmemBytes: *f.about(7_782_400, r.Trial),
		Memcg: fmt.Sprintf("/initbench-%d/pod/c", f.seed), Line: fmt.Sprintf("Memory cgroup out of memory: Killed process %d (runc:[2:INIT]) total-vm:1234567kB", pid)}
	r.Output = strings.Repeat(fmt.Sprintf("time=\"2026-01-02T03:04:05Z\" level=error msg=\"runc create failed: unable to start container process: %d\"\n", pid), 6)
	if r.Found != nil {
		r.Found.ExecNS, r.Found.ChargedAtExec = nil, nil
	}
}

// about is n give or take, of the candidate some per cent more.
func (f *fabricator) about(n int64, t scenarios.Trial) *int64 {
	x := 1 + f.drift + f.rng.NormFloat64()*0.05
	if t.Arm == "candidate" {
		x += 0.03
	}
	return some(int64(float64(n) * max(0.5, x)))
}

func some(n int64) *int64 { return &n }

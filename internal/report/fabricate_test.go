package report

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// fabricate writes the two stored runs below testdata. The figures are made up
// after what was seen in a guest: a candidate that copies itself inside the
// container's cgroup always with cgroupfs, and with systemd half of the time,
// under a limit never, unless the order is imposed.
func fabricate(t *testing.T) {
	t.Helper()
	both, matrix, sought := ladder(8), ladder(2), thresholds()
	both.Orders = []sequence.Order{sequence.Natural, sequence.JoinBeforeClone}
	matrix.Name, matrix.Orders, matrix.Observe = "order-matrix", sequence.Orders(), true
	charges := startup(12)
	charges.Name, charges.Observe = "charges", true
	charges.Judge = []string{scenarios.ContainerChargedAtExec, scenarios.StartSyscalls, scenarios.StartPageFaults, scenarios.StartForks, scenarios.StartBytesCopied}
	store(t, "gate", results.Header{
		Schema: results.Schema, ID: "20241107-gate", Created: "2024-11-07T10:00:00Z", Initbench: "v0.1.0", Gate: true,
		Spec: scenarios.Spec{
			Scenarios: []scenarios.Scenario{startup(12), both, charges, sought}, Seed: 1,
			Runtimes: []scenarios.Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}},
		},
	})
	hundred := startup(2)
	hundred.Name, hundred.Containers, hundred.Drivers = "hundred", 5, hundred.Drivers[:1]
	store(t, "run", results.Header{
		Schema: results.Schema, ID: "20241107-run", Created: "2024-11-07T11:00:00Z", Initbench: "v0.1.0",
		Spec: scenarios.Spec{
			Scenarios: []scenarios.Scenario{hundred, matrix, sought}, Seed: 2,
			Runtimes: []scenarios.Runtime{{Name: "runc-1.1.15", Ref: "runc@v1.1.15"}, {Name: "crun", Ref: "crun"}},
		},
	})
}

func startup(trials int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "startup", Drivers: cgroupjoin.Drivers(), Trials: trials, Warmup: 1, Containers: 1, Timeout: 30e9,
		Judge: []string{scenarios.StartLatency, scenarios.ContainerMemoryPeak, scenarios.RuntimeMemoryPeak},
	}
}

func thresholds() scenarios.Scenario {
	q := scenarios.DefaultSearch()
	return scenarios.Scenario{
		Name: "thresholds", Drivers: cgroupjoin.Drivers(), Orders: []sequence.Order{sequence.Natural, sequence.JoinBeforeClone}, Search: &q,
		Place: cgroupjoin.OnContainer, Trials: q.Most, Containers: 1, Timeout: 30e9, Judge: []string{scenarios.StartThreshold},
	}
}

// searched makes the starts of a scenario's searches, each after the one before it. One that was not brought into its order is
// asked for again; after three natural ones of a runtime that cannot take the order it is not.
func searched(sc scenarios.Scenario, runtimes []scenarios.Runtime, from int, record func(scenarios.Trial) results.Record) (all []results.Record) {
	q := sc.Search
	for _, driver := range sc.Drivers {
		for _, order := range sc.AllOrders() {
			for _, rt := range runtimes {
				search := stats.NewSearch(verdict.SearchSpec(*q))
				natural := 0
				for limits := search.Next(1); len(limits) > 0 && natural < 3; limits = search.Next(1) {
					at := from + len(all)
					rec := record(scenarios.Trial{
						Index: at, Scenario: sc.Name, Arm: rt.Name, Driver: driver, Order: order, Place: sc.Place, Limit: limits[0],
						Block: at, Batch: at, BatchSize: 1, Observe: order != sequence.Natural, Together: true,
					})
					all = append(all, rec)
					if rec.Enforcement != nil && rec.Enforcement.Outcome != sequence.OrderImposed {
						natural++
						continue
					}
					if err := search.Add(limits[0], rec.Outcome == results.Started); err != nil {
						panic(err) // a limit off the grid that it asked for itself
					}
				}
			}
		}
	}
	return all
}

func ladder(trials int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "oom-limits", Drivers: cgroupjoin.Drivers(), Trials: trials, Containers: 1, Timeout: 30e9,
		Limits: []int64{12 << 20, 16 << 20, 20 << 20}, Place: cgroupjoin.OnContainer, Judge: []string{scenarios.OOMRate},
	}
}

func store(t *testing.T, name string, h results.Header) {
	t.Helper()
	dir := filepath.Join("testdata", name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s, err := results.Create(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	lines := []any{guest()}
	r := rand.New(rand.NewPCG(h.Spec.Seed, 0))
	for trial := range h.Spec.Trials() {
		lines = append(lines, record(trial, r))
	}
	for _, sc := range h.Spec.Scenarios {
		if sc.Search == nil {
			continue
		}
		for _, rec := range searched(sc, h.Spec.Runtimes, len(lines), func(t scenarios.Trial) results.Record { return record(t, r) }) {
			lines = append(lines, rec)
		}
	}
	for _, line := range lines {
		if err := s.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func guest() results.Environment {
	return results.Environment{
		Kind: "environment", Schema: results.Schema, ID: "0123456789ab", Initbench: "v0.1.0", Kernel: "6.1.0-28-amd64", Arch: "amd64",
		BootID: "b0", OS: "Debian GNU/Linux 12 (bookworm)", CPU: "QEMU Virtual CPU", CPUs: 2, MemBytes: 2 << 30,
		THP: "always", ShmemTHP: "never", PageSize: 4096, Cgroup: "cgroup2", Controllers: []string{"cpu", "memory"}, Systemd: "252",
		Where: "vm", Accelerator: "tcg", Clock: "wall", QEMU: "7.2.15", Clocksource: "tsc",
		Observer: "ebpf",
	}
}

func record(t scenarios.Trial, r *rand.Rand) results.Record {
	copies := t.Arm == "candidate" || t.Arm == "runc-1.1.15"
	inside := copies && t.Order != sequence.CloneBeforeJoin &&
		(t.Order == sequence.JoinBeforeClone || t.Driver == cgroupjoin.Cgroupfs || r.Float64() < 0.5 && t.Limit == 0)
	version := map[bool]string{true: "runc version 1.1.15", false: "runc version 1.1.14"}[copies]
	if t.Arm == "crun" {
		version = "crun version 1.8.1"
	}
	noisy := func(x float64) *int64 {
		v := int64(x * math.Exp(0.03*r.NormFloat64()))
		return &v
	}
	pick := func(yes bool, a, b float64) *int64 {
		if yes {
			return noisy(a)
		}
		return noisy(b)
	}
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Environment: "0123456789ab", Outcome: results.Started,
		Runtime: results.RuntimeID{
			Name: t.Arm, Ref: map[string]string{"baseline": "runc@v1.1.14", "candidate": "runc@v1.1.15", "runc-1.1.15": "runc@v1.1.15", "crun": "crun"}[t.Arm],
			Version: version, SHA256: map[bool]string{true: "c0ffee00c0ffee00", false: "decade00decade00"}[copies], Size: 10170368, Filesystem: "ext4",
		},
		StartNS:       int64(t.Index+1) * 1e9,
		ContainerPeak: pick(inside, 11e6, 1.9e6), RuntimePeak: noisy(9.4e6),
		ContainerCPU: noisy(60e3), RuntimeCPU: noisy(180e3),
		Latency: results.Latency{Created: pick(copies, 640e6, 430e6), Started: pick(copies, 760e6, 520e6), Exited: noisy(800e6), Deleted: noisy(900e6)},
	}
	rec.Latency.StartCalled = rec.Latency.Created
	if t.Observe {
		observe(&rec, copies, inside)
	}
	if needs := map[bool]int64{true: 19<<20 + 256<<10, false: 7 << 20}[inside]; t.Limit != 0 && t.Limit < needs {
		rec.Outcome, rec.Reason = results.InitOOMKilled, "1 OOM kill(s) in the container's cgroup before the payload's first instruction"
		rec.Latency = results.Latency{}
		if rec.Found != nil {
			rec.Found.ExecNS, rec.Found.ChargedAtExec = nil, nil
		}
		rec.Victim = &results.Victim{PID: 400 + t.Index, Comm: "runc:[2:INIT]", AnonBytes: 1 << 20, FileBytes: 3 << 20, ShmemBytes: 7600 << 10, Line: "Memory cgroup out of memory: Killed process"}
	}
	return rec
}

// observe adds what the observer saw and the enforcer did. One trial in sixteen, of a search
// one in a hundred, cannot be brought into its order.
func observe(rec *results.Record, copies, inside bool) {
	*rec.Latency.Started += 9e6
	clone, none, exec := int64(10170368), int64(0), int64(1800<<10)
	rec.Found = &sequence.Finding{Order: sequence.FoundNoClone, Guard: "overlay", ChargedAtExec: &exec}
	waits, made, polls := int64(40), int64(0), int64(300+rec.Index%50)
	rec.ContainerCounters = &sequence.Counters{Syscalls: 450 + int64(rec.Index%3), Waits: &waits, PageFaults: 900, Forks: 3, CopiedBytes: &none}
	rec.RuntimeCounters = &sequence.Counters{Syscalls: 2510 + int64(rec.Index%7+rec.Index%50), Waits: &polls, PageFaults: 3100, Forks: 14, CopiedBytes: &made}
	if copies {
		rec.Found = &sequence.Finding{Order: sequence.FoundCloneBeforeJoin, Guard: "memfd", CloneBytes: &clone, CloneToContainer: &none, CloneToRuntime: &clone, ChargedAtExec: &exec}
		rec.ContainerCounters.Syscalls += 300
		made = clone
	}
	if inside {
		exec += clone
		rec.Found.Order, rec.Found.CloneToContainer, rec.Found.CloneToRuntime = sequence.FoundJoinBeforeClone, &clone, &none
	}
	at := rec.StartNS + *rec.Latency.Started - 2e6
	rec.Found.ExecNS = &at
	switch {
	case rec.Order == sequence.Natural:
	case !copies:
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderNotApplicable, Why: "nothing was copied inside init", Notifications: 4, AnsweredNS: 300e3}
	case rec.Index%map[bool]int{true: 100, false: 16}[rec.Scenario == "thresholds"] == 0:
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "the deadline of 10 s passed while memfd_create was held", Notifications: 5, Held: 1, HeldNS: 10e9}
	default:
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Why: "the join was seen before the clone", Notifications: 6, Held: 1, HeldNS: 21e6}
	}
}

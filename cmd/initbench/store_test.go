package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// fake is a made-up run, as a script asks for it.
type fake struct {
	gate     bool
	scenario string
	trials   int
	slower   float64 // factor on the latencies of the candidate, or of a run that is no gate
	spread   float64 // of latencies, relative
	startsAt string  // smallest limit at which the candidate starts
	kernel   string
	seed     uint64
	clock    string // of the guest it was begun in; empty: not recorded
	policy   string // the text of what it is to be judged by; empty: the default one
	id       string // of the run
	command  string // that made it; empty: not recorded
	trace    bool   // its scenario is called as a trace's
	adaptive bool   // its trials are the design's last look
}

func (f *fake) parse(args []string) (dir string, err error) {
	fl := flag.NewFlagSet("store", flag.ContinueOnError)
	fl.BoolVar(&f.gate, "gate", false, "two arms, baseline and candidate")
	fl.StringVar(&f.scenario, "scenario", "startup", "of the catalogue")
	fl.IntVar(&f.trials, "trials", 16, "of each arm in each cell")
	fl.Float64Var(&f.slower, "slower", 1, "factor on latencies")
	fl.Float64Var(&f.spread, "spread", 0.02, "of latencies")
	fl.StringVar(&f.startsAt, "starts-at", "8MiB", "smallest limit that starts")
	fl.StringVar(&f.kernel, "kernel", "6.1.0-28-cloud-amd64", "of the environment")
	fl.Uint64Var(&f.seed, "seed", 1, "of plan and noise")
	fl.StringVar(&f.id, "id", "made-up", "of the run")
	fl.StringVar(&f.command, "command", "", "that made it")
	fl.BoolVar(&f.adaptive, "adaptive", false, "its trials are as many as the last look of its design asks for")
	fl.BoolVar(&f.trace, "trace", false, "its scenario is called as a trace's")
	fl.StringVar(&f.clock, "clock", "", "of the guest it was begun in")
	fl.StringVar(&f.policy, "policy", "", "file it was to be judged by")
	if err := fl.Parse(args); err != nil {
		return "", err
	}
	if fl.NArg() != 1 {
		return "", fmt.Errorf("one directory is needed, not %q", fl.Args())
	}
	return fl.Arg(0), nil
}

// storeCommand makes a stored run: store [FLAG...] DIR.
func storeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: store [FLAG...] DIR")
	}
	var f fake
	dir, err := f.parse(args)
	ts.Check(err)
	if f.policy != "" {
		f.policy = ts.ReadFile(f.policy)
	}
	ts.Check(f.store(ts.MkAbs(dir)))
}

// halfLine cuts the last line of a stored run in its middle: half-line DIR.
func halfLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: half-line DIR")
	}
	path := filepath.Join(ts.MkAbs(args[0]), "records.jsonl")
	text := ts.ReadFile(path)
	lastLine := strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n') + 1
	ts.Check(os.Truncate(path, int64(lastLine+(len(text)-lastLine)/2)))
}

// newer makes the first line of a stored run one of a later schema: newer DIR.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer DIR")
	}
	path := filepath.Join(ts.MkAbs(args[0]), "records.jsonl")
	text := strings.Replace(ts.ReadFile(path), `"schema":1`, `"schema":99`, 1)
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

func (f *fake) store(dir string) error {
	spec, err := f.spec()
	if err != nil {
		return err
	}
	h := results.Header{Schema: results.Schema, ID: f.id, Created: "2026-01-02T03:04:05Z", Initbench: "test", Spec: spec, Gate: f.gate, Policy: f.policy, Command: results.Command(f.command)}
	if f.clock != "" {
		h.Place = &results.Place{In: "vm", GuestClock: f.clock}
	}
	if f.adaptive {
		h.Design = &results.Design{Alpha: 0.05, Looks: []int{f.trials / 2}}
	}
	s, err := results.Create(dir, h)
	if err != nil {
		return err
	}
	if err := s.Append(f.environment()); err != nil {
		return err
	}
	noise := rand.New(rand.NewPCG(f.seed, 1))
	for t := range spec.Trials() {
		rec, err := f.record(t, noise)
		if err != nil {
			return err
		}
		if err := s.Append(rec); err != nil {
			return err
		}
	}
	return s.Close()
}

func (f *fake) spec() (scenarios.Spec, error) {
	sc, err := scenarios.Load(f.scenario)
	if err != nil {
		return scenarios.Spec{}, err
	}
	sc.Trials, sc.Drivers = f.trials, []cgroupjoin.Driver{cgroupjoin.Cgroupfs}
	if f.trace {
		sc.Name = traceName
	}
	arms := []scenarios.Runtime{{Name: "runc", Ref: "runc@v1.1.15"}}
	if f.gate {
		arms = []scenarios.Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}}
	}
	return scenarios.NewSpec([]scenarios.Scenario{sc}, arms, f.seed)
}

func (f *fake) environment() results.Environment {
	return results.Environment{
		Kind: "environment", Schema: results.Schema, ID: "e" + f.kernel, Initbench: "test", Kernel: f.kernel, Arch: "x86_64",
		BootID: "b", OS: "Debian GNU/Linux 12 (bookworm)", CPU: "a CPU", CPUs: 2, MemBytes: 2 << 30, THP: "never", ShmemTHP: "never",
		PageSize: 4096, Cgroup: "cgroup2", Controllers: []string{"cpu", "memory"}, Systemd: "252",
		Where: "vm", Accelerator: "kvm", Clock: "wall", QEMU: "7.2", Clocksource: "kvm-clock",
	}
}

func (f *fake) record(t scenarios.Trial, noise *rand.Rand) (results.Record, error) {
	slower, startsAt := 1.0, "8MiB"
	if t.Arm != "baseline" {
		slower, startsAt = f.slower, f.startsAt
	}
	smallest, err := scenarios.ParseSize(startsAt)
	if err != nil {
		return results.Record{}, err
	}
	some := func(center float64) *int64 {
		v := int64(center * math.Exp(f.spread*noise.NormFloat64()))
		return &v
	}
	after := func(from *int64, center float64) *int64 {
		v := *from + *some(center)
		return &v
	}
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Environment: "e" + f.kernel, Outcome: results.Started,
		Runtime:       results.RuntimeID{Name: t.Arm, Ref: t.Arm, Version: "1", SHA256: "sha of " + t.Arm, Size: 1 << 20, Filesystem: "ext4"},
		StartNS:       int64(t.Index) * 1e9,
		ContainerPeak: some(2 << 20), RuntimePeak: some(9 << 20), ContainerCPU: some(20000), RuntimeCPU: some(100000),
		Ancestor: &results.Events{}, ExitCode: new(int),
	}
	rec.Latency.Created = some(200e6 * slower)
	if t.Limit > 0 && t.Limit < smallest {
		rec.Outcome, rec.ExitCode, rec.Ancestor.OOMKill = results.InitOOMKilled, nil, 1
		return rec, nil
	}
	l := &rec.Latency
	l.StartCalled = after(l.Created, 1e6)
	l.Started = after(l.StartCalled, 40e6*slower)
	l.Exited = after(l.Started, 5e6)
	l.DeleteCalled = after(l.Exited, 1e6)
	l.Deleted = after(l.DeleteCalled, 50e6)
	return rec, nil
}

// Catches a made-up run that is none, on which every script about stored runs would be built.
func TestMadeUpRunLoads(t *testing.T) {
	for _, f := range []fake{{gate: true, scenario: "oom-limits", trials: 6, startsAt: "20MiB"}, {scenario: "hundred", trials: 1}} {
		f.slower, f.kernel = 1, "6.1"
		if f.startsAt == "" {
			f.startsAt = "8MiB"
		}
		dir := t.TempDir()
		if err := f.store(dir); err != nil {
			t.Fatal(err)
		}
		run, err := results.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := run.Header.Spec.Size(); err != nil || int64(run.Done.Len()) != want {
			t.Errorf("%s: %d trials of %d, %v", f.scenario, run.Done.Len(), want, err)
		}
	}
}

package verdict

import (
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// model is a made-up world: what a start costs in each arm, and when it is killed.
type model struct {
	cv     float64                // of every latency and CPU time
	factor map[string]float64     // of the candidate's metrics; absent means 1
	killed [arms]func(int64) bool // by limit
	mutate func(*results.Record)  // the last word
	seed   uint64
}

const ms = int64(1e6)

func startup(trials int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "startup", Drivers: cgroupjoin.Drivers(), Trials: trials, Warmup: 1, Containers: 1, Timeout: 30e9,
		Judge: []string{"start.latency", "container.memory.peak", "runtime.memory.peak"},
	}
}

func oomLimits(trials int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "oom-limits", Drivers: cgroupjoin.Drivers(), Trials: trials, Warmup: 1, Containers: 1, Timeout: 30e9,
		Limits: []int64{8 << 20, 12 << 20, 16 << 20, 20 << 20, 32 << 20}, Place: cgroupjoin.OnContainer,
		Judge: []string{"oom.rate"},
	}
}

func gateOf(list ...scenarios.Scenario) results.Header {
	return results.Header{Schema: results.Schema, ID: "gate", Gate: true, Spec: scenarios.Spec{
		Scenarios: list, Seed: 1,
		Runtimes: []scenarios.Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}},
	}}
}

func guest() results.Environment {
	return results.Environment{
		Kind: "environment", Schema: results.Schema, ID: "e1", Initbench: "v0", Kernel: "6.1.0-28-amd64", Arch: "amd64",
		BootID: "b1", OS: "Debian 12", CPU: "QEMU", CPUs: 2, MemBytes: 2 << 30, PageSize: 4096, Cgroup: "cgroup2",
		Systemd: "252", Where: "vm", Accelerator: "kvm", Clock: "wall", Clocksource: "kvm-clock",
	}
}

// run makes the records of a whole run after its own plan.
func (m model) run(h results.Header) Run {
	return Run{Name: "run", Header: h, Environments: []results.Environment{guest()}, Records: m.records(h.Spec)}
}

func (m model) records(spec scenarios.Spec) iter.Seq2[results.Record, error] {
	return func(yield func(results.Record, error) bool) {
		r := rand.New(rand.NewPCG(m.seed, 7))
		for t := range spec.Trials() {
			if !yield(m.record(t, r), nil) {
				return
			}
		}
	}
}

func (m model) record(t scenarios.Trial, r *rand.Rand) results.Record {
	arm, known := armOf(t.Arm)
	if !known { // a run of one runtime
		arm = baseline
	}
	factor := func(name string) float64 {
		if f, ok := m.factor[name]; ok && arm == candidate {
			return f
		}
		return 1
	}
	noisy := func(x float64) *int64 {
		v := int64(x * math.Exp(m.cv*r.NormFloat64()))
		return &v
	}
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Environment: "e1", Outcome: results.Started,
		Runtime: results.RuntimeID{Name: t.Arm, SHA256: "sha-of-" + t.Arm, Filesystem: "ext4"},
		StartNS: int64(t.Index) * 1000 * ms,
	}
	rec.Latency.Created = noisy(factor("create.latency") * 400e6)
	rec.Latency.Started = noisy(factor("start.latency") * 500e6)
	rec.Latency.Deleted = noisy(600e6)
	rec.ContainerPeak = noisy(factor("container.memory.peak") * 2e6)
	rec.RuntimePeak = noisy(factor("runtime.memory.peak") * 9e6)
	rec.ContainerCPU, rec.RuntimeCPU = noisy(50e3), noisy(factor("start.cpu")*100e3)
	if m.killed[arm] != nil && t.Limit > 0 && m.killed[arm](t.Limit) {
		rec.Outcome, rec.Latency.Started, rec.Latency.Deleted = results.InitOOMKilled, nil, nil
	}
	if m.mutate != nil {
		m.mutate(&rec)
	}
	return rec
}

// below kills every start under a limit of less than n MiB.
func below(n int64) func(int64) bool {
	return func(limit int64) bool { return limit < n<<20 }
}

// of keeps the first n records, as a run that was interrupted has them.
func of(n int, r Run) Run {
	all := r.Records
	r.Records = func(yield func(results.Record, error) bool) {
		left := n
		for rec, err := range all {
			if left == 0 || !yield(rec, err) {
				return
			}
			left--
		}
	}
	return r
}

func mustJudge(t *testing.T, r Run) Verdict {
	t.Helper()
	v, err := Judge(r, roomy())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// roomy are margins for samples of twenty: the default ones want a hundred blocks.
func roomy() Options {
	margins := DefaultMargins()
	for _, name := range []string{"start.latency", "create.latency", "batch.total", "start.cpu", "join.latency"} {
		margins[name] = Margin{Fraction: 0.20}
	}
	for _, name := range []string{"container.memory.peak", "runtime.memory.peak", "container.memory.charged_at_exec", "start.pagefaults"} {
		margins[name] = Margin{Fraction: 0.10}
	}
	margins["start.syscalls"] = Margin{Fraction: 0.30}
	return Options{Margins: margins}
}

func (v Verdict) find(t *testing.T, name string, driver cgroupjoin.Driver) Metric {
	t.Helper()
	for _, m := range v.Metrics {
		if m.Name == name && m.Driver == driver {
			return m
		}
	}
	t.Fatalf("no row for %s under %s", name, driver)
	return Metric{}
}

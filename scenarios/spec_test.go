package scenarios

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// valid is a scenario that Validate has nothing against.
func valid(name string) Scenario {
	return Scenario{
		Name: name, Drivers: []cgroupjoin.Driver{cgroupjoin.Cgroupfs}, Trials: 2, Containers: 1,
		Timeout: time.Second, Judge: []string{StartLatency},
	}
}

func twoArms() []Runtime {
	return []Runtime{{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"}}
}

// Catches a Spec that did not come from a file and is run although it makes no sense.
func TestSpecValidateRefuses(t *testing.T) {
	many := func(trials, containers int) Scenario {
		s := valid("many")
		s.Trials, s.Containers = trials, containers
		return s
	}
	noDriver, longLimits := valid("nodriver"), valid("ladder")
	noDriver.Drivers = nil
	longLimits.Limits, longLimits.Place = make([]int64, 1_000_000), cgroupjoin.OnContainer
	for _, test := range []struct {
		want string
		spec Spec
	}{
		{"no scenario to run: name one (see `initbench scenarios`) or a file", Spec{Runtimes: twoArms()}},
		{"no runtime to measure: give --runtime, as in --runtime runc@v1.2.6", Spec{Scenarios: []Scenario{valid("a")}}},
		{"scenario a a second time: name each once", Spec{Scenarios: []Scenario{valid("a"), valid("a")}, Runtimes: twoArms()}},
		{"a second runtime named runc: give each a name of its own",
			Spec{Scenarios: []Scenario{valid("a")}, Runtimes: []Runtime{{Name: "runc", Ref: "a"}, {Name: "runc", Ref: "a"}}}},
		{"scenario nodriver: drivers: none: name cgroupfs, systemd or both", Spec{Scenarios: []Scenario{noDriver}, Runtimes: twoArms()}},
		{"scenario ladder: 1000000 limits: the most is 1024", Spec{Scenarios: []Scenario{longLimits}, Runtimes: twoArms()}},
		{"scenario many: trials 4294967296: write 1 to 100000", Spec{Scenarios: []Scenario{many(1<<32, 1)}, Runtimes: twoArms()}},
		{"scenario many: 65536 trials x 65536 containers make 4294967296 container starts: a run holds at most 100000",
			Spec{Scenarios: []Scenario{many(1<<16, 1<<16)}, Runtimes: twoArms()}},
		{"scenario many: 2 runtimes x 60000 trials make 120000 container starts: a run holds at most 100000",
			Spec{Scenarios: []Scenario{many(60_000, 1)}, Runtimes: twoArms()}},
		{"scenario many: 3 orders x 2 runtimes x 20000 trials make 120000 container starts: a run holds at most 100000",
			Spec{Scenarios: []Scenario{inAllOrders(many(20_000, 1))}, Runtimes: twoArms()}},
		{"scenario many: 3 orders x 65536 trials x 32768 containers make 6442450944 container starts: a run holds at most 100000",
			Spec{Scenarios: []Scenario{inAllOrders(many(1<<16, 1<<15))}, Runtimes: twoArms()}},
		{"3 scenarios make 120000 container starts: a run holds at most 100000", Spec{Scenarios: []Scenario{
			renamed(many(20_000, 1), "x"), renamed(many(20_000, 1), "y"), renamed(many(20_000, 1), "z")}, Runtimes: twoArms()}},
	} {
		err := test.spec.Validate()
		var e *Error
		if !errors.As(err, &e) || err.Error() != test.want {
			t.Errorf("\ngot  %v\nwant %s", err, test.want)
		}
	}
}

func inAllOrders(s Scenario) Scenario {
	s.Orders, s.Judge = sequence.Orders(), []string{OOMRate}
	return s
}

func renamed(s Scenario, name string) Scenario {
	s.Name = name
	return s
}

// Catches a product that wraps around to something small.
func TestSizeDoesNotOverflow(t *testing.T) {
	s := valid("huge")
	s.Trials, s.Containers = math.MaxInt, math.MaxInt
	n, err := Spec{Scenarios: []Scenario{s}, Runtimes: twoArms()}.Size()
	want := "scenario huge: 2 runtimes x 9223372036854775807 trials x 9223372036854775807 containers make more than 2^64 container starts: a run holds at most 100000"
	if n != 0 || err == nil || err.Error() != want {
		t.Errorf("got %d, %v", n, err)
	}
}

// Catches two files that mean different binaries by one name, and one arm measured twice.
func TestNewSpecMergesRuntimes(t *testing.T) {
	a, b := valid("a"), valid("b")
	a.Runtimes = []Runtime{{Name: "old", Ref: "runc@v1.1.14", Pos: Position{File: "a.yaml", Line: 4, Column: 9}}}
	b.Runtimes = []Runtime{{Name: "new", Ref: "runc@v1.1.15"}, {Name: "old", Ref: "runc@v1.1.14"}}
	spec, err := NewSpec([]Scenario{a, b}, []Runtime{{Name: "crun", Ref: "crun"}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range spec.Runtimes {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "old new crun" || spec.Seed != 7 {
		t.Errorf("got arms %s, seed %d", got, spec.Seed)
	}
	b.Runtimes[1] = Runtime{Name: "old", Ref: "/usr/bin/runc", Pos: Position{File: "b.yaml", Line: 5, Column: 12}}
	_, err = NewSpec([]Scenario{a, b}, nil, 7)
	want := `b.yaml:5:12: runtime old is "/usr/bin/runc" here: it is "runc@v1.1.14" in a.yaml:4:9: rename one`
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

// Catches a Spec that a run's header does not bring back whole; positions are of the file alone.
func TestSpecSurvivesJSON(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	want := Spec{Scenarios: all, Runtimes: twoArms(), Seed: math.MaxUint64}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Spec
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(Position{})); diff != "" {
		t.Error(diff)
	}
}

// Catches an argument that is split at the wrong =, and a name no table can show.
func TestParseRuntime(t *testing.T) {
	for arg, want := range map[string]Runtime{
		"crun":             {Name: "crun", Ref: "crun"},
		"runc@v1.1.15":     {Name: "runc@v1.1.15", Ref: "runc@v1.1.15"},
		"/opt/a=b/runc":    {Name: "runc", Ref: "/opt/a=b/runc"},
		"old=runc@v1.1.14": {Name: "old", Ref: "runc@v1.1.14"},
		"new=/opt/x=y":     {Name: "new", Ref: "/opt/x=y"},
		"./runc.debug":     {Name: "runc.debug", Ref: "./runc.debug"},
		"builtin":          {Name: "builtin", Ref: "builtin"},

		"builtin:clone=init":                             {Name: "builtin-init", Ref: "builtin:clone=init"},
		"builtin:strategy=memfd,size=16MiB,cgroup=early": {Name: "builtin-memfd-16mib-early", Ref: "builtin:strategy=memfd,size=16MiB,cgroup=early"},
		"builtin:pad=16MiB":                              {Name: "builtin-pad16mib", Ref: "builtin:pad=16MiB"},
		"in-init=builtin:clone=init,pad=8MiB":            {Name: "in-init", Ref: "builtin:clone=init,pad=8MiB"},
		"/opt/builtin:clone=init/runc":                   {Name: "runc", Ref: "/opt/builtin:clone=init/runc"},
	} {
		if got, err := ParseRuntime(arg); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", arg, got, err)
		}
	}
	for arg, want := range map[string]string{
		"":          `runtime "" has no name fit for a table: write NAME=REF with a NAME in lower case`,
		"/opt/Runc": `runtime "/opt/Runc" has no name fit for a table: write NAME=REF with a NAME in lower case`,
		"/":         `runtime "/" has no name fit for a table: write NAME=REF with a NAME in lower case`,
		"old=":      `runtime reference "": write builtin, a path, a name on PATH, or runc@vX.Y.Z`,
		"a=b\nc":    `runtime reference "b\nc": write builtin, a path, a name on PATH, or runc@vX.Y.Z`,
	} {
		if got, err := ParseRuntime(arg); err == nil || err.Error() != want {
			t.Errorf("%q: got %+v, %v", arg, got, err)
		}
	}
}

// Catches an estimate that overflows into the past.
func TestEstimate(t *testing.T) {
	spec := Spec{Scenarios: []Scenario{valid("a")}, Runtimes: twoArms()}
	if got, err := Estimate(spec, 1500*time.Millisecond); err != nil || got != 6*time.Second {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := Estimate(spec, math.MaxInt64); err != nil || got != math.MaxInt64 {
		t.Errorf("got %s, %v", got, err)
	}
}

// Catches a metric that was renamed: policies and stored results know it by this name.
func TestMetricNamesAreStable(t *testing.T) {
	want := "start.latency create.latency batch.total start.cpu start.latency.instructions start.cpu.instructions container.memory.peak runtime.memory.peak " +
		"container.memory.charged_at_exec start.syscalls start.pagefaults start.forks start.bytes_copied order.join_first join.latency network.latency network.memory.peak start.threshold oom.rate"
	if got := strings.ReplaceAll(Scenario{}.metricWords(), ", ", " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range []string{"container.memory.charged_at_exec", "start.syscalls", "start.pagefaults"} {
		if m, _ := MetricNamed(name); m.Lane != ObservedLane {
			t.Errorf("%s is of the lane %q", name, m.Lane)
		}
	}
	if m, ok := MetricNamed("batch.total"); !ok || m.Scope != PerBatch || m.Unit != "ns" {
		t.Errorf("got %+v, %v", m, ok)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/scenarios"
)

// scenariosOutput runs `initbench scenarios ARGS` and returns what it prints on stdout.
func scenariosOutput(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := newScenariosCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

// small is a scenario file whose plan fits a test.
func small(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "small.yaml")
	const file = "name: small\ndescription: two limits\ndrivers: [cgroupfs]\nlimits: [12MiB, 16MiB]\ntrials: 1\njudge: [oom.rate]\n"
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Catches a list that lacks a scenario or a column people and scripts go by.
func TestScenariosList(t *testing.T) {
	table, err := scenariosOutput(t)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if !strings.HasPrefix(lines[0], "NAME  ") || len(lines) != 1+len(scenarios.Names()) {
		t.Errorf("got\n%s", table)
	}
	out, err := scenariosOutput(t, "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []listed
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if !strings.HasPrefix(lines[i+1], r.Name+" ") || r.Cells == 0 || (r.GateStarts == 0) != (r.Name == "join-latency") || r.Description == "" {
			t.Errorf("row %+v beside %q", r, lines[i+1])
		}
	}
}

// Catches a plan shown in another order than it is run, or with a column out of place.
func TestScenariosShowTable(t *testing.T) {
	got, err := scenariosOutput(t, "show", small(t), "--runtime", "old=runc@v1.1.14", "--runtime", "crun", "--per-trial", "2s", "--first", "4")
	if err != nil {
		t.Fatal(err)
	}
	want := `scenario  small: two limits
arms      old (runc@v1.1.14), crun (crun)
trials    1 for each arm in each of 2 cells, after 1 to warm up
judged    oom.rate
seed      1
size      6 container starts
estimate  about 12s if a start takes 2s (assumed, not measured: see --per-trial)

DRIVER    ORDER    LIMIT  PLACE
cgroupfs  natural  12MiB  container
cgroupfs  natural  16MiB  container

TRIAL    BLOCK   BATCH   DRIVER    ORDER              LIMIT      ARM   PURPOSE
0        0       0       cgroupfs  natural            none       old   warm-up
1        0       1       cgroupfs  natural            none       crun  warm-up
2        1       2       cgroupfs  natural            16MiB      crun  timed
3        1       3       cgroupfs  natural            16MiB      old   timed
... and 2 more (--all prints them)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Catches a search that is shown as a plan with limits, or as one that is made to its end.
func TestScenariosShowSearch(t *testing.T) {
	got, err := scenariosOutput(t, "show", "thresholds", "--driver", "systemd", "--trials", "60")
	if err != nil {
		t.Fatal(err)
	}
	want := `scenario  thresholds: the smallest memory limit at which a container starts, in the natural and the worst order
arms      baseline (BASELINE), candidate (CANDIDATE)
search    for the smallest limit from 1MiB to 64MiB, in steps of 256KiB, that starts 0.9 of all, at a confidence of 0.95
trials    at most 60 for each arm in each of 2 cells, after 1 to warm up
judged    start.threshold
seed      1
size      at most 242 container starts
estimate  about 2m1s if a start takes 500ms (assumed, not measured: see --per-trial)

DRIVER   ORDER              PLACE
systemd  natural            container
systemd  join-before-clone  container

TRIAL    BLOCK   BATCH   DRIVER    ORDER              LIMIT      ARM        PURPOSE
0        0       0       systemd   natural            none       baseline   warm-up
1        0       1       systemd   natural            none       candidate  warm-up
... and what the searches ask for, one start after the other
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = scenariosOutput(t, "show", "thresholds", "--all", "--format", "json")
	var shown struct {
		Shown int64 `json:"plan_shown"`
		Plan  []scenarios.Trial
	}
	if err := errors.Join(err, json.Unmarshal([]byte(got), &shown)); err != nil || shown.Shown != 4 || len(shown.Plan) != 4 {
		t.Errorf("%d of the plan: %v", len(shown.Plan), err)
	}
}

// Catches JSON that does not parse, or a plan in it that is not the one a run makes.
func TestScenariosShowJSON(t *testing.T) {
	out, err := scenariosOutput(t, "show", "startup", "--driver", "systemd", "--trials", "3", "--seed", "9", "--format", "json", "--all")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Starts int64             `json:"starts"`
		Shown  int64             `json:"plan_shown"`
		Seed   uint64            `json:"seed"`
		Plan   []scenarios.Trial `json:"plan"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Load("startup")
	if err != nil {
		t.Fatal(err)
	}
	s.Trials, s.Drivers = 3, s.Drivers[1:]
	spec, err := scenarios.NewSpec([]scenarios.Scenario{s}, gateArms(s), 9)
	if err != nil {
		t.Fatal(err)
	}
	var want []scenarios.Trial
	for trial := range spec.Trials() {
		want = append(want, trial)
	}
	if diff := cmp.Diff(want, got.Plan); diff != "" || got.Seed != 9 || got.Starts != int64(len(want)) || got.Shown != got.Starts {
		t.Errorf("%+v\n%s", got, diff)
	}
}

// Catches JSON with a comma too many where nothing of the plan is asked for.
func TestScenariosShowJSONWithoutPlan(t *testing.T) {
	out, err := scenariosOutput(t, "show", "startup", "--format", "json", "--first", "0")
	if err != nil || !json.Valid([]byte(out)) || !strings.HasSuffix(out, "\"plan\":[]}\n") {
		t.Errorf("got %s, %v", out, err)
	}
}

// Catches bad input that is not one line of a type that ends with exit code 2.
func TestScenariosRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--format", "junit"},
		{"show", "nope"},
		{"show", "nope.yaml"},
		{"show", "startup", "--driver", "dbus"},
		{"show", "startup", "--trials", "0"},
		{"show", "startup", "--trials", "4294967296"},
		{"show", "startup", "--first", "-1"},
		{"show", "startup", "--all", "--first", "2"},
		{"show", "startup", "--per-trial", "0s"},
		{"show", "startup", "--format", "xml"},
		{"show", "startup", "--runtime", "crun", "--runtime", "crun"},
		{"show", "startup", "--runtime", ""},
	} {
		out, err := scenariosOutput(t, args...)
		var usage *usageError
		var input *scenarios.Error
		if out != "" || err == nil || strings.Contains(err.Error(), "\n") || !(errors.As(err, &usage) || errors.As(err, &input)) {
			t.Errorf("%q: printed %q, %T %v", args, out, err, err)
		}
	}
}

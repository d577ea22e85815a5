package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// forgetful is crun, but for a delete without --force that does nothing and says that it has.
func forgetful(t *testing.T) string {
	t.Helper()
	crun, err := exec.LookPath("crun")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "forgetful")
	script := fmt.Sprintf("#!/bin/sh\nfor word; do\n\t[ \"$word\" != --force ] || exec %[1]s \"$@\"\ndone\nfor word; do\n\t[ \"$word\" != delete ] || exit 0\ndone\nexec %[1]s \"$@\"\n", crun)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// each is a feed of trials one by one.
type each []scenarios.Trial

func (e *each) Next(context.Context) (Group, bool, error) {
	if len(*e) == 0 {
		return Group{}, false, nil
	}
	g := Group{Trials: (*e)[:1]}
	*e = (*e)[1:]
	return g, true, nil
}

// Catches a block whose second half lives again what did not differ, or does not what did; lives of a run that leave something behind; and
// a leftover that does not get into the record.
func TestSmokeLivesOfTwoArms(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	const differs, same, again = "create,stop,delete", "delete", 2
	s := scenarios.Scenario{Name: "lives", Description: "a test's", Drivers: []cgroupjoin.Driver{cgroupjoin.Cgroupfs}, Trials: 2, Containers: 1,
		Timeout: 5 * time.Minute, Judge: []string{scenarios.AllLeftovers}, Lives: &scenarios.Lives{Sequences: []string{differs, same}, Settle: 100 * time.Millisecond}}
	j := job(s, map[string]string{"crun": "crun", "forgetful": forgetful(t)})
	var plan each
	for trial := range j.Spec.Trials() {
		trial.Lives = min(trial.Lives, again) // what two lives show eight do
		plan = append(plan, trial)
	}
	var m memory
	if err := Collect(t.Context(), j, &plan, &m, io.Discard); err != nil {
		t.Fatal(err)
	}
	noRemains(t)
	found := map[string]int{}
	for _, r := range m.records {
		if r.Outcome != results.Started || r.Lived == nil || len(r.Leaks) > 0 {
			t.Fatalf("%s %s, lived %+v, leaks %q", r.Outcome, r.Reason, r.Lived, r.Leaks)
		}
		for _, l := range r.Lived.Lives {
			left := l.Worst(lifecycle.StateDirectories) > 0
			if want := r.Arm == "forgetful" && l.Sequence == differs; left != want {
				t.Errorf("%s, %s: left %+v", r.Arm, l.Sequence, l.Left)
			}
			found[fmt.Sprint(r.Arm, " ", r.Trial.Lives, " ", l.Sequence)]++
		}
	}
	for _, arm := range []string{"crun", "forgetful"} {
		for key, want := range map[string]int{" 1 " + differs: 1, " 1 " + same: 1, fmt.Sprint(" ", again, " ", differs): again} {
			if found[arm+key] != want {
				t.Errorf("%s%s was lived %d times, want %d", arm, key, found[arm+key], want)
			}
		}
	}
	if len(found) != 6 {
		t.Errorf("lived %v", found)
	}
}

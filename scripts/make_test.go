// Package scripts tests what the Makefile and the scripts beside it promise.
package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakeMake runs make at the top of the repository with an initbench that notes that
// it ran and exits with a code. Nothing is installed or built.
type fakeMake struct{ dir string }

func newFakeMake(t *testing.T, code int) fakeMake {
	t.Helper()
	m := fakeMake{t.TempDir()}
	script := "#!/bin/sh\necho \"$@\" >" + m.note() + "\nexit " + strconv.Itoa(code) + "\n"
	if err := os.WriteFile(filepath.Join(m.dir, "initbench"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m fakeMake) note() string { return filepath.Join(m.dir, "ran") }

// run returns make's exit code and what it printed.
func (m fakeMake) run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{
		"initbench=" + filepath.Join(m.dir, "initbench"), "setup=true", "GO=true",
	}, args...)...)
	cmd.Dir = ".."
	// The make that runs this test has flags and a jobserver of its own.
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// asked returns the arguments that initbench was run with, empty if it was not.
func (m fakeMake) asked(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(m.note())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Catches a regressed gate that make turns into its own 2, or into a success: make
// says 1 only in a roundabout way, which another make may not know.
func TestMakeGatePassesTheVerdictOn(t *testing.T) {
	for code, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 130: 2} {
		for _, flags := range [][]string{nil, {"-j4"}, {"-k"}, {"-s"}, {"--no-print-directory"}} {
			m := newFakeMake(t, code)
			got, out := m.run(t, append(flags, "gate", "GATE_FLAGS=--trials 8")...)
			if got != want {
				t.Errorf("make %q: initbench ended with %d and make with %d, want %d:\n%s", flags, code, got, want, out)
			}
			if asked := m.asked(t); asked != "gate --baseline runc@v1.1.14 --candidate runc@v1.1.15 --trials 8" {
				t.Errorf("initbench was asked %q", asked)
			}
			if named := strings.Contains(out, "Error "+strconv.Itoa(code)); named != (want == 2) {
				t.Errorf("make %q: the gate's own code %d is named: %v\n%s", flags, code, named, out)
			}
		}
	}
}

// Catches a verdict lost because another goal was named too, and one that another
// goal's failure passes for.
func TestMakeGateBesideOtherGoals(t *testing.T) {
	for _, goals := range [][]string{{"gate", "build"}, {"build", "gate"}, {"gate", "gate"}, {"setup-measure", "build", "gate"}} {
		for code, want := range map[int]int{0: 0, 1: 1, 3: 2} {
			m := newFakeMake(t, code)
			if got, out := m.run(t, goals...); got != want || m.asked(t) == "" {
				t.Errorf("make %q: initbench ended with %d and make with %d, want %d:\n%s", goals, code, got, want, out)
			}
		}
	}
	for _, goals := range [][]string{{"lint", "gate"}, {"gate", "install"}} {
		m := newFakeMake(t, 1)
		if got, out := m.run(t, goals...); got != 2 || m.asked(t) != "" || !strings.Contains(out, "apart from it") {
			t.Errorf("make %q: ends with %d, initbench was asked %q; want a refusal:\n%s", goals, got, m.asked(t), out)
		}
	}
}

// Catches a make that measures when it was asked what it would do.
func TestMakeGateShowsWithoutRunning(t *testing.T) {
	for _, flag := range []string{"-n", "-t", "-nk"} {
		m := newFakeMake(t, 1)
		code, out := m.run(t, flag, "gate")
		if asked := m.asked(t); asked != "" || code != 0 {
			t.Errorf("make %s gate: exit code %d, initbench was asked %q:\n%s", flag, code, asked, out)
		}
	}
}

// Catches a failure on the way to the gate that ends like "regressed".
func TestMakeGateKeepsOneForRegressed(t *testing.T) {
	for _, broken := range []string{"GO=false", "setup=false", "initbench=/no/such/initbench"} {
		m := newFakeMake(t, 0)
		if code, out := m.run(t, "gate", broken); code != 2 || m.asked(t) != "" {
			t.Errorf("%s: make ends with %d, want 2, and initbench was asked %q:\n%s", broken, code, m.asked(t), out)
		}
	}
}

// Catches two apt-gets at once under make -j: the second does not get dpkg's lock, and fails.
func TestMakeSetsUpOneAtATime(t *testing.T) {
	m := newFakeMake(t, 0)
	setup, lock, notes := filepath.Join(m.dir, "setup"), filepath.Join(m.dir, "lock"), filepath.Join(m.dir, "notes")
	// Long enough for another that was started with it to come by.
	script := "#!/bin/sh\nmkdir " + lock + " || exit 1\ni=0; while [ $i -lt 30000 ]; do i=$((i+1)); done\nrmdir " + lock + "\necho $1 >>" + notes + "\n"
	if err := os.WriteFile(setup, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if code, out := m.run(t, "-j4", "setup="+setup, "setup-lint", "setup-measure", "setup-build"); code != 0 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if ran, err := os.ReadFile(notes); err != nil || strings.Count(string(ran), "\n") != 3 {
		t.Errorf("%v, ran: %q; want three setups", err, ran)
	}
}

// Catches a target without a line in the list that newcomers read.
func TestMakeHelpListsTargets(t *testing.T) {
	code, out := newFakeMake(t, 0).run(t)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, target := range []string{"help", "build", "install", "gate", "test", "test-fast", "test-guest", "lint", "bench", "generate", "clean"} {
		if !strings.Contains("\n"+out, "\n"+target+" ") {
			t.Errorf("make help does not list %s:\n%s", target, out)
		}
	}
}

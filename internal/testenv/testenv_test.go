package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// recorder is a testing.TB that notes how a test would have ended.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Fatalf(f string, a ...any) { r.failed = fmt.Sprintf(f, a...) }
func (r *recorder) Skipf(f string, a ...any)  { r.skipped = fmt.Sprintf(f, a...) }

// Catches a guest lane that skips its tests and stays green.
func TestRequireFailsWherePromised(t *testing.T) {
	absent := Need{name: "the moon", missing: func() error { return errors.New("not tonight") }}
	for promised, want := range map[string]recorder{
		"":  {skipped: "needs the moon: not tonight"},
		"1": {failed: "needs the moon, which INITBENCH_REQUIRE=1 promises: not tonight"},
	} {
		t.Setenv("INITBENCH_REQUIRE", promised)
		var got recorder
		Require(&got, absent)
		if got != want {
			t.Errorf("INITBENCH_REQUIRE=%q: %+v, want %+v", promised, got, want)
		}
	}
}

// Catches a guest that fails for what no guest has, and a lane that skips what it promised by a name of its own.
func TestRequireKnowsWhoPromised(t *testing.T) {
	absent := Need{"the sun", func() error { return errors.New("clouds") }, "INITBENCH_TEST_SUN"}
	t.Setenv("INITBENCH_REQUIRE", "1")
	var got recorder
	if Require(&got, absent); got != (recorder{skipped: "needs the sun: clouds"}) {
		t.Errorf("%+v, want it skipped", got)
	}
	t.Setenv("INITBENCH_TEST_SUN", "1")
	got = recorder{}
	if Require(&got, absent); got != (recorder{failed: "needs the sun, which INITBENCH_TEST_SUN=1 promises: clouds"}) {
		t.Errorf("%+v, want it failed", got)
	}
	t.Setenv("INITBENCH_TEST_NETWORK", "")
	got = recorder{}
	if Require(&got, Network); got != (recorder{skipped: "needs a network to download from: INITBENCH_TEST_NETWORK is not 1"}) {
		t.Errorf("%+v, want it skipped", got)
	}
}

// Catches a need that is met and skips all the same.
func TestRequireLetsThrough(t *testing.T) {
	var got recorder
	Require(&got, Command("go"), File(os.DevNull))
	if got != (recorder{}) {
		t.Errorf("%+v, want the test to go on", got)
	}
}

type runFunc func() int

func (f runFunc) Run() int { return f() }

// Catches a leak check that looks but does not fail the binary.
func TestRunFailsOnLeaks(t *testing.T) {
	Require(t, File("/proc/self/fd"))
	tests := map[string]struct {
		leak func() (undo func())
		want string
	}{
		"descriptor": {leakDescriptor, "descriptor "},
		"process":    {leakProcess, "process "},
		"orphan":     {leakOrphan, "process "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var undo func()
			var out bytes.Buffer
			code := run(runFunc(func() int { undo = tt.leak(); return 0 }), &out, 0)
			undo()
			if code != 1 || !strings.Contains(out.String(), "left behind by the tests: "+tt.want) {
				t.Errorf("exit code %d, said %q; want 1 and the %s", code, &out, name)
			}
		})
	}
}

func leakDescriptor() func() {
	f, err := os.Open(os.DevNull)
	if err != nil {
		panic(err)
	}
	return func() { _ = f.Close() } // only read from
}

func leakProcess() func() {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		panic(err)
	}
	return func() {
		_ = in.Close() // ends cat
		_ = cmd.Wait() // only to reap it
	}
}

// leakOrphan leaves a process whose parent is gone.
func leakOrphan() func() {
	in, feed, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	said, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	// Not the shell's own stdin, which a process in its background does not get.
	cmd := exec.Command("sh", "-c", "cat <&3 >&4 & exit 0")
	cmd.ExtraFiles = []*os.File{in, out}
	_, werr := feed.WriteString("x")
	if err := errors.Join(werr, cmd.Run(), in.Close(), out.Close()); err != nil {
		panic(err)
	}
	// In the middle of its exec a process has no environment to be known by.
	if _, err := io.ReadFull(said, make([]byte, 1)); err != nil {
		panic(err)
	}
	return func() { _, _ = feed.Close(), said.Close() } // ends cat
}

// Catches a check that reports what the tests did not do, and one that turns a
// failed run into a passed one.
func TestRunKeepsExitCode(t *testing.T) {
	for _, want := range []int{0, 1, 2} {
		var out bytes.Buffer
		if got := run(runFunc(func() int { return want }), &out, settling); got != want || out.Len() > 0 {
			t.Errorf("exit code %d, said %q; want %d and silence", got, &out, want)
		}
	}
}

// Catches a parser that splits a process's name at its blanks or parentheses.
func TestParseStat(t *testing.T) {
	pid, parent, comm := parseStat("42 (a) b (c)) S 7 42 42 0 -1")
	if pid != "42" || parent != "7" || comm != "a) b (c)" {
		t.Errorf("got %q, %q, %q", pid, parent, comm)
	}
	for _, bad := range []string{"", "42", "42 (x", "42 (x)", ")("} {
		if _, parent, _ := parseStat(bad); parent != "" {
			t.Errorf("parseStat(%q): parent %q, want none", bad, parent)
		}
	}
}

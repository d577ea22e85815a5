package killat

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// script runs a shell's script whose steps are files below a state directory, and kills it at a point.
func script(t *testing.T, text string, at lifecycle.Point) (dir string, r Result) {
	t.Helper()
	dir, r, err := tracedScript(t, text, at, Command{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, r
}

func tracedScript(t *testing.T, text string, at lifecycle.Point, how Command) (dir string, r Result, err error) {
	t.Helper()
	dir = t.TempDir()
	r, err = Run(Command{Argv: []string{"/bin/sh", "-c", text}, Dir: dir, Env: []string{"PATH=/usr/bin:/bin"}, Alone: how.Alone, Known: how.Known},
		Target{Leaf: "/none", StateRoot: filepath.Join(dir, "state"), PIDFile: filepath.Join(dir, "pid")}, at)
	if session := r.Timeline.RuntimePID; session > 0 {
		t.Cleanup(func() { _ = unix.Kill(-session, unix.SIGKILL) }) // mostly there is nothing
	}
	return dir, r, err
}

func there(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// Catches a kill that comes after the call it is to come before, and one before another step than the one named.
func TestKilledRightBefore(t *testing.T) {
	for at, want := range map[lifecycle.Point][3]bool{"state-create": {}, "state-create#2": {true}, "state-create#3": {true, true}} {
		dir, r := script(t, "/bin/mkdir state; exec /bin/mkdir state/a state/b state/c", at)
		if got := [3]bool{there(dir, "state/a"), there(dir, "state/b"), there(dir, "state/c")}; got != want || !r.Reached {
			t.Errorf("%s: a, b, c are there: %v, not %v; %+v", at, got, want, r.Status)
		}
		if r.Status.Signal() != syscall.SIGKILL {
			t.Errorf("%s: ended with %v", at, r.Status)
		}
	}
}

// Catches a point that is said to be reached and was not, and a verb that is killed all the same.
func TestNotReached(t *testing.T) {
	dir, r := script(t, "/bin/mkdir state; /bin/mkdir state/a; exit 4", "pid-file")
	if r.Reached || r.Status.ExitStatus() != 4 || !there(dir, "state/a") {
		t.Errorf("%+v", r)
	}
}

// Catches a child that is killed along with the runtime, or that stays held when that is dead; and a runtime that lives on.
func TestChildGoesOn(t *testing.T) {
	dir, r := script(t, "/bin/mkdir -p state; (/bin/mkdir state/a; : > done) & wait; : > after", "state-create")
	if !r.Reached || r.Status.Signal() != syscall.SIGKILL {
		t.Fatalf("%+v", r)
	}
	for deadline := time.Now().Add(20 * time.Second); !there(dir, "done") && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if !there(dir, "done") || !there(dir, "state/a") {
		t.Error("the child did not go on")
	}
	if there(dir, "after") {
		t.Error("the runtime did")
	}
}

// Catches steps that are not seen, come in another order, or of another process.
func TestTimeline(t *testing.T) {
	_, r := script(t, "/bin/mkdir state; /bin/mkdir state/a; : > state/f; : > pid; /bin/rm state/f; exit 3", "")
	var steps []sequence.Step
	for _, e := range r.Timeline.Events {
		if e.Step != sequence.Fork {
			steps = append(steps, e.Step)
		}
	}
	want := []sequence.Step{StateCreate, StateWrite, PIDFile, StateRemove, sequence.Exit}
	if len(steps) != len(want) || r.Status.ExitStatus() != 3 || r.Reached {
		t.Fatalf("%q, %+v", steps, r.Status)
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Errorf("step %d is %q, not %q", i, steps[i], want[i])
		}
	}
	if first, last := r.Timeline.Events[0], r.Timeline.Events[len(r.Timeline.Events)-1]; last.PID != r.Timeline.RuntimePID || last.NS < first.NS {
		t.Errorf("%+v ... %+v of %d", first, last, r.Timeline.RuntimePID)
	}
}

// Catches a filter that lets a step by, stops a runtime at another than at each of its calls it is stopped, changes what it does, or stays
// on what it started and nobody tells.
func TestAlone(t *testing.T) {
	testenv.Require(t, testenv.Root)
	const text = ": > pid; exec /bin/mkdir -p state state/a state/b"
	for at, want := range map[lifecycle.Point][2]bool{"pid-file": {}, "state-create": {}, "state-create#2": {true}, "exit": {true, true}, "fork": {true, true}} {
		for _, alone := range []bool{false, true} {
			dir, r, err := tracedScript(t, text, at, Command{Alone: alone})
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]bool{there(dir, "state/a"), there(dir, "state/b")}; got != want || r.Reached != (at != "fork") || there(dir, "pid") != (at != "pid-file") {
				t.Errorf("%s, alone %v: a, b are there: %v, not %v; %+v", at, alone, got, want, r)
			}
		}
	}
	if _, r, err := tracedScript(t, "/bin/mkdir state; /bin/mkdir state/a; : > pid", "pid-file", Command{Alone: true}); err != nil || !r.Reached {
		t.Errorf("processes that had ended: %v, %+v", err, r)
	}
	if _, r, err := tracedScript(t, ": > pid; /bin/mkdir state", "fork", Command{Alone: true}); err != nil || !r.Reached {
		t.Errorf("killed before its first process: %v, %+v", err, r)
	}
	if _, r, err := tracedScript(t, "/bin/sleep 60 & : > pid", "pid-file", Command{Alone: true}); !errors.Is(err, ErrElsewise) {
		t.Errorf("what left a process ended with %v, %+v", err, r)
	}
	if _, r, err := tracedScript(t, "/bin/sleep 60 & : > pid", "", Command{}); err != nil || r.Alone {
		t.Errorf("what left a process was alone: %v, %+v", err, r)
	}
}

// Catches a verb that is not stopped once it has come to where its point is, one that is stopped before, or for what others do, one whose tasks wait
// for each other, and one that does not come to the point and is not told of.
func TestKnown(t *testing.T) {
	const text = ": > pid; /bin/mkdir -p state/c; exec /bin/mkdir state/a state/b"
	_, all := script(t, text, "")
	for step, want := range map[sequence.Step]Place{PIDFile: {0, 0}, sequence.Fork: {0, 0}, StateCreate: {1, 1}, sequence.Exit: {0, 1}} {
		if got, has := all.Places[step]; !has || got != want {
			t.Errorf("%s is at %+v, not %+v", step, got, want)
		}
	}
	for _, c := range []struct {
		at    lifecycle.Point
		known Place
		want  [2]bool
	}{
		{"state-create", Place{0, 1}, [2]bool{}},
		{"state-create#2", Place{0, 1}, [2]bool{true}},
		{"exit", Place{0, 1}, [2]bool{true, true}},
		{"exit", Place{0, 0}, [2]bool{true, true}},
	} {
		dir, r, err := tracedScript(t, text, c.at, Command{Known: &c.known})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Reached || [2]bool{there(dir, "state/a"), there(dir, "state/b")} != c.want || !there(dir, "state/c") {
			t.Errorf("%s: %+v", c.at, r)
		}
		if seen := r.Timeline.Events[0].Step == PIDFile; seen != (c.known.Births == 0) || !there(dir, "pid") {
			t.Errorf("%s: stopped too early, or too late: %+v", c.at, r)
		}
	}
	if dir, r, err := tracedScript(t, text, "state-create", Command{Known: &Place{1, 1}}); err != nil || !r.Reached || r.Timeline.Events[0].PID == r.Timeline.RuntimePID || !there(dir, "pid") {
		t.Errorf("a step of the child's: %v, %+v", err, r)
	}
	for _, known := range []Place{{0, 1}, {1, 1}, {0, 3}, {5, 1}} {
		if _, r, err := tracedScript(t, text, "pid-file", Command{Known: &known}); !errors.Is(err, ErrElsewise) {
			t.Errorf("a point that is elsewhere than at %+v: %v, %+v", known, err, r)
		}
	}
}

// Catches threads that are not stopped, or wait for each other, where a runtime in Go starts its processes.
func TestKnownWithThreads(t *testing.T) {
	if os.Getenv("INITBENCH_KILLAT") != "" {
		for range 8 {
			go func() {
				runtime.LockOSThread()
				for {
					_, _ = os.Lstat("/none")
				}
			}()
		}
		for i := range 3 {
			if err := exec.Command("/bin/mkdir", fmt.Sprint("state", i)).Run(); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.WriteFile("pid", nil, 0o600) // the test sees whether it is there
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r, err := Run(Command{Argv: []string{self, "-test.run=TestKnownWithThreads"}, Dir: dir, Env: []string{"INITBENCH_KILLAT=1"}, Known: &Place{0, 3}},
		Target{Leaf: "/none", StateRoot: "/none", PIDFile: filepath.Join(dir, "pid")}, "pid-file")
	if err != nil || !r.Reached || there(dir, "pid") || !there(dir, "state2") {
		t.Errorf("%v, %+v", err, r)
	}
}

// Catches a verb that cannot be followed and goes on, or is waited for without its threads and so for ever, or is said to have ended well.
func TestGivenUp(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"/bin/sleep", "60"}, {self, "-test.run=TestKnownWithThreads"}} {
		ended := make(chan error)
		var tr *tracer
		go onThreadOfItsOwn(func() {
			tr = newTracer(Command{}, Target{Leaf: "/none", StateRoot: "/none"}, "")
			pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Dir: t.TempDir(), Env: []string{"INITBENCH_KILLAT=1"}, Sys: &syscall.SysProcAttr{Setsid: true, Ptrace: true}})
			if err != nil {
				ended <- err
				return
			}
			tr.root = pid
			err = tr.begin()
			for deadline := time.Now().Add(20 * time.Second); err == nil && argv[0] == self && len(tr.seen) < 4 && time.Now().Before(deadline); {
				var ws unix.WaitStatus
				var tid int
				if tid, err = wait(-1, &ws); err == nil {
					err = tr.meet(tid, ws)
				}
			}
			ended <- errors.Join(err, tr.giveUp())
		})
		select {
		case err := <-ended:
			if err != nil || !tr.result.Status.Signaled() || unix.Kill(tr.root, 0) == nil {
				t.Errorf("%q: %v, status %#x, %d threads seen", argv, err, tr.result.Status, len(tr.seen))
			}
		case <-time.After(time.Minute):
			t.Fatalf("%q is waited for, and does not end", argv)
		}
	}
}

package journal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Catches a clean that forgets what a killed run was about to make, that tries
// to remove what is gone already, or that removes a parent before its child.
func TestFindListsOpenScopesLastFirst(t *testing.T) {
	base := t.TempDir()
	j, err := Open(base, "r1")
	if err != nil {
		t.Fatal(err)
	}
	must(t, j.Intend(Entry{Scope: "run", Kind: Dir, Name: "/d"}, Entry{Scope: "t0", Kind: Cgroup, Name: "/a"}))
	must(t, j.Gone("t0"))
	must(t, j.Intend(Entry{Scope: "t1", Kind: Unit, Name: "u.scope"}))
	// Killed while writing: half a line.
	_, err = j.f.WriteString(`{"scope":"t2","ki`)
	must(t, err)
	must(t, j.Keep())
	got, err := Find(base)
	must(t, err)
	want := []Remains{{Run: "r1", Path: filepath.Join(base, "r1.journal"), Entries: []Entry{
		{Scope: "t1", Kind: Unit, Name: "u.scope"}, {Scope: "run", Kind: Dir, Name: "/d"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Catches a journal that one bad line makes unreadable, or that loses what was
// written after it: a disk can be full for a while, and a crash leaves zeros.
func TestFindReadsAroundBadLines(t *testing.T) {
	base := t.TempDir()
	j, err := Open(base, "r1")
	must(t, err)
	want := []Entry{{Scope: "t1", Kind: Cgroup, Name: "/b"}, {Scope: "run", Kind: Dir, Name: "/a"}}
	must(t, j.Intend(want[1]))
	_, err = j.f.Write(append([]byte(`{"scope":"t0","ki`), make([]byte, 1<<20)...))
	must(t, err)
	must(t, j.Intend(want[0]))
	must(t, j.Keep())
	got, err := Find(base)
	must(t, err)
	if diff := cmp.Diff([]Remains{{Run: "r1", Path: filepath.Join(base, "r1.journal"), Entries: want}}, got); diff != "" {
		t.Error(diff)
	}
}

// Catches a state directory that depends on where clean is called.
func TestBaseIsAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, want := range map[string]string{"relative": filepath.Join(dir, "relative"), "/absolute": "/absolute"} {
		t.Setenv("INITBENCH_STATE_DIR", name)
		if got := Base(); got != want {
			t.Errorf("INITBENCH_STATE_DIR=%s: %s, want %s", name, got, want)
		}
	}
	t.Setenv("INITBENCH_STATE_DIR", "")
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/me")
	if got := Base(); got != "/var/lib/initbench" && got != "/home/me/.local/state/initbench" {
		t.Errorf("a relative XDG_STATE_HOME: %s", got)
	}
}

// Catches a refusal that names nobody in brackets: the holder may not have written its pid yet.
func TestBusyErrorNamesTheHolder(t *testing.T) {
	for pid, want := range map[string]string{"": "another initbench run holds", "7": "another initbench run (pid 7) holds"} {
		if got := (&BusyError{PID: pid}).Error(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Catches a journal that outlives a run which left nothing: the next run would refuse to start.
func TestCloseRemovesTheJournal(t *testing.T) {
	base := t.TempDir()
	j, err := Open(base, "r1")
	must(t, err)
	must(t, j.Close())
	got, err := Find(base)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("remains = %v, want none", got)
	}
}

// Catches two runs measuring each other.
func TestLockIsExclusive(t *testing.T) {
	base := t.TempDir()
	l, err := Lock(base)
	must(t, err)
	_, err = Lock(base)
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("second lock: %v, want BusyError", err)
	}
	must(t, l.Unlock())
	l, err = Lock(base)
	must(t, err)
	must(t, l.Unlock())
	if _, err := os.Stat(filepath.Join(base, "lock")); err != nil {
		t.Error(err)
	}
}

// Catches a killed run that keeps the machine for as long as a child of its was between fork and exec, and a living
// one that is waited for.
func TestLockOfTheDead(t *testing.T) {
	base := t.TempDir()
	child, err := Lock(base) // has the lock, and a dead parent's name is in it
	must(t, err)
	path := filepath.Join(base, "lock")
	cmd := exec.Command("true")
	must(t, cmd.Run())
	must(t, os.WriteFile(path, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644))
	if !gone(holder(path)) || gone(strconv.Itoa(os.Getpid())) || gone("nobody") {
		t.Error("the dead is taken for alive, or the other way round")
	}
	began, locked := make(chan struct{}), make(chan error)
	go func() {
		close(began)
		l, err := Lock(base)
		if err == nil {
			err = l.Unlock()
		}
		locked <- err
	}()
	<-began
	must(t, child.Unlock()) // its exec
	must(t, <-locked)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

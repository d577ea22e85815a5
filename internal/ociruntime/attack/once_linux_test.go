package attack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/memfdclone"
)

// once is the way that has all starts share one copy, which this process holds.
var once = way{"once", "builtin", ociruntime.Builtin{Clone: memfdclone.Once}, memfdclone.Memfd}

// atOnce makes a site whose runtime is executed from such a copy.
func atOnce(t *testing.T) *site {
	t.Helper()
	s := once.at(t)
	src, err := os.Open(s.cli.Binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }() // only read
	clone, err := memfdclone.Make(src, memfdclone.Options{Strategy: once.strategy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clone.File.Close() }) // nothing was written to it
	if err := clone.Verify(src); err != nil {
		t.Fatal(err)
	}
	s.source = s.cli.Binary
	s.cli.Binary = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), clone.File.Fd())
	return s
}

// Catches a container that changes what the next one is started from, where all are started from one sealed copy, and pins what it can do
// to them all the same: notice them, have them wait, and keep them from starting.
func TestSmokeSharedCopy(t *testing.T) {
	needs(t)
	g := besiege(atOnce(t), privileged)
	ordinarily, privilegedly := once.expected()
	g.strike("ordinary", g.ordinary, ordinarily)
	g.strike("privileged", g.other, privilegedly)
	g.expect("privileged", false)
	g.expectNoticed()
	g.expectRefused("open", done, "Text file busy")
	g.ordinary.demand("keep lease")
	g.expectWaiting()
	g.expectModeFrozen()
	// The kernel looks at set-user-ID on mounts of the namespace alone, and a memfd is on none.
	g.expectRefused("setuid", done, "")
	g.expect("privileged", false)
}

// Catches the loss of the remedy: while a process executes the copy, nobody can open it for writing or have a lease that
// keeps others from opening it, and so nobody keeps the next container from starting.
func TestSmokeSharedCopyKeptExecuted(t *testing.T) {
	needs(t)
	s := atOnce(t)
	keepExecuted(t, s.cli.Binary)
	g := besiege(s, privileged)
	ordinarily, privilegedly := once.expected()
	gone := []string{"open", "lease-write"}
	g.strike("ordinary", g.ordinary, without(ordinarily, gone...))
	g.strike("privileged", g.other, without(privilegedly, gone...))
	g.expect("privileged", false)
	g.expectNoticed()
	g.expectRefused("open", "ETXTBSY", "")
	g.expectRefused("lease", "EAGAIN", "")
	g.expectModeFrozen()
	g.expect("privileged", false)
}

// Catches a copy that anybody may read: of one that others may execute and no more (mode 0511), a container's user who is not root does
// not even get hold, since whoever executes what he cannot read is hidden from his like (/proc/PID/exe: EACCES).
func TestSmokeSharedCopyIsHiddenFromUsers(t *testing.T) {
	needs(t)
	s := atOnce(t)
	s.user = 1000
	attacker := s.attacker(nil, nil)
	attacker.tell("await")
	bait := s.bait(attacker)
	answer := attacker.answer()
	if got := attacker.ask("grab " + answer); got != "EACCES" {
		t.Errorf("grab of process %s (%d on the host): %s, want EACCES", answer, bait.pid, got)
	}
}

// keepExecuted has a process execute the file that does nothing else.
func keepExecuted(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(path)
	cmd.Env = []string{ociruntime.KeepVariable + "=1"}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
}

// expectModeFrozen expects what F_SEAL_EXEC gives: without, one chmod keeps every container from starting.
func (g *siege) expectModeFrozen() {
	g.t.Helper()
	if linux(6, 3) {
		g.expectRefused("mode", "EPERM", "")
		return
	}
	g.expectRefused("mode", done, "Permission denied")
}

// expectRefused has the attacker try to keep doing something, and compares what the kernel says to him with answer, and what a start
// meanwhile comes to with message: none where it is to succeed. Afterwards all is well again.
func (g *siege) expectRefused(what, answer, message string) {
	g.t.Helper()
	if got := g.ordinary.ask("keep " + what); got != answer {
		g.t.Errorf("keep %s: %s, want %s", what, got, answer)
	}
	err := g.later()
	switch {
	case message == "" && err != nil:
		g.t.Errorf("a start during %s: %v", what, err)
	case message != "" && (err == nil || !strings.Contains(err.Error(), message)):
		g.t.Errorf("a start during %s: %v; want %s", what, err, message)
	}
	g.ordinary.ask("drop")
	if message == "" {
		return
	}
	if err := g.later(); err != nil {
		g.t.Errorf("a start after %s: %v", what, err)
	}
}

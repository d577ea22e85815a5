package enforce

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// What runc 1.1.15 does, in short; #4439's repair of it; runc 1.2's way; crun's.
const (
	racing   = "fork:clone+listen mkdir join tell hear wait"
	serial   = "fork:clone+say+listen hear mkdir join tell hear wait"
	parent   = "memfd fork:listen mkdir join tell wait"
	bornThen = "mkdir fork:listen join tell wait"
)

// Catches an order that is claimed and not imposed, an outcome that waits for the deadline, and one that depends
// on who is called what.
func TestOutcomeOfMadeUpRuntimes(t *testing.T) {
	b := openBench(t)
	for name, tt := range map[string]struct {
		steps string
		order sequence.Order
		want  sequence.Imposed
		why   string
		held  int
	}{
		"racing, clone first":      {racing, sequence.CloneBeforeJoin, sequence.OrderImposed, "until process", 1},
		"racing, join first":       {racing, sequence.JoinBeforeClone, sequence.OrderImposed, "in the container's cgroup", 1},
		"racing, natural":          {racing, sequence.Natural, sequence.OrderImposed, "no order was asked for", 0},
		"serial, clone first":      {serial, sequence.CloneBeforeJoin, sequence.OrderImposed, "nothing had to be held", 0},
		"serial, join first":       {serial, sequence.JoinBeforeClone, sequence.OrderNotApplicable, "waits for its init's copy", 1},
		"parent, clone first":      {parent, sequence.CloneBeforeJoin, sequence.OrderNotApplicable, "before there was an init", 1},
		"parent, join first":       {parent, sequence.JoinBeforeClone, sequence.OrderNotApplicable, "before there was an init", 0},
		"no child yet, clone":      {bornThen, sequence.CloneBeforeJoin, sequence.OrderNotApplicable, "no process that could make one", 0},
		"no child yet, join":       {bornThen, sequence.JoinBeforeClone, sequence.OrderNotApplicable, "no process of the runtime called memfd_create", 0},
		"no join":                  {"fork:clone+listen tell hear wait", sequence.CloneBeforeJoin, sequence.OrderImposed, "nothing had to be held", 0},
		"memfd that is not a copy": {"fork:memfd+listen mkdir join tell wait", sequence.CloneBeforeJoin, sequence.OrderCouldNot, "never executed it", 1},
	} {
		t.Run(name, func(t *testing.T) {
			inner := *b
			inner.TB = t
			s := inner.stage(Options{Order: tt.order})
			b.trials = inner.trials
			s.begin(tt.steps)
			got := s.end()
			s.expect(got, tt.want, tt.why)
			// None, where the race went as was asked.
			if got.Held > tt.held {
				t.Errorf("%d held, want at most %d", got.Held, tt.held)
			}
			if got.HeldNS >= DefaultDeadline.Nanoseconds() || got.Held < 0 || (got.AnsweredNS > 0) != (got.Held < got.Notifications) {
				t.Errorf("%+v", got)
			}
			if said := s.said.String(); strings.Contains(strings.ReplaceAll(said, "memfd_create: <nil>", ""), ":") {
				t.Errorf("the runtime said %q", said)
			}
		})
	}
}

// Catches a join that comes too early and is taken for what was asked.
func TestJoinSeenBeforeClone(t *testing.T) {
	s := openBench(t).stage(Options{Order: sequence.CloneBeforeJoin})
	// The child cannot go on to clone without the parent, whose join is therefore let go; then it clones.
	s.begin("fork:listen+clone mkdir join tell hear wait")
	s.expect(s.end(), sequence.OrderCouldNot, "was in the container's cgroup already")
}

// Catches a call that is held for ever, of a runtime that does what was not foreseen.
func TestDeadline(t *testing.T) {
	b := openBench(t)
	for order, steps := range map[sequence.Order]string{
		sequence.CloneBeforeJoin: "fork:spin mkdir",
		sequence.JoinBeforeClone: "fork:memfd spin",
	} {
		s := b.stage(Options{Order: order, Deadline: 300 * time.Millisecond})
		s.begin(steps)
		s.see(func(h *handler) bool { return h.over })
		b.must(s.cmd.Process.Kill()) // a spinning one
		got := s.end()
		s.expect(got, sequence.OrderCouldNot, "was held for 300ms")
		if got.Held != 1 || got.HeldNS < (300*time.Millisecond).Nanoseconds() {
			t.Errorf("%s: %+v", order, got)
		}
	}
}

// Catches a call that stays held when who made it, or whom it waits for, is dead; and an outcome that hides it.
func TestDeathWhileHeld(t *testing.T) {
	b := openBench(t)
	for _, tt := range []struct {
		name  string
		order sequence.Order
		steps string
		held  kind
		child bool // that dies
	}{
		{"runtime, its mkdir held", sequence.CloneBeforeJoin, "fork:spin mkdir", mkdirat, false},
		{"init, the runtime's mkdir held", sequence.CloneBeforeJoin, "fork:spin mkdir", mkdirat, true},
		{"runtime, its init's copy held", sequence.JoinBeforeClone, "fork:memfd spin", memfdCreate, false},
		{"init, its copy held", sequence.JoinBeforeClone, "fork:memfd wait", memfdCreate, true},
	} {
		s := b.stage(Options{Order: tt.order})
		s.begin(tt.steps)
		if k := s.seeHeld(); k != tt.held {
			t.Errorf("%s: %s is held", tt.name, k)
		}
		victim := s.cmd.Process.Pid
		if tt.child {
			victim = proc(procRoot).descendants(victim)[0]
		}
		b.must(unix.Kill(victim, unix.SIGKILL))
		s.expect(s.end(), sequence.OrderCouldNot, "died while "+string(tt.held))
	}
}

// Catches a runtime that hangs when the listener goes: the kernel has to fail its call.
func TestListenerClosed(t *testing.T) {
	s := openBench(t).stage(Options{Order: sequence.JoinBeforeClone})
	s.begin("fork:memfd wait")
	s.seeHeld()
	s.ask(func() { s.must(unix.Close(s.h.listener.fd)) })
	s.expect(s.end(), sequence.OrderCouldNot, "the listener was lost")
	if !strings.Contains(s.said.String(), "memfd_create: "+unix.ENOSYS.Error()) {
		t.Errorf("the runtime said %q, want %v", s.said.String(), unix.ENOSYS)
	}
}

// Catches a runtime that hangs when initbench is killed while it holds a call.
func TestHarnessKilled(t *testing.T) {
	b := openBench(t)
	s := b.stage(Options{Order: sequence.JoinBeforeClone}) // for its cgroups
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), harnessVar+"="+s.tree.PodPath())
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: s.tree.RuntimeCgroupFD()}
	stdout, err := cmd.StdoutPipe()
	b.must(err)
	stderr, err := cmd.StderrPipe()
	b.must(err)
	b.must(cmd.Start())
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Errorf("the harness held nothing: %v", err)
	}
	b.must(cmd.Process.Kill())
	said, err := io.ReadAll(stderr) // to the end of all that have it
	b.must(err)
	_ = cmd.Wait() // killed
	if !strings.Contains(string(said), "memfd_create: "+unix.ENOSYS.Error()) {
		t.Errorf("the runtime said %q, want %v", said, unix.ENOSYS)
	}
}

// Catches a listener that is lost while nothing is held, so that what was seen is not all.
func TestListenerClosedUnnoticed(t *testing.T) {
	s := openBench(t).stage(Options{Order: sequence.JoinBeforeClone})
	s.begin("fork:listen mkdir join tell wait")
	s.ask(func() { s.must(unix.Close(s.h.listener.fd)) })
	s.expect(s.end(), sequence.OrderCouldNot, "the listener was lost")
}

// Catches a payload, or a hook that is not the runtime, that is held for a copy it does not make.
func TestOthersAreNotHeld(t *testing.T) {
	b := openBench(t)
	other := filepath.Join(b.dir, "other")
	copyFile(b, other, os.Args[0])
	t.Setenv(otherVar, other)
	s := b.stage(Options{Order: sequence.JoinBeforeClone})
	s.begin("hook:memfd " + racing)
	got := s.end()
	s.expect(got, sequence.OrderImposed, "in the container's cgroup")
	if got.Held > 1 {
		t.Errorf("%d held, want the copy alone", got.Held)
	}
}

func copyFile(b *bench, to, from string) {
	b.Helper()
	in, err := os.Open(from)
	b.must(err)
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	b.must(err)
	_, err = io.Copy(out, in)
	b.must(err)
	b.must(in.Close())
	b.must(out.Close())
}

// Catches a call that is held, or not answered, after create has ended: a payload's.
func TestAnsweredAfterCreated(t *testing.T) {
	b := openBench(t)
	for _, order := range sequence.Orders() {
		s := b.stage(Options{Order: order})
		s.begin("listen fork:memfd+mkdir+say hear wait")
		before := s.Created(true)
		_, err := s.in.Write([]byte{1})
		b.must(err)
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("%s: %v, said %q", order, err, s.said.String())
		}
		s.ask(func() {
			if s.h.cost.Held != 0 {
				t.Errorf("%s: %d held", order, s.h.cost.Held)
			}
		})
		if after := s.Created(true); after != before {
			t.Errorf("%s: %+v in the end, %+v when create had ended", order, after, before)
		}
	}
}

// Catches a create that failed early and counts as a natural start of a runtime that makes no copy; and one whose
// init was killed in its cgroup without having made any, which does count.
func TestCreateFailed(t *testing.T) {
	b := openBench(t)
	for _, order := range []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone} {
		s := b.stage(Options{Order: order})
		s.begin("fail")
		s.expect(s.end(), sequence.OrderCouldNot, "create failed before anything told")
		s = b.stage(Options{Order: order})
		s.begin("fork:listen mkdir join tell wait fail")
		s.expect(s.end(), sequence.OrderNotApplicable, "no copy was made inside init")
	}
}

package join_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/cgroupjoin/idle"
	. "github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// stage is a pod to join cgroups in.
type stage struct {
	tb      testing.TB
	host    *cgroupjoin.Host
	tree    *cgroupjoin.Tree
	program *idle.Program
	made    int
	// placeholders are in scopes that are still there.
	placeholders []*idle.Process
}

var stages int

func newStage(tb testing.TB, d cgroupjoin.Driver, siblings int) *stage {
	tb.Helper()
	testenv.Require(tb, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	stages++
	host, err := cgroupjoin.Open(context.Background(), cgroupjoin.Options{Root: "/sys/fs/cgroup", Proc: "/proc", RunID: fmt.Sprintf("j%dn%d", os.Getpid(), stages),
		Drivers: []cgroupjoin.Driver{d}, Journal: func(string, string) error { return nil }})
	must(tb, err)
	tb.Cleanup(func() { check(tb, host.Close()) })
	program, err := idle.Open()
	must(tb, err)
	tb.Cleanup(func() { check(tb, program.Close()) })
	tree, err := host.Make(context.Background(), d, cgroupjoin.Spec{ID: "t"})
	must(tb, err)
	s := &stage{tb: tb, host: host, tree: tree, program: program}
	keeper := s.hold(1)
	_, err = tree.AddSiblings(context.Background(), siblings, keeper.Pid())
	must(tb, err)
	tb.Cleanup(func() {
		for _, p := range append(s.placeholders, keeper) {
			_, err := p.End()
			check(tb, err)
		}
		leaks, err := tree.RemoveJoined(context.Background())
		check(tb, err)
		_, err = tree.Remove(context.Background())
		check(tb, err)
		if len(leaks) > 0 {
			tb.Errorf("left in the pod: %q", leaks)
		}
	})
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Error(err)
	}
}

// hold is an idle process in the runtime's cgroup.
func (s *stage) hold(threads int) *idle.Process {
	s.tb.Helper()
	p, err := s.program.Hold(threads)
	must(s.tb, err)
	p.Cmd.SysProcAttr.UseCgroupFD, p.Cmd.SysProcAttr.CgroupFD = true, s.tree.RuntimeCgroupFD()
	must(s.tb, p.Cmd.Start())
	must(s.tb, p.Ready(context.Background()))
	return p
}

// target is a cgroup of a name that was not used yet.
func (s *stage) target() Target {
	t := s.tree.Target()
	s.made++
	if t.Unit == "" {
		t.Path += fmt.Sprint("x", s.made)
		return t
	}
	t.Unit = fmt.Sprintf("%sx%d.scope", strings.TrimSuffix(t.Unit, ".scope"), s.made)
	t.Path = filepath.Join(filepath.Dir(t.Path), t.Unit)
	return t
}

// joiner has a placeholder of its own where it needs one, which ends with the test or with remove.
func (s *stage) joiner(m Mechanism, w When, t Target) Joiner {
	s.tb.Helper()
	var by Systemd
	if t.Unit != "" {
		by.Conn = s.host.Systemd()
		if m != ByUnit {
			p := s.hold(1)
			s.placeholders = append(s.placeholders, p)
			by.Placeholder = p.Pid()
		}
	}
	j, err := New(m, w, t, by)
	must(s.tb, err)
	return j
}

// remove removes a cgroup in which nothing is alive but placeholders.
func (s *stage) remove(t Target) {
	s.tb.Helper()
	for _, p := range s.placeholders {
		_, err := p.End()
		check(s.tb, err)
	}
	s.placeholders = nil
	if t.Unit == "" {
		check(s.tb, os.Remove(t.Path))
		return
	}
	ended := make(chan string, 1)
	_, err := s.host.Systemd().StopUnitContext(context.Background(), t.Unit, "replace", ended)
	var e godbus.Error
	switch {
	case err == nil:
		<-ended
	case !errors.As(err, &e) || e.Name != "org.freedesktop.systemd1.NoSuchUnit":
		s.tb.Error(err)
	}
}

// do makes one join and returns the process that is there now.
func (s *stage) do(m Mechanism, w When, t Target, threads int) (*idle.Process, error) {
	s.tb.Helper()
	ctx := context.Background()
	j := s.joiner(m, w, t)
	defer func() { check(s.tb, j.Close()) }()
	p, err := s.program.Hold(threads)
	must(s.tb, err)
	err = errors.Join(j.Prepare(ctx), j.Start(ctx, p.Cmd))
	if err == nil {
		err = errors.Join(p.Ready(ctx), j.Join(ctx, p.Pid()))
	}
	if err != nil {
		_, endErr := p.End()
		return nil, errors.Join(err, endErr)
	}
	return p, nil
}

// tasksIn lists the threads in a cgroup, from the kernel's own list.
func tasksIn(tb testing.TB, t Target) []string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(t.Path, "cgroup.threads"))
	must(tb, err)
	return strings.Fields(string(b))
}

func each(t *testing.T, f func(t *testing.T, s *stage, m Mechanism, w When)) {
	for _, d := range cgroupjoin.Drivers() {
		s := newStage(t, d, 1)
		for _, m := range Mechanisms() {
			for _, w := range Whens() {
				if Check(m, w, d == cgroupjoin.Systemd) == nil {
					t.Run(fmt.Sprintf("%s/%s/%s", d, m, w), func(t *testing.T) { f(t, s, m, w) })
				}
			}
		}
	}
}

// Catches a join that returns before the process, or one of its threads, is where it should be.
func TestSmokeJoin(t *testing.T) {
	each(t, func(t *testing.T, s *stage, m Mechanism, w When) {
		threads, target := 40, s.target()
		if m == ByBirth {
			threads = 1
		}
		p, err := s.do(m, w, target, threads)
		must(t, err)
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid()))
		must(t, err)
		in := tasksIn(t, target)
		for _, task := range list {
			if !slices.Contains(in, task.Name()) {
				t.Errorf("thread %s is not among %s", task.Name(), in)
			}
		}
		if len(list) != threads {
			t.Errorf("%d threads, want %d", len(list), threads)
		}
		_, err = p.End()
		check(t, err)
		s.remove(target)
	})
}

// Catches an early cgroup that is made late, and a late one made early: what is early is there before the process.
func TestWhen(t *testing.T) {
	each(t, func(t *testing.T, s *stage, m Mechanism, w When) {
		target := s.target()
		j := s.joiner(m, w, target)
		must(t, j.Prepare(t.Context()))
		if _, err := os.Stat(target.Path); (err == nil) != (w == Early) {
			t.Errorf("prepared: %v", err)
		}
		check(t, j.Close())
		if w == Early {
			s.remove(target)
		}
	})
}

// oneLine holds an error against what it must say.
func oneLine(t *testing.T, err error, cause error, words ...string) {
	t.Helper()
	if !errors.Is(err, cause) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v: want one line with the cause %v", err, cause)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: does not say %q", err, w)
		}
	}
}

// Catches a cgroup removed between its making and the join that is told as anything else, or a process left behind by it.
func TestGoneBeforeTheJoin(t *testing.T) {
	s := newStage(t, cgroupjoin.Cgroupfs, 0)
	for _, m := range []Mechanism{ByProcs, ByBirth} {
		target := s.target()
		j := s.joiner(m, Early, target)
		must(t, j.Prepare(t.Context()))
		must(t, os.Remove(target.Path))
		p, err := s.program.Hold(1)
		must(t, err)
		err = j.Start(t.Context(), p.Cmd)
		if err == nil {
			must(t, p.Ready(t.Context()))
			err = j.Join(t.Context(), p.Pid())
		}
		oneLine(t, err, ErrGone, target.Path)
		if m == ByBirth && p.Pid() != 0 {
			t.Errorf("born all the same, as process %d", p.Pid())
		}
		_, err = p.End()
		check(t, err)
		check(t, j.Close())
	}
	_, err := OpenDir(s.tree.PodPath() + "/none")
	oneLine(t, err, ErrGone, "/none")
}

// Catches a birth that takes a missing program for a missing cgroup: for both the kernel says ENOENT.
func TestBirthOfNoProgram(t *testing.T) {
	s := newStage(t, cgroupjoin.Cgroupfs, 0)
	dir, err := OpenDir(s.tree.Birthplace())
	must(t, err)
	defer func() { check(t, dir.Close()) }()
	err = Born(exec.Command("/no/such/program"), dir)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrGone) {
		t.Errorf("%v", err)
	}
}

// Catches a scope that ended before the join, or was never made, told as anything else.
func TestGoneScope(t *testing.T) {
	s := newStage(t, cgroupjoin.Systemd, 1)
	p := s.hold(1)
	for m, cause := range map[Mechanism]error{ByProcs: ErrGone, ByAttach: ErrNoUnit} {
		target := s.target()
		j := s.joiner(m, Early, target)
		must(t, j.Prepare(t.Context()))
		s.remove(target)
		oneLine(t, j.Join(t.Context(), p.Pid()), cause, filepath.Base(target.Path))
		check(t, j.Close())
	}
	oneLine(t, Attach(t.Context(), s.host.Systemd(), "initbench-never.scope", p.Pid()), ErrNoUnit, "initbench-never.scope")
	_, err := p.End()
	check(t, err)
}

// Catches a unit of the same name taken over: its processes are another's.
func TestUnitExists(t *testing.T) {
	s := newStage(t, cgroupjoin.Systemd, 1)
	first, second, target := s.hold(1), s.hold(1), s.target()
	must(t, StartUnit(t.Context(), s.host.Systemd(), target, first.Pid()))
	oneLine(t, StartUnit(t.Context(), s.host.Systemd(), target, second.Pid()), ErrUnitExists, target.Unit)
	if in := tasksIn(t, target); !slices.Equal(in, []string{fmt.Sprint(first.Pid())}) {
		t.Errorf("in the scope: %q, want process %d", in, first.Pid())
	}
	for _, p := range []*idle.Process{first, second} {
		_, err := p.End()
		check(t, err)
	}
	s.remove(target)
}

// Catches a cgroup made twice, and a process put among the children of one that is not a leaf.
func TestProcsRefused(t *testing.T) {
	s := newStage(t, cgroupjoin.Cgroupfs, 0)
	target, p := s.target(), s.hold(1)
	must(t, MakeDir(target))
	oneLine(t, MakeDir(target), fs.ErrExist, target.Path)
	s.remove(target)
	oneLine(t, Procs(s.tree.PodPath(), p.Pid()), unix.EBUSY, "only leaves take processes")
	_, err := p.End()
	check(t, err)
	oneLine(t, Procs(s.tree.Birthplace(), p.Pid()), unix.ESRCH, "no such process")
}

// Catches a scope made for a process that is gone, and the wait for a job that there is not.
func TestUnitOfNoProcess(t *testing.T) {
	s := newStage(t, cgroupjoin.Systemd, 1)
	p, target := s.hold(1), s.target()
	pid := p.Pid()
	_, err := p.End()
	must(t, err)
	err = StartUnit(t.Context(), s.host.Systemd(), target, pid)
	if err == nil || strings.Contains(err.Error(), "\n") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(target.Path); err == nil {
		t.Errorf("%s was made all the same", target.Path)
	}
}

// cut is a way to the system bus that can be cut.
type cut struct {
	path  string
	mu    sync.Mutex
	conns []net.Conn
	// after is the word after which it is cut, unless empty, whoever says it.
	after string
}

func newCut(t *testing.T) *cut {
	c := &cut{path: filepath.Join(t.TempDir(), "bus")}
	l, err := net.Listen("unix", c.path)
	must(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() { check(t, l.Close()); c.end(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			out, err := net.Dial("unix", "/run/dbus/system_bus_socket")
			if err != nil {
				_ = in.Close()
				continue
			}
			c.add(in, out)
			wg.Go(func() { c.copy(out, in) })
			wg.Go(func() { c.copy(in, out) })
		}
	})
	return c
}

func (c *cut) add(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conns...)
}

func (c *cut) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close() // twice does no harm
	}
}

// cutAfter has the way cut by the next message with the word, which does not get through.
func (c *cut) cutAfter(word string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = word
}

func (c *cut) cutsHere(message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after != "" && strings.Contains(string(message), c.after)
}

// copy passes on what it reads until it is cut.
func (c *cut) copy(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if c.cutsHere(buf[:n]) {
			c.end()
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			_ = to.Close() // the other side is gone
			return
		}
	}
}

func (c *cut) dial(t *testing.T) *dbus.Conn {
	t.Helper()
	conn, err := dbus.NewConnection(func() (*godbus.Conn, error) {
		conn, err := godbus.Dial("unix:path=" + c.path)
		if err == nil {
			err = errors.Join(conn.Auth([]godbus.Auth{godbus.AuthExternal("0")}))
		}
		if err == nil {
			err = conn.Hello()
		}
		return conn, err
	})
	must(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// Catches a wait without an end for a bus that is gone, before the call, during it or before the job's end.
func TestBusGone(t *testing.T) {
	s := newStage(t, cgroupjoin.Systemd, 1)
	p := s.hold(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, word := range []string{"", "StartTransientUnit", "JobRemoved", "AttachProcessesToUnit"} {
		c, target := newCut(t), s.target()
		conn := c.dial(t)
		c.cutAfter(word)
		if word == "" {
			c.end()
		}
		var err error
		if word == "AttachProcessesToUnit" {
			err = Attach(ctx, conn, target.Unit, p.Pid())
		} else {
			err = StartUnit(ctx, conn, target, p.Pid())
		}
		oneLine(t, err, ErrNoBus, "the connection to the system bus ended", target.Unit)
	}
	_, err := p.End()
	check(t, err)
}

// Catches a caller's own deadline that is not kept while systemd says nothing.
func TestNoWord(t *testing.T) {
	s := newStage(t, cgroupjoin.Systemd, 1)
	p := s.hold(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	called := errors.New("called off")
	cancel(called)
	err := StartUnit(ctx, s.host.Systemd(), s.target(), p.Pid())
	if err == nil || errors.Is(err, ErrNoBus) {
		t.Errorf("%v", err)
	}
	_, err = p.End()
	check(t, err)
}

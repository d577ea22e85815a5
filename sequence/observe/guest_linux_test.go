//go:build amd64

package observe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// The test binary is also the process whose doings tests know the number of.
func TestMain(m *testing.M) {
	switch os.Getenv("OBSERVE_CHILD") {
	case "calls":
		callsAndFaults()
	case "threads":
		callsFromThreads()
	case "exec":
		execFromThread()
	case "copy":
		execCopy()
	case "self":
		execSelf()
	case "open":
		openAndSay()
	default:
		testenv.Main(m)
	}
}

const limited = 64 << 20

// Tests called TestSmoke are made on Linux 6.12 as well, where mark_victim passes a task and memory.stat's
// figures lie by a table; scripts/test.sh, guest612.

// observed is one whole start and end of a container.
func (l *lab) observed(o *Observer, binary string, d cgroupjoin.Driver) sequence.Timeline {
	l.Helper()
	t, _ := l.observedAs(o, binary, d)
	return t
}

func (l *lab) observedAs(o *Observer, binary string, d cgroupjoin.Driver) (sequence.Timeline, *container) {
	l.Helper()
	c := l.container(binary, d, limited, ociruntime.Payload{})
	return c.life(o), c
}

// life is the container's, from before its create to after its removal.
func (c *container) life(o *Observer) sequence.Timeline {
	c.Helper()
	w, err := o.Watch(c.target())
	c.must(err)
	c.must(c.create())
	c.stamp = c.start()
	c.wait()
	c.remove()
	t, err := w.Finish()
	c.must(err)
	return t
}

// eachStart observes a start of each runtime under each driver.
func eachStart(t *testing.T, use func(l *lab, name string, d cgroupjoin.Driver, c *container, got sequence.Timeline)) {
	l := newLab(t)
	o := l.open(Options{})
	for name, path := range l.runtimes() {
		for _, d := range cgroupjoin.Drivers() {
			t.Run(name+"/"+string(d), func(t *testing.T) {
				sub := l.in(t)
				got, c := sub.observedAs(o, path, d)
				use(sub, name, d, c, got)
			})
		}
	}
}

// in is the lab for a subtest.
func (l *lab) in(t testing.TB) *lab {
	sub := *l
	sub.TB = t
	return &sub
}

// find is the first event of a step; the test ends without one.
func (l *lab) find(t sequence.Timeline, step sequence.Step) sequence.Event {
	l.Helper()
	i := slices.IndexFunc(t.Events, func(e sequence.Event) bool { return e.Step == step })
	if i < 0 {
		l.Fatalf("no %s in %v", step, stepsOf(t))
	}
	return t.Events[i]
}

func has(t sequence.Timeline, step sequence.Step) bool { return slices.Contains(stepsOf(t), step) }

// stepsOf leaves out systemd's "max", which is no limit.
func stepsOf(t sequence.Timeline) []sequence.Step {
	var found []sequence.Step
	for _, e := range t.Events {
		if e.Step != sequence.LimitWritten || e.Bytes != nil {
			found = append(found, e.Step)
		}
	}
	return found
}

// inOrder reports whether the steps are there one after the other, whatever lies between.
func inOrder(t sequence.Timeline, want ...sequence.Step) bool {
	for _, s := range stepsOf(t) {
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// guards are the chains of steps that each runtime keeps to by its own code, and the steps it never makes.
var guards = map[string]struct {
	chain []sequence.Step
	never []sequence.Step
}{
	"runc-1.1.14": {[]sequence.Step{sequence.BindMount, sequence.Fexecve, sequence.Unshare}, []sequence.Step{sequence.MemfdCreate, sequence.OverlayMount}},
	"runc-1.1.15": {[]sequence.Step{sequence.MemfdCreate, sequence.CloneSealed, sequence.Fexecve, sequence.Unshare}, []sequence.Step{sequence.BindMount, sequence.OverlayMount}},
	"runc-1.2.6":  {[]sequence.Step{sequence.OverlayMount, sequence.Join, sequence.Unshare}, []sequence.Step{sequence.MemfdCreate, sequence.BindMount, sequence.Fexecve}},
	"runc-1.5.2":  {[]sequence.Step{sequence.OverlayMount, sequence.Join, sequence.Unshare}, []sequence.Step{sequence.MemfdCreate, sequence.BindMount, sequence.Fexecve}},
	"crun":        {[]sequence.Step{sequence.BindMount, sequence.Fexecve, sequence.CgroupCreate, sequence.PivotRoot}, []sequence.Step{sequence.MemfdCreate, sequence.OverlayMount}},
}

// Catches a step that is not seen, is seen twice over, out of order, or of another process
// or cgroup than it was made by, with any runtime under any driver; and a start that is told too late or too early.
func TestSmokeSteps(t *testing.T) {
	eachStart(t, func(l *lab, name string, d cgroupjoin.Driver, c *container, got sequence.Timeline) {
		if got.Lost != 0 || !slices.IsSortedFunc(got.Events, func(a, b sequence.Event) int { return int(a.NS - b.NS) }) {
			l.Errorf("%d lost, or out of order: %v", got.Lost, stepsOf(got))
		}
		g := guards[name]
		if !inOrder(got, g.chain...) {
			l.Errorf("%v are not one after the other in %v", g.chain, stepsOf(got))
		}
		for _, s := range g.never {
			if has(got, s) {
				l.Errorf("there is a %s in %v", s, stepsOf(got))
			}
		}
		enters := sequence.Join
		if name == "crun" && d == cgroupjoin.Cgroupfs {
			enters = sequence.BornInCgroup
		}
		if !inOrder(got, sequence.Fork, sequence.Exec, sequence.CgroupCreate, enters, sequence.LimitWritten, sequence.PivotRoot, sequence.PayloadExec, sequence.Exit, sequence.CgroupRemove) {
			l.Errorf("the container's life is not in %v", stepsOf(got))
		}
		checkActors(l, d, c, got)
		checkExec(l, c, got)
	})
}

// checkActors looks at who made the steps, and with what.
func checkActors(l *lab, d cgroupjoin.Driver, c *container, got sequence.Timeline) {
	l.Helper()
	mover := got.RuntimePID
	if d == cgroupjoin.Systemd {
		mover = 1
	}
	if e := l.find(got, sequence.Fork); e.PID != os.Getpid() || e.Other != got.RuntimePID || got.RuntimePID == 0 || e.Cgroup != sequence.Elsewhere {
		l.Errorf("the spawn is %+v, of runtime %d", e, got.RuntimePID)
	}
	if e := got.Events[1]; e.Step != sequence.Exec || e.PID != got.RuntimePID || e.Detail != c.cli.Binary || e.Cgroup != sequence.Runtime {
		l.Errorf("then %+v, want create's exec", e)
	}
	if e := l.find(got, sequence.CgroupCreate); e.PID != mover || e.Detail != filepath.Base(c.tree.LeafPath()) {
		l.Errorf("the cgroup's maker is %+v", e)
	}
	if has(got, sequence.Join) {
		if e := l.find(got, sequence.Join); e.Other != mover || e.Cgroup != sequence.Container || e.PID == got.RuntimePID {
			l.Errorf("the join is %+v", e)
		}
	}
	limits := slices.DeleteFunc(slices.Clone(got.Events), func(e sequence.Event) bool { return e.Step != sequence.LimitWritten || e.Bytes == nil })
	if len(limits) == 0 || *limits[0].Bytes != limited {
		l.Errorf("limits written: %+v", limits)
	}
	if e := l.find(got, sequence.PayloadExec); e.PID != c.pid || e.Detail != ociruntime.PayloadPath || e.Cgroup != sequence.Container {
		l.Errorf("the payload is %+v, want pid %d", e, c.pid)
	}
}

// checkExec compares with the payload's own clock, which is read after the exec: nothing
// of start's comes between its call and the stamp but the exec itself.
func checkExec(l *lab, c *container, got sequence.Timeline) {
	l.Helper()
	e := l.find(got, sequence.PayloadExec)
	if e.NS < c.startCalled || e.NS >= c.stamp {
		l.Errorf("exec at %d; start was called at %d and the payload's stamp is %d", e.NS, c.startCalled, c.stamp)
	}
	if f := got.Find(); f.ExecNS == nil || *f.ExecNS != e.NS {
		l.Errorf("found %+v", f)
	}
	l.Logf("the stamp is %d us after the exec", (c.stamp-e.NS)/1000)
}

// Catches a copy whose bytes are charged to nobody, to both sides, or late: statistics that
// the kernel has not flushed yet are part of what was charged.
func TestSmokeCopyIsSplitToThePage(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	path := l.runtime("runc-1.1.15")
	file, err := os.Stat(path)
	l.must(err)
	pages := (file.Size() + 4095) &^ 4095
	for _, d := range cgroupjoin.Drivers() {
		got := l.observed(o, path, d)
		from, to := l.find(got, sequence.MemfdCreate), l.find(got, sequence.CloneSealed)
		if from.Detail != "runc_cloned:/proc/self/exe" || to.Detail != from.Detail || from.PID != to.PID || to.Bytes == nil || *to.Bytes != file.Size() {
			t.Errorf("%s: %+v to %+v; want a copy of %d bytes", d, from, to, file.Size())
		}
		inContainer, inRuntime := grown(from.Container, to.Container), grown(from.Runtime, to.Runtime)
		if inContainer+inRuntime != pages {
			t.Errorf("%s: %d bytes to the container and %d to the runtime, want %d in all", d, inContainer, inRuntime, pages)
		}
		if sum := got.ContainerCounters.MemfdBytes + got.RuntimeCounters.MemfdBytes; sum != file.Size() {
			t.Errorf("%s: counted %d bytes in memfds, want %d", d, sum, file.Size())
		}
	}
}

func grown(from, to *sequence.Charge) int64 {
	if to == nil || to.Shmem == nil {
		return 0
	}
	if from == nil || from.Shmem == nil {
		return *to.Shmem
	}
	return *to.Shmem - *from.Shmem
}

// batch is what the kernel may charge, or count, ahead on each processor.
func batch(t testing.TB) int64 {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		t.Fatal(err)
	}
	var first, last int64
	if n, _ := fmt.Sscanf(string(b), "%d-%d", &first, &last); n < 2 {
		last = first
	}
	return 64 * 4096 * (last + 1)
}

// Catches charges of another cgroup, in another unit, or without what is below the cgroup: the
// payload is held, so that what the kernel's files say does not move.
func TestSmokeChargesAgreeWithTheKernelsFiles(t *testing.T) {
	const asked = 32 << 20
	l := newLab(t)
	o := l.open(Options{})
	for name, path := range l.runtimes() {
		for _, d := range cgroupjoin.Drivers() {
			t.Run(name+"/"+string(d), func(t *testing.T) {
				l := l.in(t)
				c := l.container(path, d, limited, ociruntime.Payload{AnonBytes: asked, Hold: true})
				defer c.remove()
				w, err := o.Watch(c.target())
				l.must(err)
				l.must(c.create())
				e := c.probe()
				c.start()
				l.must(ociruntime.WaitHeld(c.out))
				held := c.probe()
				c.wait()
				got, err := w.Finish()
				l.must(err)
				l.checkProbe(got, e)
				l.checkProbe(got, held)
				if anon := held.seen(l, got).Container.Anon; anon == nil || *anon < asked || *anon > asked+asked/64 {
					t.Errorf("%v bytes of anonymous memory are seen, the payload has %d", anon, asked)
				}
			})
		}
	}
}

// probe is what the kernel's files say, read where a written limit marks the time in the timeline.
type probe struct {
	limit              int64
	container, runtime cgroupjoin.MemoryStat
}

// probe is of a container in which nothing moves.
func (c *container) probe() probe {
	c.Helper()
	c.probes++
	p := probe{limit: limited + int64(c.probes)*4096}
	file := filepath.Join(c.tree.LeafPath(), "memory.max")
	c.must(os.WriteFile(file, fmt.Append(nil, p.limit), 0))
	var err error
	p.container, err = cgroupjoin.ReadMemory(c.tree.LeafPath())
	c.must(err)
	p.runtime, err = cgroupjoin.ReadMemory(c.tree.RuntimePath())
	c.must(err)
	return p
}

func (p probe) seen(l *lab, t sequence.Timeline) sequence.Event {
	l.Helper()
	for _, e := range t.Events {
		if e.Step == sequence.LimitWritten && e.Bytes != nil && *e.Bytes == p.limit && e.PID == os.Getpid() && e.Container != nil && e.Runtime != nil {
			return e
		}
	}
	l.Fatalf("no limit of %d is written in %v", p.limit, stepsOf(t))
	return sequence.Event{}
}

func (l *lab) checkProbe(t sequence.Timeline, p probe) {
	l.Helper()
	e := p.seen(l, t)
	for whose, pair := range map[string]struct {
		seen *sequence.Charge
		file cgroupjoin.MemoryStat
	}{"container": {e.Container, p.container}, "runtime": {e.Runtime, p.runtime}} {
		if pair.seen.Anon == nil || pair.seen.File == nil || pair.seen.Shmem == nil {
			l.Errorf("%s: no parts: %+v", whose, pair.seen)
			continue
		}
		for what, n := range map[string][2]int64{
			"in all": {pair.seen.Bytes, pair.file.CurrentBytes}, "anon": {*pair.seen.Anon, pair.file.AnonBytes},
			"file": {*pair.seen.File, pair.file.FileBytes}, "shmem": {*pair.seen.Shmem, pair.file.ShmemBytes},
		} {
			if off := n[0] - n[1]; off > batch(l) || -off > batch(l) {
				l.Errorf("%s, %s: %d bytes are seen, the kernel's file says %d", whose, what, n[0], n[1])
			}
		}
	}
}

// Catches a kill that is not seen, or seen of another process.
func TestSmokeOOMKill(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	for _, d := range cgroupjoin.Drivers() {
		c := l.container(l.runtime("runc-1.2.6"), d, 16<<20, ociruntime.Payload{AnonBytes: 48 << 20})
		w, err := o.Watch(c.target())
		l.must(err)
		l.must(c.create())
		c.start()
		c.wait()
		c.remove()
		got, err := w.Finish()
		l.must(err)
		e := l.find(got, sequence.OOMKill)
		if e.PID != c.pid || e.Cgroup != sequence.Container || e.Container == nil || e.Container.Bytes > 16<<20 || *e.Container.Anon < 12<<20 {
			t.Errorf("%s: %+v; want pid %d at its limit", d, e, c.pid)
		}
		if !inOrder(got, sequence.PayloadExec, sequence.OOMKill, sequence.Exit) {
			t.Errorf("%s: %v", d, stepsOf(got))
		}
		for _, e := range got.Events {
			if e.Step == sequence.Exit && e.PID == c.pid && e.Detail != "SIGKILL" {
				t.Errorf("%s: the payload ended with %q", d, e.Detail)
			}
		}
	}
}

// Catches a victim that is not found on kernels that name it by its number alone (early releases of Linux 6.1).
func TestVictimByNumber(t *testing.T) {
	l := newLab(t)
	spec, cache, err := fitted(1 << 20)
	l.must(err)
	l.must(spec.Variables[observeVarVictimIsPid].Set(true))
	o, err := run(spec, cache)
	l.must(err)
	defer func() { l.check(o.Close()) }()
	c := l.container(l.runtime("crun"), cgroupjoin.Cgroupfs, limited, ociruntime.Payload{})
	defer c.remove()
	w, err := o.Watch(c.target())
	l.must(err)
	l.must(c.create())
	for _, pid := range []int{c.pid, os.Getpid()} { // the second is of no trial
		ret, err := o.programs.Programs[observeProgOnVictim].Run(rawArgs(uint64(pid)))
		if err != nil || ret != 0 {
			t.Errorf("run: %d, %v", ret, err)
		}
	}
	c.start()
	c.wait()
	got, err := w.Finish()
	l.must(err)
	if e := l.find(got, sequence.OOMKill); e.PID != c.pid || e.Cgroup != sequence.Container {
		t.Errorf("%+v, want pid %d", e, c.pid)
	}
	if n := len(slices.DeleteFunc(stepsOf(got), func(s sequence.Step) bool { return s != sequence.OOMKill })); n != 1 {
		t.Errorf("%d victims, want one", n)
	}
}

// Catches events that are lost without a word. The reader is kept from reading, so that the ring fills.
func TestSmallRingSaysWhatItLost(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{RingBytes: os.Getpagesize()})
	c := l.container(l.runtime("crun"), cgroupjoin.Cgroupfs, limited, ociruntime.Payload{})
	w, err := o.Watch(c.target())
	l.must(err)
	o.mu.Lock()
	l.must(c.create())
	c.start()
	c.wait()
	c.remove()
	o.mu.Unlock()
	got, err := w.Finish()
	l.must(err)
	if got.Lost == 0 || len(got.Events) == 0 {
		t.Errorf("%d events and %d lost; want some of both", len(got.Events), got.Lost)
	}
	if f := got.Find(); f.Order != sequence.FoundUnknown || !strings.Contains(f.Why, "lost") {
		t.Errorf("found %+v of it, want nothing", f)
	}
	if got.ContainerCounters == nil || got.RuntimeCounters.Syscalls == 0 {
		t.Error("the counters went with the events")
	}
	// The loss is that trial's, and the ring is as good as new.
	if again := l.observed(l.open(Options{}), l.runtime("crun"), cgroupjoin.Cgroupfs); again.Lost != 0 {
		t.Errorf("%d lost by another", again.Lost)
	}
}

// Catches events or counters of one trial in another's timeline.
func TestTrialsDoNotMix(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	names := []string{"runc-1.1.15", "crun", "runc-1.2.6"}
	containers := make([]*container, len(names))
	watches := make([]*Watch, len(names))
	var starting sync.WaitGroup
	for i, name := range names {
		containers[i] = l.container(l.runtime(name), cgroupjoin.Drivers()[i%2], limited, ociruntime.Payload{})
		var err error
		watches[i], err = o.Watch(containers[i].target())
		l.must(err)
		starting.Go(func() {
			if err := containers[i].create(); err != nil {
				t.Error(err)
				return
			}
			containers[i].start()
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, c := range containers {
		c.wait() // all, before one's removal reaps what it finds
	}
	whose := map[int]string{}
	for i, c := range containers {
		c.remove()
		got, err := watches[i].Finish()
		l.must(err)
		checkOwn(l, names[i], c, got, whose)
	}
}

func checkOwn(l *lab, name string, c *container, got sequence.Timeline, whose map[int]string) {
	l.Helper()
	if e := l.find(got, sequence.PayloadExec); e.PID != c.pid || got.Lost != 0 {
		l.Errorf("%s: %+v, want pid %d; %d lost", name, e, c.pid, got.Lost)
	}
	for _, e := range got.Events {
		if e.Cgroup == sequence.Elsewhere {
			continue // systemd and this process act on all of them
		}
		if other := whose[e.PID]; other != "" && other != name {
			l.Errorf("%s: pid %d is in the timeline of %s too", name, e.PID, other)
		}
		whose[e.PID] = name
	}
	for _, e := range got.Events {
		if e.Step == sequence.CgroupCreate && !strings.HasPrefix(e.Detail, filepath.Base(c.tree.LeafPath())) {
			l.Errorf("%s: a cgroup %s", name, e.Detail)
		}
	}
}

// Catches a watch that goes on when it has ended, leaves something with the programs, or ends twice.
func TestFinishLeavesNothing(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	c := l.container(l.runtime("crun"), cgroupjoin.Cgroupfs, limited, ociruntime.Payload{})
	w, err := o.Watch(c.target())
	l.must(err)
	l.must(c.create())
	got, err := w.Finish()
	l.must(err)
	before := len(got.Events)
	c.start()
	c.wait()
	c.remove()
	if len(w.events) != before || !has(got, sequence.PivotRoot) || has(got, sequence.PayloadExec) {
		t.Errorf("%d events at the end of the watch and %d after the container's: %v", before, len(w.events), stepsOf(got))
	}
	if _, err := w.Finish(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second end: %v", err)
	}
	var id uint64
	var m observeMember
	if o.programs.Maps[observeMapCgroups].Iterate().Next(&id, &m) {
		t.Errorf("cgroup %d is still known as %+v", id, m)
	}
	var watched uint32
	l.must(o.programs.Variables[observeVarWatched].Get(&watched))
	if watched != 0 {
		t.Errorf("%d watches are left", watched)
	}
}

// Catches a target that nothing would ever be seen of.
func TestWatchRefuses(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	good := Target{Runtime: l.host.Base(), Pod: l.host.Base(), Payload: "/payload"}
	for name, spoil := range map[string]func(*Target){
		"is not a cgroup": func(x *Target) { x.Pod = t.TempDir() },
		"no such file":    func(x *Target) { x.Runtime += "/none" },
		"a path of 1 to":  func(x *Target) { x.Payload = "" },
		"of version 2":    func(x *Target) { x.Pod += "/cgroup.procs" },
	} {
		bad := good
		spoil(&bad)
		if _, err := o.Watch(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v; want %q in the error", bad, err, name)
		}
	}
	if len(o.watches) != 0 {
		t.Error("a refused target is being watched")
	}
}

// asRuntime watches what run does with a command that is born in a trial's runtime cgroup.
func (l *lab) asRuntime(o *Observer, cmd *exec.Cmd, child string, run func() error) sequence.Timeline {
	l.Helper()
	target, done := l.runtimeCgroup(cmd, child)
	w, err := o.Watch(target)
	l.must(err)
	l.must(run())
	got, err := w.Finish()
	l.must(err)
	done()
	return got
}

// runtimeCgroup has a command born in a trial's runtime cgroup, where it is what the test binary knows as child.
func (l *lab) runtimeCgroup(cmd *exec.Cmd, child string) (target Target, done func()) {
	l.Helper()
	c := l.container(l.runtime("crun"), cgroupjoin.Cgroupfs, 0, ociruntime.Payload{})
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "OBSERVE_CHILD="+child, "OBSERVE_LEAF="+c.tree.LeafPath())
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: c.tree.RuntimeCgroupFD()}
	return c.target(), c.remove
}

// callsFromThreads makes the container's cgroup, moves into it with four threads, and has each of them call.
func callsFromThreads() {
	leaf := os.Getenv("OBSERVE_LEAF")
	err := os.Mkdir(leaf, 0o755)
	var ready, calling sync.WaitGroup
	moved := make(chan struct{})
	for range 4 {
		ready.Add(1)
		calling.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-moved
			for range 5000 {
				_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) // cannot fail
			}
		})
	}
	ready.Wait()
	if err = errors.Join(err, os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0)); err != nil {
		panic(err)
	}
	close(moved)
	calling.Wait()
}

// Catches threads that are counted where their process was before it was moved.
func TestThreadsMoveWithTheirProcess(t *testing.T) {
	l := newLab(t)
	cmd := exec.Command("/proc/self/exe")
	got := l.asRuntime(l.open(Options{}), cmd, "threads", cmd.Run)
	if n := got.ContainerCounters.Syscalls; n < 20000 || n > 23000 || got.RuntimeCounters.Syscalls > 3000 {
		t.Errorf("%d calls in the container and %d before, want the 20000 after the move", n, got.RuntimeCounters.Syscalls)
	}
	if e := l.find(got, sequence.Join); e.PID != cmd.Process.Pid || e.Other != e.PID || e.Cgroup != sequence.Container {
		t.Errorf("%+v, want pid %d to have moved itself", e, cmd.Process.Pid)
	}
}

// execFromThread replaces the process by another thread than its first, which is then gone.
func execFromThread() {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- syscall.Exec("/bin/true", []string{"true"}, nil)
	}()
	runtime.LockOSThread() // here it is the first that waits
	panic(<-done)
}

// Catches a process that is lost from sight when a thread of it takes over its number.
func TestExecFromThread(t *testing.T) {
	l := newLab(t)
	cmd := exec.Command("/proc/self/exe")
	got := l.asRuntime(l.open(Options{}), cmd, "exec", cmd.Run)
	last := got.Events[len(got.Events)-2:]
	if e := last[0]; e.Step != sequence.Exec || e.Detail != "/bin/true" || e.PID != cmd.Process.Pid || e.TID != 0 {
		t.Errorf("%+v, want the exec of pid %d", e, cmd.Process.Pid)
	}
	if e := last[1]; e.Step != sequence.Exit || e.PID != cmd.Process.Pid {
		t.Errorf("%+v, want the end of pid %d", e, cmd.Process.Pid)
	}
	if n := len(slices.DeleteFunc(stepsOf(got), func(s sequence.Step) bool { return s != sequence.Exit })); n != 1 || got.Lost != 0 {
		t.Errorf("%d ends of one process, %d lost", n, got.Lost)
	}
}

// Catches a guest that hangs when programs are attached or detached while it makes system calls: under
// QEMU 7.2 one of the first ten attachments did it.
func TestAttachWhileOthersCall(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	for _, attached := range o.links {
		l.must(attached.change(attached.Close))
	}
	o.links = nil
	var calls atomic.Int64
	var calling sync.WaitGroup
	stop := make(chan struct{})
	calling.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) // cannot fail
				calls.Add(1)
			}
		}
	})
	options := link.TracingOptions{Program: o.programs.Programs[observeProgOnSyscall]}
	for range 10 {
		var again link.Link
		l.must(quietly(func() (err error) {
			again, err = link.AttachTracing(options)
			return err
		}))
		l.must(quietly(again.Close))
		for before := calls.Load(); calls.Load() == before; {
			runtime.Gosched()
		}
	}
	close(stop)
	calling.Wait()
}

func openAndSay() {
	o, err := Open(Options{})
	var unavailable *UnavailableError
	if err == nil {
		fmt.Println("it opened", o.Close())
	} else {
		fmt.Printf("%v: %v\n", errors.As(err, &unavailable), err)
	}
}

// Catches a machine without permission that ends runs instead of having them go on unobserved.
func TestOpenWithoutPermission(t *testing.T) {
	testenv.Require(t, testenv.Root)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "OBSERVE_CHILD=open")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if want := "true: BPF is not allowed here"; err != nil || !strings.HasPrefix(string(out), want) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %q; want one line that begins %q", err, out, want)
	}
}

package killat

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/sequence"
)

// Command is a verb of a runtime, as it is to be started.
type Command struct {
	Argv  []string
	Env   []string
	Dir   string
	Files [3]*os.File // nil: closed in it
	// Cgroup is a descriptor of the one it is born in; nil: its parent's.
	Cgroup *int
	// Alone says that no process which the verb starts is there at its end, or when it is killed. It is then stopped by a filter at the calls that
	// may make a step, not at each: a tenth of them. Whatever a process starts has its filter for good, and fails at those calls once nobody traces it.
	Alone bool
	// Known is where the point is known to lie; nil: nowhere. Then nobody is stopped at its calls before so many processes were born, and after
	// that only the process which takes the step is. Steps of others are not in the timeline.
	Known *Place
}

// Place is where in a verb a step is first taken.
type Place struct {
	// Process is by whom: 0 is the verb's own process, 1 the first that was born.
	Process int
	// Births is how many processes were born before.
	Births int
}

// ErrElsewise is that of a verb that was not what Command says of it: it was said to be alone and has left a process, which fails under the filter,
// or to come to the point at a place and did not. What it did says nothing.
var ErrElsewise = errors.New("it takes other steps than it is known for")

// Result is how the verb went.
type Result struct {
	Status syscall.WaitStatus
	// Reached tells that the runtime came to the point and was killed there.
	Reached bool
	// Alone tells that no process which the verb started was there at its end.
	Alone bool
	// Timeline has the steps up to the end, each at its beginning. Only NS, Step, PID, TID and Comm are in its events.
	Timeline sequence.Timeline
	// Places are those of the steps in it, each where it is first.
	Places map[sequence.Step]Place
}

// Supported says why no runtime can be killed between two steps here; nil when nothing is known to stand against it.
func Supported() error {
	if len(kinds) == 0 {
		return fmt.Errorf("runtimes are stopped at their calls on linux/amd64 only, and this is linux/%s", runtime.GOARCH)
	}
	return nil
}

// Run runs a verb and kills its process at the point, or at none if that is empty. It returns when the process has ended and
// nothing is traced any more; what the runtime has left running goes on. To end it early, kill the verb's process.
func Run(c Command, t Target, at lifecycle.Point) (Result, error) {
	if err := Supported(); err != nil {
		return Result{}, err
	}
	type outcome struct {
		Result
		err error
		tid int
	}
	ended := make(chan outcome, 1)
	go onThreadOfItsOwn(func() {
		tr := newTracer(c, t, at)
		err := tr.run(c)
		if err == nil && (c.Alone && !tr.result.Alone || c.Known != nil && !tr.result.Reached) {
			err = ErrElsewise
		}
		ended <- outcome{tr.result, err, unix.Gettid()}
	})
	o := <-ended
	return o.Result, errors.Join(o.err, awaitThread(o.tid))
}

// onThreadOfItsOwn calls f on a thread that ends after it, by which all it traced is let go. The process's first thread Go
// would keep, so that one is left for others.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() { onThreadOfItsOwn(f); close(done) }()
	<-done
	runtime.UnlockOSThread()
}

// awaitThread returns when a thread of ours has ended. Nothing tells of that end, but it is under way.
func awaitThread(tid int) error {
	name := filepath.Join("/proc/self/task", strconv.Itoa(tid))
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if _, err := os.Lstat(name); err != nil {
			return nil
		}
	}
	return fmt.Errorf("the tracer's thread %d did not end", tid)
}

// tracer follows one verb. All of it belongs to one thread: ptrace is a thread's.
type tracer struct {
	target Target
	at     lifecycle.Point
	root   int
	result Result

	filtered  bool         // tasks stop by the filter
	known     *Place       // of the point
	early     bool         // tasks do not stop at their calls: processes are still to come
	asked     map[int]bool // tasks that were asked to stop when those had, and have not
	owing     map[int]bool // tasks that had another stop first
	held      map[int]int  // tasks that wait for those, with the signal they are to get
	births    int          // of processes, that were asked for
	numbers   map[int]int  // those that came about, numbered; the root is 0
	processes map[int]bool // those that have not ended, without the root

	stopped map[int]int           // tasks left stopped, with the signal they are to get
	seen    map[int]int           // tasks whose first stop has been and that have not ended, with their process's number
	naps    map[int]int           // how often in a row a task has slept as Go's monitor does
	within  map[int]sequence.Step // tasks in a call whose return is a step
	taken   map[sequence.Step]int
}

func newTracer(c Command, t Target, at lifecycle.Point) *tracer {
	return &tracer{target: t, at: at, filtered: c.Alone, known: c.Known, early: c.Known != nil && c.Known.Births > 0,
		asked: map[int]bool{}, owing: map[int]bool{}, held: map[int]int{}, numbers: map[int]int{}, processes: map[int]bool{},
		stopped: map[int]int{}, seen: map[int]int{}, naps: map[int]int{}, within: map[int]sequence.Step{}, taken: map[sequence.Step]int{},
		result: Result{Places: map[sequence.Step]Place{}}}
}

func (t *tracer) run(c Command) error {
	files := make([]uintptr, len(c.Files))
	for i, f := range c.Files {
		files[i] = ^uintptr(0)
		if f != nil {
			files[i] = f.Fd()
		}
	}
	sys := &syscall.SysProcAttr{Setsid: true, Ptrace: true}
	if c.Cgroup != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, *c.Cgroup
	}
	path, err := exec.LookPath(c.Argv[0]) // a runtime may be given by its name
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	pid, err := syscall.ForkExec(path, c.Argv, &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: files, Sys: sys})
	if err != nil {
		return fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	t.root, t.result.Timeline.RuntimePID = pid, pid
	if err := t.begin(); err != nil {
		// It is ours and stopped at its first instruction: nobody else ends it.
		return errors.Join(err, unix.Kill(pid, unix.SIGKILL), t.follow())
	}
	return t.follow()
}

// begin meets the stop at exec and says what is to be followed. Not PTRACE_O_EXITKILL: a container under test must not die of our end.
func (t *tracer) begin() error {
	var ws unix.WaitStatus
	if _, err := wait(t.root, &ws); err != nil {
		return fmt.Errorf("wait for exec: %w", err)
	}
	if !ws.Stopped() {
		return fmt.Errorf("the runtime ended before its exec: %#x", uint32(ws))
	}
	t.numbers[t.root], t.seen[t.root] = 0, 0
	if t.filtered {
		if err := install(t.root); err != nil {
			return fmt.Errorf("filter: %w", err)
		}
	}
	const follow = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC
	if err := unix.PtraceSetOptions(t.root, follow); err != nil {
		return fmt.Errorf("ptrace options: %w", err)
	}
	return t.resume(t.root, 0)
}

// wait first looks whether there is something to be told, and leaves the CPU to others: the next stop is mostly that near. Of a call
// that may block the scheduler hears each time, which costs several times what a stop does.
func wait(pid int, ws *unix.WaitStatus) (int, error) {
	const looks = 20
	for range looks {
		var status uint32
		got, _, errno := unix.RawSyscall6(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&status)), unix.WALL|unix.WNOTHREAD|unix.WNOHANG, 0, 0, 0)
		if errno == 0 && got != 0 {
			*ws = unix.WaitStatus(status)
			return int(got), nil
		}
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // it cannot fail
	}
	for {
		got, err := unix.Wait4(pid, ws, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return got, err
		}
	}
}

// follow meets every stop until the root has ended.
func (t *tracer) follow() error {
	for {
		var ws unix.WaitStatus
		tid, err := wait(-1, &ws)
		if err != nil {
			return fmt.Errorf("wait for tracees: %w", err)
		}
		if ws.Exited() || ws.Signaled() {
			delete(t.stopped, tid)
			delete(t.processes, tid)
			delete(t.seen, tid)
			delete(t.naps, tid)
			if tid == t.root {
				t.result.Status, t.result.Alone = syscall.WaitStatus(ws), t.alone()
				t.letGo()
				return nil
			}
			if err := t.answered(tid); err != nil {
				return errors.Join(err, t.giveUp())
			}
			continue
		}
		if err := t.meet(tid, ws); err != nil {
			return errors.Join(err, t.giveUp())
		}
	}
}

// giveUp ends a verb that cannot be followed. Everybody is waited for until it has: a process is not told to have ended before its threads are.
func (t *tracer) giveUp() error {
	err := unix.Kill(t.root, unix.SIGKILL)
	for {
		var ws unix.WaitStatus
		tid, werr := wait(-1, &ws)
		if werr != nil {
			return errors.Join(err, fmt.Errorf("wait for the verb that was given up: %w", werr))
		}
		if !ws.Exited() && !ws.Signaled() {
			t.stopped[tid] = 0
			continue
		}
		delete(t.stopped, tid)
		if tid == t.root {
			t.result.Status = syscall.WaitStatus(ws)
			t.letGo()
			return err
		}
	}
}

// letGo detaches what is stopped. What runs is let go by the thread's end.
func (t *tracer) letGo() {
	maps.Copy(t.stopped, t.held)
	for tid, sig := range t.stopped {
		_, _, _ = unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(sig), 0, 0) // one that was killed meanwhile is gone
	}
}

// meet sees to one stop.
func (t *tracer) meet(tid int, ws unix.WaitStatus) error {
	sig := ws.StopSignal()
	deliver := 0
	switch {
	case sig == unix.SIGTRAP|0x80:
		if err := t.syscall(tid); err != nil {
			return err
		}
	case sig == unix.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		if err := t.syscall(tid); err != nil {
			return err
		}
	case sig == unix.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_EXEC: // of which the call has told
	case sig == unix.SIGTRAP && ws.TrapCause() > 0: // a birth
		if born, err := unix.PtraceGetEventMsg(tid); err == nil && tgid(int(born)) == int(born) {
			t.count(int(born), tid)
		}
	case sig == unix.SIGSTOP && (!t.met(tid) || t.asked[tid] || t.owing[tid]): // the first stop of whoever was born traced, or one that we asked for
		delete(t.owing, tid)
	default:
		deliver = int(sig)
	}
	t.meetFirst(tid)
	switch {
	case t.result.Reached:
		t.stopped[tid] = deliver // until the runtime is dead
		return nil
	case t.asked[tid]: // any stop will do: whoever goes on to wait for an exec has no other before that
		t.owing[tid] = sig != unix.SIGSTOP
		return errors.Join(t.resume(tid, deliver), t.answered(tid))
	case len(t.asked) > 0:
		t.held[tid] = deliver
		return nil
	}
	return t.resume(tid, deliver)
}

func (t *tracer) met(tid int) bool {
	_, met := t.seen[tid]
	return met
}

// meetFirst notes a task that was not known.
func (t *tracer) meetFirst(tid int) {
	if t.met(tid) {
		return
	}
	process := tgid(tid)
	if process == tid {
		t.count(tid, tid)
	}
	t.seen[tid] = t.numbers[process]
}

// count notes that a process was born, of which a task that has stopped has told: it itself or its parent, whichever of them is met first.
func (t *tracer) count(process, by int) {
	if _, counted := t.numbers[process]; counted {
		return
	}
	t.numbers[process] = len(t.numbers)
	t.processes[process] = true
	if t.early && len(t.numbers) > t.known.Births {
		t.lookOut(by)
	}
}

// lookOut has those stop at their calls from now on who may take the step. What runs of them has to be stopped for that; the task that was met last
// is held as long.
func (t *tracer) lookOut(met int) {
	t.early = false
	for tid := range t.seen {
		if tid != met && t.watched(tid) && unix.Tgkill(tgid(tid), tid, unix.SIGSTOP) == nil { // one that has ended is not waited for
			t.asked[tid] = true
		}
	}
}

// watched reports whether a task has to be stopped at its calls, as far as it is known who takes the step.
func (t *tracer) watched(tid int) bool {
	return t.naps[tid] < monitorNaps && (t.known == nil || t.seen[tid] == t.known.Process)
}

// answered notes that a task has stopped, or ended; when all have that were asked, those that are held go on.
func (t *tracer) answered(tid int) (err error) {
	if !t.asked[tid] {
		return nil
	}
	delete(t.asked, tid)
	if len(t.asked) > 0 {
		return nil
	}
	for held, sig := range t.held {
		err = errors.Join(err, t.resume(held, sig))
	}
	clear(t.held)
	return err
}

// alone reports, at the root's end, whether nothing is there that it started. A birth before which it was killed has not been.
func (t *tracer) alone() bool {
	births, last := t.births, len(t.result.Timeline.Events)-1
	if t.result.Reached && last >= 0 && isBirth(t.result.Timeline.Events[last].Step) {
		births--
	}
	for pid := range t.processes {
		if !ended(pid) { // of one that has, the status may not have been read
			return false
		}
	}
	return births < len(t.numbers) // the root is one of them
}

// ended reports whether a process is a zombie, or no more.
func ended(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return err != nil || bytes.Contains(b, []byte("\nState:\tZ")) || bytes.Contains(b, []byte("\nState:\tX"))
}

func isBirth(s sequence.Step) bool { return s == sequence.Fork || s == sequence.BornInCgroup }

// resume has a task go on to its next call, or without a stop as long as none is wanted; under the filter to the next that may be a step, or to the return of such a one.
func (t *tracer) resume(tid, sig int) error {
	how := unix.PTRACE_SYSCALL
	if t.early || !t.watched(tid) || t.filtered && t.within[tid] == "" {
		how = unix.PTRACE_CONT
	}
	// It does not wait, and so the scheduler need not hear of it: there is one for each call of a runtime.
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(how), uintptr(tid), 0, uintptr(sig), 0, 0); errno != 0 && errno != unix.ESRCH { // killed meanwhile: its end is told
		return fmt.Errorf("ptrace: go on: %w", errno)
	}
	return nil
}

// A thread that does nothing but sleep for 20 microseconds so many times in a row is Go's monitor (sysmon in runtime/proc.go), which runs no goroutine
// and so takes no step. It wakes the more often the slower all others are: stopped at its calls it made most of the stops, in which
// a runtime that is traced takes its time.
const (
	monitorNaps = 3
	monitorNap  = 20 * time.Microsecond
)

// nap counts the sleeps of a task.
func (t *tracer) nap(c call) {
	if c.nr == unix.SYS_NANOSLEEP && c.word(c.args[0]) == 0 && c.word(c.args[0]+8) == uint64(monitorNap) {
		t.naps[c.tid]++
		return
	}
	delete(t.naps, c.tid)
}

// info is struct ptrace_syscall_info, of which golang.org/x/sys has neither the type nor the request.
type info struct {
	Op  uint8
	_   [3]uint8
	_   uint32 // arch
	_   [2]uint64
	Nr  uint64 // at the entry; at the exit the value
	Arg [6]uint64
	_   [2]uint64
}

const (
	getSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO, from Linux 5.3
	opEntry        = 1
	opExit         = 2
	opSeccomp      = 3 // at the entry, too
)

// syscall sees to a task that enters a call or returns from one.
func (t *tracer) syscall(tid int) error {
	var i info
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(i), uintptr(unsafe.Pointer(&i)), 0, 0)
	switch {
	case errno == unix.ESRCH:
		return nil // killed meanwhile
	case errno != 0:
		return fmt.Errorf("ptrace: which call: %w", errno)
	case i.Op == opExit:
		if step := t.within[tid]; step != "" {
			delete(t.within, tid)
			return t.take(tid, step)
		}
	case i.Op == opEntry, i.Op == opSeccomp:
		c := call{tid: tid, nr: i.Nr, args: i.Arg}
		t.nap(c)
		step := t.target.step(c, t.isRoot)
		if step == "" {
			return nil
		}
		if after := returned[step]; after != "" {
			t.within[tid] = after
		}
		if isBirth(step) {
			t.births++
		}
		return t.take(tid, step)
	}
	return nil
}

// take notes a step, and kills the runtime if that was to be its last.
func (t *tracer) take(tid int, step sequence.Step) error {
	if t.result.Reached {
		return nil
	}
	t.taken[step]++
	if t.taken[step] == 1 {
		t.result.Places[step] = Place{Process: t.seen[tid], Births: len(t.numbers) - 1}
	}
	t.result.Timeline.Events = append(t.result.Timeline.Events, sequence.Event{NS: now(), Step: step, PID: tgid(tid), TID: tid, Comm: comm(tid)})
	if t.at == "" || lifecycle.PointOf(step, t.taken[step]) != t.at {
		return nil
	}
	t.result.Reached = true
	return unix.Kill(t.root, unix.SIGKILL)
}

func (t *tracer) isRoot(tid int) bool { return tid == t.root || tgid(tid) == t.root }

func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // the kernel has had this clock since 2.6
	}
	return ts.Nano()
}

// tgid is the process of a thread; 0 when it is gone.
func tgid(tid int) int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(tid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "\nTgid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		return 0
	}
	return n
}

func comm(tid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(tid), "comm"))
	if err != nil {
		return "gone"
	}
	return strings.TrimSpace(string(b))
}

//go:build amd64

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// callsAndFaults makes a known number of system calls, of waits among them, and of page faults.
func callsAndFaults() {
	calls, err := strconv.Atoi(os.Getenv("OBSERVE_CALLS"))
	if err != nil {
		panic(err)
	}
	for range calls {
		_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) // cannot fail
	}
	for range calls / 2 {
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // cannot fail
	}
	b, err := unix.Mmap(-1, 0, 2000*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		err = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: a kernel without huge pages
		panic(err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

// calling is this program, which makes that many calls and half as many waits.
func calling(calls int) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprint("OBSERVE_CALLS=", calls))
	return cmd
}

// own are the calls that a program of Go's makes by itself, and what more of them are waits.
const own = 1500

// Catches counters that count other things, or other tasks, and a wait that is taken for work or work for a wait.
func TestSmokeCountersOfKnownWork(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	got := l.counted(o, calling(20000))
	c := got.RuntimeCounters
	if work, known := c.Work(); !known || work < 20000 || work > 20000+own || *c.Waits < 10000 || *c.Waits > 10000+own {
		t.Errorf("%d calls and %d waits, want 20000 and 10000: %+v", work, *c.Waits, *c)
	}
	if c.PageFaults < 2000 || c.PageFaults > 7000 || *c.MajorFaults < 0 || *c.MajorFaults > c.PageFaults/2 || c.ContextSwitches == 0 {
		t.Errorf("%+v", *c)
	}
	if threads := c.Forks - *c.Processes; threads < 1 || *c.Processes != 0 {
		t.Errorf("%d forks, %d of them processes; want threads alone", c.Forks, *c.Processes)
	}
	if k := got.ContainerCounters; k.Syscalls != 0 || *k.Waits != 0 || k.PageFaults != 0 || k.Forks != 0 || *k.Processes != 0 || *k.CopiedBytes != 0 {
		t.Errorf("the container has %+v", *k)
	}
	forks := l.counted(o, exec.Command("sh", "-c", "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done")).RuntimeCounters
	if forks.Forks != 20 || *forks.Processes != 20 || forks.Syscalls < 100 || forks.PageFaults < 100 {
		t.Errorf("20 processes: %+v", *forks)
	}
}

// rawArgs are the arguments of a raw tracepoint.
func rawArgs(args ...uint64) *ebpf.RunOptions { return &ebpf.RunOptions{Context: args} }

// counted runs a command as if it were a runtime.
func (l *lab) counted(o *Observer, cmd *exec.Cmd) sequence.Timeline {
	l.Helper()
	return l.asRuntime(o, cmd, "calls", cmd.Run)
}

// Catches a call or a fork of one trial that is counted in another which is watched at the same time, however often
// each is interrupted by the others.
func TestConcurrentCountersDoNotMix(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	var running sync.WaitGroup
	got := make([]sequence.Timeline, 4)
	cmds := make([]*exec.Cmd, len(got))
	for i := range got {
		cmds[i] = calling(20000 * (i + 1))
		target, done := l.runtimeCgroup(cmds[i], "calls")
		defer done()
		w, err := o.Watch(target)
		l.must(err)
		running.Go(func() {
			err := cmds[i].Run()
			var ferr error
			got[i], ferr = w.Finish() // while the others go on
			if err := errors.Join(err, ferr); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, timeline := range got {
		want := int64(20000 * (i + 1))
		if work, _ := timeline.RuntimeCounters.Work(); work < want || work > want+own || timeline.Lost != 0 {
			t.Errorf("trial %d: %d calls, want %d; %d lost", i, work, want, timeline.Lost)
		}
		for _, e := range timeline.Events {
			if pid := cmds[i].Process.Pid; e.PID != pid && e.Other != pid {
				t.Errorf("trial %d, whose process is %d: %+v", i, pid, e)
			}
		}
	}
}

// execCopy executes a copy of a program that has no name.
func execCopy() {
	f, err := os.OpenFile("/var/tmp", unix.O_TMPFILE|os.O_RDWR, 0o700)
	if err == nil {
		err = copyTo(f, "/bin/true")
	}
	if err != nil {
		panic(err)
	}
	only, err := os.Open(fmt.Sprint("/proc/self/fd/", f.Fd())) // what is open for writing cannot be executed
	err = errors.Join(err, f.Close())
	if err == nil {
		err = syscall.Exec(fmt.Sprint("/proc/self/fd/", only.Fd()), []string{"true"}, nil)
	}
	panic(err)
}

func copyTo(f *os.File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, from.Close())
}

// execSelf executes its own file, which has no name any more, as something else.
func execSelf() {
	err := errors.Join(os.Remove(os.Args[0]), os.Setenv("OBSERVE_CHILD", "calls"))
	panic(errors.Join(err, syscall.Exec("/proc/self/exe", os.Args, os.Environ())))
}

// Catches a copy that is not one of a memfd and costs nothing therefore, and a runtime whose file was replaced meanwhile, as by an
// upgrade, that is taken for a copy of itself.
func TestCopiesWithoutAName(t *testing.T) {
	l := newLab(t)
	o := l.open(Options{})
	file, err := os.Stat("/bin/true")
	l.must(err)
	cmd := exec.Command("/proc/self/exe")
	got := l.asRuntime(o, cmd, "copy", cmd.Run).RuntimeCounters
	if *got.CopiedBytes != file.Size() || got.MemfdBytes != 0 {
		t.Errorf("%d bytes copied and %d into memfds, want %d and none", *got.CopiedBytes, got.MemfdBytes, file.Size())
	}
	replaced := filepath.Join(l.dir, "replaced")
	f, err := os.OpenFile(replaced, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	l.must(err)
	l.must(errors.Join(copyTo(f, "/proc/self/exe"), f.Close()))
	cmd = exec.Command(replaced)
	cmd.Env = append(os.Environ(), "OBSERVE_CALLS=1")
	if got := l.asRuntime(o, cmd, "self", cmd.Run).RuntimeCounters; *got.CopiedBytes != 0 || got.PageFaults < 2000 {
		t.Errorf("%+v; want nothing copied by a program that executes itself", *got)
	}
}

// Catches a figure of work that varies with the clock: as much again in starts that are made while both processors are kept busy.
func TestWorkDoesNotFollowTheClock(t *testing.T) {
	const starts = 6
	l := newLab(t)
	o := l.open(Options{})
	var work []int64
	for i := range starts {
		if i == starts/2 {
			l.loadAll()
		}
		got := l.observed(o, l.runtime("runc-1.2.6"), cgroupjoin.Cgroupfs)
		a, _ := got.ContainerCounters.Work()
		b, _ := got.RuntimeCounters.Work()
		work = append(work, a+b)
		t.Logf("%d of %d calls", a+b, got.ContainerCounters.Syscalls+got.RuntimeCounters.Syscalls)
	}
	for _, n := range work {
		if n < work[0]-100 || n > work[0]+100 {
			t.Errorf("%d calls of work, want them within 100 of each other", work)
			break
		}
	}
}

// loadAll keeps every processor busy until the test ends, beside what else there is to do.
func (l *lab) loadAll() {
	l.Helper()
	for range runtime.NumCPU() {
		cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		l.must(cmd.Start())
		l.Cleanup(func() {
			l.check(cmd.Process.Kill())
			_ = cmd.Wait() // of the signal
		})
	}
}

// Catches a planted cost of init that is not counted, or elsewhere: what it takes to tell 200 calls.
func TestPlantedCallsAreCounted(t *testing.T) {
	const planted = 200
	l := newLab(t)
	o := l.open(Options{})
	path := filepath.Join(os.Getenv("INITBENCH_TEST_RUNTIMES"), "builtin")
	testenv.Require(t, testenv.File(path))
	for _, d := range cgroupjoin.Drivers() {
		before := l.planted(o, path, d, "builtin")
		after := l.planted(o, path, d, "builtin:plant-syscalls="+strconv.Itoa(planted))
		if more := after - before; more < planted-40 || more > planted+40 {
			t.Errorf("%s: %d calls instead of %d in the container: %d more, want %d", d, after, before, more, planted)
		}
	}
}

// planted is the container's calls of a start as the reference says.
func (l *lab) planted(o *Observer, binary string, d cgroupjoin.Driver, reference string) int64 {
	l.Helper()
	ref, err := ociruntime.ParseRef(reference)
	l.must(err)
	c := l.container(binary, d, limited, ociruntime.Payload{})
	c.cli.Options = ref.Builtin.Flags()
	got := c.life(o)
	work, _ := got.ContainerCounters.Work()
	return work
}

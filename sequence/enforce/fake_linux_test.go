package enforce

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// The test binary is also the runtimes that tests make up. They are told what to do,
// step by step, in these variables.
const (
	stepsVar   = "INITBENCH_TEST_STEPS"
	leafVar    = "INITBENCH_TEST_LEAF"
	harnessVar = "INITBENCH_TEST_HARNESS"
	otherVar   = "INITBENCH_TEST_OTHER" // a program that is not the runtime, for the step "hook"
)

func TestMain(m *testing.M) {
	if steps := os.Getenv(stepsVar); steps != "" {
		os.Exit(new(fake).run(strings.Fields(steps)))
	}
	if pod := os.Getenv(harnessVar); pod != "" {
		os.Exit(harness(pod))
	}
	testenv.Main(m)
}

// harness holds a made-up runtime's copy, says so, and lives until it is killed.
func harness(pod string) int {
	e, err := New(Options{Order: sequence.JoinBeforeClone, Pod: pod, Leaf: pod + "/leaf", Deadline: time.Hour})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = e.Spawn(func() (int, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), stepsVar+"=fork:memfd wait")
		cmd.Stderr = os.Stderr
		err := cmd.Start()
		return cmd.Process.Pid, err
	})
	for held := false; err == nil && !held; {
		e.ask(func() { held = len(e.h.held) > 0 })
	}
	if err == nil {
		_, err = os.Stdout.Write([]byte{1})
	}
	if err == nil {
		<-e.h.done // never
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// fake is a process of a made-up runtime.
type fake struct {
	child *exec.Cmd
	to    io.Writer // the child
	from  io.Reader
}

func (f *fake) run(steps []string) int {
	for i, s := range steps {
		if err := f.step(s, steps[i+1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s, err)
			return 1
		}
	}
	return 0
}

// step does one; "fork:a+b" has a child do the steps a and b.
func (f *fake) step(name string, rest []string) error {
	name, arg, _ := strings.Cut(name, ":")
	switch name {
	case "fork":
		return f.fork("/proc/self/exe", arg)
	case "hook":
		return errors.Join(f.fork(os.Getenv(otherVar), arg), f.child.Wait())
	case "mkdir":
		return os.Mkdir(os.Getenv(leafVar), 0o755)
	case "join":
		return os.WriteFile(filepath.Join(os.Getenv(leafVar), "cgroup.procs"), fmt.Append(nil, f.child.Process.Pid), 0)
	case "tell":
		_, err := f.to.Write([]byte{1})
		return err
	case "hear":
		_, err := f.from.Read(make([]byte, 1))
		return err
	case "say":
		_, err := os.Stdout.Write([]byte{1})
		return err
	case "listen":
		_, err := os.Stdin.Read(make([]byte, 1))
		return err
	case "wait":
		return f.child.Wait()
	case "memfd":
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		fmt.Fprintf(os.Stderr, "memfd_create: %v\n", err)
		return errors.Join(err, unix.Close(fd))
	case "clone":
		return clone(rest)
	case "spin":
		for unix.Getppid() >= 0 { // for ever, never asleep
		}
	}
	return fmt.Errorf("no such step")
}

func (f *fake) fork(binary, steps string) (err error) {
	f.child = exec.Command(binary)
	f.child.Stderr = os.Stderr
	f.child.Env = append(os.Environ(), stepsVar+"="+strings.ReplaceAll(steps, "+", " "))
	f.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // whatever a test kills, no child outlives it
	if f.to, err = f.child.StdinPipe(); err != nil {
		return err
	}
	if f.from, err = f.child.StdoutPipe(); err != nil {
		return err
	}
	return f.child.Start()
}

// clone copies the binary into a memfd, seals and executes it, as runc init does; the copy does the rest of the steps.
func clone(rest []string) error {
	fd, err := unix.MemfdCreate("runc_cloned:/proc/self/exe", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		fmt.Fprintf(os.Stderr, "memfd_create: %v\n", err)
		return err
	}
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	if _, err := io.Copy(os.NewFile(uintptr(fd), "copy"), in); err != nil {
		return err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	if err := os.Setenv(stepsVar, strings.Join(append(rest, "say"), " ")); err != nil {
		return err
	}
	return fexecve(fd, os.Environ())
}

func fexecve(fd int, env []string) error {
	argv, err := syscall.SlicePtrFromStrings(os.Args[:1])
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	return execveatEmptyPath(fd, argv, envp)
}

// stage is where made-up runtimes run: a trial's cgroups and an enforcer.
type stage struct {
	*bench
	*Enforcer
	tree *cgroupjoin.Tree
	cmd  *exec.Cmd
	in   io.Writer // the runtime's stdin
	said strings.Builder
}

func (b *bench) stage(o Options) *stage {
	b.Helper()
	b.trials++
	tree, err := b.host.Make(b.Context(), cgroupjoin.Cgroupfs, cgroupjoin.Spec{ID: fmt.Sprint(b.trials)})
	b.must(err)
	o.Pod, o.Leaf = tree.PodPath(), tree.LeafPath()
	e, err := New(o)
	b.must(err)
	s := &stage{bench: b, Enforcer: e, tree: tree}
	b.Cleanup(func() {
		b.must(tree.Kill())
		if s.cmd != nil && s.cmd.ProcessState == nil {
			_ = s.cmd.Wait() // killed
		}
		if err := e.Close(); err != nil && !errors.Is(err, unix.EBADF) { // a test may have closed the listener itself
			b.Error(err)
		}
		(&container{bench: b}).reap()
		_, err := tree.Remove(b.Context())
		b.must(err)
	})
	return s
}

// begin starts a runtime that does the steps.
func (s *stage) begin(steps string) {
	s.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Stderr = &s.said
	s.cmd.WaitDelay = time.Minute // only if a test fails
	s.cmd.Env = append(os.Environ(), stepsVar+"="+steps, leafVar+"="+s.Enforcer.h.opts.Leaf)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: s.tree.RuntimeCgroupFD()}
	var err error
	s.in, err = s.cmd.StdinPipe()
	s.must(err)
	s.must(s.Spawn(func() (int, error) {
		err := s.cmd.Start()
		return s.cmd.Process.Pid, err
	}))
}

// end waits for the runtime and says how imposing went.
func (s *stage) end() sequence.Enforcement {
	err := s.cmd.Wait() // some are killed, and all say on stderr what went wrong
	return s.Created(err == nil)
}

// see has the handler look at itself until it sees what the test waits for. A
// held call makes no other noise.
func (s *stage) see(what func(h *handler) bool) {
	s.Helper()
	for seen := false; !seen; {
		if s.Context().Err() != nil {
			s.Fatal("it was not seen")
		}
		s.ask(func() { seen = what(s.h) })
	}
}

func (s *stage) seeHeld() (k kind) {
	s.Helper()
	s.see(func(h *handler) bool {
		if len(h.held) == 0 {
			return false
		}
		k = h.held[0].kind
		return true
	})
	return k
}

func (s *stage) expect(got sequence.Enforcement, o sequence.Imposed, why string) {
	s.Helper()
	if got.Outcome != o || !strings.Contains(got.Why, why) {
		s.Errorf("%+v, said %q; want %s: %s", got, s.said.String(), o, why)
	}
}

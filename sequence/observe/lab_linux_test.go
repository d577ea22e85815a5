//go:build amd64

package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence/enforce"
)

// lab is a place for containers of real runtimes.
type lab struct {
	testing.TB
	host   *cgroupjoin.Host
	rootfs ociruntime.Rootfs
	dir    string
	n      *int // containers so far
}

func newLab(t testing.TB) *lab {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	l := &lab{TB: t, dir: t.TempDir(), n: new(int)}
	l.must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) // a payload's status is then the test's to reap
	t.Cleanup(func() { l.check(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) })
	var err error
	l.host, err = cgroupjoin.Open(context.Background(), cgroupjoin.Options{
		Root: "/sys/fs/cgroup", Proc: "/proc", RunID: fmt.Sprintf("observe%d", os.Getpid()),
		Drivers: cgroupjoin.Drivers(), Journal: func(string, string) error { return nil },
	})
	l.must(err)
	t.Cleanup(func() { l.check(l.host.Close()) })
	l.rootfs, err = ociruntime.MakeRootfs(filepath.Join(l.dir, "rootfs"))
	l.must(err)
	return l
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lab) check(err error) {
	l.Helper()
	if err != nil {
		l.Error(err)
	}
}

func (l *lab) open(o Options) *Observer {
	l.Helper()
	obs, err := Open(o)
	l.must(err)
	l.Cleanup(func() { l.check(obs.Close()) })
	return obs
}

// runtimes are those of the guest by the name they have in timelines: its own crun and those that the lane pushed.
func (l *lab) runtimes() map[string]string {
	l.Helper()
	crun, err := exec.LookPath("crun")
	l.must(err)
	found := map[string]string{"crun": crun}
	pushed, err := filepath.Glob(filepath.Join(os.Getenv("INITBENCH_TEST_RUNTIMES"), "runc@v*"))
	l.must(err)
	for _, path := range pushed {
		found[strings.Replace(filepath.Base(path), "@v", "-", 1)] = path
	}
	return found
}

// runtime is one of them, which the lane must have pushed.
func (l *lab) runtime(name string) string {
	l.Helper()
	path := l.runtimes()[name]
	if path == "" {
		l.Fatalf("no %s below INITBENCH_TEST_RUNTIMES", name)
	}
	return path
}

// container is one container of a real runtime in a trial's cgroups.
type container struct {
	*lab
	id     string
	dir    string
	tree   *cgroupjoin.Tree
	cli    ociruntime.CLI
	nonce  string
	stdin  *os.File
	out    *bufio.Reader
	stdout [2]*os.File
	pid    int
	probes int
	// enforcer imposes an order; nil for the natural one.
	enforcer *enforce.Enforcer
	// CLOCK_MONOTONIC of start's call and of the payload's own stamp.
	startCalled, stamp int64
}

func (l *lab) container(binary string, d cgroupjoin.Driver, limit int64, payload ociruntime.Payload) *container {
	l.Helper()
	*l.n++
	c := &container{lab: l, id: fmt.Sprintf("observe-%d-%d", os.Getpid(), *l.n), nonce: ociruntime.NewNonce()}
	c.dir = filepath.Join(l.dir, c.id)
	c.cli = ociruntime.CLI{Binary: binary, StateRoot: filepath.Join(c.dir, "state"), Systemd: d == cgroupjoin.Systemd}
	var err error
	c.tree, err = l.host.Make(context.Background(), d, cgroupjoin.Spec{ID: fmt.Sprint(*l.n)})
	l.must(err)
	l.must(os.MkdirAll(c.bundle(), 0o755))
	payload.Nonce = c.nonce
	l.must(ociruntime.WriteBundle(c.bundle(), ociruntime.BundleSpec{
		Rootfs: l.rootfs, CgroupsPath: c.tree.CgroupsPath(), MemoryLimit: limit, Args: payload.Args(),
	}))
	return c
}

func (c *container) bundle() string { return filepath.Join(c.dir, "bundle") }

func (c *container) target() Target {
	return Target{Runtime: c.tree.RuntimePath(), Pod: c.tree.PodPath(), Payload: ociruntime.PayloadPath}
}

// call calls the runtime, whose process is born in the trial's runtime cgroup.
func (c *container) call(argv []string, stdin, stdout *os.File) error {
	c.Helper()
	messages, err := os.Create(filepath.Join(c.dir, "stderr"))
	c.must(err)
	defer func() { c.check(messages.Close()) }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr = c.dir, messages
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: c.tree.RuntimeCgroupFD()}
	if err = c.run(cmd, argv); err == nil {
		return nil
	}
	said, rerr := os.ReadFile(messages.Name())
	return errors.Join(fmt.Errorf("%q: %w: %s", argv, err, said), rerr)
}

// run is cmd.Run; create is under the filter that imposes an order, where there is one.
func (c *container) run(cmd *exec.Cmd, argv []string) error {
	if c.enforcer == nil || !slices.Contains(argv, "create") {
		return cmd.Run()
	}
	err := c.enforcer.Spawn(func() (int, error) {
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		return cmd.Process.Pid, nil
	})
	if err == nil {
		err = cmd.Wait()
		c.enforcer.Created(true)
	}
	return err
}

// create makes the container, whose init then waits for start.
func (c *container) create() error {
	c.Helper()
	stdin, keep, err := os.Pipe()
	c.must(err)
	out, stdout, err := os.Pipe()
	c.must(err)
	c.stdin, c.out, c.stdout = keep, bufio.NewReader(out), [2]*os.File{out, stdout}
	pidFile := filepath.Join(c.dir, "pid")
	err = c.call(c.cli.Create(c.id, c.bundle(), pidFile), stdin, stdout)
	c.check(stdin.Close())
	if err != nil {
		return err
	}
	c.pid, err = ociruntime.ReadPIDFile(pidFile)
	return err
}

// start has the payload run, and returns its stamp.
func (c *container) start() int64 {
	c.Helper()
	c.startCalled = now(c)
	c.must(c.call(c.cli.Start(c.id), nil, nil))
	ns, err := ociruntime.ScanStamp(c.out, c.nonce)
	c.must(err)
	return ns
}

// wait lets the payload end.
func (c *container) wait() {
	c.Helper()
	c.check(c.stdin.Close())
	c.reap()
}

func (c *container) reap() {
	c.Helper()
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(c.pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			c.check(err)
			return
		}
	}
}

// remove leaves nothing of the container.
func (c *container) remove() {
	c.Helper()
	c.check(c.call(c.cli.ForceDelete(c.id), nil, nil))
	for _, f := range append(c.stdout[:], c.stdin) {
		if f != nil {
			_ = f.Close() // some are closed already
		}
	}
	_, err := c.tree.Remove(context.Background())
	c.check(err)
	reapAll()
}

// reapAll takes the orphans that a runtime left: children of this process, which nothing else waits for now.
func reapAll() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

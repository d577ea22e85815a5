package enforce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// bench is where containers of real runtimes are started.
type bench struct {
	testing.TB
	host   *cgroupjoin.Host
	dir    string
	rootfs ociruntime.Rootfs
	trials int
}

var runs int // of this binary: each gets names of its own

func openBench(t testing.TB) *bench {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	runs++
	b := &bench{TB: t, dir: t.TempDir()}
	var err error
	b.host, err = cgroupjoin.Open(t.Context(), cgroupjoin.Options{Root: cgroupRoot, Proc: procRoot, RunID: fmt.Sprintf("enf%dx%d", os.Getpid(), runs),
		Drivers: cgroupjoin.Drivers(), Journal: func(string, string) error { return nil }})
	b.must(err)
	t.Cleanup(func() { b.must(b.host.Close()) })
	b.must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) // the payload's status is then ours to read
	t.Cleanup(func() { b.must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) })
	b.rootfs, err = ociruntime.MakeRootfs(filepath.Join(b.dir, "rootfs"))
	b.must(err)
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// trial is a container's start under one set of conditions.
type trial struct {
	binary   string
	options  []string // of the built-in runtime
	driver   cgroupjoin.Driver
	order    sequence.Order
	plain    bool // without a filter
	limit    int64
	deadline time.Duration
	edit     func(config string) // changes the bundle's config before the start
}

// ended is what came of a trial.
type ended struct {
	sequence.Enforcement
	started bool // the payload ran to its end
	oom     uint64
	took    time.Duration // until the payload had ended
	said    string
}

func (e ended) String() string {
	return fmt.Sprintf("started %v, %d OOM kills, %v, %+v, said %q", e.started, e.oom, e.took, e.Enforcement, e.said)
}

// run makes one trial, whole.
func (b *bench) run(tr trial) (e ended) {
	b.Helper()
	b.trials++
	tree, err := b.host.Make(b.Context(), tr.driver, cgroupjoin.Spec{ID: fmt.Sprint(b.trials)})
	b.must(err)
	defer func() {
		_, err := tree.Remove(context.Background())
		b.must(err)
	}()
	c := b.container(tr, tree)
	if !tr.plain {
		c.enforcer, err = New(Options{Order: tr.order, Pod: tree.PodPath(), Leaf: tree.LeafPath(), Deadline: tr.deadline})
		b.must(err)
		defer func() { b.must(c.enforcer.Close()) }()
	}
	began := time.Now()
	err = c.create()
	if !tr.plain {
		e.Enforcement = c.enforcer.Created(err == nil)
	}
	if err == nil {
		e.started = c.start()
	}
	e.took = time.Since(began)
	c.delete()
	reading, err := tree.Read()
	b.must(err)
	e.oom, e.said = reading.Pod.OOMKill, c.said()
	return e
}

// container is one of a real runtime.
type container struct {
	*bench
	cli      ociruntime.CLI
	dir, id  string
	tree     *cgroupjoin.Tree
	enforcer *Enforcer
	stderr   *os.File
}

func (b *bench) container(tr trial, tree *cgroupjoin.Tree) *container {
	c := &container{bench: b, id: fmt.Sprintf("enf%d-%d", runs, b.trials), tree: tree}
	c.dir = filepath.Join(b.dir, c.id)
	b.must(os.Mkdir(c.dir, 0o755))
	c.cli = ociruntime.CLI{Binary: tr.binary, StateRoot: filepath.Join(c.dir, "state"), Systemd: tr.driver == cgroupjoin.Systemd, Options: tr.options}
	b.must(ociruntime.WriteBundle(c.dir, ociruntime.BundleSpec{Rootfs: b.rootfs, CgroupsPath: tree.CgroupsPath(), MemoryLimit: tr.limit,
		Args: ociruntime.Payload{Nonce: "0123456789abcdef"}.Args()}))
	if tr.edit != nil {
		tr.edit(filepath.Join(c.dir, "config.json"))
	}
	var err error
	c.stderr, err = os.Create(filepath.Join(c.dir, "stderr"))
	b.must(err)
	return c
}

func (c *container) pidFile() string { return filepath.Join(c.dir, "pid") }

// command runs in the runtime's cgroup from its birth on, as a runner's would.
func (c *container) command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = c.stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=/run"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: c.tree.RuntimeCgroupFD()}
	return cmd
}

func (c *container) create() error {
	cmd := c.command(c.cli.Create(c.id, c.dir, c.pidFile()))
	spawn := func() (int, error) {
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		return cmd.Process.Pid, nil
	}
	var err error
	if c.enforcer != nil {
		err = c.enforcer.Spawn(spawn)
	} else {
		_, err = spawn()
	}
	c.must(err)
	return cmd.Wait()
}

// start reports whether the payload ran to a good end.
func (c *container) start() bool {
	pid, err := ociruntime.ReadPIDFile(c.pidFile())
	c.must(err)
	if err := c.command(c.cli.Start(c.id)).Run(); err != nil {
		return false
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && status.Exited() && status.ExitStatus() == 0
		}
	}
}

func (c *container) delete() {
	// The runtime's word for it does not count: the tree's removal finds what is left.
	_ = c.command(c.cli.ForceDelete(c.id)).Run()
	c.reap()
}

// reap collects the children that the runtime left us, and there is nothing else of ours.
func (c *container) reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}

func (c *container) said() string {
	b, err := os.ReadFile(c.stderr.Name())
	c.must(err)
	c.must(c.stderr.Close())
	return string(b)
}

// runcOf is a version that the guest lane brings along.
func runcOf(t testing.TB, version string) string {
	t.Helper()
	return pushed(t, "runc@"+version)
}

func pushed(t testing.TB, runtime string) string {
	t.Helper()
	path := "/var/lib/initbench/runtimes/" + runtime
	testenv.Require(t, testenv.File(path))
	return path
}

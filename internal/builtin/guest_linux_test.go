package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// binary is the runtime as package build made it, which the guest was given.
func binary() string { return filepath.Join(os.Getenv("INITBENCH_TEST_RUNTIMES"), "builtin") }

// trial is a bundle, and a pod to run its container in.
type trial struct {
	t             *testing.T
	dir           string // bundle, state and pid file
	id            string
	driver        cgroupjoin.Driver
	cli           ociruntime.CLI
	cgroup        string // the container's, absolute
	pod           string // its parent
	stdin, stdout *os.File
}

// eachDriver runs a test under both.
func eachDriver(t *testing.T, test func(*trial)) {
	for _, d := range cgroupjoin.Drivers() {
		t.Run(string(d), func(t *testing.T) { test(newTrial(t, d)) })
	}
}

var trials int

func newTrial(t *testing.T, d cgroupjoin.Driver) *trial {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(binary()))
	trials++
	c := &trial{t: t, dir: t.TempDir(), driver: d, id: fmt.Sprintf("initbench-builtin-%d-%d", os.Getpid(), trials)}
	c.cli = ociruntime.CLI{Binary: binary(), StateRoot: filepath.Join(c.dir, "state"), Systemd: d == cgroupjoin.Systemd,
		Report: filepath.Join(c.dir, "report")}
	path := c.makePod()
	root, err := ociruntime.MakeRootfs(filepath.Join(c.dir, "rootfs"))
	if err == nil {
		payload := ociruntime.Payload{Nonce: ociruntime.NewNonce(), Hold: true}
		err = ociruntime.WriteBundle(c.dir, ociruntime.BundleSpec{Rootfs: root, CgroupsPath: path, Args: payload.Args()})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.run(c.cli.ForceDelete(c.id)) })
	return c
}

// makePod makes the container's parent, and returns the container's cgroup as its config names it.
func (c *trial) makePod() string {
	if c.driver == cgroupjoin.Systemd {
		slice := strings.ReplaceAll(c.id, "-", "") + ".slice"
		c.pod = filepath.Join("/sys/fs/cgroup", slice)
		c.cgroup = filepath.Join(c.pod, "test-"+c.id+".scope")
		c.must("systemctl", "start", slice)
		c.t.Cleanup(func() { c.must("systemctl", "stop", slice) })
		return slice + ":test:" + c.id
	}
	c.pod = filepath.Join("/sys/fs/cgroup", c.id)
	c.cgroup = filepath.Join(c.pod, "container")
	if err := os.Mkdir(c.pod, 0o755); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := os.Remove(c.pod); err != nil {
			c.t.Error(err)
		}
	})
	return "/" + c.id + "/container"
}

func (c *trial) must(argv ...string) {
	c.t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		c.t.Errorf("%q: %v: %s", argv, err, out)
	}
}

// run returns what a command says on stderr. That is a file: init inherits it.
func (c *trial) run(argv []string) (said string, code int) {
	c.t.Helper()
	stderr, err := os.Create(filepath.Join(c.dir, "stderr"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = stderr.Close() }() // it is read through its name
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = stderr
	if c.stdout != nil {
		cmd.Stdin, cmd.Stdout = c.stdin, c.stdout
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	text, err := os.ReadFile(stderr.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func (c *trial) create() (said string, code int) {
	return c.run(c.cli.Create(c.id, c.dir, filepath.Join(c.dir, "pid")))
}

// fails has the create fail with one line that says what is wanted, and leave nothing.
func (c *trial) fails(want string) {
	c.t.Helper()
	said, code := c.create()
	line := strings.TrimSuffix(said, "\n")
	if code != 1 || !strings.HasPrefix(line, "initbench-builtin: create "+c.id+": ") || strings.Contains(line, "\n") || !strings.Contains(line, want) {
		c.t.Errorf("exit code %d, said %q; want 1 and one line with %q", code, said, want)
	}
	c.leftNothing()
}

func (c *trial) leftNothing() {
	c.t.Helper()
	for _, path := range []string{c.cgroup, filepath.Join(c.cli.StateRoot, c.id), filepath.Join(c.dir, "pid"), filepath.Join(c.dir, "report")} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			c.t.Errorf("%s is left: %v", path, err)
		}
	}
	if hidden, err := filepath.Glob(filepath.Join(c.dir, ".*")); err != nil || len(hidden) > 0 {
		c.t.Errorf("left: %q, %v", hidden, err)
	}
	if c.driver == cgroupjoin.Systemd {
		unit := filepath.Base(c.cgroup)
		out, err := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", unit).CombinedOutput()
		if err != nil || len(out) > 0 {
			c.t.Errorf("unit left: %s, %v", out, err)
		}
	}
}

// with sets the runtime's options, written as in a reference.
func (c *trial) with(options string) *trial {
	c.t.Helper()
	ref, err := ociruntime.ParseRef("builtin:" + options)
	if err == nil {
		err = ref.Builtin.CheckDriver(c.driver)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.cli.Options = ref.Builtin.Flags()
	return c
}

// refusing has the kernel refuse a system call with EPERM to whatever f starts.
// The thread ends with f: a filter cannot be taken off.
func refusing(t *testing.T, nr uint32, f func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if err := filter(nr); err != nil {
			done <- err
			return
		}
		f()
	}()
	if err := <-done; err != nil {
		t.Fatalf("seccomp filter: %v", err)
	}
}

func filter(nr uint32) error {
	prog := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return errno
	}
	return nil
}

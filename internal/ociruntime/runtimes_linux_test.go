package ociruntime

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/memfdclone"
)

// realRuntime is a runtime and how it is told to make a start.
type realRuntime struct {
	name    string
	binary  string
	options Builtin
}

// realRuntimes are crun, which every guest has, and whatever lies in the
// directory that INITBENCH_TEST_RUNTIMES names.
func realRuntimes(t *testing.T, ways []Builtin) []realRuntime {
	t.Helper()
	crun, err := exec.LookPath("crun")
	if err != nil {
		t.Fatal(err)
	}
	all := []realRuntime{{name: "crun", binary: crun}}
	dir := os.Getenv("INITBENCH_TEST_RUNTIMES")
	if dir == "" {
		return all
	}
	more, err := filepath.Glob(filepath.Join(dir, "runc*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range more {
		all = append(all, realRuntime{name: filepath.Base(path), binary: path})
	}
	for _, b := range ways {
		// Temporary directories are named after the test, and before Linux 6.5 an overlay takes no comma in a path.
		all = append(all, realRuntime{strings.ReplaceAll(b.ref(), ",", " "), filepath.Join(dir, "builtin"), b})
	}
	return all
}

// everyWay has every value of every option once at least, in combinations that people mean.
var everyWay = []Builtin{
	{},
	{Clone: memfdclone.InInit},
	{Clone: memfdclone.Nowhere},
	{Strategy: memfdclone.Memfd, Cgroup: cgroupjoin.Early},
	{Strategy: memfdclone.MemfdCopy, Join: cgroupjoin.ByProcs},
	{Strategy: memfdclone.MemfdMmap, Join: cgroupjoin.ByUnit},
	{Strategy: memfdclone.Tmpfile, Join: cgroupjoin.ByProcs, Cgroup: cgroupjoin.Early},
	{Strategy: memfdclone.Overlayfs, Join: cgroupjoin.ByBirth, Cgroup: cgroupjoin.Early},
	{Strategy: memfdclone.Bind, Join: cgroupjoin.ByAttach, Cgroup: cgroupjoin.Early},
	{Clone: memfdclone.InInit, Join: cgroupjoin.ByBirth, Cgroup: cgroupjoin.Early},
}

// cgroupWays differ in who made the cgroup, which is what deleting it can depend on.
var cgroupWays = []Builtin{{}, {Cgroup: cgroupjoin.Early}}

// container is one container of a real runtime.
type container struct {
	t       *testing.T
	cli     CLI
	id      string
	pid     int
	stdin   io.Closer
	out     *bufio.Reader
	cgroup  string // of init, absolute
	limited int64
}

// eachContainer makes a container for each runtime and driver, for the built-in one in
// each of these ways, and hands it over created.
func eachContainer(t *testing.T, ways []Builtin, payload Payload, use func(*container)) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err) // without it, the payload's exit status goes to PID 1
	}
	defer func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	for i, runtime := range realRuntimes(t, ways) {
		for _, driver := range cgroupjoin.Drivers() {
			if runtime.options.CheckDriver(driver) != nil {
				continue // TestBuiltinCheckDriver has what is not to be had
			}
			systemd := driver == cgroupjoin.Systemd
			t.Run(fmt.Sprintf("%s/systemd=%v", runtime.name, systemd), func(t *testing.T) {
				use(created(t, runtime, systemd, fmt.Sprintf("initbench-oci-%d-%d-%v", os.Getpid(), i, systemd), payload))
			})
		}
	}
}

func created(t *testing.T, runtime realRuntime, systemd bool, id string, payload Payload) *container {
	t.Helper()
	dir := t.TempDir()
	root, err := MakeRootfs(filepath.Join(dir, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, id: id, limited: 64 << 20, cli: CLI{
		Binary: runtime.binary, StateRoot: filepath.Join(dir, "state"), Systemd: systemd, Options: runtime.options.Flags()}}
	path := "/" + id + "/container"
	if systemd {
		path = "system.slice:initbench-oci:" + strings.TrimPrefix(id, "initbench-oci-")
	} else {
		t.Cleanup(func() { c.removeParent("/sys/fs/cgroup/" + id) })
	}
	spec := BundleSpec{Rootfs: root, CgroupsPath: path, MemoryLimit: c.limited, NoSwap: true, Args: payload.Args()}
	if err := WriteBundle(dir, spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.run(c.cli.ForceDelete(id), nil, nil) })
	c.create(dir)
	return c
}

// removeParent removes the directory that a runtime made above the container's cgroup.
func (c *container) removeParent(dir string) {
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Error(err)
	}
}

func (c *container) create(bundle string) {
	c.t.Helper()
	stdin, write := pipe(c.t)
	read, stdout := pipe(c.t)
	pidFile := filepath.Join(bundle, "pid")
	if msg, err := c.run(c.cli.Create(c.id, bundle, pidFile), stdin, stdout); err != nil {
		c.t.Fatalf("create: %v: %s", err, msg)
	}
	for _, f := range []*os.File{stdin, stdout} {
		if err := f.Close(); err != nil {
			c.t.Fatal(err)
		}
	}
	c.stdin, c.out = write, bufio.NewReader(read)
	pid, err := ReadPIDFile(pidFile)
	if err != nil {
		c.t.Fatal(err)
	}
	c.pid = pid
	c.cgroup = filepath.Join("/sys/fs/cgroup", cgroupOf(c.t, pid))
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() }) // closed already, mostly
	return r, w
}

// run runs the runtime and returns what it says on stderr. Stderr is a file
// because init inherits it, and a pipe would not end before the container does.
func (c *container) run(argv []string, stdin, stdout *os.File) (string, error) {
	c.t.Helper()
	messages, err := os.CreateTemp("", "initbench-oci-stderr")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _, _ = messages.Close(), os.Remove(messages.Name()) }()
	cmd := exec.Command(argv[0], argv[1:]...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.Stderr = messages
	runErr := cmd.Run()
	said, err := os.ReadFile(messages.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(said), runErr
}

func (c *container) must(argv []string) {
	c.t.Helper()
	if msg, err := c.run(argv, nil, nil); err != nil {
		c.t.Fatalf("%q: %v: %s", argv, err, msg)
	}
}

func (c *container) status() specs.ContainerState {
	c.t.Helper()
	argv := c.cli.State(c.id)
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		c.t.Fatalf("state: %v", err)
	}
	var state specs.State
	if err := json.Unmarshal(out, &state); err != nil {
		c.t.Fatalf("state: %v: %s", err, out)
	}
	return state.Status
}

// wait reaps init and returns its wait status.
func (c *container) wait() unix.WaitStatus {
	c.t.Helper()
	status, err := testenv.Wait(c.pid)
	if err != nil {
		c.t.Fatalf("wait for init: %v", err)
	}
	return status
}

func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, path, found := strings.Cut(string(bytes.TrimSpace(data)), "0::")
	if !found {
		t.Fatalf("no cgroup v2 in %q", data)
	}
	return path
}

// Catches a bundle or a command line that one of the runtimes does not take or
// takes for something else, under either driver.
func TestRuntimesRunTheBundle(t *testing.T) {
	payload := Payload{Nonce: NewNonce(), AnonBytes: 4 << 20, Hold: true, ExitCode: 5}
	eachContainer(t, everyWay, payload, func(c *container) {
		if got := c.status(); got != specs.StateCreated {
			c.t.Errorf("after create: %s", got)
		}
		c.checkLimit()
		before := monotonicNow(c.t)
		c.must(c.cli.Start(c.id))
		ns, err := ScanStamp(c.out, payload.Nonce)
		if after := monotonicNow(c.t); err != nil || ns < before || ns > after {
			c.t.Fatalf("stamp %d, %v; want one between %d and %d", ns, err, before, after)
		}
		if err := WaitHeld(c.out); err != nil {
			c.t.Fatal(err)
		}
		if got := c.status(); got != specs.StateRunning {
			c.t.Errorf("while it holds: %s", got)
		}
		c.checkConfinement()
		if err := c.stdin.Close(); err != nil {
			c.t.Fatal(err)
		}
		if status := c.wait(); status.ExitStatus() != payload.ExitCode {
			c.t.Errorf("exit status %v, want %d", status, payload.ExitCode)
		}
		c.must(c.cli.Delete(c.id))
		c.checkGone()
	})
}

// Catches a container that never got to run, or runs still, and cannot be removed.
func TestRuntimesKillAndForceDelete(t *testing.T) {
	payload := Payload{Nonce: NewNonce(), Hold: true}
	eachContainer(t, cgroupWays, payload, func(c *container) {
		c.must(c.cli.Start(c.id))
		if _, err := ScanStamp(c.out, payload.Nonce); err != nil {
			c.t.Fatal(err)
		}
		c.must(c.cli.Kill(c.id, "KILL"))
		if status := c.wait(); status.Signal() != unix.SIGKILL {
			c.t.Errorf("ended with %v, want SIGKILL", status)
		}
		c.must(c.cli.ForceDelete(c.id))
		c.checkGone()
	})
	eachContainer(t, cgroupWays, payload, func(c *container) {
		c.must(c.cli.ForceDelete(c.id)) // created and never started
		if status := c.wait(); status.Signal() != unix.SIGKILL {
			c.t.Errorf("ended with %v, want SIGKILL", status)
		}
		c.checkGone()
		c.must(c.cli.ForceDelete(c.id)) // there is none any more
	})
}

func (c *container) checkLimit() {
	c.t.Helper()
	for file, want := range map[string]int64{"memory.max": c.limited, "memory.swap.max": 0} {
		data, err := os.ReadFile(filepath.Join(c.cgroup, file))
		if errors.Is(err, fs.ErrNotExist) && file == "memory.swap.max" {
			continue // a kernel without swap
		}
		if got := strings.TrimSpace(string(data)); err != nil || got != strconv.FormatInt(want, 10) {
			c.t.Errorf("%s: %q, %v; want %d", file, got, err, want)
		}
	}
}

// checkConfinement looks at the running payload from outside.
func (c *container) checkConfinement() {
	c.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, want := range []string{"CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			c.t.Errorf("no %q in\n%s", want, status)
		}
	}
	for _, ns := range []string{"pid", "ipc", "uts", "mnt", "net", "cgroup"} {
		ours, err1 := os.Readlink("/proc/self/ns/" + ns)
		theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.pid, ns))
		if err := errors.Join(err1, err2); err != nil || ours == theirs {
			c.t.Errorf("%s namespace %s, ours %s, %v", ns, theirs, ours, err)
		}
	}
	err = unix.Access(fmt.Sprintf("/proc/%d/root/tmp", c.pid), unix.W_OK)
	if !errors.Is(err, unix.EROFS) {
		c.t.Errorf("the root is not read-only: %v", err)
	}
}

func (c *container) checkGone() {
	c.t.Helper()
	if _, err := os.Stat(c.cgroup); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("the cgroup is still there: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(c.cli.StateRoot, c.id)); err != nil || len(left) > 0 {
		c.t.Errorf("state is still there: %v, %v", left, err)
	}
}

func monotonicNow(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

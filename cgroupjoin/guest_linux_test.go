package cgroupjoin_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	. "github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/testenv"
)

const root, proc = "/sys/fs/cgroup", "/proc"

// The test binary is also the process that tests put into cgroups.
func TestMain(m *testing.M) {
	switch os.Getenv("CGROUPJOIN_CHILD") {
	case "eat":
		eat()
	case "host":
		exitOn(beHost())
	case "brokenoff":
		exitOn(beBrokenOff())
	default:
		testenv.Main(m)
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// What the package does with one kernel and one systemd, on whichever are there.
func TestSmoke(t *testing.T) {
	t.Run("open", TestOpenMovesInAndOut)
	t.Run("oom", TestPodOutlivesLeaf)
	t.Run("kill", TestKillLetsDeleteRun)
}

// eat touches memory, says so and lives on until its stdin ends, deaf to SIGTERM.
func eat() {
	signal.Ignore(syscall.SIGTERM)
	n, err := strconv.Atoi(os.Getenv("CGROUPJOIN_BYTES"))
	if err != nil {
		panic(err)
	}
	b, err := unix.Mmap(-1, 0, max(n, 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(b[:1]) // any end of it will do
}

// child is a running test binary.
type child struct {
	*exec.Cmd
	out *bufio.Scanner
	end func() error // lets it end
}

func start(t *testing.T, cmd *exec.Cmd, env ...string) *child {
	t.Helper()
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended, which is as good
			_ = cmd.Wait()
		}
	})
	return &child{cmd, bufio.NewScanner(out), in.Close}
}

// say waits for the child's next line; "" when it ended without one.
func (c *child) say() string {
	c.out.Scan()
	return c.out.Text()
}

// eater starts a process that is born in the cgroup and touches so much memory.
func eater(t *testing.T, fd int, bytes int64) *child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
	return start(t, cmd, "CGROUPJOIN_CHILD=eat", fmt.Sprint("CGROUPJOIN_BYTES=", bytes))
}

// leafEater makes a trial's leaf as the driver's runtimes do and starts an eater in it.
func leafEater(t *testing.T, d Driver, tree *Tree, bytes int64) *child {
	t.Helper()
	if d == Systemd {
		name := filepath.Base(tree.LeafPath())
		cmd := exec.Command("systemd-run", "--scope", "--quiet", "--unit="+name, "--slice="+filepath.Base(tree.PodPath()), os.Args[0])
		return start(t, cmd, "CGROUPJOIN_CHILD=eat", fmt.Sprint("CGROUPJOIN_BYTES=", bytes))
	}
	if err := os.Mkdir(tree.LeafPath(), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(tree.LeafPath())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	return eater(t, int(dir.Fd()), bytes)
}

// journal collects what is reported before it is made.
type journal struct {
	mu    sync.Mutex
	items []Item
}

func (j *journal) add(kind, name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.items = append(j.items, Item{Kind: kind, Name: name})
	return nil
}

// runID is one of this process's alone: others may use the same machine.
func runID(suffix string) string { return fmt.Sprintf("cj%d%s", os.Getpid(), suffix) }

func open(t *testing.T, id string) (*Host, *journal) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	j := new(journal)
	h, err := Open(t.Context(), Options{Root: root, Proc: proc, RunID: id, Drivers: Drivers(), Journal: j.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if left := leftOf(t, id); len(left) > 0 {
			t.Errorf("left of run %s: %q", id, left)
		}
	})
	return h, j
}

func makeTree(t *testing.T, h *Host, d Driver, s Spec) *Tree {
	t.Helper()
	tree, err := h.Make(t.Context(), d, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := tree.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// leftOf lists what carries the run's ID in the kernel's and in systemd's own lists.
func leftOf(t *testing.T, id string) []string {
	t.Helper()
	var left []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
			left = append(left, path)
		}
		return nil // a cgroup of someone else may go during the walk
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", "*"+id+"*").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		left = append(left, "unit "+strings.TrimSpace(line))
	}
	return left
}

func ownCgroup(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(b), "0::"))
}

func eachDriver(t *testing.T, f func(t *testing.T, d Driver)) {
	for _, d := range Drivers() {
		t.Run(string(d), func(t *testing.T) { f(t, d) })
	}
}

// Catches a process that is not moved back, and a base that outlives its run.
func TestOpenMovesInAndOut(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	home, id := ownCgroup(t), runID("io")
	h, j := open(t, id)
	if got := root + ownCgroup(t); got != h.Base()+"/initbench-supervisor" {
		t.Errorf("lives in %s, base %s", got, h.Base())
	}
	if !slices.Contains(h.Controllers(), "memory") || !slices.Contains(h.Controllers(), "cpu") {
		t.Errorf("controllers %v", h.Controllers())
	}
	if want := (Item{KindCgroup, h.Base() + "/initbench-supervisor"}); !slices.Contains(j.items, want) {
		t.Errorf("journal %v has no %v", j.items, want)
	}
	for range 2 { // the second time there is nothing to do
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := ownCgroup(t); got != home {
		t.Errorf("back in %s, came from %s", got, home)
	}
}

// Catches a runtime's cgroup that starts with someone else's charges, or does
// not see its own process.
func TestRuntimePeak(t *testing.T) {
	eachDriver(t, func(t *testing.T, d Driver) {
		h, _ := open(t, runID("rp"))
		tree := makeTree(t, h, d, Spec{ID: "t"})
		before, err := tree.Read()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("fresh: runtime peak %d, pod peak %d bytes", before.RuntimePeakBytes, before.PodPeakBytes)
		if before.RuntimePeakBytes > 256<<10 || before.PodPeakBytes > 256<<10 {
			t.Errorf("a fresh tree is charged %d and %d bytes", before.RuntimePeakBytes, before.PodPeakBytes)
		}
		const eaten = 32 << 20
		c := eater(t, tree.RuntimeCgroupFD(), eaten)
		if got := c.say(); got != "ready" {
			t.Fatalf("the process in the runtime's cgroup said %q", got)
		}
		m, err := ReadMemory(tree.RuntimePath())
		if err != nil || m.AnonBytes < eaten {
			t.Errorf("memory.stat %+v, %v", m, err)
		}
		if err := errors.Join(c.end(), c.Wait()); err != nil {
			t.Fatal(err)
		}
		after, err := tree.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := after.RuntimePeakBytes; got < eaten || got > eaten+24<<20 {
			t.Errorf("runtime peak %d bytes after %d were touched", got, eaten)
		}
		if after.RuntimeCPUUsec <= before.RuntimeCPUUsec || after.PodPeakBytes != before.PodPeakBytes {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if leaks, err := tree.Remove(t.Context()); err != nil || len(leaks) > 0 {
			t.Errorf("leaks %q, %v", leaks, err)
		}
	})
}

// Catches an OOM kill lost with the leaf it happened in.
func TestPodOutlivesLeaf(t *testing.T) {
	eachDriver(t, func(t *testing.T, d Driver) {
		h, _ := open(t, runID("oom"))
		const limit = 32<<20 + 100 // rounded down by the kernel
		tree := makeTree(t, h, d, Spec{ID: "t", AncestorLimit: limit})
		if leaf, err := tree.ReadLeaf(); leaf != nil || err != nil {
			t.Errorf("leaf before the runtime made it: %+v, %v", leaf, err)
		}
		c := leafEater(t, d, tree, 64<<20)
		if got := c.say(); got != "" {
			t.Errorf("the process survived its limit and said %q", got)
		}
		_ = c.Wait() // killed: its status is no news
		if err := tree.WaitEmpty(t.Context()); err != nil {
			t.Fatal(err)
		}
		leaks, err := reapLeaf(t, d, tree)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tree.Read()
		if err != nil {
			t.Fatal(err)
		}
		if r.Pod.OOMKill != 1 || r.Pod.OOM == 0 || r.Pod.Max == 0 || r.PodMaxBytes != InForce(limit) {
			t.Errorf("%+v, want one kill under a limit of %d", r, InForce(limit))
		}
		if r.PodPeakBytes > limit || r.PodPeakBytes < limit/2 {
			t.Errorf("peak %d bytes under a limit of %d", r.PodPeakBytes, limit)
		}
		got, err := tree.Remove(t.Context())
		if err != nil || !slices.Equal(got, leaks) {
			t.Errorf("leaks %q, %v; want %q", got, err, leaks)
		}
	})
}

// reapLeaf removes the leaf as a runtime's delete would, and says what of it stays.
func reapLeaf(t *testing.T, d Driver, tree *Tree) (leaks []string, err error) {
	t.Helper()
	if d == Cgroupfs {
		leaf, err := tree.ReadLeaf()
		if err != nil || leaf == nil || leaf.Events.OOMKill != 1 {
			t.Errorf("leaf %+v, %v; want one kill", leaf, err)
		}
		return nil, os.Remove(tree.LeafPath())
	}
	// systemd removes the cgroup of a scope that emptied, and may keep the unit as failed (runc#3780).
	unit := filepath.Base(tree.LeafPath())
	out, err := exec.Command("systemctl", "show", "--property=ActiveState", "--value", unit).Output()
	t.Logf("the scope after the kill: %s", bytes.TrimSpace(out))
	if string(bytes.TrimSpace(out)) == "failed" {
		leaks = append(leaks, "failed unit "+unit)
	}
	return leaks, err
}

// Catches processes that outlive a trial, and a removal that asks them nicely
// or gives up with its caller.
func TestRemoveStubborn(t *testing.T) {
	eachDriver(t, func(t *testing.T, d Driver) {
		h, _ := open(t, runID("st"))
		tree := makeTree(t, h, d, Spec{ID: "t"})
		runtime, leaf := eater(t, tree.RuntimeCgroupFD(), 0), leafEater(t, d, tree, 0)
		if a, b := runtime.say(), leaf.say(); a != "ready" || b != "ready" {
			t.Fatalf("said %q and %q", a, b)
		}
		pod, rt, err := tree.Procs()
		if err != nil || !slices.Equal(pod, []int{leaf.Process.Pid}) || !slices.Equal(rt, []int{runtime.Process.Pid}) {
			t.Fatalf("processes %v and %v, %v", pod, rt, err)
		}
		if err := os.Mkdir(tree.LeafPath()+"/deep", 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		leaks, err := tree.Remove(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			fmt.Sprintf("process %d (%s) in the container's cgroup", leaf.Process.Pid, comm),
			"cgroup " + strings.TrimPrefix(tree.LeafPath(), root),
			fmt.Sprintf("process %d (exe) in the runtime's cgroup", runtime.Process.Pid),
		}
		if d == Cgroupfs {
			want[0] = fmt.Sprintf("process %d (exe) in the container's cgroup", leaf.Process.Pid)
		}
		if !slices.Equal(leaks, want) {
			t.Errorf("leaks %q, want %q", leaks, want)
		}
		for _, c := range []*child{runtime, leaf} {
			if err := c.Wait(); c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Errorf("%s ended by %v", c, err)
			}
		}
		for range 2 { // the second time there is nothing to do
			if leaks, err := tree.Remove(ctx); err != nil || leaks != nil {
				t.Errorf("again: %q, %v", leaks, err)
			}
		}
		for _, it := range []string{tree.PodPath(), tree.RuntimePath()} {
			if _, err := os.Stat(it); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", it, err)
			}
		}
	})
}

// Catches a runtime's delete that dies at birth because what ran before it in the trial was killed.
func TestKillLetsDeleteRun(t *testing.T) {
	eachDriver(t, func(t *testing.T, d Driver) {
		h, _ := open(t, runID("kd"))
		tree := makeTree(t, h, d, Spec{ID: "t"})
		const eaten = 8 << 20
		for range 3 {
			c := eater(t, tree.RuntimeCgroupFD(), eaten)
			if got := c.say(); got != "ready" {
				t.Fatalf("said %q", got)
			}
			if err := tree.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // killed
		}
		c := eater(t, tree.RuntimeCgroupFD(), 0)
		if got := c.say(); got != "ready" {
			t.Errorf("after Kill a process in the runtime's cgroup said %q", got)
		}
		if err := errors.Join(c.end(), c.Wait()); err != nil {
			t.Error(err)
		}
		if r, err := tree.Read(); err != nil || r.RuntimePeakBytes < eaten {
			t.Errorf("%+v, %v: the killed ones are not counted", r, err)
		}
		if leaks, err := tree.Remove(t.Context()); err != nil || len(leaks) > 0 {
			t.Errorf("leaks %q, %v", leaks, err)
		}
	})
}

// comm is the name systemd-run gives the test binary: its own, cut by the kernel.
var comm = filepath.Base(os.Args[0])[:min(15, len(filepath.Base(os.Args[0])))]

// Catches a wait that misses the last exit, or goes on after it was called off.
func TestWaitEmpty(t *testing.T) {
	eachDriver(t, func(t *testing.T, d Driver) {
		h, _ := open(t, runID("we"))
		tree := makeTree(t, h, d, Spec{ID: "t"})
		c := leafEater(t, d, tree, 0)
		if got := c.say(); got != "ready" {
			t.Fatalf("said %q", got)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error)
		go func() { result <- tree.WaitEmpty(ctx) }()
		off := errors.New("called off")
		cancel(off)
		if err := <-result; !errors.Is(err, off) {
			t.Errorf("called off: %v", err)
		}
		go func() { result <- tree.WaitEmpty(t.Context()) }()
		if err := errors.Join(c.end(), c.Wait(), <-result); err != nil {
			t.Error(err)
		}
		if pod, _, err := tree.Procs(); err != nil || len(pod) > 0 {
			t.Errorf("not empty: %v, %v", pod, err)
		}
	})
}

// Catches trials that disturb each other when a batch runs at once.
func TestTreesAtOnce(t *testing.T) {
	h, j := open(t, runID("at"))
	var wg sync.WaitGroup
	for i := range 8 {
		d := Drivers()[i%2]
		wg.Go(func() {
			tree, err := h.Make(t.Context(), d, Spec{ID: fmt.Sprint("t", i), AncestorLimit: int64(i+1) << 20})
			if err != nil {
				t.Error(err)
				return
			}
			r, err := tree.Read()
			if err != nil || r.PodMaxBytes != int64(i+1)<<20 {
				t.Errorf("tree %d: %+v, %v", i, r, err)
			}
			if leaks, err := tree.Remove(t.Context()); err != nil || len(leaks) > 0 {
				t.Errorf("tree %d: %q, %v", i, leaks, err)
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		names, err := h.Names(Drivers()[i%2], Spec{ID: fmt.Sprint("t", i)})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range names {
			if !slices.Contains(j.items, it) {
				t.Errorf("%v was made without being reported", it)
			}
		}
	}
}

// Catches bad input passed on to the kernel, and a tree made twice.
func TestMakeRefuses(t *testing.T) {
	h, _ := open(t, runID("no"))
	for _, s := range []Spec{{ID: "a-b"}, {ID: ""}, {ID: "t", AncestorLimit: 1024}, {ID: "t", AncestorLimit: -1}} {
		if _, err := h.Make(t.Context(), Cgroupfs, s); err == nil {
			t.Errorf("%+v: want an error", s)
		}
	}
	if _, err := h.Make(t.Context(), "cgroupsfs", Spec{ID: "t"}); err == nil {
		t.Error("unknown driver: want an error")
	}
	eachDriver(t, func(t *testing.T, d Driver) {
		tree := makeTree(t, h, d, Spec{ID: "twice"})
		if _, err := h.Make(t.Context(), d, Spec{ID: "twice"}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("twice: %v", err)
		}
		if _, err := tree.Read(); err != nil {
			t.Errorf("the first tree was harmed: %v", err)
		}
	})
}

// Catches a journal that cannot be written being ignored.
func TestNothingIsMadeUnreported(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id, full := runID("nj"), errors.New("disk full")
	_, err := Open(t.Context(), Options{Root: root, Proc: proc, RunID: id, Drivers: Drivers(),
		Journal: func(kind, name string) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("%v, want the journal's error", err)
	}
	if left := leftOf(t, id); len(left) > 0 {
		t.Errorf("made all the same: %q", left)
	}
}

// Catches swap left to a trial where there is any: its limit would not be one.
func TestNoSwap(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	fake := t.TempDir() // a proc that tells of swap
	if err := errors.Join(os.Symlink("/proc/self", fake+"/self"),
		os.WriteFile(fake+"/meminfo", []byte("SwapTotal: 1024 kB\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	h, err := Open(t.Context(), Options{Root: root, Proc: fake, RunID: runID("sw"), Drivers: Drivers(), Journal: new(journal).add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := h.SwapBytes(); got != 1<<20 {
		t.Errorf("swap of %d bytes", got)
	}
	eachDriver(t, func(t *testing.T, d Driver) {
		tree := makeTree(t, h, d, Spec{ID: "t", AncestorLimit: 16 << 20})
		for _, path := range []string{tree.PodPath(), tree.RuntimePath()} {
			b, err := os.ReadFile(path + "/memory.swap.max")
			if err != nil || string(b) != "0\n" {
				t.Errorf("%s: memory.swap.max %q, %v", path, b, err)
			}
		}
	})
}

// Catches a machine without systemd refused though cgroupfs needs none, and
// what such a run leaves.
func TestWithoutSystemd(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	home, id := ownCgroup(t), runID("ns")
	c := start(t, exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run/systemd && exec "+os.Args[0]),
		"CGROUPJOIN_CHILD=host", "CGROUPJOIN_RUN="+id, "CGROUPJOIN_DRIVER=cgroupfs")
	if base, want := c.say(), root+"/initbench-"+id; base != want {
		t.Errorf("base %q, want %s", base, want)
	}
	if err := errors.Join(c.end(), c.Wait()); err != nil {
		t.Error(err)
	}
	if left := leftOf(t, id); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if got := ownCgroup(t); got != home {
		t.Errorf("this process went from %s to %s", home, got)
	}
}

// Catches an error that does not say what to do about it.
func TestOpenRefuses(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	const hide = "mount -t tmpfs none /run/systemd && "
	tests := map[string]struct{ before, driver, want string }{
		"systemd wanted": {hide, "systemd", "systemd is not PID 1 here: use the cgroupfs driver"},
		"read-only":      {hide + "mount -o remount,ro,bind /sys/fs/cgroup &&", "cgroupfs", "mounted read-only"},
		"no bus":         {"mount -t tmpfs none /run/dbus &&", "cgroupfs", "install and start dbus"},
		"not cgroup2":    {"mount -t tmpfs none /sys/fs/cgroup &&", "cgroupfs", "systemd.unified_cgroup_hierarchy=1"},
		"not root":       {hide + "setpriv --reuid=65534 --clear-groups", "cgroupfs", "run with sudo"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id := runID("rf")
			cmd := exec.Command("unshare", "--mount", "sh", "-c", tt.before+" "+os.Args[0])
			cmd.Env = append(os.Environ(), "CGROUPJOIN_CHILD=host", "CGROUPJOIN_RUN="+id, "CGROUPJOIN_DRIVER="+tt.driver)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "panic") {
				t.Errorf("%v, said:\n%s\nwant %q", err, out, tt.want)
			}
			if left := leftOf(t, id); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// Catches a run that removes what it found in its way: a scope of its own name is
// another's, and here it holds the run itself.
func TestOpenLeavesAnothersScope(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id := runID("as")
	cmd := exec.Command("systemd-run", "--scope", "--quiet", "--unit=initbench-"+id+".scope", "--slice=initbench-"+id+".slice", os.Args[0])
	cmd.Env = append(os.Environ(), "CGROUPJOIN_CHILD=host", "CGROUPJOIN_RUN="+id, "CGROUPJOIN_DRIVER=systemd")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "`initbench clean` removes it") {
		t.Errorf("%v, said:\n%s\nwant an exit of its own that says what to do", err, out)
	}
	for _, it := range remainsOf(t, id) {
		removeItem(t, it)
	}
}

// Catches a run broken off while systemd moves it: what is removed then must not
// be what this process lives in.
func TestOpenBrokenOff(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id := runID("bo")
	// A scope that is not delegated, so that the run has to ask for one, and that the
	// shell keeps for it to come back to.
	cmd := exec.Command("systemd-run", "--scope", "--quiet", "sh", "-c", `"$0"; exit $?`, os.Args[0])
	cmd.Env = append(os.Environ(), "CGROUPJOIN_CHILD=brokenoff", "CGROUPJOIN_RUN="+id)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v, said:\n%s", err, out)
	}
	if left := leftOf(t, id); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// beBrokenOff opens and closes a run that is interrupted as soon as systemd has made
// its scope's cgroup, before it says so.
func beBrokenOff() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	home, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	id := os.Getenv("CGROUPJOIN_RUN")
	scope := "initbench-" + id + ".scope"
	cgroup := filepath.Join(root, "initbench.slice", "initbench-"+id+".slice", scope)
	h, err := Open(ctx, Options{Root: root, Proc: proc, RunID: id, Drivers: Drivers(), Journal: func(_, name string) error {
		if name == scope {
			go func() {
				for _, err := os.Lstat(cgroup); err != nil; _, err = os.Lstat(cgroup) {
				}
				cancel()
			}()
		}
		return nil
	}})
	if err == nil {
		err = h.Close()
	}
	if ctx.Err() == nil {
		return errors.New("the run needed no scope")
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	now, err := os.ReadFile("/proc/self/cgroup")
	if err == nil && !bytes.Equal(now, home) {
		err = fmt.Errorf("came from %s, is in %s", home, now)
	}
	return err
}

// beHost is a run in a process of its own: it makes a tree for each driver, a
// process in each, says what it reported and waits.
func beHost() error {
	j := new(journal)
	id := os.Getenv("CGROUPJOIN_RUN")
	ctx := context.Background()
	drivers := Drivers()
	if d := os.Getenv("CGROUPJOIN_DRIVER"); d != "" {
		drivers = []Driver{Driver(d)}
	}
	h, err := Open(ctx, Options{Root: root, Proc: proc, RunID: id, Drivers: drivers, Journal: j.add})
	if err != nil {
		return err
	}
	for _, d := range drivers {
		tree, err := h.Make(ctx, d, Spec{ID: string(d)})
		if err != nil {
			return err
		}
		if err := occupy(d, tree); err != nil {
			return err
		}
	}
	b, err := json.Marshal(j.items)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n", h.Base(), b)
	_, _ = os.Stdin.Read(make([]byte, 1)) // any end of it will do
	return h.Close()
}

// occupy puts a process deaf to SIGTERM into the runtime's cgroup and another
// into the leaf.
func occupy(d Driver, tree *Tree) error {
	const deaf = "trap '' TERM; echo ready; exec sleep infinity"
	inRuntime := exec.Command("sh", "-c", deaf)
	inRuntime.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: tree.RuntimeCgroupFD()}
	inLeaf := exec.Command("systemd-run", "--scope", "--quiet", "--unit="+filepath.Base(tree.LeafPath()),
		"--slice="+filepath.Base(tree.PodPath()), "sh", "-c", deaf)
	if d == Cgroupfs {
		if err := os.Mkdir(tree.LeafPath(), 0o755); err != nil {
			return err
		}
		dir, err := os.Open(tree.LeafPath())
		if err != nil {
			return err
		}
		defer dir.Close()
		inLeaf = exec.Command("sh", "-c", deaf)
		inLeaf.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	}
	for _, cmd := range []*exec.Cmd{inRuntime, inLeaf} {
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return err
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return fmt.Errorf("%s said %q: %w", cmd, line, err)
		}
	}
	return nil
}

// Catches a scope that systemd keeps as failed of a container that a renewed tree had before its last one, and
// units of others, failed too, taken for the tree's.
func TestRenewedTreeKnowsAllItsScopes(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id := runID("renew")
	h, _ := open(t, id)
	tree := makeTree(t, h, Systemd, Spec{ID: "tree"})
	var want []string
	for _, container := range []string{"c1", "c2", "c3", "c4"} {
		if err := tree.Renew(container); err != nil {
			t.Fatal(err)
		}
		if container == "c1" || container == "c3" {
			want = append(want, "failed unit "+failScope(t, tree))
		}
	}
	leaks, err := tree.Remove(t.Context())
	slices.Sort(leaks)
	if err != nil || !slices.Equal(leaks, want) {
		t.Errorf("leaks %q, %v; want %q", leaks, err, want)
	}
	for _, leak := range want {
		unit := strings.TrimPrefix(leak, "failed unit ")
		if state := activeState(t, unit); state == "failed" {
			t.Errorf("%s is still failed", unit)
		}
	}
}

// failScope has systemd make the container's scope and end it as failed, and returns its name.
func failScope(t *testing.T, tree *Tree) string {
	t.Helper()
	unit := filepath.Base(tree.LeafPath())
	cmd := exec.Command("systemd-run", "--scope", "--quiet", "--unit="+unit, "--slice="+filepath.Base(tree.PodPath()),
		"--property=RuntimeMaxSec=100ms", "sleep", "infinity")
	if err := cmd.Run(); err == nil {
		t.Fatal("a scope without end ended")
	}
	for state := ""; state != "failed"; state = activeState(t, unit) {
		if err := t.Context().Err(); err != nil || state == "inactive" {
			t.Fatalf("%s is %q, %v", unit, state, err)
		}
	}
	return unit
}

func activeState(t *testing.T, unit string) string {
	t.Helper()
	out, err := exec.Command("systemctl", "show", "--property=ActiveState", "--value", unit).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

// Catches remains that the journal does not name, that cannot be found or not be removed.
func TestKilledRun(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id := runID("k9")
	c := start(t, exec.Command(os.Args[0]), "CGROUPJOIN_CHILD=host", "CGROUPJOIN_RUN="+id)
	base, reported := c.say(), []Item{}
	if err := json.Unmarshal([]byte(c.say()), &reported); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
	found := remainsOf(t, id)
	for _, it := range []Item{{KindUnit, "initbench-" + id + ".scope"}, {KindUnit, "initbench-" + id + "-systemd.slice"},
		{KindCgroup, base + "/initbench-" + id + "-cgroupfs"}} {
		if !slices.Contains(found, it) {
			t.Errorf("found %v, not %v", found, it)
		}
	}
	for _, it := range found {
		if !slices.Contains(reported, it) {
			t.Errorf("%v was made without being reported", it)
		}
		removeItem(t, it)
	}
	if left := append(remainsOf(t, id), reportedThere(reported)...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for _, it := range reported { // all gone: once more must be no error
		removeItem(t, it)
	}
	if left := leftOf(t, id); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func remainsOf(t *testing.T, id string) []Item {
	t.Helper()
	items, err := FindRemains(t.Context(), root, proc)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(items, func(it Item) bool { return !strings.Contains(it.Name, id) })
}

// reportedThere lists which of the reported cgroups there are.
func reportedThere(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(it Item) bool {
		_, err := os.Stat(it.Name)
		return it.Kind != KindCgroup || err != nil
	})
}

func removeItem(t *testing.T, it Item) {
	t.Helper()
	remove := RemoveCgroup
	if it.Kind == KindUnit {
		remove = RemoveUnit
	}
	if err := remove(t.Context(), root, proc, it.Name); err != nil {
		t.Error(err)
	}
}

// Catches a delegated unit not taken as it is, or not given back as it was.
func TestDelegatedUnit(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	id := runID("du")
	unit := "cgroupjoin-" + id + ".service"
	c := start(t, exec.Command("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit="+unit,
		"--property=Delegate=yes", "--setenv=CGROUPJOIN_CHILD=host", "--setenv=CGROUPJOIN_RUN="+id, os.Args[0]))
	base, reported := c.say(), []Item{}
	if err := json.Unmarshal([]byte(c.say()), &reported); err != nil {
		t.Fatal(err)
	}
	if want := root + "/system.slice/" + unit; base != want {
		t.Errorf("base %s, want the unit's own cgroup %s", base, want)
	}
	if slices.Contains(reported, Item{KindUnit, "initbench-" + id + ".scope"}) {
		t.Errorf("reported %v: a scope is not needed here", reported)
	}
	if err := errors.Join(c.end(), c.Wait()); err != nil {
		t.Error(err)
	}
	if left := leftOf(t, id); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

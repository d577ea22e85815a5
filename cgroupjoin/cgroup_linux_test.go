package cgroupjoin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Catches a v1 or hybrid layout taken for cgroup v2, and advice that is missing.
func TestCheckRootRefuses(t *testing.T) {
	err := CheckRoot(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not a cgroup2 mount") || !strings.Contains(err.Error(), "--in vm") {
		t.Errorf("a plain directory: %v", err)
	}
	if err := CheckRoot("/nowhere"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no directory: %v", err)
	}
}

// Catches a run that starts without a controller it measures with.
func TestCheckControllers(t *testing.T) {
	if err := checkControllers("/cg", []string{"cpu", "io", "memory"}); err != nil {
		t.Error(err)
	}
	err := checkControllers("/cg", []string{"cpu", "io"})
	if err == nil || !strings.Contains(err.Error(), "no memory controller (it has: cpu io)") {
		t.Errorf("without memory: %v", err)
	}
}

// Catches a cgroup of the v1 lines, or of another namespace, taken for ours.
func TestOwnCgroup(t *testing.T) {
	tests := map[string]struct{ file, want, err string }{
		"unified":   {"0::/system.slice/x.service\n", "/system.slice/x.service", ""},
		"root":      {"0::/\n", "/", ""},
		"hybrid":    {"4:memory:/a\n1:name=systemd:/b\n0::/c\n", "/c", ""},
		"v1":        {"4:memory:/a\n1:name=systemd:/b\n", "", "no cgroup v2 line"},
		"namespace": {"0::/../../x\n", "", "outside this cgroup namespace"},
	}
	for name, tt := range tests {
		proc := t.TempDir()
		cgroup(t, proc+"/self", map[string]string{"cgroup": tt.file})
		got, err := ownCgroup(proc)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Catches swap overlooked: a limit means something else with it.
func TestSwapTotal(t *testing.T) {
	proc := cgroup(t, t.TempDir(), map[string]string{"meminfo": "MemTotal:  2 kB\nSwapCached: 1 kB\nSwapTotal:      1024 kB\n"})
	if got, err := swapTotal(proc); err != nil || got != 1<<20 {
		t.Errorf("%d, %v; want 1 MiB", got, err)
	}
	cgroup(t, proc, map[string]string{"meminfo": "MemTotal: 2 kB\n"})
	if _, err := swapTotal(proc); err == nil {
		t.Error("no SwapTotal: want an error")
	}
}

// Catches a kernel without memory.peak found out in the middle of a run.
func TestCheckKernel(t *testing.T) {
	dir := cgroup(t, t.TempDir(), map[string]string{"memory.peak": "", "cgroup.kill": ""})
	if err := checkKernel(dir, 0); err != nil {
		t.Error(err)
	}
	if err := checkKernel(dir, 1<<20); err == nil || !strings.Contains(err.Error(), "swapoff -a") {
		t.Errorf("swap without accounting: %v", err)
	}
	if err := checkKernel(t.TempDir(), 0); err == nil || !strings.Contains(err.Error(), "Linux 5.19") {
		t.Errorf("old kernel: %v", err)
	}
}

// Catches processes of sub-cgroups overlooked, and a vanished cgroup turned into an error.
func TestProcs(t *testing.T) {
	dir := cgroup(t, t.TempDir(), map[string]string{"cgroup.procs": "1\n22\n"})
	cgroup(t, dir+"/a/b", map[string]string{"cgroup.procs": "333\n"})
	if got, err := procs(dir); err != nil || !slices.Equal(got, []int{1, 22, 333}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := procs(dir + "/gone"); err != nil || got != nil {
		t.Errorf("gone: %v, %v", got, err)
	}
}

// Catches a subtree shared with another process, or not handed to us, taken over.
func TestIsOursNeedsDelegation(t *testing.T) {
	dir := cgroup(t, t.TempDir(), map[string]string{"cgroup.procs": "42\n"})
	if ours, err := isOurs(dir, 42); ours || err != nil {
		t.Errorf("%v, %v; want a cgroup without the mark refused", ours, err)
	}
	if err := unix.Setxattr(dir, "user.delegate", []byte("1"), 0); err != nil {
		t.Logf("the file system of temporary files keeps no user attributes (%v): only the refusal is tested", err)
		return
	}
	if ours, err := isOurs(dir, 42); !ours || err != nil {
		t.Errorf("%v, %v; want it taken", ours, err)
	}
	if ours, err := isOurs(dir, 43); ours || err != nil {
		t.Errorf("%v, %v; want one with another process refused", ours, err)
	}
}

// Catches a removal that reaches what is not ours, by name, by place or by holding us.
func TestRemovalRefuses(t *testing.T) {
	root, proc := t.TempDir(), t.TempDir()
	cgroup(t, proc+"/self", map[string]string{"cgroup": "0::/initbench.slice/initbench-r.scope/initbench-supervisor\n"})
	paths := map[string]string{
		root + "/system.slice":                      "not one that initbench gives",
		root + "/initbench-x.service":               "not one that initbench gives",
		root + "/initbench-x/pod":                   "not one that initbench gives",
		root:                                        "not one that initbench gives",
		root + "/initbench-x/..":                    "not a path below",
		root + "/x/../initbench-x":                  "not a path below",
		root + "x/initbench-x":                      "not a path below",
		"/etc/initbench-x":                          "not a path below",
		"initbench-x":                               "not a path below",
		root + "/initbench.slice":                   "holds this process",
		root + "/initbench.slice/initbench-r.scope": "holds this process",
		root + "/initbench.slice/initbench-r.scope/" + supervisor: "holds this process",
	}
	for path, want := range paths {
		if err := RemoveCgroup(context.Background(), root, proc, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("RemoveCgroup(%s): %v, want %q", path, err, want)
		}
	}
	for unit, want := range map[string]string{
		"ssh.service":       "not one that initbench gives",
		"initbench.service": "not one that initbench gives",
		"initbench-r.scope": "holds this process",
		"initbench.slice":   "holds this process",
	} {
		if err := RemoveUnit(context.Background(), root, proc, unit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("RemoveUnit(%s): %v, want %q", unit, err, want)
		}
	}
}

// Catches a removal that fails on what is gone, or stops above the innermost cgroup.
func TestRemoveCgroup(t *testing.T) {
	root, proc := t.TempDir(), t.TempDir()
	cgroup(t, proc+"/self", map[string]string{"cgroup": "0::/elsewhere\n"})
	cgroup(t, root+"/initbench-r/a/b", nil)
	cgroup(t, root+"/initbench-r/c", nil)
	for range 2 { // the second time it is gone
		if err := RemoveCgroup(context.Background(), root, proc, root+"/initbench-r"); err != nil {
			t.Fatal(err)
		}
	}
	if left := children(root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Catches remains overlooked, listed twice, or our own cgroup among them.
func TestRemains(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{
		"initbench-plain/initbench-plain-t/pod",
		"initbench.slice/initbench-r.slice/initbench-r-t.slice/initbench-r-t.scope",
		"initbench.slice/initbench-r.slice/initbench-r.scope/initbench-r-t/pod",
		"system.slice/initbench-ci.service/initbench-supervisor",
		"system.slice/initbench-ci.service/initbench-old-t",
		"system.slice/ssh.service",
	} {
		cgroup(t, filepath.Join(root, dir), nil)
	}
	units := []string{"initbench-r-t.scope", "initbench-r.scope", "initbench-r-t.slice", "initbench-r.slice", "initbench.slice"}
	own := "/system.slice/initbench-ci.service/initbench-supervisor"
	var want []Item
	for _, u := range units {
		want = append(want, Item{KindUnit, u})
	}
	want = append(want,
		Item{KindCgroup, root + "/initbench-plain"},
		Item{KindCgroup, root + "/initbench.slice/initbench-r.slice/initbench-r.scope/initbench-r-t"},
		Item{KindCgroup, root + "/system.slice/initbench-ci.service/initbench-old-t"})
	if got := remains(units, root, own); !slices.Equal(got, want) {
		t.Errorf("\n%v, want\n%v", got, want)
	}
	got := remains(units, root, "/initbench.slice/initbench-r.slice/initbench-r.scope")
	for _, unit := range []string{"initbench.slice", "initbench-r.slice", "initbench-r.scope"} {
		if slices.Contains(got, Item{KindUnit, unit}) {
			t.Errorf("%s holds this process and is listed", unit)
		}
	}
}

// Catches a cgroup of someone else adopted because the name was free to reuse.
func TestMakeCgroupIsExclusive(t *testing.T) {
	path := t.TempDir() + "/initbench-x"
	if err := makeCgroup(path); err != nil {
		t.Fatal(err)
	}
	err := makeCgroup(path)
	if !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "initbench clean") {
		t.Errorf("%v, want a refusal that names the command", err)
	}
}

// Catches controllers switched on by halves, or an attempt that makes a file
// where the kernel has none.
func TestToggle(t *testing.T) {
	dir := cgroup(t, t.TempDir(), map[string]string{"cgroup.subtree_control": ""})
	if err := toggle(dir, "+", []string{"cpu", "memory"}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(dir + "/cgroup.subtree_control"); err != nil || string(b) != "+cpu +memory" {
		t.Errorf("%q, %v", b, err)
	}
	if err := toggle(t.TempDir(), "+", []string{"cpu"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want no file made", err)
	}
}

// Catches a limit or a group kill that is not what the trial asked for.
func TestCheckPod(t *testing.T) {
	page := int64(os.Getpagesize())
	tests := map[string]struct {
		max, group string
		limit      int64
		want       string
	}{
		"none":        {"max\n", "0\n", 0, ""},
		"rounded":     {"16777216\n", "0\n", 16<<20 + page/2, ""},
		"not written": {"max\n", "0\n", 16 << 20, "asked for 16777216"},
		"other":       {"4096\n", "0\n", 16 << 20, "4096 in force"},
		"group kill":  {"max\n", "1\n", 0, "memory.oom.group is 1"},
	}
	for name, tt := range tests {
		dir := cgroup(t, t.TempDir(), map[string]string{"memory.max": tt.max, "memory.oom.group": tt.group})
		err := checkPod(dir, tt.limit)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

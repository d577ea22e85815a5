package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"
)

// required controllers: without them a trial cannot be limited or measured.
var required = []string{"memory", "cpu"}

// CheckRoot reports whether root is a cgroup2 mount with the controllers that
// trials need. The error says what is there instead and what mends it.
func CheckRoot(root string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return fmt.Errorf("cgroup v2: %s: %w", root, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return &RootError{Root: root, Remedy: "boot with systemd.unified_cgroup_hierarchy=1, or measure in the guest with --in vm"}
	}
	have, err := controllers(root, root)
	if err != nil {
		return err
	}
	return checkControllers(root, have)
}

func checkControllers(path string, have []string) error {
	for _, c := range required {
		if !slices.Contains(have, c) {
			return fmt.Errorf("cgroup v2: %s has no %s controller (it has: %s): a v1 hierarchy, cgroup_disable= "+
				"on the kernel's command line or a unit's DisableControllers= holds it", path, c, strings.Join(have, " "))
		}
	}
	return nil
}

// group is containerd's handle of the cgroup at an absolute path.
func group(root, path string) (*cgroup2.Manager, error) {
	rel := strings.TrimPrefix(path, root)
	if rel == "" {
		rel = "/"
	}
	return cgroup2.Load(rel, cgroup2.WithMountpoint(root))
}

// controllers lists those that path may give to its children.
func controllers(root, path string) ([]string, error) {
	m, err := group(root, path)
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	list, err := m.Controllers()
	if err != nil {
		return nil, fmt.Errorf("cgroup v2: controllers: %w", err)
	}
	return list, nil
}

// move puts a process, with all its threads, into the cgroup at path.
func move(root, path string, pid int) error {
	m, err := group(root, path)
	if err == nil {
		err = m.AddProc(uint64(pid))
	}
	if err != nil {
		return fmt.Errorf("move process %d: %w", pid, err)
	}
	return nil
}

// toggle enables ("+") or disables ("-") controllers for the children of path.
// containerd's ToggleControllers writes to every ancestor instead, where
// systemd is the only one who may.
func toggle(path, sign string, list []string) error {
	if len(list) == 0 {
		return nil
	}
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = sign + c
	}
	return writeFile(path, "cgroup.subtree_control", strings.Join(words, " "))
}

// subtreeControl lists the controllers that path gives to its children.
func subtreeControl(path string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(path, "cgroup.subtree_control"))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(b)), nil
}

// enable turns on every controller that works and returns those. Runtimes do
// the same on their way down to the container's cgroup, so doing it first keeps
// a run's first trial like the others.
func enable(root, path string) ([]string, error) {
	have, err := controllers(root, path)
	if err != nil {
		return nil, err
	}
	if err := checkControllers(path, have); err != nil {
		return nil, err
	}
	var on []string
	for _, c := range have {
		switch err := toggle(path, "+", []string{c}); {
		case err == nil:
			on = append(on, c)
		case slices.Contains(required, c):
			return on, explainToggle(path, c, err) // on: for the caller to undo
		}
	}
	return on, nil
}

func explainToggle(path, controller string, err error) error {
	err = fmt.Errorf("enable %s: %w", controller, err)
	if !errors.Is(err, unix.EBUSY) {
		return explainWrite(err)
	}
	pids, _ := procs(path) // only to name them: the refusal stands without
	return fmt.Errorf("%w: processes %v live in this cgroup, and only its leaves may hold processes: "+
		"start initbench in a cgroup of its own, such as systemd-run --pipe --wait -p Delegate=yes", err, pids)
}

// explainWrite adds what to do about a cgroup file system that cannot be written.
func explainWrite(err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: the cgroup file system is mounted read-only, as in an unprivileged container: "+
			"remount it read-write, or measure with --in vm", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: cgroups are made as root: run with sudo, or measure with --in vm", err)
	}
	return err
}

// makeCgroup makes a directory that must not be there yet.
func makeCgroup(path string) error {
	err := unix.Mkdir(path, 0o755)
	if err == nil {
		return nil
	}
	err = &fs.PathError{Op: "mkdir", Path: path, Err: err}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: left by a run that was killed, `initbench clean` removes it", err)
	}
	return explainWrite(err)
}

func writeFile(dir, file, value string) error {
	// No O_CREATE: a cgroup's files are the kernel's to make.
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// ownCgroup is the calling process's cgroup as a path from the mount.
func ownCgroup(proc string) (string, error) {
	b, err := os.ReadFile(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		return "", fmt.Errorf("own cgroup: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		path, v2 := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		switch {
		case v2 && strings.HasPrefix(path, "/.."):
			return "", fmt.Errorf("own cgroup: %s lies outside this cgroup namespace: "+
				"start initbench in the namespace its cgroup mount belongs to", path)
		case v2:
			return path, nil
		}
	}
	return "", fmt.Errorf("own cgroup: %s/self/cgroup has no cgroup v2 line", proc)
}

// procs lists the processes of a cgroup and of those below it. A cgroup that
// goes while it is read has none. Zombies are not listed by the kernel.
func procs(path string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
	if err != nil && !isGone(err) {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%s/cgroup.procs: %w", path, err)
		}
		pids = append(pids, pid)
	}
	for _, child := range children(path) {
		more, err := procs(child)
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	return pids, nil
}

// children lists the cgroups right below path; none when it is gone. Most have none, which the number of links tells:
// reading the directory has the kernel look up each of its sixty files.
func children(path string) []string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil || st.Nlink == ownLinks {
		return nil
	}
	// A directory removed meanwhile, or while being read, has no children.
	entries, _ := os.ReadDir(path)
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(path, e.Name()))
		}
	}
	return dirs
}

// ownLinks are those of a directory without directories in it: its name, and its own ".". A file system
// that counts no links of directories says 1.
const ownLinks = 2

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// kill sends SIGKILL to every process at and below path; the kernel leaves no
// window for a fork in between.
func kill(path string) error {
	if err := writeFile(path, "cgroup.kill", "1"); err != nil && !isGone(err) {
		return fmt.Errorf("kill: %w", err)
	}
	return nil
}

// removeTree kills what lives at and below path and removes the cgroups, the
// innermost first. A tree that is gone is removed already.
func removeTree(ctx context.Context, path string) error {
	live, err := populated(path)
	switch {
	case err != nil:
		return err
	case !live: // nor will be: processes are born where their parent is
		return rmdirTree(path)
	}
	if err := kill(path); err != nil {
		return err
	}
	if err := waitEmpty(ctx, path); err != nil {
		pids, _ := procs(path) // only to name them
		return fmt.Errorf("cgroup %s: killed processes %v did not end: %w", path, pids, err)
	}
	return rmdirTree(path)
}

func rmdirTree(path string) error {
	for _, child := range children(path) {
		if err := rmdirTree(child); err != nil {
			return err
		}
	}
	if err := unix.Rmdir(path); err != nil && !isGone(err) {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

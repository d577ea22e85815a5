package testenv

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and exits: with 1 when they leave something behind.
// Call it from TestMain.
func Main(m *testing.M) {
	os.Exit(run(m, os.Stderr, settling))
}

type runner interface{ Run() int }

func run(m runner, stderr io.Writer, patience time.Duration) int {
	if err := warmUp(); err != nil {
		fmt.Fprintln(stderr, "testenv:", err)
		return 1
	}
	if err := os.Setenv(mark, fmt.Sprint(os.Getpid())); err != nil {
		fmt.Fprintln(stderr, "testenv:", err)
		return 1
	}
	before := snapshot()
	code := m.Run()
	leaks := before.leftAfter(snapshot, patience)
	for _, l := range leaks {
		fmt.Fprintln(stderr, "testenv: left behind by the tests:", l)
	}
	if code == 0 && len(leaks) > 0 {
		return 1
	}
	return code
}

// warmUp has the Go runtime open what it opens once: its poller's descriptors.
func warmUp() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	return w.Close()
}

// mark is the variable by which a process is known as started by these tests, also
// when whoever started it is gone. Its value is the test binary's process.
const mark = "INITBENCH_TESTENV"

// settling is how long what has been killed may take to be gone.
const settling = 5 * time.Second

// leftAfter gives what goes away by itself the time to: a killed orphan is nobody's to wait for.
func (before world) leftAfter(look func() world, patience time.Duration) []string {
	for until := time.Now().Add(patience); ; time.Sleep(patience / 100) {
		leaks := before.left(look())
		if len(leaks) == 0 || time.Now().After(until) {
			return leaks
		}
	}
}

// world is a set of things that can outlive a test, each in words.
type world map[string]bool

func (before world) left(after world) []string {
	extra := maps.Clone(after)
	for thing := range before {
		delete(extra, thing)
	}
	return slices.Sorted(maps.Keys(extra))
}

// snapshot reads the kernel's and systemd's lists. Elsewhere than on Linux they
// are empty.
func snapshot() world { return worldOf(descriptors, processes, mounts, cgroups, units) }

func worldOf(lists ...func() []string) world {
	w := make(world)
	for _, list := range lists {
		for _, thing := range list() {
			w[thing] = true
		}
	}
	return w
}

// Opened notes the descriptors that this process has open. What it returns names those that are open later, were not
// then, and stay: one that the Go runtime closes meanwhile, or has open for a moment, is not the caller's.
func Opened() (since func() []string) { return opened(settling) }

func opened(patience time.Duration) (since func() []string) {
	list := func() world { return worldOf(descriptors) }
	before := list()
	return func() []string { return before.leftAfter(list, patience) }
}

func descriptors() []string {
	var list []string
	entries, _ := os.ReadDir("/proc/self/fd") // none: not Linux
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue // the one that the listing itself had open
		}
		list = append(list, fmt.Sprintf("descriptor %s -> %s", e.Name(), target))
	}
	return list
}

// processes lists the children of this process, adopted ones (a subreaper's) and
// zombies too, and whoever carries its mark. What a container runs carries none:
// runtimes give it an environment of its own, and its cgroup tells of it.
func processes() []string {
	var list []string
	self := fmt.Sprint(os.Getpid())
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		pid, parent, comm := parseStat(string(b))
		if pid != self && (parent == self || marked(filepath.Dir(path), self)) {
			list = append(list, fmt.Sprintf("process %s (%s)", pid, comm))
		}
	}
	return list
}

// marked reports whether a process was started by these tests. One of another user
// does not say.
func marked(dir, self string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "environ"))
	return err == nil && slices.Contains(strings.Split(string(b), "\x00"), mark+"="+self)
}

// parseStat takes apart "PID (COMM) STATE PPID ..."; COMM may hold anything, ')' too.
func parseStat(s string) (pid, parent, comm string) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return "", "", ""
	}
	rest := strings.Fields(s[end+1:])
	if len(rest) < 2 {
		return "", "", ""
	}
	return strings.TrimSpace(s[:open]), rest[1], s[open+1 : end]
}

func mounts() []string {
	var list []string
	b, _ := os.ReadFile("/proc/self/mountinfo") // none: not Linux
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 {
			list = append(list, fmt.Sprintf("mount %s on %s", f[0], f[4]))
		}
	}
	return list
}

func cgroups() []string {
	if missingCgroup() != nil {
		return nil
	}
	var list []string
	// A directory that goes during the walk is no leak: keep walking.
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "initbench") {
			list = append(list, "cgroup "+path)
		}
		return nil
	})
	return list
}

// units has systemctl tell of failed units too, which have no cgroup.
func units() []string {
	if missingSystemd() != nil {
		return nil
	}
	out, err := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", "initbench*").Output()
	if err != nil {
		return []string{fmt.Sprintf("systemctl list-units: %v", err)}
	}
	var list []string
	for line := range bytes.Lines(out) {
		if f := strings.Fields(string(line)); len(f) > 0 {
			list = append(list, "unit "+f[0])
		}
	}
	return list
}

package enforce

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// Catches an old kernel that passes, and one whose release is written in a way of its own that does not.
func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.4.0-150-generic": false, "4.19.0": false, "5.5.0": true, "5.10.0-30-amd64": true, "6.1.0-50-cloud-amd64": true, "next": true,
	} {
		if got := atLeast(release, 5, 5); got != want {
			t.Errorf("%s: %v", release, got)
		}
	}
}

// Catches a "yes" for a user who may not install the filter, without the reason.
func TestSupportedNeedsRoot(t *testing.T) {
	err := Supported()
	switch {
	case os.Geteuid() == 0 && err != nil:
		t.Errorf("root of a kernel that runs these tests: %v", err)
	case os.Geteuid() != 0 && (err == nil || !strings.Contains(err.Error(), "needs root")):
		t.Errorf("a user: %v", err)
	}
}

// Catches options that would make an enforcer wait for what cannot come, or a mistake that is only seen by a hang.
func TestOptions(t *testing.T) {
	const pod = "/sys/fs/cgroup/a/pod"
	for name, o := range map[string]Options{
		"order \"\" is none": {Pod: pod, Leaf: pod + "/leaf"},
		"is no cgroup below": {Order: sequence.Natural, Pod: "/a/pod", Leaf: "/a/pod/leaf"},
		"\"\" is no cgroup":  {Order: sequence.Natural, Pod: pod},
		"is not below the":   {Order: sequence.Natural, Pod: pod, Leaf: pod + "x/leaf"},
		"negative deadline":  {Order: sequence.Natural, Pod: pod, Leaf: pod + "/leaf", Deadline: -1},
		"cgroup.events":      {Order: sequence.Natural, Pod: "/sys/fs/cgroup/initbench-none", Leaf: "/sys/fs/cgroup/initbench-none/leaf"},
	} {
		if e, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, %v; want %s", o, e, err, name)
		}
	}
	o := Options{Order: sequence.Natural, Pod: pod, Leaf: pod + "/leaf"}
	if err := o.check(); err != nil || o.Deadline != DefaultDeadline {
		t.Errorf("%v, deadline %v", err, o.Deadline)
	}
}

// Catches a filter that stays on one of initbench's own threads, where it would stop initbench itself, and a
// failed start that leaves anything behind.
func TestSpawnLeavesInitbenchAlone(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2)
	b := openBench(t)
	for _, steps := range []string{"say", ""} {
		s := b.stage(Options{Order: sequence.JoinBeforeClone, Deadline: time.Minute})
		if steps == "" {
			err := s.Spawn(func() (int, error) { return 0, os.ErrNotExist })
			if err != os.ErrNotExist {
				t.Errorf("a start that failed: %v", err)
			}
			s.expect(s.Created(false), sequence.OrderCouldNot, "no process was spawned")
		} else {
			s.begin(steps)
			s.end()
		}
		if err := s.Spawn(func() (int, error) { return 0, nil }); err == nil {
			t.Error("a second process was spawned")
		}
		b.must(s.Enforcer.Close())
		for filtered() { // the thread is ending
			if t.Context().Err() != nil {
				t.Fatal("a thread of initbench keeps the filter")
			}
		}
	}
}

// filtered reports whether a thread of this process has a seccomp filter.
func filtered() bool {
	p := proc(procRoot)
	for _, tid := range p.threads(os.Getpid()) {
		status, err := slurp(p.file(os.Getpid(), "task", strconv.Itoa(tid), "status"))
		if err == nil && !strings.Contains(string(status), "\nSeccomp:\t0\n") {
			return true
		}
	}
	return false
}

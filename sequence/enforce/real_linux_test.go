package enforce

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

const tight = 12 << 20 // a container's limit that has room for init, not for runc's binary too

// Catches an order that is said to be imposed on a real runtime and is not: whose copy is charged to a container of
// 12 MiB is killed in it, whose copy was made before is not. Under either driver.
func TestSmokeOrderDecidesWhoIsKilled(t *testing.T) {
	b := openBench(t)
	old := runcOf(t, "v1.1.15")
	for _, d := range cgroupjoin.Drivers() {
		for range 3 {
			clone := b.run(trial{binary: old, driver: d, order: sequence.CloneBeforeJoin, limit: tight})
			if clone.Outcome != sequence.OrderImposed || !clone.started || clone.oom != 0 {
				t.Errorf("%s, clone before join: %v", d, clone)
			}
			join := b.run(trial{binary: old, driver: d, order: sequence.JoinBeforeClone, limit: tight})
			if join.Outcome != sequence.OrderImposed || join.started || join.oom == 0 {
				t.Errorf("%s, join before clone: %v", d, join)
			}
		}
	}
}

// Catches a runtime that makes no copy inside init and is held for one, or is said to have taken the order.
func TestNotApplicable(t *testing.T) {
	b := openBench(t)
	for name, binary := range map[string]string{"runc 1.2.6": runcOf(t, "v1.2.6"), "crun": "crun"} {
		for _, d := range cgroupjoin.Drivers() {
			for _, o := range []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone} {
				e := b.run(trial{binary: binary, driver: d, order: o, limit: tight})
				if e.Outcome != sequence.OrderNotApplicable || !e.started {
					t.Errorf("%s, %s, %s: %v", name, d, o, e)
				}
				// The natural way is held for no longer than a child takes to begin to wait.
				if e.HeldNS >= DefaultDeadline.Nanoseconds()/2 {
					t.Errorf("%s, %s, %s: held for %d ns", name, d, o, e.HeldNS)
				}
			}
		}
	}
}

// Catches a join that is held for as long as it may be, of a process that executes the runtime's file and only keeps a scope alive.
func TestSmokePlaceholderIsNotWaitedFor(t *testing.T) {
	b := openBench(t)
	builtin := pushed(t, "builtin")
	for _, options := range [][]string{{"--strategy", "memfd"}, {"--strategy", "tmpfile"}, {"--clone", "none"}} {
		for _, o := range []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone} {
			e := b.run(trial{binary: builtin, options: append(options, "--cgroup", "early"), driver: cgroupjoin.Systemd, order: o})
			if e.Outcome != sequence.OrderNotApplicable || !e.started || e.HeldNS >= DefaultDeadline.Nanoseconds()/2 {
				t.Errorf("%q, %s: %v", options, o, e)
			}
		}
	}
}

// Catches a payload that is slowed or changed by the filter it inherits: with a profile of its own that forbids calls,
// and with calls of its own that the filter stops.
func TestPayloadWithProfile(t *testing.T) {
	b := openBench(t)
	copyFile(b, filepath.Join(b.rootfs.Dir, "fake"), os.Args[0])
	for name, binary := range map[string]string{"runc 1.1.15": runcOf(t, "v1.1.15"), "crun": "crun"} {
		e := b.run(trial{binary: binary, driver: cgroupjoin.Cgroupfs, order: sequence.CloneBeforeJoin, edit: func(config string) {
			editConfig(t, config, func(c *specs.Spec) {
				c.Process.Args, c.Process.Env = []string{"/fake"}, []string{stepsVar + "=memfd mkdir", leafVar + "=/dev/shm/x"}
				c.Linux.Seccomp = profile("mkdirat", specs.ActErrno)
			})
		}})
		// It made its memfd, then its mkdir was refused by its own profile.
		if e.Outcome == sequence.OrderCouldNot || e.started || e.oom != 0 {
			t.Errorf("%s: %v", name, e)
		}
		if !strings.Contains(e.said, "memfd_create: <nil>") || !strings.Contains(e.said, "mkdir: mkdir /dev/shm/x: operation not permitted") {
			t.Errorf("%s: the payload said %q", name, e.said)
		}
	}
}

// Catches a hang where the kernel allows no second listener: the runtime has to fail, and say so.
func TestPayloadWithListener(t *testing.T) {
	b := openBench(t)
	agent, err := net.Listen("unix", filepath.Join(b.dir, "agent"))
	b.must(err)
	defer func() { b.must(agent.Close()) }()
	for name, binary := range map[string]string{"runc 1.1.15": runcOf(t, "v1.1.15"), "crun": "crun"} {
		e := b.run(trial{binary: binary, driver: cgroupjoin.Cgroupfs, order: sequence.JoinBeforeClone, edit: func(config string) {
			editConfig(t, config, func(c *specs.Spec) {
				c.Linux.Seccomp = profile("chroot", specs.ActNotify)
				c.Linux.Seccomp.ListenerPath = agent.Addr().String()
			})
		}})
		if e.started || !strings.Contains(strings.ToLower(e.said), "resource busy") {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// profile does something about one call and allows all others.
func profile(call string, do specs.LinuxSeccompAction) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64},
		Syscalls: []specs.LinuxSyscall{{Names: []string{call}, Action: do}}}
}

func editConfig(t *testing.T, path string, edit func(*specs.Spec)) {
	t.Helper()
	var c specs.Spec
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	edit(&c)
	if data, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testGuest names the variable that says: boot real guests. It needs QEMU, the
// image's tools and a minute, which `make test` has and `go test ./...` may not.
const testGuest = "INITBENCH_TEST_GUEST"

// bootReal boots a real guest with this test binary as its agent.
func bootReal(t *testing.T, o Options) *Guest {
	t.Helper()
	if os.Getenv(testGuest) != "1" {
		t.Skip("boots a real guest only with " + testGuest + "=1")
	}
	o.Log = t.Output()
	g, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// The whole way, once: image, boot, agent, commands in delegated units, files on
// ext4, and the guest's death told from a command's failure.
func TestRealGuest(t *testing.T) {
	g := bootReal(t, Options{})
	t.Run("status", func(t *testing.T) { realStatus(t, g) })
	t.Run("unit", func(t *testing.T) { realUnit(t, g) })
	t.Run("quiet", func(t *testing.T) { realQuiet(t, g) })
	t.Run("push", func(t *testing.T) { realPush(t, g) })
	t.Run("interrupt", func(t *testing.T) { realInterrupt(t, g) })
	t.Run("death", func(t *testing.T) { realDeath(t, g) })
}

func realStatus(t *testing.T, g *Guest) {
	for script, want := range map[string]int{"true": 0, "exit 7": 7, "kill -KILL $$": 137} {
		if code, _, _ := output(t, g.channel, sh(script)); code != want {
			t.Errorf("%s: %d, want %d", script, code, want)
		}
	}
}

// Trials need a unit of their own with every controller, and what is left in it
// must be gone when the command's status is there.
func realUnit(t *testing.T, g *Guest) {
	script := `cg=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
mkdir $cg/below && echo $$ >$cg/below/cgroup.procs && echo "+memory +pids +cpu" >$cg/cgroup.subtree_control &&
test -e $cg/below/memory.peak && echo $cg && { setsid sleep 3600 & }`
	code, stdout, stderr := output(t, g.channel, sh(script))
	if code != 0 {
		t.Fatalf("delegation: %d, %s", code, stderr)
	}
	if code, left, _ := output(t, g.channel, sh("cat "+strings.TrimSpace(stdout)+"/below/cgroup.procs")); code == 0 && left != "" {
		t.Errorf("processes left: %s", left)
	}
}

// Noise in the guest is noise in every measurement.
func realQuiet(t *testing.T, g *Guest) {
	for script, want := range map[string]string{
		"systemctl is-system-running":                                                        "running\n",
		"systemctl list-timers --no-legend | wc -l":                                          "0\n",
		"tail -n +2 /proc/swaps":                                                             "",
		"stat -f -c %T " + GuestState + " /root | sort -u":                                   "ext2/ext3\n",
		"stat -f -c %T /sys/fs/cgroup; command -v crun; cat /proc/sys/kernel/printk | wc -w": "cgroup2fs\n/usr/bin/crun\n4\n",
	} {
		if _, stdout, stderr := output(t, g.channel, sh(script)); stdout != want {
			t.Errorf("%s: %q %s; want %q", script, stdout, stderr, want)
		}
	}
}

func realPush(t *testing.T, g *Guest) {
	local := filepath.Join(t.TempDir(), "tool")
	script := append([]byte("#!/bin/sh\necho pushed\nexit\n"), bytes.Repeat([]byte("x"), 4<<20)...)
	if err := os.WriteFile(local, script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.Push(t.Context(), local, GuestBin+"/tool", 0o755); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := output(t, g.channel, Cmd{Argv: []string{"tool"}}); code != 0 || stdout != "pushed\n" {
		t.Errorf("pushed tool: %d, %q", code, stdout)
	}
}

func realInterrupt(t *testing.T, g *Guest) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := sh(`trap 'exit 9' INT; echo ready; while :; do sleep 0.1; done`)
	cmd.Stdout = &watcher{want: "ready", seen: cancel}
	if code, err := g.Run(ctx, cmd); err != nil || code != 9 {
		t.Errorf("interrupted: %d, %v; want 9", code, err)
	}
}

func realDeath(t *testing.T, g *Guest) {
	cmd := sh("echo c >/proc/sysrq-trigger; sleep 3600")
	_, err := g.Run(t.Context(), cmd)
	var death *DeathError
	if !errors.As(err, &death) || !strings.Contains(err.Error(), "Kernel panic") {
		t.Errorf("panic: %v; want the guest's death with its panic", err)
	}
	<-g.Died()
}

// With the instructions clock guest time must go on while nothing runs, and count
// instructions, not the host's time.
func TestRealInstructionsClock(t *testing.T) {
	g := bootReal(t, Options{Clock: Instructions})
	if f := g.Facts(); f.CPUs != 1 || f.Accelerator != TCG || f.Clock != Instructions {
		t.Errorf("facts %+v", f)
	}
	began := time.Now()
	// An hour of the guest's time is nothing to wait for when it has nothing to do.
	if code, _, stderr := output(t, g.channel, sh("sleep 3600")); code != 0 {
		t.Errorf("%d, %s", code, stderr)
	}
	t.Logf("an hour of guest time took %v", time.Since(began))
}

//go:build amd64

package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wrapped makes a wrapper around a script, beside it, that prints its arguments and exits with 7.
func wrapped(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 7\n"
	if err := os.WriteFile(filepath.Join(dir, "baseline"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "wrapper")
	said, err := exec.Command("plants/build.sh", append(args, out)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

// Catches a wrapper that changes what the runtime is told or what it answers, or that costs nothing.
func TestPlantSlow(t *testing.T) {
	const asked = 700 * time.Millisecond
	path := wrapped(t, "slow", "0.7s")
	began := time.Now()
	out, err := exec.Command(path, "--root", "/a b", "create", "").CombinedOutput()
	took := time.Since(began)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "<--root></a b><create><>" {
		t.Errorf("%v, said %q", err, out)
	}
	if took < asked {
		t.Errorf("create took %v, want at least %v", took, asked)
	}
}

// Catches more calls or fewer than were asked for, and verbs that do not start a container but bear the cost.
func TestPlantCalls(t *testing.T) {
	path := wrapped(t, "calls", "200")
	for verb, want := range map[string]int{"create": 200, "run": 200, "start": 0, "delete": 0} {
		if got := getppids(t, exec.Command(path, "--root", "/x", verb, "id")); got != want {
			t.Errorf("%s: %d calls, want %d", verb, got, want)
		}
	}
}

// getppids counts a program's calls of getppid until it executes another.
func getppids(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	runtime.LockOSThread() // only the thread that started it may trace it
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	status, err := wait(pid)
	if err != nil || !status.Stopped() {
		t.Fatalf("status %#x, %v", status, err)
	}
	stops := 0 // each call is two: where it begins and where it ends
	for {
		err := unix.PtraceSyscall(pid, 0)
		if err == nil {
			status, err = wait(pid)
		}
		var regs unix.PtraceRegs
		if err == nil {
			err = unix.PtraceGetRegs(pid, &regs)
		}
		if err != nil {
			t.Fatalf("status %#x: %v", status, err)
		}
		switch regs.Orig_rax {
		case unix.SYS_GETPPID:
			stops++
		case unix.SYS_EXECVE:
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // of the signal
			return stops / 2
		}
	}
}

// Catches a daemon that forgets more sockets than it is asked to or fewer, or keeps what its runtime's caller waits for, and an honest twin that is none.
func TestPlantLeaks(t *testing.T) {
	const creates, most = 40, 8 // where it listens, and what comes and goes
	for every, forgotten := range map[string]int{"2": creates / 2, "0": 0} {
		path := wrapped(t, "leak", every)
		args := []string{"--version", "create"}
		for range creates + 1 {
			out, err := exec.Command(path, args[0]).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "<"+args[0]+">" {
				t.Fatalf("%s: %v, said %q", args[0], err, out)
			}
			args = args[len(args)-1:]
		}
		daemon := executing(t, path)
		open, err := os.ReadDir("/proc/" + strconv.Itoa(daemon) + "/fd")
		if n := len(open); err != nil || n < forgotten+1 || n > forgotten+most {
			t.Errorf("every %s: %d descriptors after %d creates, %v", every, n, creates, err)
		}
		kill(t, daemon)
	}
}

// kill ends a process that is no child of ours, and waits until it has let go of its name.
func kill(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }() // of what has ended
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}

// executing finds the process of a file.
func executing(t *testing.T, path string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, exe := range all {
		if of, err := os.Readlink(exe); err == nil && of == path { // or it is another's, or has ended
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(exe)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("no process executes %s", path)
	return 0
}

// Catches a cost that is not what was asked for, and one that is silently none.
func TestPlantRefuses(t *testing.T) {
	for _, args := range []string{"", "slow 5 /x", "slow 0ms /x", "slow -1s /x", "calls 0 /x", "calls 1e3 /x", "leak /x", "leak -1 /x", "leak x /x", "calls 5", "fast 5 /x", `calls 5 /x a"b`} {
		out, err := exec.Command("plants/build.sh", strings.Fields(args)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || strings.Count(string(out), "\n") != 1 || !strings.HasPrefix(string(out), "usage: ") {
			t.Errorf("%q: %v, said %q; want exit status 2 and how it is used", args, err, out)
		}
	}
}

// Catches a wrapper whose runtime is not there and that says it succeeded.
func TestPlantWithoutRuntime(t *testing.T) {
	path := wrapped(t, "calls", "1")
	if err := os.Remove(filepath.Join(filepath.Dir(path), "baseline")); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(string(out), "plant: "+filepath.Dir(path)+"/baseline: No such file") {
		t.Errorf("%v, said %q", err, out)
	}
}

func wait(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}

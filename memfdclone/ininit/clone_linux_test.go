//go:build cgo

package ininit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/memfdclone"
)

// role has the test binary say what it finds itself to be.
const role = "ININIT_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		os.Exit(tell())
	}
	os.Exit(m.Run())
}

// told is what a process executed anew says of itself.
type told struct {
	Exe       string
	Sealed    bool
	Args, Env []string
	FDs       int
}

func tell() int {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer self.Close()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		exe = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(told{exe, memfdclone.Sealed(self), os.Args, os.Environ(), openFDs()}); err != nil {
		return 3
	}
	return 0
}

// openFDs counts those that were inherited, not what Go has open of its own.
func openFDs() int {
	n := 0
	for fd := range 100 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			n++
		}
	}
	return n
}

// again is the test binary in the other role.
func again(args []string, env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = args
	cmd.Env = append([]string{role + "=1"}, env...)
	return cmd
}

func ask(t *testing.T, cmd *exec.Cmd) told {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v, said %q", err, &stderr)
	}
	var got told
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// Catches a copy that is not sealed or not what is executed, and arguments, environment or descriptors that get lost on the way, or
// are too many to be read at once.
func TestCopiesWhenAsked(t *testing.T) {
	args := []string{"runc", "", "init", "a b", strings.Repeat("long", 5000), ""}
	env := []string{"EMPTY=", "A=b c", Variable + "=" + Memfd}
	got := ask(t, again(args, env...))
	if got.Exe != "/memfd:runc_cloned:/proc/self/exe (deleted)" || !got.Sealed {
		t.Errorf("executed from %s, sealed: %v", got.Exe, got.Sealed)
	}
	if want := append([]string{role + "=1"}, env...); !slices.Equal(got.Args, args) || !slices.Equal(got.Env, want) {
		t.Errorf("arguments %.100q and environment %q, want them as they were given: %.100q, %q", got.Args, got.Env, args, want)
	}
	if unasked := ask(t, again(args)); got.FDs != unasked.FDs {
		t.Errorf("%d descriptors were inherited, want %d, as without a copy", got.FDs, unasked.FDs)
	}
}

// Catches a program that copies itself though nobody asked.
func TestDoesNothingUnasked(t *testing.T) {
	for _, env := range []string{"A=b", Variable + "="} {
		if got := ask(t, again([]string{"x"}, env)); got.Sealed || strings.Contains(got.Exe, "memfd") {
			t.Errorf("with %s: executed from %s", env, got.Exe)
		}
	}
}

// Catches a second copy of what is one already, by parent or by whoever called.
func TestSealedIsNotCopiedAgain(t *testing.T) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	c, err := memfdclone.Make(self, memfdclone.Options{Strategy: memfdclone.Memfd, Name: "parent"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.File.Close()
	cmd := again([]string{"x"}, Variable+"="+Memfd)
	cmd.Path = "/proc/self/fd/3"
	cmd.ExtraFiles = []*os.File{c.File}
	if got := ask(t, cmd); got.Exe != "/memfd:parent (deleted)" {
		t.Errorf("executed from %s, want the copy that it was", got.Exe)
	}
}

// Catches an init that goes on unprotected, in silence, or with more to say than a line; and one that SIGXFSZ ends.
func TestFailsInOneLine(t *testing.T) {
	forbid := func(nr uint32) func(*exec.Cmd) error {
		return func(cmd *exec.Cmd) error { return startRefused(cmd, nr) }
	}
	for name, tt := range map[string]struct {
		value string
		start func(*exec.Cmd) error
		want  string
	}{
		"memfd_create": {Memfd, forbid(unix.SYS_MEMFD_CREATE), "memfd_create: Operation not permitted"},
		"sendfile":     {Memfd, forbid(unix.SYS_SENDFILE), "sendfile: Operation not permitted"},
		"execveat":     {Memfd, forbid(unix.SYS_EXECVEAT), "fexecve: Operation not permitted"},
		"file size":    {Memfd, startLimited, "RLIMIT_FSIZE: File too large"},
		"other value":  {"overlayfs", (*exec.Cmd).Start, Variable + " is not memfd: Invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := again([]string{"x"}, Variable+"="+tt.value)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := tt.start(cmd); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			want := "initbench: copy /proc/self/exe in init: " + tt.want + "\n"
			if code := cmd.ProcessState.ExitCode(); err == nil || code != 1 || stderr.String() != want || stdout.Len() > 0 {
				t.Errorf("exit status %d, said %q and %q, want 1 and %q", code, &stdout, &stderr, want)
			}
		})
	}
}

// startRefused starts cmd from a thread of its own, to which the kernel refuses a call; a child inherits that.
func startRefused(cmd *exec.Cmd, nr uint32) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: a filter cannot be taken off
		filter := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		}
		prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
		}
		if err == nil {
			err = cmd.Start()
		}
		failed <- err
	}()
	return <-failed
}

// startLimited starts cmd with a file size limit, which a child inherits.
func startLimited(cmd *exec.Cmd) (err error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: old.Max}); err != nil {
		return err
	}
	defer func() {
		if back := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err == nil {
			err = back
		}
	}()
	return cmd.Start()
}

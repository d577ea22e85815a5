package memfdclone

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that a filter refuses: any, or those whose argument arg has a bit of mask (mask 0: any).
type call struct {
	nr   uintptr
	arg  int
	mask uint32
}

// refused runs f on a thread of its own to which the kernel refuses calls with errno. The thread ends with f: a
// filter cannot be taken off.
func refused(errno unix.Errno, calls []call, f func()) error {
	done := make(chan error, 1)
	go func() {
		defer close(done)      // also when f ends the test
		runtime.LockOSThread() // and never unlocked
		if err := installFilter(refusalOf(errno, calls)); err != nil {
			done <- fmt.Errorf("seccomp filter: %w", err)
			return
		}
		f()
	}()
	return <-done
}

func refusing(t testing.TB, errno unix.Errno, calls []call, f func()) {
	t.Helper()
	if err := refused(errno, calls, f); err != nil {
		t.Fatal(err)
	}
}

// makeRefused is Make where calls are refused. Nothing is asserted there: what a test says is written, too.
func makeRefused(t testing.TB, errno unix.Errno, calls []call, src *os.File, o Options) (c *Clone, err error) {
	t.Helper()
	refusing(t, errno, calls, func() { c, err = Make(src, o) })
	if c != nil {
		t.Cleanup(func() { c.File.Close() })
	}
	return c, err
}

// refusalOf is the filter: each call is three instructions of its own, so that no jump is long.
func refusalOf(errno unix.Errno, calls []call) []unix.SockFilter {
	const load, equal, anyBit, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	no := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	var prog []unix.SockFilter
	for _, c := range calls {
		prog = append(prog, unix.SockFilter{Code: load, K: 0})
		if c.mask == 0 {
			prog = append(prog, unix.SockFilter{Code: equal, K: uint32(c.nr), Jf: 1}, no)
			continue
		}
		prog = append(prog, unix.SockFilter{Code: equal, K: uint32(c.nr), Jf: 3},
			unix.SockFilter{Code: load, K: uint32(16 + 8*c.arg)}, unix.SockFilter{Code: anyBit, K: c.mask, Jf: 1}, no)
	}
	return append(prog, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
}

func installFilter(filter []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return errno
	}
	return nil
}

package enforce

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says why orders cannot be imposed on this machine; nil when nothing is known to stand against it.
func Supported() error {
	if len(trapped) == 0 {
		return fmt.Errorf("orders are imposed on linux/amd64 only, and this is linux/%s", runtime.GOARCH)
	}
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("a seccomp filter that reaches setuid programs needs root, and this is user %d", uid)
	}
	if err := supportsNotifications(); err != nil {
		return err
	}
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		return errors.New("the kernel does not list a process's children in /proc: CONFIG_PROC_CHILDREN (Linux 3.5) does")
	}
	return nil
}

// supportsNotifications asks the kernel for the interface and its version for the flag, which cannot be asked for
// without a filter in place.
func supportsNotifications() error {
	if _, err := notifSizes(); err != nil {
		return fmt.Errorf("no seccomp user notification, which Linux 5.0 has: %w", err)
	}
	action := uint32(unix.SECCOMP_RET_USER_NOTIF)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno != 0 {
		return fmt.Errorf("no seccomp action USER_NOTIF, which Linux 5.0 has: %w", errno)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	if !atLeast(release, 5, 5) {
		return fmt.Errorf("no SECCOMP_USER_NOTIF_FLAG_CONTINUE, which Linux 5.5 has: this is %s", release)
	}
	return nil
}

// atLeast compares a kernel release such as 6.1.0-50-cloud-amd64; what is no release is not old.
func atLeast(release string, major, minor int) bool {
	var ma, mi int
	if n, _ := fmt.Sscanf(release, "%d.%d", &ma, &mi); n < 2 {
		return true
	}
	return ma > major || ma == major && mi >= minor
}

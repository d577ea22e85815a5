package enforce

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// execveatEmptyPath is glibc's fexecve; it returns only an error.
func execveatEmptyPath(fd int, argv, envp []*byte) error {
	empty := [1]byte{}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

package memfdclone

import (
	"os"

	"golang.org/x/sys/unix"
)

// none is the binary itself, by a descriptor of its own.
func none(src *source, _ Options) (*os.File, int64, error) {
	fd, err := unix.FcntlInt(uintptr(src.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, 0, os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	return os.NewFile(uintptr(fd), src.file.Name()), 0, nil
}

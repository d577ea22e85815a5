package memfdclone

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// seals are those that make a memfd's content final.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// Sealed reports whether f is a memfd whose content is final. On tmpfs, too, F_GET_SEALS succeeds: it says F_SEAL_SEAL alone.
func Sealed(f *os.File) bool {
	defer runtime.KeepAlive(f)
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && got&seals == seals
}

// fill writes all of src into an empty memfd.
type fill func(fd int, src *source) error

// sealedMemfd makes a memfd, has it filled, and seals it. It can be executed while
// it is open for writing: opening a memfd anew takes the write access that makes execve(2) refuse (ETXTBSY), making it does not.
func sealedMemfd(src *source, o Options, flags int, by fill) (*os.File, int64, error) {
	if err := fits(src.size()); err != nil {
		return nil, 0, err
	}
	fd, err := newMemfd(o.Name, flags)
	if err != nil {
		return nil, 0, err
	}
	if err = by(fd, src); err == nil {
		err = seal(fd)
	}
	if err != nil {
		_ = unix.Close(fd) // of no use, and nobody's yet
		return nil, 0, err
	}
	return os.NewFile(uintptr(fd), "/memfd:"+o.Name), src.size(), nil
}

func newMemfd(name string, flags int) (int, error) {
	flags |= unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	// Where vm.memfd_noexec is 1, a memfd made without MFD_EXEC (6.3) cannot be executed.
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	switch {
	case errors.Is(err, unix.EACCES):
		return -1, fmt.Errorf("memfd_create: vm.memfd_noexec forbids memfds that can be executed: %w", err)
	case err != nil:
		return -1, os.NewSyscallError("memfd_create", err)
	}
	return fd, nil
}

func seal(fd int) error {
	if err := unix.Fchmod(fd, 0o511); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	// F_SEAL_EXEC (6.3) freezes the mode as well; kernels without say EINVAL, and nothing depends on it.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_EXEC)
	// No F_SEAL_FUTURE_WRITE: F_SEAL_WRITE is the stronger one.
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

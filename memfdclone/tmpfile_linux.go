package memfdclone

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// tmpfile copies into an unnamed file and gives up the right to write to it. Nothing is synced: the file ends
// with its last descriptor.
func tmpfile(src *source, o Options) (*os.File, int64, error) {
	if err := fits(src.size()); err != nil {
		return nil, 0, err
	}
	dir := o.Dir
	if dir == "" {
		dir = os.TempDir()
	}
	// A child forked meanwhile would hold the writable descriptor up to its exec, and nothing that is open for
	// writing can be executed (ETXTBSY). So nothing is forked before it is closed: a caller that
	// starts processes meanwhile waits there until the copy is made.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return nil, 0, fmt.Errorf("unnamed file: %w", err)
	}
	file, err := fillTmpfile(f, src)
	_ = f.Close() // nothing is kept that was not written yet: see above
	if err != nil {
		return nil, 0, fmt.Errorf("unnamed file in %s: %w", dir, err)
	}
	return file, src.size(), nil
}

// fillTmpfile returns f opened as a path alone, which is all that executing it needs.
func fillTmpfile(f *os.File, src *source) (*os.File, error) {
	defer runtime.KeepAlive(f)
	fd := int(f.Fd())
	if err := executableThere(fd); err != nil {
		return nil, err
	}
	if err := sendfile(fd, src); err != nil {
		return nil, err
	}
	path, err := unix.Open(procFD(fd), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open O_PATH", err)
	}
	return os.NewFile(uintptr(path), f.Name()), nil
}

// executableThere asks before a byte is copied.
func executableThere(fd int) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if s.Flags&unix.ST_NOEXEC != 0 {
		return errors.New("it is mounted noexec")
	}
	return nil
}

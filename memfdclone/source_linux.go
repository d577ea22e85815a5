package memfdclone

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// source is the binary to be copied, as it was when the copying began.
type source struct {
	file *os.File
	fd   int
	stat unix.Stat_t
}

func newSource(f *os.File) (*source, error) {
	s := &source{file: f, fd: int(f.Fd())}
	if err := unix.Fstat(s.fd, &s.stat); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if s.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.New("not a regular file")
	}
	if s.stat.Size == 0 {
		return nil, errors.New("the file is empty")
	}
	return s, nil
}

func (s *source) size() int64 { return s.stat.Size }

// unchanged fails where the binary was written to meanwhile: no strategy reads it in one moment, and the kernel
// refuses writes (ETXTBSY) only to what is being executed.
func (s *source) unchanged() error {
	var now unix.Stat_t
	if err := unix.Fstat(s.fd, &now); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if now.Size != s.stat.Size || now.Mtim != s.stat.Mtim {
		return fmt.Errorf("the file changed while it was copied (%d bytes before, %d after)", s.stat.Size, now.Size)
	}
	return nil
}

// short is the error of a source that ended early.
func (s *source) short(at int64) error {
	return fmt.Errorf("the file ends after %d of its %d bytes", at, s.size())
}

// fits fails where RLIMIT_FSIZE forbids a copy of size bytes. The kernel applies it to memfds as to
// any file: a write up to the limit is cut short, one at it raises SIGXFSZ, and so does ftruncate(2) beyond it. Go's runtime
// drops that signal, but others in the process may have asked for it; so it is not let come to that.
func fits(size int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if uint64(size) > limit.Cur {
		return fmt.Errorf("RLIMIT_FSIZE is %d bytes and the copy needs %d: %w", limit.Cur, size, unix.EFBIG)
	}
	return nil
}

package runner

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pipeCapacity is how much a pipe holds unless it was told otherwise (pipe(7)).
const pipeCapacity = 64 << 10

// untilDeadline reads a pipe up to its deadline and then what lies in it, without
// waiting. Go does not look into a pipe whose deadline has passed, so that a machine
// that stood still for so long would lose what was written in time: the payload's stamp, for one.
type untilDeadline struct {
	f    *os.File
	late bool
	left int // of what may still be read then: whoever writes without end must not hold us up
}

func (u *untilDeadline) Read(b []byte) (int, error) {
	if u.late {
		return u.rest(b)
	}
	n, err := u.f.Read(b)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	u.late, u.left = true, pipeCapacity
	_ = u.f.SetReadDeadline(time.Time{}) // with the old one nothing is read; it cannot fail where the first did not
	return u.rest(b)
}

// rest reads once what is there now.
func (u *untilDeadline) rest(b []byte) (n int, err error) {
	b = b[:min(len(b), u.left)]
	if len(b) == 0 {
		return 0, io.EOF
	}
	pipe, err := u.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Returning true means: do not wait for more.
	err = pipe.Read(func(fd uintptr) bool { n, _ = unix.Read(int(fd), b); return true })
	if err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, io.EOF // empty, or at its end
	}
	u.left -= n
	return n, nil
}

package enforce

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for several descriptors at once. It is an epoll of its own which is itself
// watched by the Go runtime's: a goroutine that waits so is parked. One that called poll(2) would keep the runtime's
// monitor awake, every 20 microseconds at first, beside the container runtime that is being
// started; on one CPU that was half of what a stopped call cost.
type poller struct {
	fd   int
	file *os.File
	raw  syscall.RawConn
	// buf has room for one event: what is done about one may close the descriptor of another, and
	// open one of the same number.
	buf [1]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	// What is not in non-blocking mode, os.NewFile does not hand to the runtime's poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll: non-blocking: %w", err), unix.Close(fd))
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll: %w", err), p.file.Close())
	}
	return p, nil
}

// add has wait tell when a descriptor is ready. The kernel drops it when it is closed.
func (p *poller) add(fd int, events uint32) error {
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (p *poller) remove(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // one that is not there is as good as removed
}

// errPoller: nothing can be waited for any more.
var errPoller = errors.New("epoll")

// wait returns a descriptor that is ready, if any before the time is up. A time of 0 is no limit.
func (p *poller) wait(limit time.Duration) ([]unix.EpollEvent, error) {
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	if err := p.file.SetReadDeadline(until); err != nil {
		return nil, fmt.Errorf("%w: deadline: %w", errPoller, err)
	}
	var n int
	var werr error
	err := p.raw.Read(func(fd uintptr) bool {
		// RawSyscall: it does not wait, and to announce a call rouses the monitor.
		got, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&p.buf[0])), uintptr(len(p.buf)), 0, 0, 0)
		if errno != 0 {
			werr = errno
			return true
		}
		n = int(got)
		return n > 0 // 0: park, then look again
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(werr, unix.EINTR):
		return nil, nil
	case errors.Join(err, werr) != nil:
		return nil, fmt.Errorf("%w: wait: %w", errPoller, errors.Join(err, werr))
	}
	return p.buf[:n], nil
}

func (p *poller) close() error { return p.file.Close() }

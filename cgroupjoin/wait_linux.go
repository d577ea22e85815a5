package cgroupjoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// waitEmpty returns when no process is left at or below the cgroup, or when it
// is gone. The kernel signals each change of "populated" as POLLPRI on
// cgroup.events, so nothing is asked twice without a reason.
func waitEmpty(ctx context.Context, path string) error {
	path = filepath.Join(path, "cgroup.events")
	// Not os.Open: it would register the descriptor with the Go runtime's own poller.
	events, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(events)
	wake, stop, err := wakeFD(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for {
		// Reading arms the next POLLPRI; a change after it is not missed.
		if populated, err := readPopulated(events); !populated || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fds := []unix.PollFd{{Fd: int32(events), Events: unix.POLLPRI}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll %s: %w", path, err)
		}
	}
}

// wakeFD becomes readable when ctx ends.
func wakeFD(ctx context.Context) (fd int, stop func(), err error) {
	fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return -1, nil, fmt.Errorf("eventfd: %w", err)
	}
	written := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(written)
		// An eventfd takes eight bytes in native order; any nonzero count will do.
		_, _ = unix.Write(fd, bytes.Repeat([]byte{1}, 8))
	})
	return fd, func() {
		if !cancel() {
			<-written // it must not write to a descriptor that is someone else's by then
		}
		_ = unix.Close(fd) // nothing was buffered
	}, nil
}

// populated reports whether there is a process at or below the cgroup; there is none in one that is gone.
func populated(path string) (bool, error) {
	events, err := unix.Open(filepath.Join(path, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if isGone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open %s/cgroup.events: %w", path, err)
	}
	defer unix.Close(events)
	return readPopulated(events)
}

// readPopulated reads cgroup.events from its start; a cgroup that is gone is not populated.
func readPopulated(fd int) (bool, error) {
	var buf [256]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if isGone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read cgroup.events: %w", err)
	}
	return bytes.Contains(buf[:n], []byte("populated 1\n")), nil
}

package testenv

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Await returns when one of the poll(2) events has come to fd, and with an error when none does within the limit. The
// Go runtime sends signals to itself, and poll is among the calls that one ends, SA_RESTART or not.
func Await(fd int, events int16, limit time.Duration) error {
	until := time.Now().Add(limit)
	for {
		left := max(time.Until(until), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(left.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0:
			return fmt.Errorf("nothing happened within %v", limit)
		default:
			return nil
		}
	}
}

// Wait reaps a child and returns how it ended, or stopped where it is traced.
func Wait(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}

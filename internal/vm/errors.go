package vm

import (
	"errors"
	"fmt"
	"strings"
)

// errChannel marks a stream that ended before its exit frame.
var errChannel = errors.New("the channel to the guest ended")

// EnvError says that this machine lacks something, in one line with the remedy.
type EnvError struct {
	Problem string // "qemu-system-x86_64 is not installed"
	Remedy  string // "apt-get install qemu-system-x86"
	Cause   error
}

func (e *EnvError) Error() string {
	s := e.Problem
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

func (e *EnvError) Unwrap() error { return e.Cause }

// UsageError says that the options contradict each other or cannot be meant.
type UsageError struct{ Problem string }

func (e *UsageError) Error() string { return e.Problem }

func usagef(format string, args ...any) error {
	return &UsageError{Problem: fmt.Sprintf(format, args...)}
}

// DeathError says that the guest itself ended or cannot be reached any more:
// whatever ran in it did not fail by its own doing.
type DeathError struct {
	Reason  string   // "QEMU ended (signal: aborted)"
	Said    string   // what QEMU itself printed about it, or ""
	Console []string // the last lines the guest printed
}

func (e *DeathError) Error() string {
	s := "guest died: " + e.Reason
	if e.Said != "" {
		s += ": " + e.Said
	}
	if len(e.Console) > 0 {
		s += "; last on its console:\n  " + strings.Join(e.Console, "\n  ")
	}
	return s
}

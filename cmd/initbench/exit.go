package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/results"
)

// Exit codes are part of the command-line contract.
const (
	exitPass         = 0
	exitRegressed    = 1
	exitUsage        = 2
	exitInconclusive = 3
	exitEnvironment  = 4
	exitInterrupted  = 130
)

// usageError is the user's to mend.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// codeError ends the program with a code of its own: a verdict's, or that of a
// command in the guest. Without a message nothing is printed.
type codeError struct {
	code    int
	message string
}

func (e *codeError) Error() string { return e.message }

// exitCode prints what went wrong in one line and says how the program ends.
func exitCode(ctx context.Context, err error, stderr io.Writer) int {
	if err == nil {
		return exitPass
	}
	if message := runner.OneLine(err.Error()); message != "" {
		if !strings.HasPrefix(message, "initbench:") && !strings.HasPrefix(message, "initbench ") {
			message = "initbench: " + message
		}
		_, _ = fmt.Fprintln(stderr, message) // nobody is left to tell when stderr is gone
	}
	var code *codeError
	switch {
	case errors.As(err, &code):
		return code.code
	case ctx.Err() != nil:
		return exitInterrupted
	case isInput(err):
		return exitUsage
	}
	return exitEnvironment
}

func isInput(err error) bool {
	var (
		usage   *usageError
		refused *yamlpos.Error // a scenario, a policy or an address pool
		ref     *ociruntime.RefError
		stored  *results.InputError
		vmUsage *vm.UsageError
	)
	return errors.As(err, &usage) || errors.As(err, &refused) || errors.As(err, &ref) ||
		errors.As(err, &stored) || errors.As(err, &vmUsage) || strings.HasPrefix(err.Error(), "unknown command")
}

package ociruntime

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/initbench/initbench/results"
)

// versionLimits bound what a binary may do when asked for its version. Thirty
// seconds is far beyond any runtime even under emulation.
type versionLimits struct {
	deadline time.Duration
	output   int
	grace    time.Duration // for its output to be closed once it has ended
}

var defaultVersionLimits = versionLimits{deadline: 30 * time.Second, output: 64 << 10, grace: stopGrace}

// Identify says which binary lies at path, on the machine where it is asked. Name
// and Ref of the result are the caller's to fill. A binary that does not answer
// --version like a runtime is a [*RefError].
//
// A process that the binary starts in a new session outlives this call; callers
// that must not let one escape ask from inside a cgroup that they empty afterwards.
func Identify(ctx context.Context, path string) (results.RuntimeID, error) {
	return identify(ctx, path, defaultVersionLimits)
}

func identify(ctx context.Context, path string, limits versionLimits) (results.RuntimeID, error) {
	if reason, err := unusable(path); reason != "" {
		return results.RuntimeID{}, &RefError{Ref: path, Reason: reason, Err: err}
	}
	sum, size, err := hashFile(path)
	if err != nil {
		return results.RuntimeID{}, &RefError{Ref: path, Reason: "hash the binary", Err: err}
	}
	fsName, err := filesystem(path)
	if err != nil {
		return results.RuntimeID{}, &EnvError{What: "identify " + quote(path), Reason: "statfs", Err: err}
	}
	version, err := askVersion(ctx, path, limits)
	if err != nil {
		return results.RuntimeID{}, err
	}
	return results.RuntimeID{Version: version, SHA256: sum, Size: size, Filesystem: fsName}, nil
}

// cappedOutput keeps up to limit bytes and calls full when more is written.
type cappedOutput struct {
	kept  []byte
	limit int
	full  func()
}

func (c *cappedOutput) Write(p []byte) (int, error) {
	room := c.limit - len(c.kept)
	if len(p) > room {
		c.full()
	}
	c.kept = append(c.kept, p[:min(len(p), room)]...)
	return len(p), nil
}

// errTooMuch is the cause of the context that a babbling binary is stopped by.
var errTooMuch = errors.New("too much output")

func askVersion(ctx context.Context, path string, limits versionLimits) (string, error) {
	timed, stop := context.WithTimeout(ctx, limits.deadline)
	defer stop()
	capped, cut := context.WithCancelCause(timed)
	defer cut(nil)
	tooMuch := func() { cut(errTooMuch) }
	stdout := &cappedOutput{limit: limits.output, full: tooMuch}
	stderr := &cappedOutput{limit: limits.output, full: tooMuch}
	cmd := groupCommand(capped, killGroup, path, "--version")
	cmd.WaitDelay = limits.grace
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	endGroup(cmd) // answered or not, it may have left a process behind
	switch {
	case errors.Is(context.Cause(capped), errTooMuch):
		return "", &RefError{Ref: path, Reason: fmt.Sprintf("printed more than %d bytes for --version", limits.output)}
	case err == nil:
		return versionLine(path, string(stdout.kept))
	case ctx.Err() != nil:
		return "", fmt.Errorf("ask %s for its version: %w", quote(path), context.Cause(ctx))
	case timed.Err() != nil:
		return "", &RefError{Ref: path, Reason: fmt.Sprintf("did not answer --version within %v", limits.deadline)}
	case errors.Is(err, exec.ErrWaitDelay):
		return "", &RefError{Ref: path, Reason: "left a process behind that holds its output open when asked for --version"}
	}
	return "", &RefError{Ref: path, Reason: "--version failed" + firstWords(string(stderr.kept)), Err: err}
}

// firstWords is the first line of a message, set off for use inside another.
func firstWords(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if line == "" {
		return ""
	}
	return " (" + printable(line, maxQuoted) + ")"
}

func versionLine(path, out string) (string, error) {
	line, _, _ := strings.Cut(out, "\n")
	line = strings.TrimSpace(line)
	if line == "" {
		return "", &RefError{Ref: path, Reason: "printed no version for --version"}
	}
	return printable(line, maxQuoted), nil
}

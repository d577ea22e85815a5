package ociruntime

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// CLI writes the command lines of one runtime with one state directory. Every
// method returns a whole argv, the binary first.
//
// Global flags come before the verb and a value is a word of its own: that is how
// runc (urfave/cli), crun (argp) and youki (clap) all take them.
type CLI struct {
	Binary    string
	StateRoot string // --root; the runtime makes it
	// Systemd selects the systemd cgroup driver. It goes with every verb, as
	// containerd passes it: runc and crun remember the driver in the container's state, but
	// are not bound to.
	Systemd bool
	// Options are further global flags, such as [Builtin.Flags]; they go with every verb.
	Options []string
	// Report is the file that the built-in runtime's create writes a memfdclone.Report to; empty means none.
	// No other runtime has such a thing.
	Report string
}

// argv puts the global flags between the binary and the verb.
func (c CLI) argv(verb ...string) []string {
	argv := []string{c.Binary, "--root", c.StateRoot}
	if c.Systemd {
		argv = append(argv, "--systemd-cgroup")
	}
	argv = append(argv, c.Options...)
	return append(argv, verb...)
}

// Create makes the container and leaves its init waiting for Start. Its stdin,
// stdout and stderr become the payload's.
func (c CLI) Create(id, bundle, pidFile string) []string {
	if c.Report != "" {
		c.Options = append(slices.Clip(c.Options), "--report", c.Report)
	}
	return c.argv("create", "--bundle", bundle, "--pid-file", pidFile, id)
}

// Start lets the container's init exec the payload.
func (c CLI) Start(id string) []string { return c.argv("start", id) }

// Kill sends a signal by a name that all of them know, such as KILL or TERM; of one
// that it does not know, crun 1.8.1 sends none and exits 0. On a container that
// has stopped, runc ("container not running") and crun ("open pidfd: No such
// process") exit 1, as for one that does not exist.
func (c CLI) Kill(id, signal string) []string { return c.argv("kill", id, signal) }

// Delete removes a container that has stopped or was never started. Both exit 1
// where it runs, or is not there.
func (c CLI) Delete(id string) []string { return c.argv("delete", id) }

// ForceDelete kills what still runs and removes the container. Both exit 0 where
// there is none.
func (c CLI) ForceDelete(id string) []string { return c.argv("delete", "--force", id) }

// State prints the container's state as JSON.
func (c CLI) State(id string) []string { return c.argv("state", id) }

// maxPIDFile is more than any pid has digits; runtimes write no newline, but may.
const maxPIDFile = 32

// ReadPIDFile reads what a runtime's create wrote to its --pid-file. The number is
// only the runtime's word: that the process belongs to the trial is for the caller
// to check against the cgroup, before it signals anything.
func ReadPIDFile(path string) (int, error) {
	// A runtime may have put anything there: a fifo without a writer would hold an ordinary open for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return 0, fmt.Errorf("read pid file: %w", err)
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, fmt.Errorf("read pid file: %s: is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPIDFile))
	if err != nil {
		return 0, fmt.Errorf("read pid file: %w", err)
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 22) // PID_MAX_LIMIT is 2^22
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("read pid file: %s: %s is no process id", path, quote(string(data)))
	}
	return int(pid), nil
}

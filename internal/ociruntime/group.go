package ociruntime

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopGrace is how long a process that was told to stop, or whose leader has
// ended, may keep its output pipes open before they are closed on it.
const stopGrace = 5 * time.Second

// killGroup ends a tool that has nothing to tidy up.
const killGroup = syscall.SIGKILL

// interruptGroup lets the go command wait for its compilers and remove its work
// directory. It dies of SIGTERM without doing either.
const interruptGroup = syscall.SIGINT

// groupCommand is exec.CommandContext for a tool in a process group of its own,
// so that the whole of it gets stop when ctx ends, and a Ctrl-C at the terminal
// reaches it through ctx alone.
func groupCommand(ctx context.Context, stop syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd, stop) }
	cmd.WaitDelay = stopGrace
	return cmd
}

// signalGroup signals cmd's group: its own processes, whether or not the leader is gone.
func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone // the error that exec.Cmd.Cancel has for it
	}
	return err
}

// endGroup kills what is left of the group of a command that has been waited for.
// A process that made a session of its own is not in it, and nothing here could
// find it. The kernel keeps a group's number from being a new process's as long as the group
// has a member; a group without any is the usual case and no error.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = signalGroup(cmd, killGroup)
	}
}

//go:build cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/builtin/options"
)

// manage does what can be asked of a container that was created.
func manage(cmd options.Command) error {
	container, err := libcontainer.Load(cmd.Root, cmd.ID)
	if err != nil {
		return absent(cmd, err)
	}
	switch cmd.Verb {
	case "start":
		return startPayload(container)
	case "state":
		return printState(container)
	case "kill":
		return sendSignal(container, cmd.Signal)
	case "delete":
		return remove(container, cmd.Force)
	}
	return fmt.Errorf("no such verb")
}

// absent has delete remove what a create that was killed left: a state directory
// without a state, which libcontainer does not know of.
func absent(cmd options.Command, err error) error {
	if cmd.Verb != "delete" || !errors.Is(err, libcontainer.ErrNotExist) {
		return err
	}
	if rerr := os.RemoveAll(filepath.Join(cmd.Root, cmd.ID)); rerr != nil || cmd.Force {
		return rerr
	}
	return err
}

func startPayload(c *libcontainer.Container) error {
	status, err := c.Status()
	if err != nil {
		return err
	}
	if status != libcontainer.Created {
		return fmt.Errorf("the container is %s, not created", status)
	}
	return c.Exec()
}

func printState(c *libcontainer.Container) error {
	state, err := c.OCIState()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", text)
	return err
}

func sendSignal(c *libcontainer.Container, name string) error {
	if name == "" {
		name = "TERM"
	}
	if n, err := strconv.ParseUint(name, 10, 8); err == nil {
		return c.Signal(unix.Signal(n))
	}
	sig := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG"))
	if sig == 0 {
		return fmt.Errorf("there is no signal %q", name)
	}
	return c.Signal(sig)
}

func remove(c *libcontainer.Container, force bool) error {
	status, err := c.Status()
	switch {
	case err != nil && !force:
		return err
	case force || status == libcontainer.Created:
		// Also of one that has stopped: without a PID namespace of its own, more may be left of it.
		return killAndRemove(c)
	case status == libcontainer.Stopped:
		return c.Destroy()
	}
	return fmt.Errorf("the container is %s: stop it first, or say --force", status)
}

// killTime is how long runc waits for the end of an init that it killed.
const killTime = 10 * time.Second

// killAndRemove awaits init's end by a pidfd, where runc polls: init is no child of ours.
func killAndRemove(c *libcontainer.Container) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(state.InitProcessPid, 0)
	switch {
	case err == nil:
		defer func() { _ = unix.Close(pidfd) }() // it was only waited for
	case !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL): // it has ended; EINVAL of a pid that none can have
		return fmt.Errorf("init: pidfd_open: %w", err)
	}
	_ = c.Signal(unix.SIGKILL) // one that has ended is as good
	// Asked after the pidfd was opened: what runs is init, and not another process that got its pid.
	if status, _ := c.Status(); err == nil && status != libcontainer.Stopped {
		if err := awaitEnd(pidfd); err != nil {
			return err
		}
	}
	return c.Destroy()
}

func awaitEnd(pidfd int) error {
	until := time.Now().Add(killTime)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(time.Until(until).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR) && time.Now().Before(until):
			continue
		case err != nil:
			return fmt.Errorf("await init's end: %w", err)
		case n == 0:
			return fmt.Errorf("init is alive %v after SIGKILL", killTime)
		}
		return nil
	}
}

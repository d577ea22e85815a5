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

// killAndRemove waits as runc does, first often: init is no child of ours, and its end reaches us by no event.
func killAndRemove(c *libcontainer.Container) error {
	_ = c.Signal(unix.SIGKILL) // one that has ended is as good
	for wait, waited := time.Millisecond, time.Duration(0); waited < 10*time.Second; waited += wait {
		if c.Signal(unix.Signal(0)) != nil {
			return c.Destroy()
		}
		time.Sleep(wait)
		wait = min(2*wait, 100*time.Millisecond)
	}
	return errors.New("init is alive 10 s after SIGKILL")
}

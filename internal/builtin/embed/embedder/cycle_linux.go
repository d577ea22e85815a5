//go:build cgo

package embedder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"

	"github.com/initbench/initbench/internal/builtin/embed/protocol"
)

// cycle makes a container, has its payload run to the end, and removes it. When it fails, libcontainer is asked to remove it all the same.
func cycle(ctx context.Context, root string, c protocol.Command) protocol.Answer {
	config, process, err := readBundle(c)
	if err != nil {
		return failed(protocol.Bundle, err)
	}
	made, err := createContainer(root, c.ID, config)
	if err != nil {
		return failed(protocol.Create, err)
	}
	a := live(ctx, made, process)
	if err := made.Destroy(); err != nil && a.Failed == "" {
		return failed(protocol.Delete, err)
	} else if err != nil {
		a.Message += "; then delete: " + err.Error()
	}
	return a
}

func failed(step protocol.Step, err error) protocol.Answer {
	return protocol.Answer{Failed: step, Message: err.Error()}
}

// readBundle reads it from within: paths in a config are relative to it.
func readBundle(c protocol.Command) (*configs.Config, *libcontainer.Process, error) {
	if err := os.Chdir(c.Bundle); err != nil {
		return nil, nil, err
	}
	// Held no longer than it is read, for whoever made it to remove. / is always there.
	defer func() { _ = os.Chdir("/") }()
	spec, err := ReadSpec("config.json")
	if err != nil {
		return nil, nil, err
	}
	process, err := NewProcess(spec.Process)
	if err != nil {
		return nil, nil, fmt.Errorf("config.json: %w", err)
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{
		CgroupName: c.ID, UseSystemdCgroup: c.Systemd, Spec: spec,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("config.json: %w", err)
	}
	return config, process, nil
}

// live is all between create and delete. The payload has /dev/null for its stdio: ours is the protocol's.
func live(ctx context.Context, c container, p *libcontainer.Process) protocol.Answer {
	if err := c.Start(p); err != nil {
		return failed(protocol.Start, err)
	}
	if err := c.Exec(); err != nil {
		// Its end is all that is wanted; Destroy says what remains.
		_ = p.Signal(syscall.SIGKILL)
		_, _ = p.Wait()
		return failed(protocol.Exec, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = p.Signal(syscall.SIGKILL) }) // one that has ended is as good
	state, err := p.Wait()
	if interrupted := !stop(); interrupted {
		return failed(protocol.Wait, errors.New("told to end before the payload did: it was killed"))
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return failed(protocol.Wait, err)
	}
	return protocol.Answer{Exit: exitStatus(state)}
}

// exitStatus counts the end by a signal as shells and runc do.
func exitStatus(state *os.ProcessState) int {
	if status, is := state.Sys().(syscall.WaitStatus); is && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

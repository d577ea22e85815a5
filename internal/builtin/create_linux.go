//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runc/libcontainer/system"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/builtin/embed/embedder"
	"github.com/initbench/initbench/internal/builtin/options"
)

// create makes the container and leaves its init waiting for start. When it fails nothing is left.
func create(cmd options.Command) error {
	finishUndisturbed()
	if err := os.Chdir(cmd.Bundle); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	spec, err := embedder.ReadSpec("config.json")
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	process, err := newProcess(spec.Process)
	if err != nil {
		return fmt.Errorf("bundle: config.json: %w", err)
	}
	// Not before the bundle is read, which anybody may: package attack has a container's user stop it there.
	if err := checkRoot(); err != nil {
		return err
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{
		CgroupName: cmd.ID, UseSystemdCgroup: cmd.Systemd, Spec: spec,
	})
	if err != nil {
		return fmt.Errorf("bundle: config.json: %w", err)
	}
	container, err := libcontainer.Create(cmd.Root, cmd.ID, config)
	if err != nil {
		return err
	}
	s := newStart(cmd, config.Cgroups)
	if err := startContainer(cmd, s, container, process); err != nil {
		s.abandon()
		return errors.Join(err, container.Destroy())
	}
	return s.finish()
}

func startContainer(cmd options.Command, s *start, container *libcontainer.Container, process *libcontainer.Process) error {
	// As runc does: what init leaves behind is reaped by whoever called us, and till then by us.
	if err := system.SetSubreaper(1); err != nil {
		logrus.Warn(err)
	}
	s.takePart()
	time.Sleep(s.Plant.Sleep)
	if err := container.Start(process); err != nil {
		return err
	}
	err := s.writeReport(cmd.Report)
	if err == nil && cmd.PIDFile != "" {
		err = writePIDFile(cmd.PIDFile, process)
	}
	if err != nil {
		// Its end is all that is wanted; Destroy says what remains.
		_, _ = process.Signal(unix.SIGKILL), waitFor(process)
	}
	return err
}

func waitFor(p *libcontainer.Process) error {
	_, err := p.Wait()
	return err
}

// writePIDFile puts the whole file in place at once: whoever waits for it reads it as it appears.
func writePIDFile(path string, process *libcontainer.Process) error {
	pid, err := process.Pid()
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := writeNew(temp, strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("pid file: %w", err), os.Remove(temp))
	}
	return nil
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

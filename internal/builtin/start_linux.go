//go:build cgo

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/opencontainers/cgroups"

	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/internal/builtin/options"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence/seam"
)

// start is one container's start as it is to be made: libcontainer makes it, and
// asks here, through package seam, which file init is executed from and how it joins.
type start struct {
	options.Options
	systemd bool
	config  *cgroups.Cgroup
	report  *memfdclone.Report // of a copy that was made here
	early   *earlyCgroup
}

func newStart(cmd options.Command, config *cgroups.Cgroup) *start {
	return &start{Options: cmd.Options, systemd: cmd.Systemd, config: config}
}

// takePart has libcontainer ask.
func (s *start) takePart() {
	seam.Exe, seam.Start = s.exe, s.startInit
	if !s.Natural(s.systemd) {
		seam.Apply = s.apply
	}
}

// exe is asked first. With an early cgroup that is made meanwhile: making a copy
// keeps one CPU busy with memory, and making a cgroup is waiting for locks, or for systemd. With strategy=tmpfile a
// scope is made after the copy all the same: nothing may be forked during it, and a placeholder is.
func (s *start) exe(stateDir string) (*os.File, error) {
	if s.Cgroup == join.Early {
		s.early = makeEarly(s.config)
	}
	f, report, err := s.clone(stateDir)
	if err != nil {
		return nil, fmt.Errorf("clone the binary: %w", err)
	}
	s.report = report
	return f, nil
}

// startInit is asked next, once all that init is given is there.
func (s *start) startInit(init *exec.Cmd, m seam.Manager) error {
	if s.Clone == memfdclone.InInit {
		init.Env = append(init.Env, cloneInInit)
	}
	if plant := s.Plant.ForInit(); plant != "" {
		init.Env = append(init.Env, plant)
	}
	if s.early != nil {
		if err := s.early.wait(); err != nil {
			return fmt.Errorf("make the cgroup: %w", err)
		}
	}
	if s.Mechanism(s.systemd) != join.ByBirth {
		return init.Start()
	}
	if err := born(init, m.Path("")); err != nil {
		return fmt.Errorf("join the cgroup by birth: %w", err)
	}
	s.early.release()
	return nil
}

func born(init *exec.Cmd, cgroup string) error {
	dir, err := join.OpenDir(cgroup)
	if err != nil {
		return err
	}
	// It was open for the call alone.
	defer func() { _ = dir.Close() }()
	return join.Born(init, dir)
}

// apply is asked as soon as init runs, which waits for what libcontainer sends it afterwards.
func (s *start) apply(m seam.Manager, pid int) error {
	if s.early == nil { // systemd alone, with a join that does not make the cgroup
		s.early = makeEarly(s.config)
		if err := s.early.wait(); err != nil {
			return fmt.Errorf("make the cgroup: %w", err)
		}
	}
	defer s.early.release()
	mechanism := s.Mechanism(s.systemd)
	var err error
	switch mechanism {
	case join.ByProcs:
		err = join.Procs(m.Path(""), pid)
	case join.ByAttach:
		// The call that join.Attach makes, over the connection that libcontainer has already.
		err = s.early.manager.AddPid("", pid)
	}
	if err != nil {
		return fmt.Errorf("join the cgroup by %s: %w", mechanism, err)
	}
	return nil
}

// finish waits for what was to end meanwhile.
func (s *start) finish() error {
	if s.early != nil {
		s.early.gone()
	}
	return nil
}

// abandon ends it after an error. What it made of the cgroup is libcontainer's to
// remove, and must not be made once that has been done.
func (s *start) abandon() {
	if s.early == nil {
		return
	}
	_ = s.early.wait() // the first error is the one to tell
	s.early.release()
	s.early.gone()
}

// writeReport writes it by one call, since it is part of what a watched create does: whoever
// asked reads it when create has ended. Where no copy was made here there is none.
func (s *start) writeReport(path string) error {
	if path == "" || s.report == nil {
		return nil
	}
	text, err := json.Marshal(s.report)
	if err != nil {
		return err
	}
	if err := writeNew(path, strings.TrimSpace(string(text))+"\n"); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

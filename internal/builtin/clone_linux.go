//go:build cgo

package main

import (
	"errors"
	"os"
	"time"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/memfdclone/ininit"
)

// cloneInInit in init's environment has it copy itself.
const cloneInInit = ininit.Variable + "=" + ininit.Memfd

// clone returns the file that init is executed from: none where that is
// /proc/self/exe itself, because it is safe already, because init makes its own copy,
// or because there is to be no protection.
func (s *start) clone(stateDir string) (*os.File, *memfdclone.Report, error) {
	switch s.Clone {
	case memfdclone.InInit, memfdclone.Nowhere:
		return nil, nil, nil
	case memfdclone.Once:
		if !exeseal.IsSelfExeCloned() {
			return nil, nil, errors.New("clone=once: /proc/self/exe is no sealed memfd: execute the runtime from one")
		}
		return nil, nil, nil
	}
	if s.Strategy == "" {
		return cloneAsLibcontainer(stateDir)
	}
	return cloneBy(s.Strategy, stateDir)
}

func cloneBy(strategy memfdclone.Strategy, stateDir string) (*os.File, *memfdclone.Report, error) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, nil, err
	}
	// It was only read.
	defer func() { _ = exe.Close() }()
	clone, err := memfdclone.Make(exe, memfdclone.Options{Strategy: strategy, Dir: stateDir, Name: "initbench-builtin"})
	if err != nil {
		return nil, nil, err
	}
	report := clone.Report()
	return clone.File, &report, nil
}

// cloneAsLibcontainer does what libcontainer does where nobody asks otherwise, and says what that was.
func cloneAsLibcontainer(stateDir string) (*os.File, *memfdclone.Report, error) {
	if exeseal.IsSelfExeCloned() {
		return nil, nil, nil
	}
	began := time.Now()
	f, err := exeseal.CloneSelfExe(stateDir)
	if err != nil {
		return nil, nil, err
	}
	report := describe(f)
	report.TookNS = time.Since(began).Nanoseconds()
	return f, report, nil
}

// describe finds out what libcontainer came to: it falls back without a word.
func describe(f *os.File) *memfdclone.Report {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return &memfdclone.Report{Strategy: memfdclone.Overlayfs}
	}
	report := &memfdclone.Report{Strategy: memfdclone.Tmpfile, FellBack: []string{"libcontainer could have no sealed overlay"}}
	if exeseal.IsCloned(f) {
		report.Strategy = memfdclone.Memfd
	}
	if info, err := f.Stat(); err == nil {
		report.Bytes = info.Size()
	}
	return report
}

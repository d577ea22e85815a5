//go:build cgo

package main

import (
	"os"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/initbench/initbench/internal/builtin/embed/embedder"
)

// newProcess is runc's function of that name. The process gets our own stdio.
func newProcess(p *specs.Process) (*libcontainer.Process, error) {
	lp, err := embedder.NewProcess(p)
	if err != nil {
		return nil, err
	}
	lp.Stdin, lp.Stdout, lp.Stderr = os.Stdin, os.Stdout, os.Stderr
	lp.Scheduler, lp.IOPriority = p.Scheduler, p.IOPriority
	lp.CPUAffinity, err = configs.ConvertCPUAffinity(p.ExecCPUAffinity)
	return lp, err
}

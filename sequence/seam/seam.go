// Package seam is where the built-in runtime takes part in libcontainer's start of a container's init.
//
// libcontainer decides by itself which file init is executed from and when it joins its cgroup, and
// offers no hook for either. The built-in runtime is therefore built with a copy of
// libcontainer in which these calls go through this package (libcontainer.patch in package builtin).
// Left alone, each does what libcontainer does; in any other build nothing calls it.
//
// The package imports nothing but the standard library, so that libcontainer can import it.
package seam

import (
	"os"
	"os/exec"
)

// Manager is as much of libcontainer's cgroup manager as a join needs.
type Manager interface {
	// Apply makes the cgroup and moves pid there; -1 moves nothing.
	Apply(pid int) error
	// Path is the cgroup's directory below the mount.
	Path(controller string) string
}

// Patched is true in a program whose libcontainer calls this package.
var Patched bool

// Exe, where it is set, returns the file that init is executed from, which libcontainer closes.
// Nil means libcontainer's own choice: /proc/self/exe where that is a sealed memfd, else a clone (exeseal).
var Exe func(stateDir string) (*os.File, error)

// Start starts init's process, whose bootstrap data it has yet to be sent.
var Start = func(init *exec.Cmd, _ Manager) error { return init.Start() }

// Apply makes the container's cgroup and moves init there.
var Apply = func(m Manager, pid int) error { return m.Apply(pid) }

// Package seam is where the built-in runtime takes part in libcontainer's start of a container's init.
//
// libcontainer decides by itself which file init is executed from and when it joins its cgroup, and
// offers no hook for either. The built-in runtime is therefore built with a copy of
// libcontainer in which these calls go through this package (libcontainer.patch in internal/builtin).
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
	// Path is the cgroup's directory; on cgroup v2 the controller is "".
	Path(controller string) string
}

// Patched is true in a program whose libcontainer calls this package.
var Patched bool

// Exe returns, where it is set, the file that init is executed from, which libcontainer closes once
// init was started; no file means /proc/self/exe as it is. Where Exe is nil the choice is
// libcontainer's own: /proc/self/exe where that is a sealed memfd, else a clone (exeseal).
var Exe func(stateDir string) (*os.File, error)

// Start starts init's process, whose bootstrap data it has yet to be sent. It may have it born in
// its cgroup, and may change its environment. When it fails there is no process.
var Start = func(init *exec.Cmd, _ Manager) error { return init.Start() }

// Apply makes the container's cgroup and moves init there, each where Start has not.
var Apply = func(m Manager, pid int) error { return m.Apply(pid) }

package cgroupjoin

import "fmt"

// Driver is runc's and the kubelet's word for who makes a container's cgroup
// and moves its init there.
type Driver string

const (
	// Cgroupfs: the runtime itself makes the cgroup and writes cgroup.procs.
	Cgroupfs Driver = "cgroupfs"
	// Systemd: the runtime asks systemd over D-Bus for a transient scope, and
	// PID 1 makes the cgroup and migrates the process.
	Systemd Driver = "systemd"
)

// Drivers lists every driver in the order reports show them.
func Drivers() []Driver { return []Driver{Cgroupfs, Systemd} }

// ParseDriver returns the driver called s, or an error that names those there are.
func ParseDriver(s string) (Driver, error) {
	switch d := Driver(s); d {
	case Cgroupfs, Systemd:
		return d, nil
	}
	return "", fmt.Errorf("driver %q is not one of cgroupfs, systemd", s)
}

// Place says which cgroup a trial's memory.max is written to.
type Place string

const (
	// OnContainer puts the limit in the container's own config: the runtime
	// writes it, late in init (runc: in Set, at procHooks).
	OnContainer Place = "container"
	// OnAncestor puts the limit on the container's parent before the runtime
	// starts, as the kubelet does for a pod (opencontainers/runc#4427).
	OnAncestor Place = "ancestor"
)

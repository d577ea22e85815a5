package join

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Target is the cgroup to be joined.
type Target struct {
	Root string // cgroup v2 mount, "/sys/fs/cgroup"
	Path string // absolute directory of the cgroup; under systemd of the scope, once it exists
	// Unit and Slice are the scope's name and that of its slice; empty under cgroupfs.
	Unit, Slice string
}

// Driven by systemd or not.
func (t Target) systemd() bool { return t.Unit != "" }

// Systemd is what a join through systemd needs; zero under cgroupfs.
type Systemd struct {
	Conn *dbus.Conn
	// Placeholder is a process that is in the scope before the one that joins it; ByUnit needs none.
	Placeholder int
	// Props go with the scope's own when it is made.
	Props []dbus.Property
}

// Joiner puts one process into one cgroup. Its methods are called once each, in this order, Close in any case.
type Joiner interface {
	// Prepare makes the cgroup where that is early, and does nothing where it is late.
	Prepare(ctx context.Context) error
	// Start starts cmd: in the cgroup already, which a late birth makes first, or wherever the caller is.
	Start(ctx context.Context, cmd *exec.Cmd) error
	// Join returns when the process with all its threads is in the cgroup, which it makes first where
	// that is late. A birth has nothing left to do.
	Join(ctx context.Context, pid int) error
	// Close lets go of descriptors. It removes nothing.
	Close() error
}

// New is the mechanism's joiner. It refuses what cannot be: systemd's calls under cgroupfs, and a
// scope made early by the call that also joins it.
func New(m Mechanism, w When, t Target, s Systemd) (Joiner, error) {
	if err := Check(m, w, t.systemd()); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(t.Path) {
		return nil, fmt.Errorf("join %s: %q is no absolute path", m, t.Path)
	}
	b := base{when: w, target: t, systemd: s}
	switch m {
	case ByProcs:
		return &procsJoiner{b}, nil
	case ByBirth:
		return &birthJoiner{base: b}, nil
	case ByUnit:
		return &unitJoiner{b}, nil
	default:
		return &attachJoiner{b}, nil
	}
}

// base is what the mechanisms share: the making of the cgroup.
type base struct {
	when    When
	target  Target
	systemd Systemd
}

func (b *base) Prepare(ctx context.Context) error { return b.makeWhen(ctx, Early) }

// Start starts cmd where the caller is: what most mechanisms do.
func (b *base) Start(_ context.Context, cmd *exec.Cmd) error { return cmd.Start() }

func (b *base) Close() error { return nil }

// makeWhen makes the cgroup if this is the moment.
func (b *base) makeWhen(ctx context.Context, now When) error {
	switch {
	case b.when != now:
		return nil
	case b.target.systemd():
		return MakeScope(ctx, b.systemd.Conn, b.target, b.systemd.Placeholder, b.systemd.Props...)
	}
	return MakeDir(b.target)
}

// Causes that callers tell apart.
var (
	// ErrGone: the cgroup was there and is not any more, or was never made.
	ErrGone = errors.New("the cgroup is gone: removed between its making and the join, or never made")
	// ErrUnitExists: systemd has a unit of that name.
	ErrUnitExists = errors.New("systemd has a unit of this name already")
	// ErrNoUnit: systemd has none.
	ErrNoUnit = errors.New("systemd has no unit of this name: its last process ended, or it was never made")
	// ErrNoBus: the connection ended before systemd said how the job ended.
	ErrNoBus = errors.New("the connection to the system bus ended")
)

package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// baseKind is how a run came by its subtree.
type baseKind string

const (
	delegated baseKind = "delegated" // the unit we run in, Delegate=yes and ours alone
	scope     baseKind = "scope"     // a transient scope we asked systemd for
	plain     baseKind = "plain"     // a directory, where systemd does not run
)

// base is the cgroup all of a run's own cgroups lie in.
type base struct {
	kind baseKind
	path string
	// home is where this process goes back to.
	home string
}

// takeBase finds the subtree in the order BenchExec does: one that is ours
// already, one that systemd gives us, one that nobody manages.
func (h *Host) takeBase(ctx context.Context) (base, error) {
	own, err := ownCgroup(h.opts.Proc)
	if err != nil {
		return base{}, err
	}
	home := filepath.Join(h.opts.Root, own)
	switch ours, err := isOurs(home, os.Getpid()); {
	case err != nil:
		return base{}, err
	case ours:
		return base{delegated, home, home}, nil
	case SystemdRunning():
		return h.takeScope(ctx, home)
	}
	return h.takeDirectory(home)
}

// takeDirectory makes a cgroup right below the mount. What it enables there for
// all cgroups of the machine stays enabled: others may have come to rely on it.
func (h *Host) takeDirectory(home string) (base, error) {
	for _, c := range required {
		if err := toggle(h.opts.Root, "+", []string{c}); err != nil {
			return base{}, explainToggle(h.opts.Root, c, err)
		}
	}
	path := filepath.Join(h.opts.Root, prefix+h.opts.RunID)
	if err := h.make(path); err != nil {
		return base{}, err
	}
	return base{plain, path, home}, nil
}

// takeScope has systemd move this process into a scope that it then leaves alone.
func (h *Host) takeScope(ctx context.Context, home string) (base, error) {
	if err := h.dial(ctx); err != nil {
		return base{}, err
	}
	name, slice := runScope(h.opts.RunID), runSlice(h.opts.RunID)
	for _, unit := range []string{topSlice, slice, name} {
		if err := h.opts.Journal(KindUnit, unit); err != nil {
			return base{}, fmt.Errorf("journal: %w", err)
		}
	}
	// Not broken off with the run: systemd would go on, and move a process that
	// believes itself elsewhere into what it is about to kill.
	moving, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := h.bus.start(moving, name,
		systemd.PropDescription("initbench run "+h.opts.RunID),
		systemd.PropSlice(slice),
		systemd.PropPids(uint32(os.Getpid())),
		prop("DefaultDependencies", false),
		prop("Delegate", true),
		prop("CollectMode", "inactive-or-failed"))
	if isBusError(err, "UnitExists") {
		// What is there is another's: not for Close to remove.
		h.bus.close()
		h.bus = nil
	}
	if err != nil {
		return base{}, fmt.Errorf("%w: or start initbench under systemd-run --pipe --wait -p Delegate=yes", err)
	}
	path := filepath.Join(h.opts.Root, topSlice, slice, name)
	own, err := ownCgroup(h.opts.Proc)
	if err == nil && filepath.Join(h.opts.Root, own) != path {
		err = fmt.Errorf("start unit %s: systemd left this process in %s", name, own)
	}
	return base{scope, path, home}, err
}

// isOurs reports whether the cgroup was handed to its unit (systemd marks the
// top of a delegated subtree with an extended attribute) and holds pid alone.
func isOurs(path string, pid int) (bool, error) {
	if !isDelegated(path) || len(children(path)) > 0 {
		return false, nil
	}
	pids, err := procs(path)
	if err != nil {
		return false, fmt.Errorf("own cgroup: %w", err)
	}
	return slices.Equal(pids, []int{pid}), nil
}

func isDelegated(path string) bool {
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		var value [8]byte
		// No attribute, none readable or none supported: not marked, all the same.
		if n, err := unix.Getxattr(path, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// leave undoes settle and takeBase.
func (h *Host) leave(ctx context.Context) error {
	if err := h.removeTrees(ctx); err != nil {
		return err
	}
	if err := h.goHome(); err != nil {
		return err
	}
	switch h.base.kind {
	case delegated:
		return removeTree(ctx, filepath.Join(h.base.path, supervisor))
	case scope:
		return errors.Join(removeTree(ctx, h.base.path), h.bus.remove(ctx, runScope(h.opts.RunID)))
	default:
		return removeTree(ctx, h.base.path)
	}
}

// removeTrees removes trees that trials did not: those of a run that is broken off.
func (h *Host) removeTrees(ctx context.Context) error {
	var errs []error
	for _, child := range children(h.base.path) {
		if ofRun(filepath.Base(child), h.opts.RunID) {
			errs = append(errs, removeTree(ctx, child))
		}
	}
	return errors.Join(errs...)
}

// goHome moves this process out of the subtree.
func (h *Host) goHome() error {
	if h.base.kind == delegated {
		// A cgroup that gives controllers to its children takes no process. runc turns
		// on all there are, also those that we did not.
		on, err := subtreeControl(h.base.path)
		if err != nil {
			return err
		}
		if err := toggle(h.base.path, "-", on); err != nil {
			return err
		}
	}
	err := move(h.opts.Root, h.base.home, os.Getpid())
	if err != nil && h.base.kind != delegated {
		// systemd removed a home that our leaving emptied, or gave it children. The root takes any process.
		err = move(h.opts.Root, h.opts.Root, os.Getpid())
	}
	if err != nil {
		return err
	}
	// What follows kills all that is left in the base.
	own, err := ownCgroup(h.opts.Proc)
	if err == nil && h.base.kind != delegated && strings.HasPrefix(filepath.Join(h.opts.Root, own)+"/", h.base.path+"/") {
		err = fmt.Errorf("move home: still in %s", own)
	}
	return err
}

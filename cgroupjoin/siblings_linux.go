package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin/join"
)

// A tree in which a join is measured by itself has no runtime: whoever measures makes the leaf, and cgroups
// beside it.

// Target is the leaf, to be joined.
func (t *Tree) Target() join.Target {
	target := join.Target{Root: t.host.opts.Root, Path: t.lay.leaf}
	if len(t.lay.units) > 0 {
		target.Unit, target.Slice = filepath.Base(t.lay.leaf), filepath.Base(t.lay.pod)
	}
	return target
}

// Systemd is the run's connection; nil where no driver of the run needs one.
func (h *Host) Systemd() *systemd.Conn {
	if h.bus == nil {
		return nil
	}
	return h.bus.conn
}

// Birthplace is the cgroup behind RuntimeCgroupFD.
func (t *Tree) Birthplace() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.births[len(t.births)-1].Name()
}

// AddSiblings makes n empty cgroups in the pod, beside the leaf, and returns their paths. Call it once.
//
// They are plain directories under both drivers: 2000 units would be 2000 processes, and what PID 1 does for each is
// not what a join beside them costs. Under systemd the first is a scope around keeper: systemd takes the
// controllers from a slice's children when none of its own units wants them any more, which would be
// taken from all siblings in the middle of a trial. So the pod gives its controllers before the join under both
// drivers, as one that holds a container already does.
func (t *Tree) AddSiblings(ctx context.Context, n, keeper int) ([]string, error) {
	var all []string
	if n > 0 && len(t.lay.units) > 0 {
		first, err := t.addKept(ctx, keeper)
		if err != nil {
			return nil, fmt.Errorf("siblings: %w", err)
		}
		all = append(all, first)
	}
	for i := len(all); i < n; i++ {
		path := filepath.Join(t.lay.pod, fmt.Sprintf("sibling%d", i))
		if err := makeCgroup(path); err != nil {
			return nil, fmt.Errorf("siblings: %w", err)
		}
		all = append(all, path)
	}
	return all, nil
}

func (t *Tree) keptScope() string { return leafScope(t.host.opts.RunID, t.id+"kept") }

func (t *Tree) addKept(ctx context.Context, keeper int) (string, error) {
	scope := t.keptScope()
	if err := t.host.opts.Journal(KindUnit, scope); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	target := join.Target{Root: t.host.opts.Root, Path: filepath.Join(t.lay.pod, scope), Unit: scope, Slice: filepath.Base(t.lay.pod)}
	if err := join.StartUnit(ctx, t.host.bus.conn, target, keeper); err != nil {
		return "", err
	}
	// Of the slice's controllers systemd gives a scope those that it accounts for; the siblings have all that there are,
	// which are not always initbench's own: systemd gives a slice what units in it have asked for.
	_, err := enable(t.host.opts.Root, t.lay.pod)
	return target.Path, err
}

// RemoveJoined removes the leaf and its siblings, with what lives in them, and says what that was: whoever
// made them ends their processes first. Remove takes care of the rest.
func (t *Tree) RemoveJoined(ctx context.Context) (leaks []string, err error) {
	pids, err := procs(t.lay.pod)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		leaks = append(leaks, fmt.Sprintf("process %d (%s) in the container's pod", pid, t.host.comm(pid)))
	}
	if err := kill(t.lay.pod); err != nil {
		return leaks, err
	}
	if err := waitEmpty(ctx, t.lay.pod); err != nil {
		return leaks, fmt.Errorf("pod %s: %w", t.lay.pod, err)
	}
	if err := t.removeScopes(ctx); err != nil {
		return leaks, err
	}
	for _, child := range slices.Backward(children(t.lay.pod)) {
		err = errors.Join(err, rmdirTree(child))
	}
	return leaks, err
}

// removeScopes has systemd forget the scopes first: it removes their directories itself.
func (t *Tree) removeScopes(ctx context.Context) error {
	if len(t.lay.units) == 0 {
		return nil
	}
	return errors.Join(t.host.bus.remove(ctx, filepath.Base(t.lay.leaf)), t.host.bus.remove(ctx, t.keptScope()))
}

// Settle returns when what changed the tree before it is over for the kernel and for systemd: no cgroup is
// being destroyed any more, PID 1 has answered since, and the lock that a migration takes from forks is
// back in their hands (package join says why that matters).
func (t *Tree) Settle(ctx context.Context) error {
	if t.host.bus != nil && len(t.lay.units) > 0 {
		if _, err := t.host.bus.version(); err != nil {
			return err
		}
	}
	return gracePeriods(ctx)
}

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL of linux/membarrier.h.
const membarrierGlobal = 1

// gracePeriods waits for RCU three times. The lock goes back to its fast mode in a callback after one
// grace period, two if another writer came meanwhile (kernel/rcu/sync.c), and the callback itself runs
// some time after its period. membarrier(2) of this kind is synchronize_rcu() where there are several
// processors, and milliseconds long. With one it returns at once, and nothing else tells of a grace period: then
// there is only to wait.
func gracePeriods(ctx context.Context) error {
	began := time.Now()
	for range 3 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
			return fmt.Errorf("membarrier: %w", errno)
		}
	}
	if time.Since(began) > time.Millisecond {
		return nil
	}
	select {
	case <-time.After(rest):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rest is some ten grace periods of a machine that has nothing to do.
const rest = 200 * time.Millisecond

package runner

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/network"
)

// A life's container may have a network. Then the harness does for it what a container manager does, and no more, so that what is left says whose
// duty was not done:
//
//   - Before a create it makes a network namespace, has the CNI plugins ADD the container to it, and gives its path to the runtime. A create
//     that is repeated, since the one before failed or was killed, gets the namespace and the addresses that are there.
//   - After a delete with which the runtime succeeded (exit 0) it has the plugins DEL and removes the namespace. The next create of that
//     name begins anew.
//   - After a delete that failed or was killed it does nothing: it would repeat the delete. What the container has until then is a leftover.
//   - Nothing else detaches: not a stop, nor the payload's end or init's death, whether anybody is told of it or not.

// pluginLimit bounds what is done of a container's network at once. Nothing is judged by it: it is longer than any plugin takes in a guest that is
// emulated on a busy machine, where one of 30 s was not.
const pluginLimit = 2 * time.Minute

// onlyNetwork stands for a scenario's name where there is none.
const onlyNetwork = ""

// netNS is the namespace that the container is to be in; empty: one of the runtime's making.
func (v *life) netNS() string {
	if v.network == nil {
		return ""
	}
	return v.network.NetNS(v.id)
}

// connect attaches the container before its create, unless it still is attached.
func (v *life) connect(ctx context.Context) error {
	if v.network == nil || v.connected {
		return nil
	}
	v.attach(ctx)
	if err := v.attached.err; err != nil {
		return fmt.Errorf("network: %w", err) // end frees what was made of it
	}
	v.connected = true
	return nil
}

// disconnect detaches the container after a delete that succeeded. Plugins that fail are a manager's to call again: the step says so, and the next
// such delete does.
func (v *life) disconnect(step lifecycle.Step, done *lifecycle.Done) {
	if !v.connected || !detaches(step, *done) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pluginLimit)
	defer cancel()
	if _, err := v.network.Detach(ctx, v.id); err != nil {
		done.Message = joinText(done.Message, "network: "+OneLine(err.Error()))
		return
	}
	v.connected = false
}

// detaches reports whether a step is what a manager detaches the container after.
func detaches(step lifecycle.Step, done lifecycle.Done) bool {
	return step.Verb.Deletes() && done.Exit != nil && *done.Exit == 0
}

// leftNetwork is what the container has of its network, also once it was detached.
func (v *life) leftNetwork(context.Context) ([]item, error) {
	if v.attached == nil {
		return nil, nil
	}
	leaks, err := v.network.LeaksOf(v.attached.Attachment)
	var all []item
	for _, l := range leaks {
		all = append(all, v.leakOf(l))
	}
	return all, err
}

// leakOf names a leak by what any run has: plugins choose a veth's name at random, and addresses one after the other.
func (v *life) leakOf(l network.Leak) item {
	switch l.Kind {
	case network.AddressLease:
		return item{lifecycle.Leases, l.Name, "an address of " + v.poolOf(l.Name)}
	case network.Veth:
		return item{lifecycle.Veths, l.Name, "on the bridge NET"}
	}
	key := nsAt(l.Name)
	if key == "" {
		key = l.Name // the file alone
	}
	return item{lifecycle.NetNamespaces, key, v.anonymous(l.Name)}
}

// poolOf is the base of the pool that an address is of.
func (v *life) poolOf(address string) string {
	addr, err := netip.ParseAddr(address)
	for _, p := range v.of.job.Pools {
		if err == nil && p.Base().Contains(addr) {
			return p.Base().String()
		}
	}
	return "no pool"
}

// nsAt is the namespace at a path as the kernel calls it everywhere else; empty where there is none.
func nsAt(path string) string {
	var fs unix.Statfs_t
	var s unix.Stat_t
	if path == "" || unix.Statfs(path, &fs) != nil || fs.Type != unix.NSFS_MAGIC || unix.Stat(path, &s) != nil {
		return ""
	}
	return fmt.Sprintf("net:[%d]", s.Ino)
}

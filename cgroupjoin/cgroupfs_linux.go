package cgroupjoin

import (
	"context"
	"fmt"

	"github.com/containerd/cgroups/v3/cgroup2"
)

// cgroupfsMaker makes the pod as a directory next to the runtime's cgroup.
type cgroupfsMaker struct{ host *Host }

func (m cgroupfsMaker) layout(tree, id string) layout {
	return cgroupfsLayout(m.host.opts.Root, m.host.base.path, m.host.opts.RunID, tree, id)
}

func (m cgroupfsMaker) makePod(_ context.Context, l layout, s Spec) error {
	if err := makeCgroup(l.pod); err != nil {
		return err
	}
	if err := toggle(l.pod, "+", m.host.controllers); err != nil {
		return err
	}
	return m.host.limit(l.pod, s.AncestorLimit)
}

// keptUnits: systemd knows nothing of these containers.
func (cgroupfsMaker) keptUnits(context.Context, []string) ([]string, error) { return nil, nil }

func (cgroupfsMaker) removePod(ctx context.Context, l layout) error { return removeTree(ctx, l.pod) }

// limit writes a cgroup's memory.max (unless 0) and forbids it swap where there is any.
func (h *Host) limit(path string, max int64) error {
	mem := &cgroup2.Memory{}
	if max != 0 {
		mem.Max = &max
	}
	if h.swapBytes > 0 {
		mem.Swap = new(int64)
	}
	m, err := group(h.opts.Root, path)
	if err == nil {
		err = m.Update(&cgroup2.Resources{Memory: mem})
	}
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	return nil
}

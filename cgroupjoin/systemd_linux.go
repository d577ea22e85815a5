package cgroupjoin

import (
	"context"

	systemd "github.com/coreos/go-systemd/v22/dbus"
)

// systemdMaker has systemd make the pod as a transient slice; the runtime asks
// for the container's scope in it.
type systemdMaker struct{ host *Host }

func (m systemdMaker) layout(tree, id string) layout {
	return systemdLayout(m.host.opts.Root, m.host.base.path, m.host.opts.RunID, tree, id)
}

func (m systemdMaker) makePod(ctx context.Context, _ layout, s Spec) error {
	props := []systemd.Property{
		systemd.PropDescription("initbench trial " + s.ID),
		prop("DefaultDependencies", false),
		// Accounting is what makes systemd enable the controllers.
		prop("MemoryAccounting", true),
		prop("CPUAccounting", true),
		prop("TasksAccounting", true),
	}
	if s.AncestorLimit != 0 {
		props = append(props, prop("MemoryMax", uint64(s.AncestorLimit)))
	}
	if m.host.swapBytes > 0 {
		props = append(props, prop("MemorySwapMax", uint64(0)))
	}
	return m.host.bus.start(ctx, podSlice(m.host.opts.RunID, s.ID), props...)
}

func (m systemdMaker) keptUnits(ctx context.Context, units []string) ([]string, error) {
	if len(units) == 0 {
		return nil, nil // without a pattern systemd lists all it has
	}
	return m.host.bus.failed(ctx, units)
}

// removePod stops the innermost unit first, then removes directories that
// systemd did not, such as one a runtime made behind its back.
func (m systemdMaker) removePod(ctx context.Context, l layout) error {
	for i := len(l.units) - 1; i >= 0; i-- {
		if err := m.host.bus.remove(ctx, l.units[i]); err != nil {
			return err
		}
	}
	return removeTree(ctx, l.pod)
}

package cgroupjoin

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// FindRemains lists what runs left behind, from systemd's and the kernel's own
// lists, in an order in which it can be removed. What holds the calling
// process is not a remainder.
func FindRemains(ctx context.Context, root, proc string) ([]Item, error) {
	own, err := ownCgroup(proc)
	if err != nil {
		return nil, err
	}
	var units []string
	if SystemdRunning() {
		b, err := dialBus(ctx)
		if err != nil {
			return nil, err
		}
		defer b.close()
		if units, err = b.ownUnits(ctx); err != nil {
			return nil, err
		}
	}
	return remains(units, root, own), nil
}

// remains puts units first: removing one takes its cgroup along.
func remains(units []string, root, own string) []Item {
	var items []Item
	for _, u := range units {
		if !holds(own, u) {
			items = append(items, Item{KindUnit, u})
		}
	}
	for _, path := range ownCgroups(root, units, filepath.Join(root, own)) {
		items = append(items, Item{KindCgroup, path})
	}
	return items
}

// ownCgroups lists the outermost cgroups with a name of ours below path, other
// than the units' own and those that lead to the calling process.
func ownCgroups(path string, units []string, own string) []string {
	var found []string
	for _, child := range children(path) {
		name := filepath.Base(child)
		if ownCgroupName(name) && !slices.Contains(units, name) && !within(own, child) {
			found = append(found, child)
			continue
		}
		found = append(found, ownCgroups(child, units, own)...)
	}
	return found
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	return strings.HasPrefix(path+"/", strings.TrimSuffix(dir, "/")+"/")
}

// RemoveCgroup kills what lives in a cgroup of ours and removes it with all
// below. One that is gone is removed already.
func RemoveCgroup(ctx context.Context, root, proc, path string) error {
	own, err := ownCgroup(proc)
	if err != nil {
		return err
	}
	if err := refuseCgroup(root, path, filepath.Join(root, own)); err != nil {
		return fmt.Errorf("remove cgroup %s: %w", path, err)
	}
	return removeTree(ctx, path)
}

func refuseCgroup(root, path, own string) error {
	switch {
	case filepath.Clean(path) != path || !within(path, root):
		return fmt.Errorf("not a path below %s", root)
	case !ownCgroupName(filepath.Base(path)):
		return fmt.Errorf("its name is not one that initbench gives")
	case within(own, path):
		return fmt.Errorf("it holds this process")
	}
	return nil
}

// RemoveUnit kills what lives in a scope or slice of ours and has systemd forget
// it. One that systemd does not know is removed already.
func RemoveUnit(ctx context.Context, root, proc, name string) error {
	if !ownUnit(name) {
		return fmt.Errorf("remove unit %s: its name is not one that initbench gives", name)
	}
	own, err := ownCgroup(proc)
	if err != nil {
		return err
	}
	if holds(own, name) {
		return fmt.Errorf("remove unit %s: it holds this process", name)
	}
	b, err := dialBus(ctx)
	if err != nil {
		return fmt.Errorf("remove unit %s: %w", name, err)
	}
	defer b.close()
	if name == topSlice {
		return b.removeTop(ctx, root)
	}
	cgroup, err := b.cgroupOf(ctx, name)
	if err != nil {
		return err
	}
	// Stopping asks with SIGTERM and waits 90 s for those that ignore it.
	if cgroup != "" {
		if err := kill(filepath.Join(root, cgroup)); err != nil {
			return err
		}
	}
	return b.remove(ctx, name)
}

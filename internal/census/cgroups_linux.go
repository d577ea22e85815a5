package census

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

var cgroupKinds = []Kind{Cgroups, DyingCgroups}

// cgroups reads the kernel's own count of a subtree, which is one file however many there are.
func (t *Taker) cgroups(_ context.Context, count *tally) error {
	path := filepath.Join(t.opts.Cgroup, "cgroup.stat")
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s is no cgroup v2: %w", t.opts.Cgroup, err)
	}
	live, err := flat(b, "nr_descendants")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	dying, err := flat(b, "nr_dying_descendants")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	count.counts(Cgroups, live)
	count.counts(DyingCgroups, dying)
	if !count.named || !count.wants(Cgroups) {
		return nil
	}
	return filepath.WalkDir(t.opts.Cgroup, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && path != t.opts.Cgroup:
			count.name(Cgroups, func() string { return path })
		}
		return nil
	})
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/network"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	procRoot   = "/proc"
)

// Remains lists what earlier runs left on this machine: what their journals name
// and is still there, and whatever the kernel and systemd list under initbench's
// names. Call it with the lock held, or a live run's own things are listed.
func Remains(ctx context.Context) ([]string, error) {
	all, _, err := findRemains(ctx)
	names := make([]string, 0, len(all))
	for _, e := range all {
		names = append(names, string(e.Kind)+" "+e.Name)
	}
	return names, err
}

// findRemains puts units and cgroups before networks and directories: a process that is
// killed lets go of its namespaces and mounts.
func findRemains(ctx context.Context) (all []journal.Entry, journals []string, err error) {
	found, err := journal.Find(journal.Base())
	if err != nil {
		return nil, nil, err
	}
	items, err := cgroupjoin.FindRemains(ctx, cgroupRoot, procRoot)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range items {
		all = append(all, journal.Entry{Kind: journal.Kind(i.Kind), Name: i.Name})
	}
	var runs []string
	for _, r := range found {
		journals, runs = append(journals, r.Path), append(runs, r.Run)
		all = append(all, stillThere(r.Entries)...)
	}
	networks, err := findNetworks()
	if err != nil {
		return nil, nil, err
	}
	all = append(all, networks...)
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("nsfs"))
	if err != nil {
		return nil, nil, err
	}
	all = append(all, namedAfter(runs, mounts)...)
	dirs, err := filepath.Glob(filepath.Join(journal.Base(), "run-*"))
	for _, d := range dirs {
		all = append(all, journal.Entry{Kind: journal.Dir, Name: d})
	}
	return unique(all), journals, err
}

// namedAfter are the namespaces that were mounted to last under the name of a run's container, as a runtime may that is killed. Those below
// a directory of initbench go with that.
func namedAfter(runs []string, mounts []*mountinfo.Info) (all []journal.Entry) {
	for _, m := range mounts {
		named := func(run string) bool { return strings.Contains(filepath.Base(m.Mountpoint), run+"-") }
		if !strings.HasPrefix(m.Mountpoint, journal.Base()+"/") && slices.ContainsFunc(runs, named) {
			all = append(all, journal.Entry{Kind: journal.Mount, Name: m.Mountpoint})
		}
	}
	return all
}

// stillThere keeps the entries that exist. Units and networks are left out: systemd's own
// list has those it still knows, and findNetworks all of which there is anything.
func stillThere(entries []journal.Entry) []journal.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e journal.Entry) bool {
		_, err := os.Lstat(e.Name)
		return e.Kind == journal.Unit || e.Kind == network.Kind || err != nil
	})
}

// findNetworks lists those of which the kernel or the disk has anything, named in a journal or not.
func findNetworks() ([]journal.Entry, error) {
	leaks, err := network.Leaks(journal.Base())
	if err != nil {
		return nil, fmt.Errorf("networks: %w", err)
	}
	var all []journal.Entry
	for _, l := range leaks {
		all = append(all, journal.Entry{Kind: network.Kind, Name: l.Network})
	}
	return all, nil
}

// unique drops repetitions, and cgroups that go with one above them.
func unique(all []journal.Entry) []journal.Entry {
	var out []journal.Entry
	for _, e := range all {
		e.Scope = ""
		covered := slices.ContainsFunc(out, func(o journal.Entry) bool {
			return o == e || o.Kind == e.Kind && strings.HasPrefix(e.Name, o.Name+"/")
		})
		if !covered {
			out = append(out, e)
		}
	}
	return out
}

// Clean removes what earlier runs left and says on notes what that was. It
// refuses while a run is under way.
func Clean(ctx context.Context, notes io.Writer) error {
	err := clean(ctx, notes)
	var busy *journal.BusyError
	if err == nil || os.Geteuid() == 0 || errors.As(err, &busy) {
		return err
	}
	return &EnvError{Err: fmt.Errorf("%w: %s", err, asRoot)}
}

// asRoot is told an ordinary user, who could not see even what root's runs wrote down.
const asRoot = "trials are root's, and so is what they leave: sudo initbench clean"

func clean(ctx context.Context, notes io.Writer) (err error) {
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return &EnvError{Err: err}
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	all, journals, err := findRemains(ctx)
	if err != nil {
		return &EnvError{Err: err}
	}
	for _, e := range all {
		if rerr := removeEntry(ctx, e); rerr != nil {
			err = errors.Join(err, fmt.Errorf("%s %s: %w", e.Kind, e.Name, rerr))
			continue
		}
		_, _ = fmt.Fprintf(notes, "removed %s %s\n", e.Kind, e.Name) // notes are only advice
	}
	if err != nil {
		return &EnvError{Err: err}
	}
	for _, j := range journals {
		err = errors.Join(err, os.Remove(j))
	}
	switch {
	case len(all) > 0:
	case os.Geteuid() == 0:
		_, _ = fmt.Fprintln(notes, "nothing to remove")
	default:
		_, _ = fmt.Fprintln(notes, "nothing to remove that is yours; "+asRoot)
	}
	return err
}

func removeEntry(ctx context.Context, e journal.Entry) error {
	switch e.Kind {
	case journal.Cgroup:
		return cgroupjoin.RemoveCgroup(ctx, cgroupRoot, procRoot, e.Name)
	case journal.Unit:
		return cgroupjoin.RemoveUnit(ctx, cgroupRoot, procRoot, e.Name)
	case network.Kind:
		return network.CleanOne(ctx, journal.Base(), e.Name)
	case journal.Dir:
		return removeDir(e.Name)
	case journal.Mount:
		return unmountName(e.Name)
	}
	return fmt.Errorf("unknown kind %q", e.Kind)
}

// removeDir removes a directory of initbench's own. Whatever is mounted below it
// is unmounted first, and nothing is deleted while anything still is: a bind
// mount left by a runtime shows files that are not ours.
func removeDir(dir string) error {
	if !filepath.IsAbs(dir) || !strings.HasPrefix(filepath.Clean(dir), filepath.Clean(journal.Base())+"/run-") {
		return fmt.Errorf("%s is not a run directory of initbench", dir)
	}
	for {
		mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
		if err != nil {
			return err
		}
		if len(mounts) == 0 {
			return os.RemoveAll(dir)
		}
		last := mounts[len(mounts)-1].Mountpoint
		if err := unix.Unmount(last, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", last, err)
		}
	}
}

package census

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

var (
	mountKinds  = []Kind{Mounts}
	sharedKinds = []Kind{ShmemPages, TmpfsPages, MemfdPages}
)

// mountsOf reads the mounts of a process's namespace.
func (t *Taker) mountsOf(pid string) ([]*mountinfo.Info, error) {
	path := t.proc(pid, "mountinfo")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	infos, err := mountinfo.GetMountsFromReader(bytes.NewReader(b), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return infos, nil
}

func mountName(m *mountinfo.Info) string { return fmt.Sprintf("%s (%s)", m.Mountpoint, m.FSType) }

func (t *Taker) mounts(_ context.Context, count *tally) error {
	infos, err := t.mountsOf("self")
	if err != nil {
		return err
	}
	count.counts(Mounts, 0)
	for _, m := range infos {
		count.one(Mounts, func() string { return mountName(m) })
	}
	return nil
}

// sharedMemory tells pages in a mounted tmpfs from the rest. The kernel has no number of memfds' own.
func (t *Taker) sharedMemory(_ context.Context, count *tally) error {
	all, err := t.sharedPages()
	if err != nil {
		return err
	}
	count.counts(ShmemPages, all)
	infos, err := t.mountsOf("self")
	if err != nil {
		count.unread(err, TmpfsPages, MemfdPages)
		return nil
	}
	mounted, err := tmpfsPages(infos)
	if err != nil {
		count.unread(err, TmpfsPages, MemfdPages)
		return nil
	}
	count.counts(TmpfsPages, mounted)
	count.counts(MemfdPages, all-mounted)
	return nil
}

// sharedPages has each CPU add what it has not yet, up to 125 pages each, to the kernel's count before it is read. Who may
// not ask for that gets the count as it is.
func (t *Taker) sharedPages() (int64, error) {
	_, _ = os.ReadFile(t.proc("sys/vm/stat_refresh")) // root alone may
	path := t.proc("vmstat")
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := flat(b, "nr_shmem")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// tmpfsPages adds up each tmpfs once, however often it is mounted.
func tmpfsPages(infos []*mountinfo.Info) (int64, error) {
	seen := map[[2]int]bool{}
	sum := int64(0)
	for _, m := range infos {
		device := [2]int{m.Major, m.Minor}
		if m.FSType != "tmpfs" && m.FSType != "devtmpfs" || seen[device] {
			continue
		}
		pages, reached, err := usedPages(m)
		if err != nil {
			return 0, err
		}
		if reached {
			seen[device] = true
			sum += pages
		}
	}
	return sum, nil
}

// usedPages asks a tmpfs at its mount point. Under a mount on top of it, it cannot be reached.
func usedPages(m *mountinfo.Info) (pages int64, reached bool, err error) {
	var file unix.Stat_t
	var system unix.Statfs_t
	if err := unix.Stat(m.Mountpoint, &file); err != nil {
		return 0, false, nil // hidden below another mount, or gone meanwhile
	}
	if int(unix.Major(file.Dev)) != m.Major || int(unix.Minor(file.Dev)) != m.Minor {
		return 0, false, nil
	}
	if err := unix.Statfs(m.Mountpoint, &system); err != nil {
		return 0, false, fmt.Errorf("statfs %s: %w", m.Mountpoint, err)
	}
	if system.Blocks == 0 {
		return 0, false, fmt.Errorf("%s is a %s without a size, whose pages the kernel does not count", m.Mountpoint, m.FSType)
	}
	return int64(system.Blocks-system.Bfree) * system.Bsize / int64(os.Getpagesize()), true, nil
}

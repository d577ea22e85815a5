package runner

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mounts knows whether anything is mounted below a directory, not on it, and looks only when a mount was made or undone: reading
// /proc/self/mountinfo takes a millisecond of a trial, asking whether it has changed (mnt_namespace's event, which poll
// tells) a microsecond. Runtimes mount in namespaces of their own, so that it hardly ever has.
type mounts struct {
	dir  string
	info int // not an os.File: Go's own poller would take the events

	mu   sync.Mutex
	some bool // below dir, when it was last looked
}

// watchMounts takes it that nothing is mounted below dir.
func watchMounts(dir string) (*mounts, error) {
	info, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	return &mounts{dir: dir, info: info}, nil
}

// any tells whether something is mounted below the directory; without a watch it may be.
func (m *mounts) any() (bool, error) {
	if m == nil {
		return true, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changed, err := m.changed()
	if !changed || err != nil {
		return m.some || err != nil, err
	}
	m.some = true // unless it is seen not to be
	found, err := mountinfo.GetMounts(mountinfo.PrefixFilter(m.dir))
	if err != nil {
		return true, err
	}
	m.some = slices.ContainsFunc(found, func(i *mountinfo.Info) bool { return i.Mountpoint != m.dir })
	return m.some, nil
}

// changed tells it once of each change.
func (m *mounts) changed() (bool, error) {
	fds := []unix.PollFd{{Fd: int32(m.info), Events: unix.POLLPRI}}
	for {
		_, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return true, fmt.Errorf("mounts: poll: %w", err)
		}
		return fds[0].Revents&(unix.POLLPRI|unix.POLLERR) != 0, nil
	}
}

func (m *mounts) close() error {
	if m == nil {
		return nil
	}
	return unix.Close(m.info)
}

// removeDir removes a trial's directory, which lies in the run's.
func (c *collector) removeDir(dir string) error {
	if some, err := c.mounts.any(); some || err != nil {
		return errors.Join(err, removeDir(dir))
	}
	return os.RemoveAll(dir)
}

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// makeNetNS makes a network namespace that a file keeps alive, as `ip netns add` does.
func makeNetNS(path string) error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("make netns: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("make netns: %w", err)
	}
	if err = f.Close(); err == nil {
		made := make(chan error)
		go func() { made <- bindNewNetNS(path) }()
		err = <-made
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make netns %s: %w", path, err), removeNetNS(path))
	}
	return nil
}

// bindNewNetNS leaves its thread where it was. A goroutine that ended in the new namespace
// instead would take its thread along, but for the first one, which the Go runtime keeps, and the namespace with it.
func bindNewNetNS(path string) (err error) {
	runtime.LockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = before.Close() }() // of a handle
	if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // and the thread stays locked: nobody else may run on it
	}
	runtime.UnlockOSThread()
	return err
}

// removeNetNS lets go of a namespace; none is no error.
func removeNetNS(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	// EINVAL: a file that nothing is mounted on, since its maker was killed before.
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove netns: unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove netns: %w", err)
	}
	return nil
}

// isNetNS tells whether a namespace is behind a path.
func isNetNS(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.NSFS_MAGIC
}

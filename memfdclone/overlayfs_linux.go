package memfdclone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// overlayfs opens the binary through an overlay that has no upper layer, and that is mounted nowhere. It copies nothing.
func overlayfs(src *source, o Options) (*os.File, int64, error) {
	ctx, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, 0, os.NewSyscallError("fsopen overlay", err)
	}
	defer closeFD(ctx)
	path, err := src.path()
	if err != nil {
		return nil, 0, err
	}
	mount, err := mountLayers(ctx, filepath.Dir(path), o.Dir)
	if err != nil {
		return nil, 0, err
	}
	defer closeFD(mount)
	fd, err := unix.Openat(mount, filepath.Base(path), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open %s in the overlay: %w", path, err)
	}
	if err := src.same(fd); err != nil {
		closeFD(fd)
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), 0, nil
}

// path is where the binary lies now.
func (s *source) path() (string, error) {
	if s.stat.Nlink == 0 {
		return "", errors.New("the file has been removed, or never had a name")
	}
	path, err := os.Readlink(procFD(s.fd))
	if err == nil && !filepath.IsAbs(path) {
		err = fmt.Errorf("%s is no path", path)
	}
	return path, err
}

// same fails where what fd leads to is not the binary: the overlay is made by path, where another
// file may lie by now, or be hidden by a mount on it, which is not in a lower layer. Inode numbers cannot be
// compared, as overlays have their own; times to the nanosecond can.
func (s *source) same(fd int) error {
	var got unix.Stat_t
	if err := unix.Fstat(fd, &got); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if got.Size != s.stat.Size || got.Mtim != s.stat.Mtim || got.Mode != s.stat.Mode {
		return errors.New("another file is there by now")
	}
	return nil
}

func mountLayers(ctx int, dir, below string) (int, error) {
	second, err := secondLayer(dir, below)
	if err != nil {
		return -1, err
	}
	layers := escapeLayer(dir) + ":" + escapeLayer(second)
	if err := unix.FsconfigSetString(ctx, "lowerdir", layers); err != nil {
		return -1, fmt.Errorf("fsconfig lowerdir=%s: %w", layers, err)
	}
	// Layers on several file systems have it switched on (4.17), which the kernel tells its log each time. Kernels without it
	// do not know the option.
	_ = unix.FsconfigSetString(ctx, "xino", "off")
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("make an overlay of %s: %w", layers, err)
	}
	mount, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	return mount, os.NewSyscallError("fsmount", err)
}

// secondLayer is a directory to put below the binary's: an overlay that has only one layer would have to have an upper one, and
// could be written to. The binary's layer is on top, so what lies in the other
// does not matter; but neither may be in the other (ELOOP), as they would be for a binary in /tmp.
func secondLayer(dir, wanted string) (string, error) {
	if wanted == "" {
		wanted = os.TempDir()
	}
	for _, d := range []string{wanted, "/run", "/dev/shm", "/var/tmp", "/etc"} {
		real, err := filepath.EvalSymlinks(d)
		if err == nil && !within(real, dir) && !within(dir, real) {
			return real, nil
		}
	}
	return "", fmt.Errorf("no directory is outside of %s", dir)
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func escapeLayer(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(dir)
}

// closeFD closes what was only read from or looked at.
func closeFD(fd int) { _ = unix.Close(fd) }

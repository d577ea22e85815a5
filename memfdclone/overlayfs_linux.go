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
	path, err := src.path()
	if err != nil {
		return nil, 0, err
	}
	mount, err := mountOver(filepath.Dir(path), o.Dir)
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

// mountOver makes an overlay of dir, over another directory: one of a single layer would have to be writable. What
// lies in the lower one does not matter, dir's files hide it; but neither may be within the other (ELOOP), as
// the binary's directory and os.TempDir may be.
func mountOver(dir, below string) (mount int, err error) {
	if below == "" {
		below = os.TempDir()
	}
	for _, second := range []string{below, "/run", "/dev/shm", "/var/tmp", "/etc"} {
		if within(second, dir) || within(dir, second) {
			continue
		}
		// By symbolic links they may be within each other all the same.
		mount, err = mountLayers(dir, second)
		if !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOENT) {
			return mount, err
		}
	}
	if err == nil {
		err = fmt.Errorf("no directory is outside of %s", dir)
	}
	return -1, err
}

func mountLayers(dir, second string) (int, error) {
	ctx, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen overlay", err)
	}
	defer closeFD(ctx)
	top, err := nameLayer(dir)
	if err != nil {
		return -1, err
	}
	defer top.close()
	bottom, err := nameLayer(second)
	if err != nil {
		return -1, err
	}
	defer bottom.close()
	if err := unix.FsconfigSetString(ctx, "lowerdir", top.name+":"+bottom.name); err != nil {
		return -1, os.NewSyscallError("fsconfig lowerdir", err)
	}
	// Layers on several file systems have it switched on (4.17), which the kernel tells its log each time. Kernels without it
	// do not know the option.
	_ = unix.FsconfigSetString(ctx, "xino", "off")
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("make an overlay of %s over %s: %w", dir, second, err)
	}
	mount, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	return mount, os.NewSyscallError("fsmount", err)
}

// layer is a directory as an overlay's options name it.
type layer struct {
	name string
	fd   int // -1 unless it is named by a descriptor
}

// nameLayer names a directory by its path where it can: by a descriptor it takes some microseconds more. Colons and
// backslashes would have to be escaped, kernels before 6.5 refuse commas, and fsconfig(2) takes 256 bytes for both.
func nameLayer(dir string) (layer, error) {
	if len(dir) < 100 && !strings.ContainsAny(dir, `:\,`) {
		return layer{dir, -1}, nil
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return layer{}, fmt.Errorf("open directory %s: %w", dir, err)
	}
	return layer{procFD(fd), fd}, nil
}

func (l layer) close() {
	if l.fd >= 0 {
		closeFD(l.fd)
	}
}

// within reports whether path is dir or below it, going by their names.
func within(path, dir string) bool {
	rest, below := strings.CutPrefix(path, dir)
	return below && (rest == "" || rest[0] == '/' || strings.HasSuffix(dir, "/"))
}

// closeFD closes what was only read from or looked at.
func closeFD(fd int) { _ = unix.Close(fd) }

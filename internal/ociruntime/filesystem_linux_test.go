package ociruntime

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Catches a file system reported under another's name: the numbers here are those of statfs(2).
func TestFilesystemName(t *testing.T) {
	for magic, want := range map[int64]string{
		0xef53: "ext4", 0x01021994: "tmpfs", 0x794c7630: "overlay", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x2fc12fc1: "zfs",
		0x12345: "0x12345", -0x3535b18e: "0xcaca4e72",
	} {
		if got := filesystemName(magic); got != want {
			t.Errorf("filesystemName(%#x) = %q, want %q", magic, got, want)
		}
	}
}

// Catches statfs asked about something other than the path.
func TestFilesystemOfProc(t *testing.T) {
	if got, err := filesystem("/proc/self/exe/"); err == nil {
		t.Errorf("a file with a slash behind it has a file system: %q", got)
	}
	got, err := filesystem("/proc")
	if want := filesystemName(unix.PROC_SUPER_MAGIC); err != nil || got != want {
		t.Errorf("filesystem(/proc) = %q, %v; want %q", got, err, want)
	}
}

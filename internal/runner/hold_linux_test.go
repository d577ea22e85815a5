package runner

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/census"
	"github.com/initbench/initbench/internal/testenv"
)

// Catches a directory of a mount that was never attached, as a runtime's own procfs is, taken for a way to the host, and one of the host's
// that is missed.
func TestDetachedMountIsNoWayOut(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2)
	host, err := os.Open("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	detached := detachedProc(t)
	defer func() { _ = unix.Close(detached) }() // only looked at
	h := &hold{}
	h.lookAtInit(&initProcess{pid: os.Getpid()})
	has := func(fd int) bool {
		return slices.ContainsFunc(h.waysOut, func(d census.Descriptor) bool { return d.FD == fd })
	}
	if h.blind != nil || !has(int(host.Fd())) || has(detached) {
		t.Errorf("%v, ways out %+v; want %d among them, and %d not", h.blind, h.waysOut, host.Fd(), detached)
	}
}

// detachedProc is the root of a procfs that is mounted nowhere.
func detachedProc(t *testing.T) int {
	t.Helper()
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fs) }() // the mount outlives it
	if err := unix.FsconfigCreate(fs); err != nil {
		t.Fatal(err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(mount) }() // the directory below keeps it
	dir, err := unix.Openat(mount, ".", unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

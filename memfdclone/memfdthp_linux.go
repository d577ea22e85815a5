package memfdclone

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const thpSysfs = "/sys/kernel/mm/transparent_hugepage/"

// memfdTHP asks for huge pages by mapping: with shmem_enabled at advise, which is the careful administrator's
// choice, only page faults in a mapping that was advised give them, never write(2) or sendfile(2).
func memfdTHP(src *source, o Options) (*os.File, int64, error) {
	huge, err := thpSize(thpSysfs)
	if err != nil {
		return nil, 0, err
	}
	return sealedMemfd(src, o, 0, func(fd int, src *source) error { return fillHuge(fd, src, huge) })
}

// thpSize is the size of a transparent huge page, or why shmem has none here.
func thpSize(sysfs string) (int64, error) {
	b, err := os.ReadFile(sysfs + "shmem_enabled")
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("the kernel has no transparent huge pages: %w", err)
	}
	if err != nil {
		return 0, err
	}
	_, mode, _ := strings.Cut(string(b), "[")
	mode, _, _ = strings.Cut(mode, "]")
	switch mode {
	case "always", "within_size", "advise", "force":
	default:
		return 0, fmt.Errorf("shared memory gets no transparent huge pages: %sshmem_enabled is %s, not advise, within_size or always", sysfs, mode)
	}
	b, err = os.ReadFile(sysfs + "hpage_pmd_size")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// fillHuge makes the memfd as long as whole huge pages for as long as it is filled: a mapping that ended
// in the middle of one would get its last bytes in small pages.
func fillHuge(fd int, src *source, huge int64) error {
	size := roundUp(src.size(), huge)
	if err := fits(size); err != nil {
		return err
	}
	err := throughMapping(fd, size, 0, func(m []byte) error {
		if err := unix.Madvise(m, unix.MADV_HUGEPAGE); err != nil {
			return os.NewSyscallError("madvise MADV_HUGEPAGE", err)
		}
		return readFaulting(src, m[:src.size()], huge)
	})
	if err != nil {
		return err
	}
	// Gives back what the last huge page has beyond the file's end.
	return os.NewSyscallError("ftruncate", unix.Ftruncate(fd, src.size()))
}

// readFaulting reads src into m and sees to it that no small pages were given instead: the kernel does that without
// a word where it finds no huge ones. It counts the thread's page faults, one a huge page, since
// nothing else that an unprivileged process may ask is as cheap.
func readFaulting(src *source, m []byte, huge int64) error {
	whole := src.size() / huge * huge
	before, err := threadFaults()
	if err != nil {
		return err
	}
	defer runtime.UnlockOSThread()
	if err := readInto(src, m[:whole], 0); err != nil {
		return err
	}
	after, err := threadFaults()
	if err != nil {
		return err
	}
	defer runtime.UnlockOSThread()
	// One huge page not had is this many faults more; Go's runtime may have had a few of its own.
	small := huge / int64(os.Getpagesize())
	if missed := (after - before - whole/huge + small/2) / small; missed > 0 {
		return fmt.Errorf("%d of %d huge pages were not to be had", missed, whole/huge)
	}
	return readInto(src, m[whole:], whole)
}

// threadFaults counts the page faults of this thread, which the goroutine then keeps.
func threadFaults() (int64, error) {
	runtime.LockOSThread()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		runtime.UnlockOSThread()
		return 0, os.NewSyscallError("getrusage", err)
	}
	return int64(u.Minflt) + int64(u.Majflt), nil // int32s on 32-bit machines
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

package memfdclone

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

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

// readFaulting reads src into m and sees to it that no smaller pages were given instead: the kernel does that without
// a word where it finds no huge ones. It counts the thread's page faults, which is cheap: as many as
// there are huge pages are one for each. One more may be of Go's runtime, or be a huge page that was not had: since 6.10 shared
// memory has pages of other sizes too, the largest half of a huge one. Then the kernel is asked what it mapped.
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
	if after-before > whole/huge {
		if err := isHuge(m, whole, huge); err != nil {
			return err
		}
	}
	return readInto(src, m[whole:], whole)
}

// isHuge has the kernel say that the mapping's first whole bytes are in huge pages. It describes all mappings of
// the process for that, which takes longer than a few page faults.
func isHuge(m []byte, whole, huge int64) error {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	mapped, err := hugeMapped(string(smaps), uintptr(unsafe.Pointer(unsafe.SliceData(m))))
	if err != nil {
		return err
	}
	if mapped < whole {
		return fmt.Errorf("%d of %d huge pages were not to be had", (whole-mapped)/huge, whole/huge)
	}
	return nil
}

// hugeMapped finds how many bytes of the mapping that begins at addr are shared memory in huge pages.
func hugeMapped(smaps string, addr uintptr) (int64, error) {
	const field = "\nShmemPmdMapped:"
	_, mapping, found := strings.Cut("\n"+smaps, fmt.Sprintf("\n%08x-", addr))
	_, figure, has := strings.Cut(mapping, field)
	if !found || !has {
		return 0, errors.New("/proc/self/smaps does not say which pages are huge")
	}
	figure, _, _ = strings.Cut(figure, " kB")
	kib, err := strconv.ParseInt(strings.TrimSpace(figure), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/smaps: ShmemPmdMapped: %w", err)
	}
	return kib << 10, nil
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

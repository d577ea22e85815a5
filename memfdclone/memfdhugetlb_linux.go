package memfdclone

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memfdHugetlb copies through a mapping, since hugetlbfs has no write(2). Its length is one of whole huge pages: zeros follow
// the binary.
func memfdHugetlb(src *source, o Options) (*os.File, int64, error) {
	return sealedMemfd(src, o, unix.MFD_HUGETLB, func(fd int, src *source) error {
		huge, err := blockSize(fd)
		if err != nil {
			return err
		}
		size := roundUp(src.size(), huge)
		if err := fits(size); err != nil {
			return err
		}
		if err := reserve(fd, size, huge); err != nil {
			return err
		}
		return throughMapping(fd, size, 0, func(m []byte) error { return readInto(src, m[:src.size()], 0) })
	})
}

// reserve takes the pages from the pool before they are touched: a page fault that finds none is a SIGBUS.
func reserve(fd int, size, huge int64) error {
	err := fallocate(fd, size)
	if errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("the pool has not %d free huge pages of %d KiB: fallocate: %w", size/huge, huge>>10, err)
	}
	return os.NewSyscallError("fallocate", err)
}

// fallocate goes on after a signal, as the Go runtime sends them to itself: what was taken by then is kept.
func fallocate(fd int, size int64) error {
	for {
		if err := unix.Fallocate(fd, 0, 0, size); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// blockSize is that of fd's file system: on hugetlbfs, a huge page.
func blockSize(fd int) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	return int64(s.Bsize), nil // an int32 on 32-bit machines
}

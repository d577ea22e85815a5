package memfdclone

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

func memfdMmap(src *source, o Options) (*os.File, int64, error) {
	return sealedMemfd(src, o, 0, func(fd int, src *source) error {
		// MAP_POPULATE makes the pages in one call; the copy would else be interrupted by a page fault for each.
		return throughMapping(fd, src.size(), unix.MAP_POPULATE, func(m []byte) error { return readInto(src, m, 0) })
	})
}

// throughMapping makes an empty memfd size bytes long, maps it, has the mapping filled, and removes it: the kernel
// seals nothing that is mapped for writing.
func throughMapping(fd int, size int64, flags int, fill func(m []byte) error) error {
	if size > math.MaxInt {
		return fmt.Errorf("%d bytes do not fit this machine's addresses", size)
	}
	if err := unix.Ftruncate(fd, size); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	m, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|flags)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	err = fill(m)
	if unmap := unix.Munmap(m); err == nil {
		err = os.NewSyscallError("munmap", unmap)
	}
	return err
}

// readInto fills buf with src from at on.
func readInto(src *source, buf []byte, at int64) error {
	for len(buf) > 0 {
		// In an int on 32-bit machines, and what read(2) does at most anyway.
		n, err := pread(src, buf[:min(len(buf), maxSend)], at)
		if err != nil {
			return err
		}
		buf, at = buf[n:], at+int64(n)
	}
	return nil
}

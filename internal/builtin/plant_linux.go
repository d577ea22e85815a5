//go:build cgo

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/builtin/options"
)

// plantInInit bears init's part of a planted cost, before libcontainer goes on. By then init is in its cgroup: it
// has been sent what comes after that.
func plantInInit() error {
	value := os.Getenv(options.PlantVariable)
	if value == "" {
		return nil
	}
	p, err := options.ReadPlant(value)
	if err != nil {
		return err
	}
	for range p.Syscalls {
		_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) // cannot fail
	}
	return touch(p.Anon)
}

// touch takes memory page by page, so that it is charged as it is asked for, and never gives it back: the payload's exec does.
func touch(bytes int64) error {
	if bytes == 0 {
		return nil
	}
	b, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("plant-anon: mmap: %w", err)
	}
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) // EINVAL: this kernel has none
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	return nil
}

package memfdclone

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Verify fails unless c is what its strategy promises: its content is src's, and whoever opens it anew by way
// of /proc, as an attacker opens /proc/PID/exe (CVE-2019-5736), changes neither c nor src; of Tmpfile, not src. It tries that
// with what it may safely be let do: writing a byte over itself. Of None it returns ErrUnprotected.
func (c *Clone) Verify(src *os.File) error {
	if err := c.verify(src); err != nil {
		return fmt.Errorf("%s of %s: %w", c.Strategy, src.Name(), err)
	}
	return nil
}

func (c *Clone) verify(src *os.File) error {
	if c.Strategy == None {
		return ErrUnprotected
	}
	defer runtime.KeepAlive(c.File)
	fd := int(c.File.Fd())
	if err := sameContent(fd, src); err != nil {
		return err
	}
	// A child forked meanwhile would hold what is opened for writing here, and the copy could
	// not be executed until its exec (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	switch c.Strategy {
	case Tmpfile:
		return leadsElsewhere(fd, src)
	case Overlayfs, Bind:
		return refusesWrite(fd)
	default:
		return verifyMemfd(c.File, fd)
	}
}

func verifyMemfd(f *os.File, fd int) error {
	if !Sealed(f) {
		return errors.New("it is not a sealed memfd")
	}
	if err := refusesWrite(fd); err != nil {
		return err
	}
	return refusesTruncate(fd)
}

// sameContent compares byte by byte. What follows the binary, where a copy has a length of whole huge pages, is zeros.
func sameContent(fd int, src *os.File) error {
	anew, err := unix.Open(procFD(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open for reading", err)
	}
	got := os.NewFile(uintptr(anew), "copy")
	defer got.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	end, err := compare(got, io.NewSectionReader(src, 0, info.Size()))
	if err != nil {
		return err
	}
	return onlyZeros(got, end)
}

// compare returns where want ended.
func compare(got, want io.Reader) (int64, error) {
	a, b := make([]byte, block), make([]byte, block)
	for at := int64(0); ; {
		n, err := io.ReadFull(want, b)
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return at, err
		}
		if _, err := io.ReadFull(got, a[:n]); err != nil {
			return at, fmt.Errorf("it ends early, or cannot be read, after byte %d: %w", at, err)
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return at, fmt.Errorf("it differs from the file within the %d bytes after byte %d", n, at)
		}
		at += int64(n)
	}
}

// onlyZeros reads what is left.
func onlyZeros(got io.Reader, at int64) error {
	for buf, zeros := make([]byte, block), make([]byte, block); ; {
		n, err := got.Read(buf)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			return fmt.Errorf("it goes on after the file's %d bytes", at)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// refusesWrite fails where a byte can be written over itself, or the file mapped for writing.
func refusesWrite(fd int) error {
	anew, err := unix.Open(procFD(fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return refusal("opening it for writing", err)
	}
	defer closeFD(anew)
	first := make([]byte, 1)
	if _, err := unix.Pread(anew, first, 0); err != nil {
		return os.NewSyscallError("read", err)
	}
	if _, err := unix.Pwrite(anew, first, 0); err == nil {
		return errors.New("it can be opened anew through /proc and written to")
	}
	if m, err := unix.Mmap(anew, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		_ = unix.Munmap(m) // it should not have been had
		return errors.New("it can be opened anew through /proc and mapped for writing")
	}
	return nil
}

// refusesTruncate is for what is sealed by its own account: it would be destroyed if it were not.
func refusesTruncate(fd int) error {
	anew, err := unix.Open(procFD(fd), unix.O_RDWR|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return refusal("truncating it", err)
	}
	closeFD(anew)
	return errors.New("it can be opened anew through /proc and truncated")
}

// refusal passes what the kernel says of a file that is not to be written to. Any other error
// is no refusal: out of descriptors, say, protects nothing.
func refusal(what string, err error) error {
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.EROFS, unix.ETXTBSY} {
		if errors.Is(err, no) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// leadsElsewhere fails unless fd's file is a nameless one of its own.
func leadsElsewhere(fd int, src *os.File) error {
	defer runtime.KeepAlive(src)
	var got, from unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &got), unix.Fstat(int(src.Fd()), &from)); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	switch {
	case got.Dev == from.Dev && got.Ino == from.Ino:
		return errors.New("it is the file itself")
	case got.Nlink != 0:
		return errors.New("it has a name")
	}
	return nil
}

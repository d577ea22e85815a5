package memfdclone

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

func memfdCopy(src *source, o Options) (*os.File, int64, error) {
	return sealedMemfd(src, o, 0, readWrite)
}

// block is small enough that what is read is still in the CPU's second-level cache when it is written.
const block = 256 << 10

func readWrite(fd int, src *source) error {
	buf := make([]byte, min(block, src.size()))
	for at := int64(0); at < src.size(); {
		n, err := pread(src, buf[:min(int64(len(buf)), src.size()-at)], at)
		if err != nil {
			return err
		}
		if err := write(fd, buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// pread reads something into buf; the end of the file is an error.
func pread(src *source, buf []byte, at int64) (int, error) {
	for {
		n, err := unix.Pread(src.fd, buf, at)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, src.short(at)
		default:
			return n, nil
		}
	}
}

func write(fd int, buf []byte) error {
	for len(buf) > 0 {
		n, err := unix.Write(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("write", err)
		case n == 0:
			return os.NewSyscallError("write", io.ErrShortWrite)
		default:
			buf = buf[n:]
		}
	}
	return nil
}

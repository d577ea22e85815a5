package ociruntime

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/initbench/initbench/scenarios"
)

func parsePadding(key, s string) (int64, error) {
	n, err := scenarios.ParseSize(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", key, err)
	case n == 0 || n > scenarios.MaxBinary:
		return 0, fmt.Errorf("%s: %s is not between 1 and %s", key, s, scenarios.FormatSize(scenarios.MaxBinary))
	}
	return n, nil
}

func formatPadding(n int64) string {
	if n == 0 {
		return ""
	}
	return scenarios.FormatSize(n)
}

// Padded puts a copy of the executable base, grown to total bytes, into dir and returns its path. Nothing reads
// what is added to an ELF file's end but whoever copies the file; it is random, so that
// neither a file system nor the kernel can keep it in less than that many
// bytes. The same base and total give the same file. It appears whole or not at all.
func Padded(base string, total int64, dir string) (path string, err error) {
	name := filepath.Base(base) + "-" + scenarios.FormatSize(total)
	path = filepath.Join(dir, name)
	if err := pad(base, total, path); err != nil {
		return "", fmt.Errorf("pad %s to %s: %w", base, scenarios.FormatSize(total), err)
	}
	return path, nil
}

func pad(base string, total int64, path string) error {
	from, err := os.Open(base)
	if err != nil {
		return err
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if info.Size() > total {
		return fmt.Errorf("it has %d bytes already, and padding only adds", info.Size())
	}
	to, err := os.CreateTemp(filepath.Dir(path), ".padding-*")
	if err != nil {
		return err
	}
	err = errors.Join(grow(to, from, total-info.Size()), to.Chmod(0o755), to.Close())
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return nil
}

func grow(to io.Writer, from io.Reader, by int64) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	_, err := io.CopyN(to, rand.NewChaCha8([32]byte{}), by)
	return err
}

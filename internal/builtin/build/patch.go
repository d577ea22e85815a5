//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"golang.org/x/sys/unix"
)

// patchedCopy returns a directory with the module's code, patched. It is named after what
// it is made from, and made at once or not at all, so one that is there is whole.
func patchedCopy(m module, patch []byte, work string) (string, error) {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(work)
	if err != nil {
		return "", err
	}
	defer unlock()
	done := filepath.Join(work, copyName(m.Version, patch, copied))
	if _, err := os.Stat(done); err == nil {
		return done, nil
	}
	// The same for every build, so that one clears away what another left that was killed.
	temp := filepath.Join(work, making)
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return "", err
	}
	// Nothing is left there once it was renamed.
	defer func() { _ = os.RemoveAll(temp) }()
	if err := copyModule(m.Dir, temp); err != nil {
		return "", fmt.Errorf("copy %s: %w", m.Dir, err)
	}
	if err := applyPatch(patch, temp); err != nil {
		return "", fmt.Errorf("libcontainer.patch does not fit runc %s: %w (docs/adr/0008 says how to move it)", m.Version, err)
	}
	return done, os.Rename(temp, done)
}

// making is where a copy is while it is not whole.
const making = ".making"

// copyName says what a copy is made from: what is there under this name need not be made again.
func copyName(version string, patch []byte, parts []string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q\n%s", parts, patch))
	return fmt.Sprintf("runc-%s-%x", version, sum[:6])
}

// lock keeps other builds out of a directory until it is unlocked, or this process ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // it was not even read
}

// copied are the parts of the module that libcontainer is made of.
var copied = []string{"libcontainer", "internal", "types", "go.mod", "LICENSE", "NOTICE"}

// copyModule copies them without tests. Files of the module cache are read-only; the copies are not.
func copyModule(from, to string) error {
	for _, part := range copied {
		err := filepath.WalkDir(filepath.Join(from, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.MkdirAll(filepath.Join(to, rel), 0o755)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, rel), data, 0o644)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// applyPatch is strict: a hunk whose lines are not exactly there, or elsewhere, is an error.
func applyPatch(patch []byte, dir string) error {
	files, _, err := gitdiff.Parse(bytes.NewReader(patch))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("it changes nothing")
	}
	for _, f := range files {
		if err := applyFile(f, dir); err != nil {
			return err
		}
	}
	return nil
}

func applyFile(f *gitdiff.File, dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(f.NewName))
	var before []byte
	if !f.IsNew {
		var err error
		if before, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	var after bytes.Buffer
	if err := gitdiff.Apply(&after, bytes.NewReader(before), f); err != nil {
		return fmt.Errorf("%s: %w", f.NewName, err)
	}
	return os.WriteFile(path, after.Bytes(), 0o644)
}

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
)

// patchedCopy returns a directory with the module's code, patched. It is named after what
// it is made from, and made at once or not at all, so one that is there is whole.
func patchedCopy(m module, patch []byte, work string) (string, error) {
	name := fmt.Sprintf("runc-%s-%x", m.Version, sha256.Sum256(patch))[:len("runc-")+len(m.Version)+1+12]
	done := filepath.Join(work, name)
	if _, err := os.Stat(done); err == nil {
		return done, nil
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(work, ".making-")
	if err != nil {
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
	if err := os.Chmod(temp, 0o755); err != nil {
		return "", err
	}
	err = os.Rename(temp, done)
	if errors.Is(err, fs.ErrExist) {
		return done, nil // another build was quicker
	}
	return done, err
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

package ociruntime

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/ociruntime/hostile"
)

// writeFile writes a file that a test needs and returns its path.
func writeFile(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeHostile(t *testing.T, kind hostile.Kind) string {
	t.Helper()
	path, err := hostile.Write(t.TempDir(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Catches something that is not an executable file getting as far as a trial.
func TestResolveRefusesWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	if l, err := net.Listen("unix", filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	} else {
		t.Cleanup(func() { _ = l.Close() }) // the directory goes with it
	}
	writeFile(t, filepath.Join(dir, "plain"), "#!/bin/sh\n", 0o644)
	writeFile(t, filepath.Join(dir, "empty"), "", 0o755)
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"):             "no such file",
		filepath.Join(dir, "dangling"):           "no such file",
		dir:                                      "is a directory",
		filepath.Join(dir, "socket"):             "is not a regular file",
		filepath.Join(dir, "empty"):              "is an empty file",
		filepath.Join(dir, "plain"):              "is not executable",
		filepath.Join(dir, "plain", "x"):         "not a directory",
		"github.com/opencontainers/runc@v1.1.15": "write runc@v1.1.15",
		"/dev/null":                              "is not a regular file",
	} {
		_, err := Resolve(context.Background(), Ref{Kind: PathRef, Name: path}, Options{})
		var refErr *RefError
		if !errors.As(err, &refErr) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Resolve(%s): %v; want a RefError that says %q", path, err, want)
		}
	}
}

// Catches a relative path that stops meaning the same file once something changes directory.
func TestResolvePathIsAbsolute(t *testing.T) {
	path := writeHostile(t, hostile.Silent)
	t.Chdir(filepath.Dir(path))
	bin, err := Resolve(context.Background(), Ref{Kind: PathRef, Name: "./" + filepath.Base(path)}, Options{})
	if err != nil || bin.Path != path {
		t.Fatalf("Resolve = %+v, %v; want path %s", bin, err, path)
	}
	if bin.Static {
		t.Error("a script counts as a static binary")
	}
}

// Catches a name looked up anywhere but on PATH.
func TestResolveName(t *testing.T) {
	path := writeHostile(t, hostile.Silent)
	t.Setenv("PATH", filepath.Dir(path))
	name := filepath.Base(path)
	bin, err := Resolve(context.Background(), Ref{Kind: NameRef, Name: name}, Options{})
	if err != nil || bin.Path != path {
		t.Fatalf("Resolve(%s) = %+v, %v; want path %s", name, bin, err, path)
	}
	t.Chdir(filepath.Dir(path))
	for pathVar, want := range map[string]string{"/nonexistent": "no such command on PATH", ".": "write ./" + name} {
		t.Setenv("PATH", pathVar)
		_, err := Resolve(context.Background(), Ref{Kind: NameRef, Name: name}, Options{})
		var refErr *RefError
		if !errors.As(err, &refErr) || !strings.Contains(err.Error(), want) {
			t.Errorf("PATH=%s: %v; want a RefError that says %q", pathVar, err, want)
		}
	}
}

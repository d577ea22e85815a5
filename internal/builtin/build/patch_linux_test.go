package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source is the real module and the real patch.
func source(t *testing.T) (module, []byte) {
	t.Helper()
	root, err := moduleRoot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m, err := findModule(context.Background(), root, runcPath)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := os.ReadFile(filepath.Join(root, "internal", "builtin", "libcontainer.patch"))
	if err != nil {
		t.Fatal(err)
	}
	return m, patch
}

// Catches a patch that go.mod's libcontainer has outgrown, and one that drops a call of the seam.
func TestPatchFits(t *testing.T) {
	m, patch := source(t)
	dir, err := patchedCopy(m, patch, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for file, calls := range map[string][]string{
		"container_linux.go": {"seam.Exe(c.stateDir)"},
		"process_linux.go":   {"seam.Start(p.cmd, p.manager)", "seam.Apply(p.manager, p.pid())"},
		"seam_linux.go":      {"seam.Patched = true"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, "libcontainer", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range calls {
			if strings.Count(string(text), call) != 1 {
				t.Errorf("%s does not call %s once", file, call)
			}
		}
	}
	if again, err := patchedCopy(module{Version: m.Version, Dir: "/nonexistent"}, patch, filepath.Dir(dir)); err != nil || again != dir {
		t.Errorf("a second time: %s, %v; want %s from the first", again, err, dir)
	}
}

// Catches a kept copy that is taken though it has other parts, or another patch, than would be copied now.
func TestCopyIsNamedAfterAllItIsMadeFrom(t *testing.T) {
	names := map[string]bool{
		copyName("v1", []byte("patch"), []string{"a", "b"}): true,
		copyName("v1", []byte("patch"), []string{"a b"}):    true,
		copyName("v1", []byte("patch"), []string{"a"}):      true,
		copyName("v1", []byte("other"), []string{"a"}):      true,
		copyName("v2", []byte("other"), []string{"a"}):      true,
	}
	if len(names) != 5 || !names[copyName("v1", []byte("patch"), []string{"a"})] {
		t.Errorf("names %v, want five", names)
	}
}

// Catches what a killed build left: taken for a part of the next copy, or never removed.
func TestLeftoversOfAKilledBuild(t *testing.T) {
	m, patch := source(t)
	work := t.TempDir()
	if err := os.MkdirAll(filepath.Join(work, making, "libcontainer"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, making, "libcontainer", "left.go"), []byte("package left\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	dir, err := patchedCopy(m, patch, work)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "libcontainer", "left.go")); err == nil {
		t.Error("the leftover is part of the copy")
	}
	if entries, err := os.ReadDir(work); err != nil || len(entries) != 1 {
		t.Errorf("in the directory: %v, %v; want the copy alone", entries, err)
	}
}

// Catches a hunk that is forced onto code it was not written for, and a half-patched copy that the next build takes.
func TestPatchDoesNotFit(t *testing.T) {
	m, patch := source(t)
	for what, changed := range map[string]string{
		"other context": strings.Replace(string(patch), "defer p.comm.closeParent()", "defer p.comm.closeAll()", 1),
		"other place":   strings.Replace(string(patch), "@@ -779,5 +780,5 @@", "@@ -780,5 +781,5 @@", 1),
		"other file":    strings.ReplaceAll(string(patch), "process_linux.go", "process_plan9.go"),
		"nothing":       "",
	} {
		if changed == string(patch) {
			t.Fatalf("%s: the patch has no such line any more", what)
		}
		work := t.TempDir()
		dir, err := patchedCopy(m, []byte(changed), work)
		if err == nil || !strings.Contains(err.Error(), "libcontainer.patch does not fit runc "+m.Version) {
			t.Errorf("%s: %s, %v", what, dir, err)
		}
		if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", what, left, err)
		}
	}
}

// Catches a module that is replaced somewhere else than where the copy lies.
func TestModfile(t *testing.T) {
	root, work := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "go.sum": "sums\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path, err := writeModfile(root, filepath.Join(root, "bin", "copy"), work)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(text), "\nreplace github.com/opencontainers/runc => ./bin/copy\n") {
		t.Errorf("%q, %v", text, err)
	}
	if sums, err := os.ReadFile(strings.TrimSuffix(path, ".mod") + ".sum"); err != nil || string(sums) != "sums\n" {
		t.Errorf("sums %q, %v", sums, err)
	}
}

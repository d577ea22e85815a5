package ociruntime

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func writtenConfig(t *testing.T, spec BundleSpec) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := WriteBundle(dir, spec); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer // to be read in a golden file
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	return indented.Bytes()
}

func exampleBundle() BundleSpec {
	return BundleSpec{
		Rootfs: Rootfs{Dir: "/run/example/rootfs"}, CgroupsPath: "/example/trial-0/container",
		MemoryLimit: 16 << 20, NoSwap: true, Args: Payload{Nonce: "00c0ffee"}.Args(),
	}
}

// Catches a change of the container that every figure depends on, made by accident.
func TestWriteBundleGolden(t *testing.T) {
	const golden = "testdata/config.json"
	got := writtenConfig(t, exampleBundle())
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("config.json changed (-want +got); rewrite with -update if meant:\n%s", diff)
	}
}

// Catches a limit that is written where none was asked for, or swap that is not switched off.
func TestWriteBundleMemory(t *testing.T) {
	limit := int64(16 << 20)
	for name, c := range map[string]struct {
		limit  int64
		noSwap bool
		want   *specs.LinuxMemory
	}{
		"no limit":                {0, false, nil},
		"no limit, no swap":       {0, true, nil},
		"limit":                   {limit, false, &specs.LinuxMemory{Limit: &limit}},
		"limit, memory+swap same": {limit, true, &specs.LinuxMemory{Limit: &limit, Swap: &limit}},
	} {
		spec := exampleBundle()
		spec.MemoryLimit, spec.NoSwap = c.limit, c.noSwap
		var config specs.Spec
		if err := json.Unmarshal(writtenConfig(t, spec), &config); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, config.Linux.Resources.Memory); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Catches a bundle that a runtime would take for something else than was meant.
func TestWriteBundleRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*BundleSpec){
		"not an absolute path": func(s *BundleSpec) { s.Rootfs.Dir = "rootfs" },
		"no cgroup path":       func(s *BundleSpec) { s.CgroupsPath = "" },
		"negative memory":      func(s *BundleSpec) { s.MemoryLimit = -1 },
		"no arguments":         func(s *BundleSpec) { s.Args = nil },
	} {
		spec := exampleBundle()
		spoil(&spec)
		dir := t.TempDir()
		if err := WriteBundle(dir, spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("WriteBundle: %v; want an error that says %q", err, want)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("%s: left %v, %v", want, files, err)
		}
	}
}

// Catches a mount point that the runtime would have to make in the shared root,
// and a payload that an ordinary user in the container could not execute.
func TestMakeRootfs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rootfs")
	root, err := MakeRootfs(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fs.FileMode{}
	err = filepath.Walk(root.Dir, func(path string, info fs.FileInfo, err error) error {
		got[strings.TrimPrefix(path, root.Dir)] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dirMode := fs.ModeDir | 0o755
	want := map[string]fs.FileMode{"": dirMode, "/proc": dirMode, "/dev": dirMode, "/sys": dirMode, "/tmp": dirMode, PayloadPath: 0o755}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	for _, m := range mounts() {
		first := "/" + strings.Split(m.Destination, "/")[1]
		if got[first] != dirMode {
			t.Errorf("no mount point for %s", m.Destination)
		}
	}
	if _, err := MakeRootfs(dir); err == nil {
		t.Error("a second root is made over the first")
	}
}

package cgroupjoin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// cgroup writes a directory that looks like a cgroup to its readers.
func cgroup(t testing.TB, path string, files map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(path, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func podFiles() map[string]string {
	return map[string]string{
		"memory.peak":   "8728576\n",
		"memory.max":    "16777216\n",
		"memory.events": "low 0\nhigh 0\nmax 21\noom 3\noom_kill 2\noom_group_kill 1\n",
		"cpu.stat":      "usage_usec 4711\nuser_usec 1\nsystem_usec 2\n",
	}
}

// Catches a field read from the wrong file or the wrong cgroup.
func TestReadTree(t *testing.T) {
	dir := t.TempDir()
	pod := cgroup(t, dir+"/pod", podFiles())
	runtime := cgroup(t, dir+"/runtime", map[string]string{"memory.peak": "4096\n", "cpu.stat": "usage_usec 12\n"})
	want := Reading{
		PodPeakBytes:     8728576,
		RuntimePeakBytes: 4096,
		Pod:              Events{Max: 21, OOM: 3, OOMKill: 2, OOMGroupKill: 1},
		PodCPUUsec:       4711,
		RuntimeCPUUsec:   12,
		PodMaxBytes:      16777216,
	}
	got, err := readTree(pod, runtime)
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	cgroup(t, pod, map[string]string{"memory.swap.current": "4096\n", "memory.swap.peak": "8192\n", "memory.max": "max\n"})
	got, err = readTree(pod, runtime)
	if err != nil || got.PodSwapBytes == nil || *got.PodSwapBytes != 4096 || *got.PodSwapPeakBytes != 8192 || got.PodMaxBytes != NoLimit {
		t.Errorf("with swap: %+v, %v", got, err)
	}
}

// Catches "not measured" turned into 0.
func TestReadTreeRefusesHoles(t *testing.T) {
	for _, missing := range []string{"memory.peak", "memory.max", "memory.events", "cpu.stat"} {
		files := podFiles()
		delete(files, missing)
		dir := t.TempDir()
		pod, runtime := cgroup(t, dir+"/pod", files), cgroup(t, dir+"/runtime", podFiles())
		if _, err := readTree(pod, runtime); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
	for _, broken := range []struct{ file, content string }{
		{"memory.peak", "many\n"}, {"memory.events", "oom -1\n"}, {"memory.events", "max 0\noom 0\n"}, {"memory.events", ""},
		{"cpu.stat", "user_usec 1\n"},
	} {
		dir := t.TempDir()
		pod, runtime := cgroup(t, dir+"/pod", podFiles()), cgroup(t, dir+"/runtime", podFiles())
		cgroup(t, pod, map[string]string{broken.file: broken.content})
		if _, err := readTree(pod, runtime); err == nil || !strings.Contains(err.Error(), broken.file) {
			t.Errorf("%q: %v, want an error that names the file", broken, err)
		}
	}
}

// Catches a leaf that went away reported as an error, or as zeros; and crun's
// limit, which lies one cgroup deeper under systemd, overlooked.
func TestReadLeaf(t *testing.T) {
	dir := t.TempDir()
	if got, err := readLeaf(dir + "/gone"); got != nil || err != nil {
		t.Errorf("gone: %+v, %v; want nothing", got, err)
	}
	files := podFiles()
	files["memory.max"] = "max\n"
	leaf := cgroup(t, dir+"/leaf", files)
	want := &Leaf{Events: Events{Max: 21, OOM: 3, OOMKill: 2, OOMGroupKill: 1}, PeakBytes: 8728576, MaxBytes: NoLimit}
	if got, err := readLeaf(leaf); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	cgroup(t, leaf+"/container", map[string]string{"memory.max": "1048576\n"})
	want.MaxBytes = 1048576
	if got, err := readLeaf(leaf); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// Catches anonymous memory, page cache and shmem mixed up: the scales are checked by them.
func TestReadMemory(t *testing.T) {
	dir := cgroup(t, t.TempDir(), map[string]string{
		"memory.current": "100\n",
		"memory.stat":    "anon 10\nfile 20\nkernel 5\nshmem 7\nfile_mapped 1\n",
	})
	want := MemoryStat{CurrentBytes: 100, AnonBytes: 10, FileBytes: 20, ShmemBytes: 7}
	if got, err := ReadMemory(dir); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := ReadMemory(dir + "/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	cgroup(t, dir, map[string]string{"memory.stat": "anon 10\nfile 20\n"})
	if _, err := ReadMemory(dir); err == nil || !strings.Contains(err.Error(), "no shmem") {
		t.Errorf("without shmem: %v", err)
	}
}

package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakeTools puts shell scripts in the place of the image's tools. Each mmdebstrap
// run leaves a line in the returned file.
func fakeTools(t *testing.T, mke2fs string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	bootstrap := `echo run >>` + calls + `
for last; do case $last in */rootfs.tar) out=$last;; esac; done
d=$(mktemp -d) && mkdir "$d/boot" && echo k >"$d/boot/vmlinuz-6.1.0-x" && echo i >"$d/boot/initrd.img-6.1.0-x" &&
echo 'systemd 252' >"$d/packages.txt" && tar -C "$d" -cf "$out" . && rm -r "$d"`
	for name, body := range map[string]string{
		"mmdebstrap": bootstrap, "mke2fs": mke2fs, "newuidmap": "exit 1",
		"fakeroot": `while [ "$1" != -- ]; do shift; done; shift; exec "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return calls
}

// options are for a machine with a Debian mirror, whatever this one is.
func options(t *testing.T, cache string) Options {
	t.Helper()
	apt := writeApt(t, map[string]string{"sources.list": "deb http://mirror.example/debian bookworm main\n"})
	return Options{CacheDir: cache, etcApt: apt}
}

// goodDisk writes the file that mke2fs is asked for, its last argument but one.
const goodDisk = `for a; do case $a in */disk.ext4) echo disk >"$a";; esac; done`

func runs(t *testing.T, calls string) int {
	t.Helper()
	data, err := os.ReadFile(calls)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(data), "run\n")
}

// An image must be built once however many want it, and be whole when it is found.
func TestPrepareBuildsOnce(t *testing.T) {
	calls := fakeTools(t, goodDisk)
	cache := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			img, err := Prepare(t.Context(), options(t, cache))
			if err != nil {
				t.Error(err)
				return
			}
			for _, name := range []string{img.disk(), img.kernel(), img.initrd()} {
				if _, err := os.Stat(name); err != nil {
					t.Error(err)
				}
			}
			if img.Kernel != "6.1.0-x" {
				t.Errorf("kernel %q", img.Kernel)
			}
		})
	}
	all.Wait()
	if n := runs(t, calls); n != 1 {
		t.Errorf("%d builds, want 1", n)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "guest", "*.building")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A build that failed must leave nothing that the next start takes for an image,
// and must say what the tool said.
func TestPrepareFails(t *testing.T) {
	fakeTools(t, "echo 'mke2fs: No space left on device' >&2; exit 1")
	cache := t.TempDir()
	for range 2 {
		_, err := Prepare(t.Context(), options(t, cache))
		if err == nil || !strings.Contains(err.Error(), ": exit status 1: mke2fs: No space left") {
			t.Errorf("%v; want what mke2fs said", err)
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "guest", "bookworm-*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".lock") {
		t.Errorf("left in the cache: %v, %v; want only the lock", left, err)
	}
}

// A build that was killed leaves a directory: the next one must not use it.
func TestPrepareAfterAKilledBuild(t *testing.T) {
	calls := fakeTools(t, goodDisk)
	cache := t.TempDir()
	hash := hashOf(t, recipeFor(Bookworm))
	for _, half := range []string{"bookworm-" + hash, "bookworm-" + hash + ".building/rootfs"} {
		if err := os.MkdirAll(filepath.Join(cache, "guest", half), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Prepare(t.Context(), options(t, cache))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(img.disk()); err != nil || runs(t, calls) != 1 {
		t.Errorf("%v after %d builds; want a disk after 1", err, runs(t, calls))
	}
}

// An interrupted build is an interruption, not a broken tool, and leaves nothing.
func TestPrepareInterrupted(t *testing.T) {
	fakeTools(t, goodDisk)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Prepare(ctx, options(t, t.TempDir())); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want cancelled", err)
	}
}

// Whoever lacks the tools is told all of them at once, with the one command.
func TestPrepareWithoutTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Prepare(t.Context(), options(t, t.TempDir()))
	var env *EnvError
	if !errors.As(err, &env) || !strings.Contains(err.Error(), "apt-get install mmdebstrap e2fsprogs") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v; want one line with the packages", err)
	}
	if _, err := findQEMU(); !errors.As(err, &env) || !strings.Contains(err.Error(), "apt-get install qemu-system-x86") {
		t.Errorf("%v; want the package of QEMU", err)
	}
}

// A build must not begin what would fill the disk.
func TestCheckSpace(t *testing.T) {
	dir := t.TempDir()
	if err := checkSpace(dir, 1); err != nil {
		t.Errorf("one byte: %v", err)
	}
	if err := checkSpace(dir, 1<<62); !errors.Is(err, errSpace) {
		t.Errorf("four exbibytes: %v; want not enough space", err)
	}
}

// staticBinary is a file that runs in any guest: the smallest ELF that Go can open.
func staticBinary(t *testing.T) string {
	t.Helper()
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16], head[18], head[20], head[52], head[54], head[58] = 2, 62, 1, 64, 56, 64
	name := filepath.Join(t.TempDir(), "static")
	if err := os.WriteFile(name, head, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// A binary that cannot start in the guest must be refused before the boot: there,
// all that is seen is an agent that never answers.
func TestRunsInGuest(t *testing.T) {
	static := staticBinary(t)
	if err := runsInGuest(static, Bookworm); err != nil {
		t.Errorf("static: %v", err)
	}
	body, err := os.ReadFile(static)
	if err != nil {
		t.Fatal(err)
	}
	body[18] = 183 // EM_AARCH64
	arm := filepath.Join(t.TempDir(), "arm")
	if err := os.WriteFile(arm, body, 0o755); err != nil {
		t.Fatal(err)
	}
	var env *EnvError
	if err := runsInGuest(arm, Bookworm); !errors.As(err, &env) || !strings.Contains(err.Error(), "EM_AARCH64") {
		t.Errorf("another architecture: %v", err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := runsInGuest(script, Bookworm); err == nil {
		t.Error("a script passed for a binary")
	}
}

// fill is what a tools disk is padded to; a disk that is no multiple of a sector
// loses its end.
func TestToolsDiskIsWholeSectors(t *testing.T) {
	disk, err := toolsDisk(staticBinary(t), Bookworm)
	if err != nil {
		t.Fatal(err)
	}
	st, err := disk.Stat()
	if err := errors.Join(err, disk.Close()); err != nil {
		t.Fatal(err)
	}
	if st.Size() == 0 || st.Size()%10240 != 0 {
		t.Errorf("%d bytes", st.Size())
	}
	if _, err := toolsDisk(filepath.Join(t.TempDir(), "none"), Bookworm); !errors.Is(err, os.ErrNotExist) {
		t.Error(fmt.Errorf("no such binary: %w", err))
	}
}

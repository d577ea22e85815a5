package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
			defer img.Release()
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
	img.Release()
	// A machine that crashed can keep the names and lose what is in the files.
	if err := os.Truncate(img.disk(), 0); err != nil {
		t.Fatal(err)
	}
	if img, err = Prepare(t.Context(), options(t, cache)); err != nil || runs(t, calls) != 2 {
		t.Errorf("%v after %d builds; want an empty disk to be made again", err, runs(t, calls))
	}
	img.Release()
}

// A tool that claims to have made what it has not must not be asked again for ever.
func TestPrepareOfAnEmptyDisk(t *testing.T) {
	calls := fakeTools(t, `for a; do case $a in */disk.ext4) : >"$a";; esac; done`)
	if _, err := Prepare(t.Context(), options(t, t.TempDir())); err == nil || !strings.Contains(err.Error(), "disk.ext4 is missing or empty") || runs(t, calls) != 1 {
		t.Errorf("%v after %d builds; want an error after 1", err, runs(t, calls))
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

// An interrupted mmdebstrap ends before what it started: that must not go on
// writing where everything is removed.
func TestPrepareInterruptedEndsEveryTool(t *testing.T) {
	calls := fakeTools(t, goodDisk)
	life := filepath.Join(t.TempDir(), "life")
	if err := syscall.Mkfifo(life, 0o600); err != nil {
		t.Fatal(err)
	}
	// Started in a shell's background, it does not hear the interrupt.
	tool := "#!/bin/sh\ntrap 'exit 1' INT\n(exec 9>" + life + "; echo up >&9; exec sleep 3600) >/dev/null 2>&1 &\nwait\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(calls), "mmdebstrap"), []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Prepare(ctx, options(t, t.TempDir()))
		ended <- err
	}()
	pipe, err := os.Open(life)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }() // only read from
	if _, err := io.ReadFull(pipe, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want cancelled", err)
	}
	// Ends when the last that has the pipe open is gone; a survivor hangs the test.
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// As root, mmdebstrap mounts into the tree it makes. One that is killed must not leave
// that to whoever removes the tree: it has mounts of its own, which go with it.
func TestBuildMountsNothingHere(t *testing.T) {
	calls := fakeTools(t, goodDisk)
	seen := filepath.Join(t.TempDir(), "seen")
	tool := "#!/bin/sh\nreadlink /proc/self/ns/mnt >" + seen + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(calls), "mmdebstrap"), []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), options(t, t.TempDir())); err == nil {
		t.Fatal("built without mmdebstrap")
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	// An ordinary user's mmdebstrap makes its own namespaces, and could not be given one.
	if apart := strings.TrimSpace(string(got)) != own; apart != (os.Geteuid() == 0) {
		t.Errorf("user %d: mount namespaces %s and %s", os.Geteuid(), got, own)
	}
}

// fakeQEMUs puts one QEMU on PATH and another where QEMUScript installs its own; ""
// is none.
func fakeQEMUs(t *testing.T, onPath, own string) {
	t.Helper()
	path, cache := t.TempDir(), t.TempDir()
	t.Setenv("PATH", path+":/usr/bin:/bin")
	t.Setenv("XDG_CACHE_HOME", cache)
	for dir, version := range map[string]string{path: onPath, filepath.Join(cache, "initbench", "qemu10", "bin"): own} {
		if version == "" {
			continue
		}
		script := "#!/bin/sh\necho 'QEMU emulator version " + version + "'\n"
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, qemuBinary), []byte(script), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
}

// The machine's own QEMU boots what it can, so that records do not change with
// another suite's needs; and what the script installed is found where it is needed.
func TestFindQEMU(t *testing.T) {
	for _, test := range []struct {
		onPath, own string
		suite       Suite
		want        string // "" is refused
	}{
		{"7.2.22", "10.0.2", Bookworm, "7.2.22"},
		{"7.2.22", "10.0.2", Trixie, "10.0.2"},
		{"10.1.0", "10.0.2", Trixie, "10.1.0"},
		{"7.2.22", "", Trixie, ""},
		{"7.2.22", "9.9", Trixie, ""},
	} {
		fakeQEMUs(t, test.onPath, test.own)
		q, err := findQEMU(test.suite)
		var env *EnvError
		switch {
		case test.want != "" && (err != nil || q.Version != test.want):
			t.Errorf("%+v: %s, %v", test, q.Version, err)
		case test.want == "" && (!errors.As(err, &env) || !strings.Contains(err.Error(), "this machine has "+test.onPath)):
			t.Errorf("%+v: %v; want the refusal of the machine's own", test, err)
		}
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
	if _, err := findQEMU(Bookworm); !errors.As(err, &env) || !strings.Contains(err.Error(), "apt-get install qemu-system-x86") {
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

package memfdclone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

// Catches a mount that shows in the host's table, there for whoever watches it, and to be left behind.
func TestMountsAreNowhere(t *testing.T) {
	testenv.Require(t, testenv.Root)
	src := binary(t, 10_000)
	for _, s := range []Strategy{Overlayfs, Bind} {
		before := mountinfo(t)
		c := mustMake(t, src, Options{Strategy: s})
		mustVerify(t, c, src)
		if after := mountinfo(t); after != before {
			t.Errorf("%s: the mount table has changed from\n%s\nto\n%s", s, before, after)
		}
	}
}

func mountinfo(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Catches a path that the overlay's options take apart, and a binary that lies in the very directory that is to be
// the second layer, or above it.
func TestOverlayOfAwkwardPaths(t *testing.T) {
	testenv.Require(t, testenv.Root)
	top := t.TempDir()
	for _, name := range []string{`a:b`, `a\b`, `a\:b`, `a,b`, `a b`, `.`, strings.Repeat("long", 60)} {
		for _, dir := range []string{"", top, filepath.Join(top, name)} {
			src := fileAt(t, filepath.Join(top, name, "runc:c"))
			c := mustMake(t, src, Options{Strategy: Overlayfs, Dir: dir})
			mustVerify(t, c, src)
		}
	}
}

func fileAt(t *testing.T, path string) *os.File {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, path, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Catches an overlay that shows another file than the one that was to be protected: another by now, or one hidden by a mount.
func TestOverlayOfAnotherFile(t *testing.T) {
	testenv.Require(t, testenv.Root)
	src := binary(t, 10_000)
	path := src.Name()
	fails := func(want string) {
		t.Helper()
		_, err := Make(src, Options{Strategy: Overlayfs})
		wantError(t, err, "copy "+path+": overlayfs: "+want)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fails("the file has been removed, or never had a name")

	src = fileAt(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	put(t, path+".old", "in place, and so the same file") // its path is known to the kernel
	mustMake(t, src, Options{Strategy: Overlayfs})

	hidden := fileAt(t, path)
	if err := unix.Mount(path+".old", path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	}()
	hidden.Close()
	visible, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer visible.Close()
	_, err = Make(visible, Options{Strategy: Overlayfs})
	wantError(t, err, "copy "+path+": overlayfs: "+path+": another file is there by now")
}

// Catches a directory within the binary's that is taken for another since a symbolic link leads there, and one that is not there.
func TestOverlayOverAnotherDirectory(t *testing.T) {
	testenv.Require(t, testenv.Root)
	top := t.TempDir()
	src := fileAt(t, filepath.Join(top, "bin", "runc"))
	link := filepath.Join(top, "link")
	if err := os.Symlink(filepath.Join(top, "bin"), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{link, filepath.Join(top, "nowhere"), filepath.Join(top, strings.Repeat("nowhere", 30))} {
		mustVerify(t, mustMake(t, src, Options{Strategy: Overlayfs, Dir: dir}), src)
	}
}

// Catches a strategy that needs privileges and does not say so in one line.
func TestMountsNeedPrivileges(t *testing.T) {
	src := binary(t, 10)
	for s, step := range map[Strategy]call{Overlayfs: {nr: unix.SYS_FSOPEN}, Bind: {nr: unix.SYS_OPEN_TREE}} {
		_, err := makeRefused(t, unix.EPERM, []call{step}, src, Options{Strategy: s})
		if err == nil || !strings.HasSuffix(err.Error(), ": operation not permitted") {
			t.Errorf("%s: error %v, want that it is not permitted", s, err)
		}
	}
}

// Catches a directory taken for outside of another that merely begins alike, or is the same.
func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		path, dir string
		want      bool
	}{{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/a", "/", true}, {"/a/..b", "/a", true}} {
		if got := within(tt.path, tt.dir); got != tt.want {
			t.Errorf("within(%s, %s): %v", tt.path, tt.dir, got)
		}
	}
	_, err := mountOver("/", "")
	wantError(t, err, "no directory is outside of /")
}

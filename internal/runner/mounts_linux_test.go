package runner

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

// Catches a trial's directory that is emptied through a mount which a runtime left in it, also when the mount was seen at
// another trial's end, and a look at every mount where none has changed.
func TestMounts(t *testing.T) {
	testenv.Require(t, testenv.Root)
	dir := t.TempDir()
	m, err := watchMounts(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.close() })
	want := func(when string, want bool) {
		t.Helper()
		for range 2 { // the second time nothing has changed
			if got, err := m.any(); err != nil || got != want {
				t.Errorf("%s: any %v, %v; want %v", when, got, err, want)
			}
		}
	}
	want("at first", false)
	at := filepath.Join(dir, "1", "bundle")
	other := filepath.Join(t.TempDir(), "other")
	for _, d := range []string{at, other} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount := func(at string) {
		t.Helper()
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
	}
	mount(other)
	want("with a mount elsewhere", false)
	mount(at)
	want("with one below", true)
	if err := unix.Unmount(at, 0); err != nil {
		t.Fatal(err)
	}
	want("with none left", false)
}

// Catches a collector without a watch that takes it that nothing is mounted.
func TestUnwatchedMounts(t *testing.T) {
	var none *mounts
	if some, err := none.any(); !some || err != nil {
		t.Errorf("%v, %v", some, err)
	}
}

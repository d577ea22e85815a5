package ociruntime

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Catches a flag behind a verb that does not take it there, and a driver that is not passed on.
func TestCLI(t *testing.T) {
	c := CLI{Binary: "/opt/runc", StateRoot: "/run/t"}
	sd := CLI{Binary: "/opt/runc", StateRoot: "/run/t", Systemd: true}
	for want, got := range map[string][]string{
		"/opt/runc --root /run/t create --bundle /b --pid-file /p id":                  c.Create("id", "/b", "/p"),
		"/opt/runc --root /run/t start id":                                             c.Start("id"),
		"/opt/runc --root /run/t kill id KILL":                                         c.Kill("id", "KILL"),
		"/opt/runc --root /run/t delete id":                                            c.Delete("id"),
		"/opt/runc --root /run/t delete --force id":                                    c.ForceDelete("id"),
		"/opt/runc --root /run/t state id":                                             c.State("id"),
		"/opt/runc --root /run/t --systemd-cgroup create --bundle /b --pid-file /p id": sd.Create("id", "/b", "/p"),
		"/opt/runc --root /run/t --systemd-cgroup start id":                            sd.Start("id"),
	} {
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q, want %s", got, want)
		}
	}
}

// Catches a pid that kill(2) would take for a group or for everybody, and a read that never returns.
func TestReadPIDFile(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]int{
		"123": 123, "123\n": 123, " 4194303 ": 4194303,
		"": 0, "0": 0, "-1": 0, "+1": 0, "1 2": 0, "12x": 0, "4194305": 0, "99999999999999999999": 0, "not a pid\x1b[2J": 0,
		strings.Repeat("1", 1<<20): 0,
	} {
		path := writeFile(t, filepath.Join(dir, "pid"), text, 0o644)
		got, err := ReadPIDFile(path)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("ReadPIDFile of %.20q = %d, %v; want %d", text, got, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("ReadPIDFile of %.20q: message %q", text, err)
		}
	}
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "pid"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir, filepath.Join(dir, "absent")} {
		if pid, err := ReadPIDFile(path); err == nil {
			t.Errorf("ReadPIDFile(%s) = %d", path, pid)
		}
	}
}

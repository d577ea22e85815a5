package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// qemuScript runs guest-qemu10.sh with a QEMU of one version on PATH and another in
// the cache, "" for none, and an apt-get that notes that it was asked and fails.
func qemuScript(t *testing.T, onPath, cached string, env ...string) (code int, out string) {
	t.Helper()
	bin, cache := t.TempDir(), t.TempDir()
	files := map[string]string{filepath.Join(bin, "apt-get"): "echo apt-get was asked; exit 1"}
	for name, version := range map[string]string{
		filepath.Join(bin, "qemu-system-x86_64"):                                 onPath,
		filepath.Join(cache, "initbench", "qemu10", "bin", "qemu-system-x86_64"): cached,
	} {
		if version != "" {
			files[name] = "echo 'QEMU emulator version " + version + " (Debian)'"
		}
	}
	for name, body := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("#!/bin/sh\n"+body+"\n"), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./guest-qemu10.sh")
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "XDG_CACHE_HOME=" + cache}, env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// Catches a script that fetches a QEMU where there is one that will do, which is
// what every run of the tests would wait for, or that takes an old one for it.
func TestQEMUIsFetchedWhereNoneWillDo(t *testing.T) {
	for _, test := range []struct {
		onPath, cached string
		want           int
	}{
		{"10.0.2", "", 0}, {"11.1", "", 0}, {"7.2.22", "10.0.2", 0}, {"9.2", "9.1", 4}, {"7.2.22", "", 4},
	} {
		code, out := qemuScript(t, test.onPath, test.cached)
		if code != test.want || (code == 0) != (out == "") {
			t.Errorf("%+v: exit code %d, %q", test, code, out)
		}
	}
}

// Catches a download that goes below the root directory or the current one.
func TestQEMUNeedsACacheDirectory(t *testing.T) {
	for _, env := range [][]string{{"XDG_CACHE_HOME=", "HOME="}, {"XDG_CACHE_HOME=relative"}} {
		if code, out := qemuScript(t, "7.2.22", "", env...); code != 4 || !strings.Contains(out, "XDG_CACHE_HOME") || strings.Count(out, "\n") != 1 {
			t.Errorf("%q: exit code %d, %q; want 4 and one line", env, code, out)
		}
	}
}

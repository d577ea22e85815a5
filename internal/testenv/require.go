package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Need is something a test cannot do without.
type Need struct {
	name    string
	missing func() error
}

// Needs that several packages have.
var (
	Root     = Need{"root", missingRoot}
	CgroupV2 = Need{"cgroup v2 with the memory controller", missingCgroup}
	Systemd  = Need{"systemd as PID 1", missingSystemd}
	Chromium = Need{"Chromium", missingChromium}
)

// Command is the need for a program on PATH.
func Command(name string) Need {
	return Need{"command " + name, func() error {
		_, err := exec.LookPath(name)
		return err
	}}
}

// File is the need for something at a path, such as /dev/kvm.
func File(path string) Need {
	return Need{"file " + path, func() error {
		_, err := os.Stat(path)
		return err
	}}
}

// Required reports whether a missing need fails a test instead of skipping it.
func Required() bool { return os.Getenv("INITBENCH_REQUIRE") == "1" }

// Require ends the test unless the machine meets all needs: as skipped, or as
// failed where the needs were promised.
func Require(t testing.TB, needs ...Need) {
	t.Helper()
	for _, n := range needs {
		err := n.missing()
		switch {
		case err == nil:
		case Required():
			t.Fatalf("needs %s, which INITBENCH_REQUIRE=1 promises: %v", n.name, err)
		default:
			t.Skipf("needs %s: %v", n.name, err)
		}
	}
}

func missingRoot() error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("running as user %d", uid)
	}
	return nil
}

func missingCgroup() error {
	// A v1 or hybrid mount has no such file at its top.
	b, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(b)), "memory") {
		return fmt.Errorf("the controllers are: %s", strings.TrimSpace(string(b)))
	}
	return nil
}

func missingSystemd() error {
	_, err := os.Stat("/run/systemd/system") // as sd_booted(3) does
	return err
}

// chromiums are the names by which the browser is known; Debian's is the first.
var chromiums = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// ChromiumPath is where the browser is; empty where there is none.
func ChromiumPath() string {
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func missingChromium() error {
	if ChromiumPath() == "" {
		return fmt.Errorf("none of %s is on PATH", strings.Join(chromiums, ", "))
	}
	return nil
}

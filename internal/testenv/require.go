package testenv

import (
	"cmp"
	"errors"
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
	promise string // the variable whose 1 says that the lane has it; empty: that of the guest's lane
}

// Needs that several packages have.
var (
	Root     = Need{name: "root", missing: missingRoot}
	CgroupV2 = Need{name: "cgroup v2 with the memory controller", missing: missingCgroup}
	Systemd  = Need{name: "systemd as PID 1", missing: missingSystemd}
)

// Needs that the guest has not, and lane 0 promises.
var (
	Chromium = Need{"Chromium", missingChromium, "INITBENCH_TEST_BROWSER"}
	// Network is granted and never probed: a test that finds the network down has found something.
	Network = Need{"a network to download from", func() error {
		if os.Getenv(network) != "1" {
			return errors.New(network + " is not 1")
		}
		return nil
	}, network}
	// Compiler is installed by make test, and the network is granted where that was.
	Compiler = Need{"command gcc", Command("gcc").missing, network}
)

const network, guest = "INITBENCH_TEST_NETWORK", "INITBENCH_REQUIRE"

// Command is the need for a program on PATH.
func Command(name string) Need {
	return Need{name: "command " + name, missing: func() error {
		_, err := exec.LookPath(name)
		return err
	}}
}

// File is the need for something at a path, such as /dev/kvm.
func File(path string) Need {
	return Need{name: "file " + path, missing: func() error {
		_, err := os.Stat(path)
		return err
	}}
}

// Required reports whether a missing need fails a test instead of skipping it.
func Required() bool { return os.Getenv(guest) == "1" }

// Require ends the test unless the machine meets all needs: as skipped, or as
// failed where the needs were promised.
func Require(t testing.TB, needs ...Need) {
	t.Helper()
	for _, n := range needs {
		err, promise := n.missing(), cmp.Or(n.promise, guest)
		switch {
		case err == nil:
		case os.Getenv(promise) == "1":
			t.Fatalf("needs %s, which %s=1 promises: %v", n.name, promise, err)
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

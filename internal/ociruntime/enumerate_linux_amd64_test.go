package ociruntime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/initbench/initbench/internal/testenv"
)

// limited is a cgroup with a memory limit.
func limited(t *testing.T, limit int) (dir string, handle *os.File) {
	t.Helper()
	dir, err := os.MkdirTemp("/sys/fs/cgroup", "initbench-enumerate-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte(strconv.Itoa(limit)), 0); err != nil {
		t.Fatal(errors.Join(err, os.Remove(dir)))
	}
	handle, err = os.Open(dir)
	if err != nil {
		t.Fatal(errors.Join(err, os.Remove(dir)))
	}
	return dir, handle
}

func readCgroup(t *testing.T, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Catches an eager enumeration of the incident's pool that survives a limit or ends by itself instead of being OOM-killed, and a
// lazy one that is killed, or takes more for 2^64 subnets than for 2^4.
func TestEnumerateUnderALimit(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2)
	const limit = 8 << 20
	path := payloadOnDisk(t)
	peaks := map[int]int{}
	for _, c := range []struct {
		Enumeration
		killed bool
	}{{Enumeration{32, 80, Eager}, true}, {Enumeration{4, 80, Eager}, false}, {Enumeration{4, 80, Lazy}, false}, {Enumeration{64, 80, Lazy}, false}} {
		dir, handle := limited(t, limit)
		cmd := exec.Command(path, Payload{Nonce: "n", Enumerate: c.Enumeration}.Args()...)
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(handle.Fd())}
		err := cmd.Run()
		events := readCgroup(t, dir, "memory.events")
		if killed := err != nil && strings.Contains(err.Error(), "signal: killed") && strings.Contains(events, "oom_kill 1"); killed != c.killed || !c.killed && err != nil {
			t.Errorf("%+v: %v, events %q", c, err, events)
		}
		peak, perr := strconv.Atoi(strings.TrimSpace(readCgroup(t, dir, "memory.peak")))
		if c.killed && peak < limit-1<<20 {
			t.Errorf("%+v: killed at a peak of %d bytes", c, peak)
		}
		if c.How == Lazy {
			peaks[c.Bits] = peak
		}
		t.Logf("%+v: %v, peak %d bytes", c, err, peak)
		if err := errors.Join(perr, handle.Close(), os.Remove(dir)); err != nil {
			t.Error(err)
		}
	}
	if diff := peaks[64] - peaks[4]; diff > 256<<10 || diff < -256<<10 {
		t.Errorf("a lazy enumeration of 2^4 subnets has a peak of %d bytes, of 2^64 of %d", peaks[4], peaks[64])
	}
}

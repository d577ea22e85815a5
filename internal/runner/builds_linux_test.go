package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// fakeBuiltin collects for an arm whose binary is cat: it tells its version, can be padded, and runs until its input ends.
func fakeBuiltin(t *testing.T, spec scenarios.Spec, ref string) *collector {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cat")
	if err := os.WriteFile(path, cat(t), 0o755); err != nil {
		t.Fatal(err)
	}
	spec.Runtimes = []scenarios.Runtime{{Name: "arm", Ref: ref}}
	c := &collector{notes: io.Discard, dir: t.TempDir(), job: Job{Spec: spec, Binaries: map[string]string{"arm": path}}}
	if err := c.identify(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.builds.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func cat(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func sized(sizes ...int64) scenarios.Spec {
	return scenarios.Spec{Scenarios: []scenarios.Scenario{{Name: "sized", Sizes: sizes}}}
}

// Catches a trial that is made with another binary than its record says, or without its build's flags.
func TestBuildsOfATrial(t *testing.T) {
	c := fakeBuiltin(t, sized(16, 1<<20, 2<<20), "builtin:pad=1KiB,cgroup=early")
	own := int64(len(cat(t)))
	for _, test := range []struct {
		build scenarios.Build
		bytes int64
		flags string
	}{
		{scenarios.Build{}, own + 1024, "--cgroup early"},
		{scenarios.Build{Clone: memfdclone.InInit, BinaryBytes: 1 << 20}, 1 << 20, "--clone init --cgroup early"},
		{scenarios.Build{Clone: memfdclone.InParent, Strategy: memfdclone.Bind, BinaryBytes: 2 << 20}, 2 << 20, "--clone parent --strategy bind --cgroup early"},
	} {
		rt, err := c.underTest(scenarios.Trial{Arm: "arm", Build: test.build})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(rt.path)
		if err != nil || info.Size() != test.bytes || rt.id.Size != test.bytes || strings.Join(rt.flags, " ") != test.flags {
			t.Errorf("%+v: %+v, %v; want %d bytes and %s", test.build, rt, err, test.bytes, test.flags)
		}
		if rt.id.Name != "arm" || rt.id.Ref != "builtin:pad=1KiB,cgroup=early" || len(rt.id.SHA256) != 64 {
			t.Errorf("%+v: %+v", test.build, rt.id)
		}
	}
	// A size that cannot be had is no file of another size.
	if rt, err := c.underTest(scenarios.Trial{Arm: "arm", Build: scenarios.Build{BinaryBytes: 16}}); err == nil || !strings.Contains(err.Error(), "no binary of 16 bytes") {
		t.Errorf("16 bytes: %+v, %v", rt, err)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, "builds", "*", "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("files %v, %v", left, err)
	}
}

// Catches a copy that is made for every start, that a runtime inherits, or that outlives the run.
func TestCopiesMadeOnce(t *testing.T) {
	testenv.Require(t, testenv.Root) // whom mode 0511 does not keep from opening the copy for writing
	c := fakeBuiltin(t, sized(1<<20), "builtin")
	build := scenarios.Build{Clone: memfdclone.Once, Strategy: memfdclone.MemfdCopy, BinaryBytes: 1 << 20}
	first, err := c.underTest(scenarios.Trial{Arm: "arm", Build: build})
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.underTest(scenarios.Trial{Arm: "arm", Build: build})
	if err != nil || second.path != first.path || len(c.builds.once) != 1 {
		t.Errorf("%s, then %s (%v): %d copies", first.path, second.path, err, len(c.builds.once))
	}
	if strings.Join(first.flags, " ") != "--clone once" || first.id.Size != 1<<20 {
		t.Errorf("%+v", first)
	}
	copied, err := os.ReadFile(first.path)
	if err != nil || len(copied) != 1<<20 || !bytes.HasPrefix(copied, cat(t)) {
		t.Errorf("the copy has %d bytes, %v", len(copied), err)
	}
	if _, err := os.OpenFile(first.path, os.O_WRONLY, 0); !errors.Is(err, unix.ETXTBSY) {
		t.Errorf("a container could hold the copy open for writing: %v", err)
	}
	cmd := exec.Command("/bin/sh", "-c", "ls -l /proc/$$/fd")
	inherited, err := cmd.Output()
	if err != nil || strings.Contains(string(inherited), "memfd") {
		t.Errorf("a process has %s, %v", inherited, err)
	}
	if err := c.builds.close(); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(first.path); err == nil && strings.Contains(target, "memfd") {
		t.Errorf("%s is still %s", first.path, target)
	}
}

// Catches starts from a copy that any container can open for writing again, because what executed it was killed meanwhile.
func TestCopyWhoseKeeperWasKilled(t *testing.T) {
	testenv.Require(t, testenv.Root) // whom mode 0511 does not keep from opening the copy for writing
	c := fakeBuiltin(t, sized(1<<20), "builtin")
	trial := scenarios.Trial{Arm: "arm", Build: scenarios.Build{Clone: memfdclone.Once, BinaryBytes: 1 << 20}}
	if _, err := c.underTest(trial); err != nil {
		t.Fatal(err)
	}
	for _, k := range c.builds.once {
		if err := k.keeper.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := k.keeper.Wait(); err == nil {
			t.Error("the keeper ended by itself")
		}
	}
	_, err := c.underTest(trial)
	if err == nil || err.Error() != "clone=once: keep the copy from being opened for writing: it could be opened" {
		t.Errorf("the next start: %v", err)
	}
	for key, k := range c.builds.once {
		delete(c.builds.once, key) // its keeper has been waited for
		if err := k.clone.File.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Catches a copy that cannot be made and ends the run, where its trial is one that failed, with the reason.
func TestCopyThatCannotBeMadeFailsItsTrial(t *testing.T) {
	c := fakeBuiltin(t, sized(1<<20), "builtin")
	if err := os.RemoveAll(filepath.Join(c.dir, "builds")); err != nil {
		t.Fatal(err)
	}
	p := &prepared{Trial: scenarios.Trial{Arm: "arm", Build: scenarios.Build{Clone: memfdclone.Once, BinaryBytes: 1 << 20}}}
	c.choose(p)
	if !errors.Is(p.unready, os.ErrNotExist) {
		t.Fatalf("unready is %v", p.unready)
	}
	outcome, why := observation{phase: "build", spawnErr: p.unready}.decide()
	if outcome != results.Failed || !strings.HasPrefix(why, "build: clone=once: open ") {
		t.Errorf("%s: %s", outcome, why)
	}
}

// Catches a report that is asked for where its writing would be timed, of a runtime that has none, or that is not read.
func TestCloneReports(t *testing.T) {
	c := fakeBuiltin(t, sized(1<<20), "builtin")
	timed, observed := &prepared{Trial: scenarios.Trial{Arm: "arm"}, dir: t.TempDir()}, &prepared{Trial: scenarios.Trial{Arm: "arm", Observe: true}, dir: t.TempDir()}
	c.choose(timed)
	c.choose(observed)
	if timed.cli.Report != "" || observed.cli.Report == "" {
		t.Fatalf("reports %q and %q", timed.cli.Report, observed.cli.Report)
	}
	if r, err := observed.cloneReport(); r != nil || err != nil {
		t.Errorf("without a file: %v, %v", r, err)
	}
	for text, want := range map[string]string{`{"strategy":"memfd","bytes":7,"took_ns":9}`: "7 <nil>", `{"strategy":`: "-1 the runtime's report: unexpected EOF"} {
		if err := os.WriteFile(observed.cli.Report, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := observed.cloneReport()
		bytes := int64(-1)
		if r != nil {
			bytes = r.Bytes
		}
		if got := fmt.Sprint(bytes, " ", err); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	c.runtimes["arm"] = runtimeUnderTest{path: "/runc"}
	c.choose(observed)
	if observed.cli.Report != "" || observed.cli.Binary != "/runc" || len(observed.cli.Options) != 0 {
		t.Errorf("another runtime: %+v", observed.cli)
	}
}

package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/memfdclone"
)

// Catches a bundle that cannot be used and fails late, without a word or with a Go type's name for one.
func TestBadBundle(t *testing.T) {
	for what, bad := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"no config":   {func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) }, "bundle: open config.json: no such file"},
		"empty":       {write(""), "bundle: config.json: unexpected end of JSON"},
		"null":        {write("null"), "bundle: config.json: is null"},
		"no process":  {write(`{"ociVersion":"1.0.2"}`), "bundle: config.json: has no process"},
		"relative":    {edit(`"cwd":"/"`, `"cwd":"tmp"`), `process.cwd "tmp" is not absolute`},
		"terminal":    {edit(`"process":{`, `"process":{"terminal":true,`), "has no terminals"},
		"rlimit":      {edit("RLIMIT_NOFILE", "RLIMIT_FILES"), `"RLIMIT_FILES" is no limit`},
		"no rootfs":   {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "rootfs")) }, "rootfs"},
		"no payload":  {edit(ociruntime.PayloadPath, "/absent"), "/absent"},
		"namespace":   {edit(`"type":"uts"`, `"type":"universe"`), "universe"},
		"cgroup path": {edit(`"cgroupsPath":"`, `"cgroupsPath":"a:b:c:d`), "cgroup"},
	} {
		t.Run(what, func(t *testing.T) {
			driver := cgroupjoin.Cgroupfs
			if what == "cgroup path" {
				driver = cgroupjoin.Systemd // any path will do elsewhere
			}
			c := newTrial(t, driver)
			if err := bad.spoil(c.dir); err != nil {
				t.Fatal(err)
			}
			c.fails(bad.want)
		})
	}
}

func write(text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644) }
}

func edit(old, replacement string) func(string) error {
	return func(dir string) error {
		path := filepath.Join(dir, "config.json")
		text, err := os.ReadFile(path)
		if err == nil && !bytes.Contains(text, []byte(old)) {
			err = fmt.Errorf("no %s in %s", old, text)
		}
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(replacement)), 0o644)
	}
}

// Catches a bundle that is not there at all.
func TestNoBundle(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs)
	said, code := c.run(c.cli.Create(c.id, "/nonexistent", filepath.Join(c.dir, "pid")))
	if code != 1 || !strings.Contains(said, "bundle: chdir /nonexistent: no such file") {
		t.Errorf("exit code %d, said %q", code, said)
	}
	c.leftNothing()
}

// Catches a second container that takes the first one's name, or its cgroup, or destroys either.
func TestCreateTwice(t *testing.T) {
	eachDriver(t, func(c *trial) {
		if said, code := c.create(); code != 0 {
			c.t.Fatalf("create: %d: %s", code, said)
		}
		if said, code := c.create(); code != 1 || !strings.Contains(said, "container with given ID already exists") {
			c.t.Errorf("the same ID: %d, %s", code, said)
		}
		argv := c.cli.Create(c.id+"b", c.dir, filepath.Join(c.dir, "pid"))
		if said, code := c.run(argv); code != 1 || !strings.Contains(said, "cgroup is not empty") {
			c.t.Errorf("the same cgroup: %d, %s", code, said)
		}
		if out, err := exec.Command(binary(), c.cli.State(c.id)[1:]...).Output(); err != nil || !bytes.Contains(out, []byte(`"status": "created"`)) {
			c.t.Errorf("the first one afterwards: %s, %v", out, err)
		}
	})
}

// Catches a verb that does something to a container in no state for it, or succeeds without doing it.
func TestVerbsRefuse(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs)
	for _, argv := range [][]string{c.cli.Start(c.id), c.cli.State(c.id), c.cli.Kill(c.id, "KILL"), c.cli.Delete(c.id)} {
		if said, code := c.run(argv); code != 1 || !strings.Contains(said, "container does not exist") {
			t.Errorf("%q of none: %d, %s", argv, code, said)
		}
	}
	if said, code := c.run(c.cli.ForceDelete(c.id)); code != 0 {
		t.Errorf("delete --force of none: %d, %s", code, said)
	}
	if said, code := c.create(); code != 0 {
		t.Fatalf("create: %d: %s", code, said)
	}
	if said, code := c.run(c.cli.Kill(c.id, "NONSENSE")); code != 1 || !strings.Contains(said, `there is no signal "NONSENSE"`) {
		t.Errorf("kill: %d, %s", code, said)
	}
}

// Catches a usage error that is not told from a failed start, or makes something.
func TestUsage(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs)
	for want, options := range map[string][]string{
		`--clone "x" is not one of parent, init, once, none`: {"--clone", "x"},
		"join unit: only the systemd driver has units":       {"--join", "unit"},
		"join=birth needs cgroup=early":                      {"--join", "birth"},
		"flag provided but not defined: -frobnicate":         {"--frobnicate"},
	} {
		c.cli.Options = options
		if said, code := c.create(); code != 2 || strings.TrimSpace(said) != said[:len(said)-1] || !strings.Contains(said, want) {
			t.Errorf("%q: exit code %d, said %q; want 2 and %q", options, code, said, want)
		}
		c.leftNothing()
	}
}

// Catches a caller who may not make containers and hears of it from a step half-way, after something was made.
func TestRootless(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs)
	for path, mode := range map[string]os.FileMode{filepath.Dir(c.dir): 0o755, c.dir: 0o755, filepath.Join(c.dir, "config.json"): 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, argv := range [][]string{c.cli.Create(c.id, c.dir, filepath.Join(c.dir, "pid")), c.cli.State(c.id)} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		said, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 1 || strings.Count(string(said), "\n") != 1 || !strings.Contains(string(said), ": only root can have containers here") {
			t.Errorf("%q: %v, said %q; want 1 and one line", argv, err, said)
		}
	}
	c.leftNothing()
}

// Catches an unprotected start, or a silent fallback, where the kernel refuses to make the copy that was asked for.
func TestRefusedCalls(t *testing.T) {
	for options, refused := range map[string]struct {
		nr   uint32
		want string
	}{
		"strategy=memfd":              {unix.SYS_MEMFD_CREATE, "memfd_create"},
		"strategy=memfd,cgroup=early": {unix.SYS_MEMFD_CREATE, "memfd_create"},
		"strategy=memfd-mmap":         {unix.SYS_MEMFD_CREATE, "memfd_create"},
		"strategy=overlayfs":          {unix.SYS_FSOPEN, "fsopen"},
	} {
		t.Run(options, func(t *testing.T) {
			eachDriver(t, func(c *trial) {
				c.with(options)
				refusing(t, refused.nr, func() { c.fails(refused.want) })
			})
		})
	}
}

// Catches a fallback that differs from libcontainer's, and one that the report does not tell of.
func TestFallsBackAsLibcontainer(t *testing.T) {
	eachDriver(t, func(c *trial) {
		refusing(c.t, unix.SYS_FSOPEN, func() {
			if said, code := c.create(); code != 0 {
				c.t.Errorf("create: %d: %s", code, said)
			}
		})
		report := c.report()
		info, err := os.Stat(binary())
		if err != nil || report.Strategy != memfdclone.Memfd || report.Bytes != info.Size() || len(report.FellBack) != 1 || report.TookNS <= 0 {
			c.t.Errorf("report %+v, %v", report, err)
		}
	})
}

func (c *trial) report() (r memfdclone.Report) {
	c.t.Helper()
	text, err := os.ReadFile(c.cli.Report)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// Catches an init that goes on unprotected, or hangs, when it cannot copy itself.
func TestRefusedInInit(t *testing.T) {
	eachDriver(t, func(c *trial) {
		c.with("clone=init")
		refusing(c.t, unix.SYS_MEMFD_CREATE, func() {
			said, code := c.create()
			if code != 1 || !strings.Contains(said, "in init: memfd_create: Operation not permitted\n") || strings.Count(said, "\n") > 2 {
				c.t.Errorf("exit code %d, said %q; want init's reason and the runtime's line", code, said)
			}
		})
		c.leftNothing()
	})
}

// Catches a copy that is cut at the largest file allowed, and a runtime that dies of SIGXFSZ.
func TestFileSizeLimit(t *testing.T) {
	for options, want := range map[string]string{
		"strategy=memfd": "memfd", "strategy=memfd-copy": "memfd-copy", "strategy=memfd-mmap": "memfd-mmap", "strategy=tmpfile,cgroup=early": "tmpfile",
	} {
		t.Run(options, func(t *testing.T) {
			c := newTrial(t, cgroupjoin.Cgroupfs).with(options)
			c.cli.Binary = c.limited()
			c.fails("clone the binary: copy /proc/self/exe: " + want + ": ")
		})
	}
}

// limited is a command that lowers the limit and becomes the runtime.
func (c *trial) limited() string {
	path := filepath.Join(c.dir, "limited")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nulimit -f 2048\nexec "+binary()+" \"$@\"\n"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// Catches a copy that is cut where the disk is full.
func TestNoSpace(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs)
	if err := os.Mkdir(c.cli.StateRoot, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", c.cli.StateRoot, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(c.cli.StateRoot, 0); err != nil {
			t.Error(err)
		}
	})
	c.with("strategy=tmpfile").fails("no space left on device")
}

// Catches a runtime that was told it is protected and is not.
func TestOnceNeedsASealedBinary(t *testing.T) {
	eachDriver(t, func(c *trial) {
		c.with("clone=once,cgroup=early").fails("clone=once: /proc/self/exe is no sealed memfd")
	})
}

// Catches a runtime that copies itself again, or does not start, when it is executed from a copy.
func TestOnce(t *testing.T) {
	eachDriver(t, func(c *trial) {
		exe, err := os.Open(binary())
		if err != nil {
			c.t.Fatal(err)
		}
		defer func() { _ = exe.Close() }() // it was only read
		clone, err := memfdclone.Make(exe, memfdclone.Options{Strategy: memfdclone.Memfd})
		if err != nil {
			c.t.Fatal(err)
		}
		defer func() { _ = clone.File.Close() }() // what executes it holds it
		c.with("clone=once")
		c.cli.Binary = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), clone.File.Fd())
		if said, code := c.create(); code != 0 {
			c.t.Fatalf("create: %d: %s", code, said)
		}
		if link := c.initExe(); !strings.HasPrefix(link, "/memfd:initbench") {
			c.t.Errorf("init is executed from %s", link)
		}
		if _, err := os.Stat(c.cli.Report); !errors.Is(err, os.ErrNotExist) {
			c.t.Errorf("a report of a copy: %v", err)
		}
		c.cli.Binary = binary() // the copy's end must not be the container's
	})
}

// initExe is what the created container's init is executed from.
func (c *trial) initExe() string {
	c.t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.pid()))
	if err != nil {
		c.t.Fatal(err)
	}
	return link
}

func (c *trial) pid() int {
	c.t.Helper()
	pid, err := ociruntime.ReadPIDFile(filepath.Join(c.dir, "pid"))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// Catches an option that makes another start than it says.
func TestInitIsExecutedFrom(t *testing.T) {
	for options, want := range map[string]string{
		"clone=none":                  binary(),
		"clone=init":                  "/memfd:runc_cloned:/proc/self/exe (deleted)",
		"clone=parent,strategy=memfd": "/memfd:",
		"strategy=memfd-copy":         "/memfd:",
		"strategy=bind":               "/", // its mount is detached
	} {
		t.Run(options, func(t *testing.T) {
			c := newTrial(t, cgroupjoin.Cgroupfs).with(options)
			if said, code := c.create(); code != 0 {
				t.Fatalf("create: %d: %s", code, said)
			}
			if link := c.initExe(); !strings.HasPrefix(link, want) {
				t.Errorf("init is executed from %s, want %s", link, want)
			}
		})
	}
}

// Catches an init that is not where it was to be born or moved, and a placeholder left beside it.
func TestSmokeInitIsAloneInItsCgroup(t *testing.T) {
	for _, options := range []string{"cgroup=late", "cgroup=early", "cgroup=early,join=procs", "cgroup=early,join=attach", "join=procs", "join=unit", "join=attach",
		"clone=init,cgroup=early"} {
		t.Run(options, func(t *testing.T) {
			eachDriver(t, func(c *trial) {
				ref, err := ociruntime.ParseRef("builtin:" + options)
				if err != nil {
					t.Fatal(err)
				}
				if ref.Builtin.CheckDriver(c.driver) != nil {
					return // TestBuiltinCheckDriver of package ociruntime
				}
				if said, code := c.with(options).create(); code != 0 {
					c.t.Fatalf("create: %d: %s", code, said)
				}
				procs, err := os.ReadFile(filepath.Join(c.cgroup, "cgroup.procs"))
				if want := strconv.Itoa(c.pid()) + "\n"; err != nil || string(procs) != want {
					c.t.Errorf("in %s: %q, %v; want %q", c.cgroup, procs, err, want)
				}
			})
		})
	}
}

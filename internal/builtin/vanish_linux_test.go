package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
)

// Catches an init that runs in no cgroup, or whatever it finds, when the one made early is gone by the time of the join.
func TestCgroupVanishes(t *testing.T) {
	for _, join := range []string{"birth", "procs"} {
		t.Run(join, func(t *testing.T) {
			eachDriver(t, func(c *trial) {
				want := "join the cgroup by " + join + ": "
				if c.driver == cgroupjoin.Systemd {
					want = "make the cgroup: its placeholder was killed"
				}
				// The longer the copy takes, the longer before the join the cgroup is there.
				large, err := ociruntime.Padded(binary(), 96<<20, c.dir)
				if err != nil {
					c.t.Fatal(err)
				}
				c.cli.Binary = large
				removed := c.removeOnceMade()
				c.with("strategy=memfd-copy,cgroup=early,join=" + join).fails(want)
				if err := <-removed; err != nil {
					c.t.Error(err)
				}
			})
		})
	}
}

// removeOnceMade removes the container's cgroup as soon as it is there and, under
// systemd, has a process in it, which is what tells systemd that it is in use.
func (c *trial) removeOnceMade() <-chan error {
	c.t.Helper()
	made := c.watch(unix.IN_CREATE)
	done := make(chan error, 1)
	go func() {
		if err := made(); err != nil {
			done <- err
			return
		}
		done <- c.removeCgroup()
	}()
	return done
}

// watch returns a function that waits for something to be made or removed in the pod from now on.
func (c *trial) watch(what uint32) (await func() error) {
	c.t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, c.pod, what)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return func() error {
		defer func() { _ = unix.Close(fd) }() // nothing was written to it
		if err := testenv.Await(fd, unix.POLLIN, time.Minute); err != nil {
			return fmt.Errorf("watch %s: %w", c.pod, err)
		}
		return nil
	}
}

func (c *trial) removeCgroup() error {
	if c.driver == cgroupjoin.Cgroupfs {
		return os.Remove(c.cgroup)
	}
	if err := c.awaitPopulated(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.cgroup, "cgroup.kill"), []byte("1"), 0)
}

// awaitPopulated polls for what the kernel signals as POLLPRI.
func (c *trial) awaitPopulated() error {
	fd, err := unix.Open(filepath.Join(c.cgroup, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	for {
		var buf [256]byte
		n, err := unix.Pread(fd, buf[:], 0)
		if err != nil {
			return err
		}
		if strings.Contains(string(buf[:n]), "populated 1") {
			return nil
		}
		if err := testenv.Await(fd, unix.POLLPRI, time.Minute); err != nil {
			return fmt.Errorf("watch cgroup.events of %s: %w", c.cgroup, err)
		}
	}
}

// Catches an init that is killed half-way and takes the runtime's cleaning up with it.
func TestInitIsOOMKilled(t *testing.T) {
	eachDriver(t, func(c *trial) {
		c.limitPod("4194304")
		// Larger than the limit, and wholly charged to the container, where init copies it.
		c.with("clone=init,cgroup=early,join=birth").fails("")
		events, err := os.ReadFile(filepath.Join(c.pod, "memory.events"))
		if err != nil || strings.Contains(string(events), "oom_kill 0\n") {
			c.t.Errorf("nobody was killed: %s, %v", events, err)
		}
	})
}

func (c *trial) limitPod(bytes string) {
	c.t.Helper()
	if c.driver == cgroupjoin.Systemd {
		// What is written past systemd it takes back when it makes the scope.
		c.must("systemctl", "set-property", "--runtime", filepath.Base(c.pod), "MemoryMax="+bytes)
	} else if err := os.WriteFile(filepath.Join(c.pod, "memory.max"), []byte(bytes), 0); err != nil {
		c.t.Fatal(err)
	}
}

// killInit returns when it has ended.
func (c *trial) killInit() {
	c.t.Helper()
	pidfd, err := unix.PidfdOpen(c.pid(), 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = unix.Close(pidfd) }() // it was only waited for
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
		c.t.Fatal(err)
	}
	if err := testenv.Await(pidfd, unix.POLLIN, 10*time.Second); err != nil {
		c.t.Fatalf("init lives on: %v", err)
	}
}

// Catches a container that cannot be removed, or is started, after its init was killed.
func TestInitKilledAfterCreate(t *testing.T) {
	eachDriver(t, func(c *trial) {
		if said, code := c.create(); code != 0 {
			c.t.Fatalf("create: %d: %s", code, said)
		}
		c.killInit()
		if said, code := c.run(c.cli.Start(c.id)); code != 1 || !strings.Contains(said, "the container is stopped, not created") {
			c.t.Errorf("start: %d: %s", code, said)
		}
		if said, code := c.run(c.cli.Delete(c.id)); code != 0 {
			c.t.Errorf("delete: %d: %s", code, said)
		}
		for _, path := range []string{filepath.Join(c.dir, "pid"), c.cli.Report} {
			if err := os.Remove(path); err != nil {
				c.t.Error(err)
			}
		}
		c.leftNothing()
	})
}

// Catches a placeholder that outlives the runtime, and with it a scope that nobody removes; and pins what is left
// under cgroupfs, where nobody does it by himself: an empty directory.
func TestRuntimeIsKilled(t *testing.T) {
	eachDriver(t, func(c *trial) {
		removed := c.watch(unix.IN_DELETE)
		c.killCreate()
		if c.driver == cgroupjoin.Cgroupfs {
			if err := os.Remove(c.cgroup); err != nil {
				c.t.Errorf("want an empty cgroup left: %v", err)
			}
		}
		if err := removed(); err != nil {
			c.t.Error(err)
		}
		if said, code := c.run(c.cli.ForceDelete(c.id)); code != 0 {
			c.t.Errorf("delete: %d: %s", code, said)
		}
		c.leftNothing()
	})
}

// killCreate kills a create once it has made the container's cgroup early, and while it makes its copy.
func (c *trial) killCreate() {
	c.t.Helper()
	large, err := ociruntime.Padded(binary(), 96<<20, c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	c.with("strategy=memfd-copy,cgroup=early").cli.Binary = large
	argv := c.cli.Create(c.id, c.dir, filepath.Join(c.dir, "pid"))
	made := c.watch(unix.IN_CREATE)
	create := exec.Command(argv[0], argv[1:]...)
	if err := create.Start(); err != nil {
		c.t.Fatal(err)
	}
	err = made()
	if c.driver == cgroupjoin.Systemd {
		err = errors.Join(err, c.awaitPopulated())
	}
	if err := errors.Join(err, create.Process.Kill()); err != nil {
		c.t.Error(err)
	}
	if err := create.Wait(); err == nil {
		c.t.Error("the create was over by then")
	}
}

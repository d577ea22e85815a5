package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// guestPort is where udev names the virtio port that QEMU calls agentPort.
const guestPort = "/dev/virtio-ports/" + agentPort

// guestEnv is the environment of every command in the guest.
func guestEnv() []string {
	return []string{
		"PATH=" + GuestBin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash",
		"LANG=C.UTF-8", "INITBENCH_GUEST=1",
	}
}

// RunAgent is the guest's side: it serves the virtio port until QEMU goes away.
// The unit that starts it is part of the image.
func RunAgent(ctx context.Context) error {
	state, err := bootState(ctx)
	if err != nil {
		return err
	}
	port, err := os.OpenFile(guestPort, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	// The port has no buffer of its own that closing could lose.
	defer func() { _ = port.Close() }()
	bus, err := systemd.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("agent: connect to systemd: %w", err)
	}
	defer bus.Close()
	agent := &Agent{Place: (&scopes{bus: bus}).place, Env: guestEnv()}
	return agent.Serve(ctx, port, hello{Agent: helloVersion, Kernel: kernelRelease(), State: state})
}

// bootState waits until systemd has no start job left, so that what is measured
// does not run beside the end of the boot, and returns its word for the outcome.
func bootState(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "is-system-running", "--wait").Output()
	// systemctl exits 1 for every word but "running"; the word says which.
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("agent: wait for the end of the boot: %w", err)
	}
	return string(bytes.TrimSpace(out)), nil
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "" // cannot fail on Linux
	}
	return unix.ByteSliceToString(u.Release[:])
}

// scopes makes a delegated transient scope for each command. A scope, not a
// service, because the agent stays the parent: exit status, terminal and
// descriptors then need no detour through systemd.
type scopes struct {
	bus  *systemd.Conn
	last atomic.Int64
}

func (s *scopes) place(ctx context.Context, pid int, argv []string) (func() error, error) {
	// Not "initbench-...": what is called so, initbench removes from the guest it runs in.
	name := fmt.Sprintf("guest-command-%d.scope", s.last.Add(1))
	props := []systemd.Property{
		systemd.PropDescription("initbench vm: " + strings.Join(argv, " ")),
		systemd.PropPids(uint32(pid)),
		{Name: "Delegate", Value: dbus.MakeVariant(true)},
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
		{Name: "TasksMax", Value: dbus.MakeVariant(^uint64(0))},
	}
	done := make(chan string, 1)
	if _, err := s.bus.StartTransientUnitContext(ctx, name, "fail", props, done); err != nil {
		return nil, fmt.Errorf("make unit %s: %w", name, err)
	}
	if result := <-done; result != "done" {
		return nil, fmt.Errorf("make unit %s: systemd says %s", name, result)
	}
	cgroup, err := cgroupOf(pid)
	if err != nil {
		return nil, fmt.Errorf("make unit %s: %w", name, err)
	}
	return func() error { return killCgroup(cgroup) }, nil
}

// cgroupOf reads where a process is in the one hierarchy the guest has.
func cgroupOf(pid int) (string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return "", err
	}
	path, found := strings.CutPrefix(strings.TrimSpace(string(data)), "0::")
	if !found {
		return "", fmt.Errorf("process %d: not in a unified cgroup hierarchy: %q", pid, data)
	}
	return "/sys/fs/cgroup" + path, nil
}

// dying is how long killed processes may take to be gone: those that are in the
// kernel's hands, such as one being traced or writing a core, take a while.
const dying = 5 * time.Second

// killCgroup ends every process at and below a cgroup (cgroup.kill, Linux 5.14) and
// waits until they are gone. systemd removes the cgroup of a scope that is empty:
// then there is nothing to kill.
func killCgroup(dir string) error {
	events, err := os.Open(dir + "/cgroup.events")
	if err == nil {
		err = killAndWait(dir, events)
		closeAll([]*os.File{events})
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func killAndWait(dir string, events *os.File) error {
	if err := os.WriteFile(dir+"/cgroup.kill", []byte("1"), 0); err != nil {
		return err
	}
	var buf [256]byte
	for until := time.Now().Add(dying); time.Now().Before(until); {
		n, err := events.ReadAt(buf[:], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Contains(buf[:n], []byte("populated 1")) {
			return nil
		}
		// cgroup.events reports a change as an exceptional condition.
		wait := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(wait, int(time.Until(until).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return fmt.Errorf("%s: still populated %v after it was killed", dir, dying)
}

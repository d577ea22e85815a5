package vm

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const qemuBinary = "qemu-system-x86_64"

// findQEMU takes the QEMU on PATH or, where that is too old for the suite, the one
// that QEMUScript has put into the user's cache.
func findQEMU(s Suite) (QEMU, error) {
	path, err := exec.LookPath(qemuBinary)
	if err != nil {
		return QEMU{}, &EnvError{Problem: qemuBinary + " is not installed", Remedy: "apt-get install qemu-system-x86"}
	}
	q, err := askQEMU(path)
	if err != nil {
		return QEMU{}, err
	}
	unsupported := q.supports(s)
	if unsupported == nil {
		return q, nil
	}
	if cache, err := userCache(); err == nil {
		own, err := askQEMU(filepath.Join(cache, "qemu10", "bin", qemuBinary))
		if err == nil && own.supports(s) == nil {
			return own, nil
		}
	}
	return q, unsupported
}

func askQEMU(path string) (QEMU, error) {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return QEMU{}, &EnvError{Problem: path + " --version", Cause: err, Remedy: "apt-get install --reinstall qemu-system-x86"}
	}
	version, err := parseQEMUVersion(string(out))
	if err != nil {
		return QEMU{}, &EnvError{Problem: path + " --version", Cause: err}
	}
	return QEMU{Path: path, Version: version}, nil
}

// hypervisor is a running QEMU.
type hypervisor struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer // complete when done is closed
	done   chan struct{}
	err    error // of the process, valid when done is closed
	once   sync.Once
}

// launch starts QEMU and returns the host's end of the channel. Nothing of it has
// a name on this machine: the channel is a socket pair, the tools disk a memfd,
// the console a pipe, and QEMU unlinks its snapshot when it opens it.
func launch(q QEMU, m machine, agent string, term io.Writer) (*hypervisor, net.Conn, error) {
	sock, far, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("start QEMU: %w", err)
	}
	defer closeAll([]*os.File{far})
	tools, err := toolsDisk(agent, m.image.Suite)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start QEMU: tools disk: %w", err), sock.Close())
	}
	defer closeAll([]*os.File{tools})
	m.agentFD, m.toolsFD = 3, 4 // ExtraFiles begin at 3
	h := &hypervisor{cmd: exec.Command(q.Path, m.args()...), done: make(chan struct{})}
	h.cmd.ExtraFiles = []*os.File{far, tools}
	h.cmd.Stdout, h.cmd.Stderr = term, &h.stderr
	// Its own process group: a terminal's Ctrl-C is for the command in the guest first.
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.start(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start QEMU: %w", err), sock.Close())
	}
	return h, sock, nil
}

// start runs QEMU on a thread that stays until it has ended: the kernel sends
// Pdeathsig when the thread that forked dies, not when the process does.
func (h *hypervisor) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := h.cmd.Start()
		started <- err
		if err == nil {
			h.err = h.cmd.Wait()
			close(h.done)
		}
	}()
	return <-started
}

// runChild is the same for a tool that is waited for. With ownMounts, what it mounts
// goes with its last process: mmdebstrap as root mounts /proc, /sys and devices
// inside the tree it makes, and one that was killed would leave them to whoever
// removes that tree.
func runChild(cmd *exec.Cmd, ownMounts bool) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if ownMounts {
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

func (h *hypervisor) kill() {
	// It fails only for a QEMU that has ended already.
	h.once.Do(func() { _ = h.cmd.Process.Kill() })
}

// waited is for how long QEMU could have run and had no CPU: that of its thread which waited longest, by the scheduler's statistics
// (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat). 0 where the kernel keeps none.
func (h *hypervisor) waited() (longest time.Duration) {
	threads, err := procfs.AllThreads(h.cmd.Process.Pid)
	if err != nil {
		return 0
	}
	for _, t := range threads {
		if s, err := t.Schedstat(); err == nil {
			longest = max(longest, time.Duration(s.WaitingNanoseconds))
		}
	}
	return longest
}

// reason is why QEMU ended, as far as QEMU knows, and what it said last.
func (h *hypervisor) reason() (why, said string) {
	if h.err == nil {
		return "QEMU ended: the guest powered off or rebooted", ""
	}
	return fmt.Sprintf("QEMU ended (%v)", h.err), lastLines(h.stderr.String(), 1)
}

func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "agent"), os.NewFile(uintptr(fds[1]), "agent")
	sock, err := net.FileConn(near)
	closeAll([]*os.File{near}) // FileConn has its own duplicate
	if err != nil {
		closeAll([]*os.File{far})
		return nil, nil, err
	}
	return sock, far, nil
}

// toolsDisk is a tar with the agent's binary, in memory, which the guest unpacks
// over its root directory.
func toolsDisk(agent string, suite Suite) (*os.File, error) {
	if agent == "" {
		var err error
		if agent, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if err := runsInGuest(agent, suite); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(agent)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("initbench-tools", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	disk := os.NewFile(uintptr(fd), "tools")
	w := tar.NewWriter(disk)
	if err := errors.Join(addFile(w, "/usr/local/bin/initbench", "", 0o755, body), w.Close(), padDisk(disk)); err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	// QEMU takes a descriptor for a read-only disk only if it is read-only itself.
	defer closeAll([]*os.File{disk})
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// padDisk rounds up to what tar reads at a time, a multiple of a disk's sector.
func padDisk(disk *os.File) error {
	const record = 10240
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	return disk.Truncate((size + record - 1) / record * record)
}

// checkSpace refuses to begin what would fill the disk.
func checkSpace(dir string, need uint64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	free := st.Bavail * uint64(st.Bsize)
	if free >= need {
		return nil
	}
	return &EnvError{
		Problem: fmt.Sprintf("%s has %d MiB free, building the guest image takes %d", dir, free>>20, need>>20),
		Remedy:  "free some, or choose another place with --cache",
		Cause:   errSpace,
	}
}

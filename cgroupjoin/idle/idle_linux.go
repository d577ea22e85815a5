package idle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxThreads is how many a process may have, and MaxFiles between how many cgroups one moves.
const (
	MaxThreads = 30000
	MaxFiles   = 64
)

// failures are the exit codes of idle.c.
var failures = map[int]string{
	100: "did not understand its arguments",
	101: "could not make a thread",
	102: "could not open a cgroup.procs",
	103: "could not move",
	104: "could not write to its stdout",
	105: "could not read its stdin",
}

// Program is the executable, held open.
type Program struct{ f *os.File }

// Open makes the executable.
func Open() (*Program, error) {
	if len(program) == 0 {
		return nil, errors.New("idle process: it exists for linux/amd64 only")
	}
	// A child forked while the file is open for writing would keep it so until its own exec, and executing it
	// would fail with ETXTBSY (golang/go#22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.MemfdCreate("initbench-idle", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		// Before Linux 6.3 there is no such flag, and every memfd can be executed.
		fd, err = unix.MemfdCreate("initbench-idle", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("idle process: memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd:initbench-idle")
	if err := fill(f); err != nil {
		return nil, errors.Join(fmt.Errorf("idle process: %w", err), f.Close())
	}
	return &Program{f}, nil
}

// fill writes the program and reopens it for reading: what is open for writing is not executed (ETXTBSY).
func fill(f *os.File) error {
	if _, err := f.Write(program); err != nil {
		return err
	}
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	r, err := unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", self, err)
	}
	defer func() { _ = unix.Close(r) }() // f has its file now
	if err := unix.Dup3(r, int(f.Fd()), unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("dup3: %w", err)
	}
	return nil
}

// Close lets go of the executable; processes keep what they run.
func (p *Program) Close() error { return p.f.Close() }

// Process is one of it. Set what Cmd still needs, such as the cgroup it is born in, then start Cmd,
// then call Ready. End ends it and must be called also when it was never started.
type Process struct {
	Cmd     *exec.Cmd
	in, out *os.File // ours
}

// Hold is a process of so many threads that does nothing.
func (p *Program) Hold(threads int) (*Process, error) {
	if threads < 1 || threads > MaxThreads {
		return nil, fmt.Errorf("idle process of %d threads: it has 1 to %d", threads, MaxThreads)
	}
	return p.process("hold", strconv.Itoa(threads))
}

// Move is a process that moves itself without end: from one cgroup of dirs to the next, in turn.
func (p *Program) Move(dirs []string) (*Process, error) {
	if len(dirs) < 1 || len(dirs) > MaxFiles {
		return nil, fmt.Errorf("moving process with %d cgroups: it has 1 to %d", len(dirs), MaxFiles)
	}
	args := []string{"move"}
	for _, d := range dirs {
		args = append(args, d+"/cgroup.procs")
	}
	return p.process(args...)
}

func (p *Program) process(args ...string) (*Process, error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("idle process: %w", err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("idle process: %w", err), stdin.Close(), in.Close())
	}
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", p.f.Fd()), args...)
	cmd.Stdin, cmd.Stdout = stdin, stdout
	// Not for a terminal's Ctrl-C: whoever started it decides when it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return &Process{Cmd: cmd, in: in, out: out}, nil
}

// Pid is the process's own, 0 before it was started.
func (p *Process) Pid() int {
	if p.Cmd.Process == nil {
		return 0
	}
	return p.Cmd.Process.Pid
}

// Ready returns when all threads are there, or when the process has been in each of its cgroups once.
func (p *Process) Ready(ctx context.Context) error {
	p.closeTheirs()
	stop := context.AfterFunc(ctx, func() { _ = p.out.SetReadDeadline(time.Now()) }) // a pipe has deadlines
	defer stop()
	line := make([]byte, len("ready\n"))
	n, err := p.out.Read(line) // written by one write(2)
	if err == nil && string(line[:n]) == "ready\n" {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	_, endErr := p.End()
	return fmt.Errorf("idle process: not ready: %w", errors.Join(err, endErr))
}

// closeTheirs closes what the child has its own copies of.
func (p *Process) closeTheirs() {
	for _, f := range []any{p.Cmd.Stdin, p.Cmd.Stdout} {
		_ = f.(*os.File).Close() // nothing of ours was written; twice does no harm
	}
}

// End ends the process and says how often it moved. Called again it says nothing.
func (p *Process) End() (moves int64, err error) {
	p.closeTheirs()
	_ = p.in.Close() // the process's sign to end
	defer func() { _ = p.out.Close() }()
	if p.Cmd.Process == nil || p.Cmd.ProcessState != nil {
		return 0, nil
	}
	said := bufio.NewScanner(p.out)
	for said.Scan() {
		if n, ok := strings.CutPrefix(said.Text(), "moved "); ok {
			moves, err = strconv.ParseInt(n, 10, 64)
		}
	}
	return moves, errors.Join(err, explain(p.Cmd.Wait()))
}

// explain puts idle.c's own failures in words.
func explain(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if what, ok := failures[exit.ExitCode()]; ok {
		return fmt.Errorf("idle process: it %s", what)
	}
	return fmt.Errorf("idle process: %w", err)
}

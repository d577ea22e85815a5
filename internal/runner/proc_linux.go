package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/ociruntime"
)

// now reads CLOCK_MONOTONIC, the clock the payload stamps.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // the kernel has had this clock since 2.6
	}
	return ts.Nano()
}

// keep is how much of a process's output is kept; the rest is read and counted,
// so that a runtime that prints megabytes neither blocks nor fills memory.
const keep = 4 << 10

// capture drains one end of a pipe, keeping its head. With a nonce it looks for the payload's stamp.
type capture struct {
	r, w  *os.File
	done  chan struct{}
	nonce string
	stamp chan int64    // gets CLOCK_MONOTONIC ns, at most once
	held  chan struct{} // closed when the payload says, after its stamp, that it waits

	mu    sync.Mutex
	head  []byte
	total int64
}

func newCapture(nonce string) (*capture, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &capture{r: r, w: w, nonce: nonce, done: make(chan struct{}), stamp: make(chan int64, 1), held: make(chan struct{})}
	go c.drain()
	return c, nil
}

func (c *capture) drain() {
	defer close(c.done)
	in := bufio.NewReader(io.TeeReader(&untilDeadline{f: c.r}, c))
	if c.nonce != "" {
		if ns, err := ociruntime.ScanStamp(in, c.nonce); err == nil {
			c.stamp <- ns
			if ociruntime.WaitHeld(in) == nil {
				close(c.held)
			}
		}
	}
	_, _ = io.Copy(io.Discard, in) // ends at the pipe's end or at finish's deadline
}

// Write notes what was read.
func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += int64(len(b))
	if room := keep - len(c.head); room > 0 {
		c.head = append(c.head, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// grace bounds the wait for the end of a pipe that something the runtime left
// behind still holds open. Without such a thing the end is there at once.
const grace = 250 * time.Millisecond

// closeWriter gives up our own writing end, once the children have theirs.
func (c *capture) closeWriter() {
	_ = c.w.Close() // nothing of ours was written
}

// finish ends the draining.
func (c *capture) finish() {
	c.closeWriter()
	_ = c.r.SetReadDeadline(time.Now().Add(grace)) // a pipe has deadlines
	<-c.done
	_ = c.r.Close() // only read from
}

func (c *capture) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := strings.ToValidUTF8(strings.TrimSpace(string(c.head)), "�")
	if c.total > int64(len(c.head)) {
		s += fmt.Sprintf("\n[%d bytes in all]", c.total)
	}
	return s
}

// process is a verb of the runtime under way.
type process struct{ cmd *exec.Cmd }

// spawn starts argv, born in the cgroup behind fd (clone3 with CLONE_INTO_CGROUP,
// so that no byte of it is charged elsewhere), in a session of its own.
func spawn(argv []string, cgroup int, stdin io.Reader, stdout, stderr *os.File, dir string) (*process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C.UTF-8", "XDG_RUNTIME_DIR=/run"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: cgroup}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

// wait returns how the process ended and when, or ctx's error after kill was called.
func (p *process) wait(ctx context.Context, kill func() error) (*exit, int64, error) {
	ended := make(chan int64, 1)
	go func() {
		_ = p.cmd.Wait() // the status is read below; no pipe of os/exec's own can fail
		ended <- now()
	}()
	select {
	case at := <-ended:
		return exitOf(p.cmd.ProcessState.Sys().(syscall.WaitStatus)), at, nil
	case <-ctx.Done():
	}
	err := errors.Join(ctx.Err(), kill())
	if kerr := p.cmd.Process.Kill(); kerr != nil && !errors.Is(kerr, os.ErrProcessDone) {
		err = errors.Join(err, kerr)
	}
	return nil, <-ended, err
}

func exitOf(ws syscall.WaitStatus) *exit {
	if ws.Signaled() {
		return &exit{code: -1, signal: ws.Signal().String()}
	}
	return &exit{code: ws.ExitStatus()}
}

// init is the container's first process, which its runtime left to us: initbench
// is a child subreaper, so the status is ours to read.
type initProcess struct {
	pid int
	fd  int
}

// openInit takes hold of the process named in the runtime's pid file. A pid
// cannot be reused meanwhile: as long as it is our child, it stays until reaped.
func openInit(pidFile string) (*initProcess, error) {
	pid, err := ociruntime.ReadPIDFile(pidFile)
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	return &initProcess{pid: pid, fd: fd}, nil
}

func (p *initProcess) close() {
	_ = unix.Close(p.fd) // nothing was written
}

// wait returns how the process ended, once it has.
func (p *initProcess) wait(ctx context.Context) (*exit, error) {
	if err := p.ended(ctx); err != nil {
		return nil, err
	}
	return p.reap(), nil
}

// ended returns when the process has ended, whoever takes its status; the end of ctx makes it return early.
func (p *initProcess) ended(ctx context.Context) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // a wake-up pipe: nothing to lose
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	defer func() {
		if stop() {
			_ = w.Close()
		}
	}()
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(r.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("poll pidfd: %w", err)
		case fds[0].Revents == 0:
			return ctx.Err()
		}
		return nil
	}
}

// hasEnded reports whether the process has ended by now.
func (p *initProcess) hasEnded() bool {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	return p.ended(over) == nil
}

// reap reads the exit status. When the runtime, or something it left, is still
// the parent, the status is not ours: code -1 says so.
func (p *initProcess) reap() *exit {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(p.pid, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return &exit{code: -1}
		}
		return exitOf(syscall.WaitStatus(ws))
	}
}

// becomeSubreaper makes orphans of the runtimes our children, so that their
// status can be read and none is left a zombie.
func becomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", err)
	}
	return nil
}

// reapBut collects the zombies but for one child, whose end somebody else waits for. A kernel that does not list children
// (CONFIG_PROC_CHILDREN) leaves them for reapOrphans.
func reapBut(child int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is well-formed, and that is all it could say
	for _, path := range lists {
		text, _ := os.ReadFile(path) // the thread has ended, or there are no such lists
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid != child {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // one that lives on is not waited for
			}
		}
	}
}

// reapOrphans collects the zombies left by runtimes. Call it only while no
// process of ours is under way: it would take their status too.
func reapOrphans() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

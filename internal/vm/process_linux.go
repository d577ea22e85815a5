package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// process is one command and its streams.
type process struct {
	cmd  *exec.Cmd
	fr   *framer
	kill func() error // everything it started

	stdin   io.WriteCloser
	input   chan []byte // from control to the writer of stdin
	outputs []*os.File
	copies  sync.WaitGroup
	tty     *os.File // the terminal's master, or nil
	exited  atomic.Bool
	mu      sync.Mutex // held to signal, so that the pid is not reused meanwhile
	reaped  bool
}

const (
	// exitCannotRun is what shells use for a command that could not be started.
	exitCannotRun = 126
	// exitSignal is what shells add to a signal's number.
	exitSignal = 128
	// lingering output is waited for this long after the command and its unit ended:
	// only a process that left the unit can still hold the pipe.
	lingering = 2 * time.Second
	// lingeringBytes is more than a pipe holds of what a command printed before its
	// end (pipe-max-size is 1 MiB): what comes after it is printed by such a process.
	lingeringBytes = 2 << 20
	// orphanGrace is how long a command may clean up when its client is gone.
	orphanGrace = 10 * time.Second
)

// exec runs a command and relays its streams until the client has gone.
func (a *Agent) exec(ctx context.Context, fr *framer, req request) {
	p, err := a.start(ctx, fr, req)
	if err != nil {
		finish(fr, exit{Code: exitCannotRun, Error: err.Error()})
		return
	}
	gone, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		p.control()
	}()
	go p.endOrphan(gone, done)
	code := p.wait()
	close(done)
	// A client that is gone needs no answer; one that is there closes when it has it.
	_ = fr.writeJSON(kindExit, exit{Code: code})
	<-gone
}

// gate is a shell that waits until the process has been put where it belongs and
// then becomes the command. It is also what makes "not found" exit with 127.
const gate = `read -r _ <&3 || exit 126; exec 3<&-; exec "$@"`

func (a *Agent) start(ctx context.Context, fr *framer, req request) (*process, error) {
	hold, release, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", req.Argv[0], err)
	}
	// Both ends are empty by then: nothing can be lost by closing.
	defer func() { _, _ = hold.Close(), release.Close() }()
	p := &process{fr: fr, input: make(chan []byte, stdinFrames)}
	p.cmd = exec.Command("/bin/sh", append([]string{"-c", gate, "sh"}, req.Argv...)...)
	p.cmd.Env, p.cmd.Dir = append(a.Env[:len(a.Env):len(a.Env)], req.Env...), req.Dir
	p.cmd.ExtraFiles = []*os.File{hold}
	if err := p.launch(req.TTY); err != nil {
		return nil, fmt.Errorf("start %s: %w", req.Argv[0], err)
	}
	if err := a.place(ctx, p, req.Argv); err != nil {
		p.abandon()
		return nil, fmt.Errorf("start %s: %w", req.Argv[0], err)
	}
	p.relay()
	if _, err := release.Write([]byte("\n")); err != nil {
		// The shell has been killed already; wait reports how.
		return p, nil
	}
	return p, nil
}

// launch starts the shell behind the gate with pipes or a terminal.
func (p *process) launch(tty *Window) error {
	if tty != nil {
		return p.launchTTY(*tty)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var child []*os.File
	defer func() { closeAll(child) }()
	in, stdin, err := os.Pipe()
	if err != nil {
		return err
	}
	p.cmd.Stdin, p.stdin = in, stdin
	child = append(child, in)
	for _, dst := range []*io.Writer{&p.cmd.Stdout, &p.cmd.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(p.outputs)
			return errors.Join(err, stdin.Close())
		}
		*dst, p.outputs, child = w, append(p.outputs, r), append(child, w)
	}
	if err := p.cmd.Start(); err != nil {
		closeAll(p.outputs)
		return errors.Join(err, stdin.Close())
	}
	return nil
}

func (p *process) launchTTY(w Window) error {
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer closeAll([]*os.File{slave})
	if err := setWindow(master, w); err != nil {
		return errors.Join(err, master.Close())
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, master.Close())
	}
	// The end of input is not the end of a terminal: it stays open for output.
	p.tty, p.stdin, p.outputs = master, nopCloser{master}, []*os.File{master}
	return nil
}

func setWindow(master *os.File, w Window) error {
	return pty.Setsize(master, &pty.Winsize{Rows: w.Rows, Cols: w.Cols})
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// closeAll closes descriptors that hold nothing unwritten.
func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing can be lost
	}
}

// place gives the process its unit, or without one only its process group.
func (a *Agent) place(ctx context.Context, p *process, argv []string) error {
	pid := p.cmd.Process.Pid
	p.kill = func() error { return ignoreESRCH(syscall.Kill(-pid, syscall.SIGKILL)) }
	if a.Place == nil {
		return nil
	}
	kill, err := a.Place(ctx, pid, argv)
	if err == nil {
		p.kill = kill
	}
	return err
}

func ignoreESRCH(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// abandon ends a process that never got through the gate.
func (p *process) abandon() {
	// It is the agent's own child, not reaped yet: the kill cannot miss.
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed: that is what the error says
	closeAll(p.outputs)
	_ = p.stdin.Close() // nothing was written
}

// relay starts the goroutines that move output and input.
func (p *process) relay() {
	kinds := []kind{kindStdout, kindStderr}
	for i, f := range p.outputs {
		p.copies.Add(1)
		go func() {
			defer p.copies.Done()
			p.copyOutput(kinds[i], f)
		}()
	}
	go p.copyStdin()
}

// copyOutput sends what the command prints until every writer has closed. Once
// the command has exited it waits only so long for each further piece, and takes
// only so much.
func (p *process) copyOutput(k kind, f *os.File) {
	buf, out := make([]byte, chunk), sender{p.fr, k}
	for extra := lingeringBytes; extra > 0; {
		exited := p.exited.Load()
		if exited {
			// Terminals know no deadlines, and need none: they hang up.
			_ = f.SetReadDeadline(time.Now().Add(lingering))
		}
		n, err := f.Read(buf)
		if exited {
			extra -= n
		}
		if n > 0 {
			// A client that is gone is control's to see; the pipe is emptied all the same,
			// so that the command can end by its own means.
			_, _ = out.Write(buf[:n])
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			copyRest(out, f)
		}
		if err != nil {
			return
		}
	}
}

// copyRest sends what is in the pipe now, up to what a pipe can hold. Go does not
// look into it once the deadline has passed, and a guest that stood still for that
// long has not seen yet what the command printed last.
func copyRest(out io.Writer, f *os.File) {
	pipe, err := f.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = f.SetReadDeadline(time.Time{}) // or nothing at all is read
	buf := make([]byte, chunk)
	for rest := lingeringBytes; rest > 0; {
		n := 0
		// Returning true means: do not wait for more.
		_ = pipe.Read(func(fd uintptr) bool { n, _ = unix.Read(int(fd), buf); return true })
		if n <= 0 {
			return // empty, or at its end
		}
		_, _ = out.Write(buf[:n]) // as in copyOutput
		rest -= n
	}
}

// copyStdin writes input to the command and grants the client a frame for each
// one written. A command that has closed its input loses the rest, as in a pipe.
func (p *process) copyStdin() {
	for body := range p.input {
		_, _ = p.stdin.Write(body)      // see above
		_ = p.fr.write(kindCredit, nil) // control sees a client that is gone
	}
	_ = p.stdin.Close() // everything was written, or not wanted
}

// control obeys the client until it closes the stream.
func (p *process) control() {
	open := true // standard input
	defer func() {
		if open {
			close(p.input)
		}
	}()
	for {
		f, err := p.fr.read()
		if err != nil {
			return
		}
		switch f.kind {
		case kindStdin:
			if !open || len(p.input) == cap(p.input) {
				return // a client that breaks the rules is treated as gone
			}
			p.input <- f.body
		case kindStdinEOF:
			if open {
				open = false
				close(p.input)
			}
		default:
			p.command(f)
		}
	}
}

// command carries out one frame that is not input.
func (p *process) command(f frame) {
	switch f.kind {
	case kindSignal:
		if len(f.body) == 1 {
			p.signal(syscall.Signal(f.body[0]))
		}
	case kindKill:
		// What cannot be killed is seen by wait not returning.
		_ = p.kill()
	case kindResize:
		var w Window
		if p.tty != nil && json.Unmarshal(f.body, &w) == nil {
			_ = setWindow(p.tty, w) // cosmetic
		}
	}
}

// signal reaches the command's process group, as a terminal's Ctrl-C would.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		// The group exists until its leader is reaped; an invalid signal is the client's mistake.
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// endOrphan ends a command whose client has gone: gently first, so that it can
// remove what it made.
func (p *process) endOrphan(gone, done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-gone:
	}
	if p.tty != nil {
		p.signal(syscall.SIGHUP)
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-done:
	case <-time.After(orphanGrace):
		_ = p.kill() // as for kindKill
	}
}

// wait returns the command's status the way a shell would. What the command left
// in its unit is killed, as systemd does for a service whose main process ends.
func (p *process) wait() int {
	status := p.reap()
	// An empty or vanished unit is the normal case.
	_ = p.kill()
	p.exited.Store(true)
	for _, f := range p.outputs {
		_ = f.SetReadDeadline(time.Now().Add(lingering)) // see copyOutput
	}
	p.copies.Wait()
	closeAll(p.outputs)
	if status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return status.ExitStatus()
}

// reap waits for the exit without reaping first, so that signal can exclude it.
func (p *process) reap() syscall.WaitStatus {
	pid := p.cmd.Process.Pid
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	// The status says all that Wait's error would.
	_ = p.cmd.Wait()
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

package embed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/initbench/initbench/internal/builtin/embed/protocol"
)

// Options say how an embedder lives.
type Options struct {
	// StateRoot is where libcontainer keeps its state; absolute.
	StateRoot string
	// CollectorOff keeps Go's garbage collector from running unless Collect asks for it.
	CollectorOff bool
	// CgroupFD is a directory of the cgroup that it is born in, with all that it starts; 0 is the caller's own.
	CgroupFD int
}

// Container is what one cycle is to make.
type Container struct {
	ID      string
	Bundle  string // absolute
	Systemd bool   // the cgroup driver
}

// Result is how a cycle went as far as the embedder knows.
type Result struct {
	// Exit is the payload's exit status, 128 and its number where a signal ended it. Without Failed alone it means something.
	Exit int
	// Failed is the step that did, in libcontainer's words; empty means none. The embedder lives on.
	Failed  protocol.Step
	Message string
}

// Embedder is a running one. Its methods may be called by one goroutine at a time, but for Close and PID.
type Embedder struct {
	cmd     *exec.Cmd
	in      *os.File
	out     *os.File
	answers *bufio.Reader
	said    tail
	hello   protocol.Answer
	closing sync.Once
	ended   chan struct{}
	err     error // how it ended, once it has
}

const (
	// patience is how long an embedder may take to end once its input has: longer than it gives itself.
	patience = 15 * time.Second
	// haste is that of who was interrupted: one that works ends within less, also on an emulated machine.
	haste = 2 * time.Second
)

// Start executes the embedder and returns when it is ready. The context bounds that alone.
//
// Nothing leaves it behind: it ends with its input, which ends with this process however that does, and
// is sent SIGTERM at this process's death besides, which has it kill and remove the container that it is at.
func Start(ctx context.Context, binary string, o Options) (*Embedder, error) {
	collector := "on"
	if o.CollectorOff {
		collector = "off"
	}
	e := &Embedder{ended: make(chan struct{})}
	e.cmd = exec.Command(binary, "embed", "--state-root", o.StateRoot, "--gc", collector)
	e.cmd.Stderr = &e.said
	e.cmd.WaitDelay = patience // for what it may have left that holds its stderr
	// Its own process group: a terminal's Ctrl-C is for whoever commands it.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, UseCgroupFD: o.CgroupFD != 0, CgroupFD: o.CgroupFD}
	if err := e.start(); err != nil {
		return nil, fmt.Errorf("start embedder %s: %w", binary, err)
	}
	hello, err := e.read(ctx, e.kill) // it has made nothing yet
	if err == nil && hello.Verb != protocol.Ready {
		err = fmt.Errorf("its first word is %.40q", hello.Verb)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedder %s: %w", binary, err), e.Close())
	}
	e.hello = hello
	return e, nil
}

// start makes the pipes and the process. They are pipes of ours: those of exec.Cmd are closed when the process has ended, read or not.
func (e *Embedder) start() error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirIn.Close(), in.Close())
	}
	e.cmd.Stdin, e.cmd.Stdout = theirIn, theirOut
	e.in, e.out, e.answers = in, out, bufio.NewReaderSize(out, protocol.MaxLine)
	err = e.fork()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		err = errors.Join(err, in.Close(), out.Close())
	}
	return err
}

// fork executes it on a thread that stays until it has ended: the kernel sends
// Pdeathsig when the thread that forked dies, not when the process does.
func (e *Embedder) fork() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := e.cmd.Start()
		started <- err
		if err == nil {
			e.err = e.cmd.Wait()
			close(e.ended)
		}
	}()
	return <-started
}

// PID is the embedder's.
func (e *Embedder) PID() int { return e.cmd.Process.Pid }

// Libcontainer is the version that the embedder says it was built with.
func (e *Embedder) Libcontainer() string { return e.hello.Libcontainer }

// Cycle has a container made, run to its end and removed. A container that could not be is a Result with Failed; an error means
// that the embedder is of no more use. When ctx ends so does the embedder, after it has killed and removed the container.
func (e *Embedder) Cycle(ctx context.Context, c Container) (Result, error) {
	a, err := e.ask(ctx, protocol.Command{Verb: protocol.Cycle, ID: c.ID, Bundle: c.Bundle, Systemd: c.Systemd})
	if err != nil {
		return Result{}, fmt.Errorf("embedder: cycle %s: %w", c.ID, err)
	}
	return Result{Exit: a.Exit, Failed: a.Failed, Message: a.Message}, nil
}

// Collect has the embedder collect garbage, whatever CollectorOff says: what it held on to without any use is released then.
func (e *Embedder) Collect(ctx context.Context) error {
	if _, err := e.ask(ctx, protocol.Command{Verb: protocol.Collect}); err != nil {
		return fmt.Errorf("embedder: collect: %w", err)
	}
	return nil
}

func (e *Embedder) ask(ctx context.Context, c protocol.Command) (protocol.Answer, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return protocol.Answer{}, err
	}
	// What it would not read is ours to refuse: its answer would be about no container.
	if _, err := protocol.DecodeCommand(text); err != nil {
		return protocol.Answer{}, err
	}
	if err := ctx.Err(); err != nil {
		return protocol.Answer{}, context.Cause(ctx)
	}
	if _, err := e.in.Write(append(text, '\n')); err != nil {
		return protocol.Answer{}, errors.Join(err, e.Close())
	}
	a, err := e.read(ctx, func() {})
	if err == nil && (a.Verb != c.Verb || a.ID != c.ID) {
		err = fmt.Errorf("it answered to %.20q of %.40q", a.Verb, a.ID)
	}
	if err != nil {
		return protocol.Answer{}, errors.Join(err, e.Close())
	}
	return a, nil
}

// read returns the next answer. When ctx ends first is called and the embedder is told to end; whatever it still answers is void.
func (e *Embedder) read(ctx context.Context, first func()) (protocol.Answer, error) {
	stop := context.AfterFunc(ctx, func() {
		first()
		_ = e.Close() // read fails of that, and tells why it was done
	})
	line, err := e.answers.ReadSlice('\n')
	switch interrupted := !stop(); {
	case interrupted:
		return protocol.Answer{}, context.Cause(ctx)
	case errors.Is(err, bufio.ErrBufferFull):
		return protocol.Answer{}, errors.New("an answer without an end")
	case err != nil:
		return protocol.Answer{}, errors.New("it ended without an answer")
	}
	a, err := protocol.DecodeAnswer(line)
	if err != nil {
		return protocol.Answer{}, fmt.Errorf("its answer: %w", err)
	}
	return a, nil
}

// Close ends the embedder and says what was wrong with its end. It is called once nothing is asked any more, or to interrupt what is.
func (e *Embedder) Close() error {
	e.closing.Do(func() {
		// A descriptor that no longer leads anywhere has done its work.
		defer func() { _ = e.out.Close() }()
		_ = e.in.Close()
		// What it still says is void, but must not keep it from ending. This goroutine ends with the pipe.
		go func() { _, _ = io.Copy(io.Discard, e.out) }()
		late := time.AfterFunc(patience, e.kill)
		defer late.Stop()
		<-e.ended
	})
	<-e.ended
	if e.err == nil {
		return nil
	}
	return fmt.Errorf("embedder: %w%s", e.err, e.said.last())
}

// Hurry has the embedder killed where it has not ended soon, with whatever has not left its process group. It is for who was interrupted
// and removes by himself what that leaves; the embedder still has to be told to end.
func (e *Embedder) Hurry() {
	go func() {
		select {
		case <-e.ended:
		case <-time.After(haste):
			e.kill()
		}
	}()
}

func (e *Embedder) kill() {
	select {
	case <-e.ended: // and its number may be another's
	default:
		_ = syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL) // one that ends just now is as good
	}
}

// tail keeps the end of what is written to it. exec.Cmd's own goroutine alone writes, and has ended when it is read.
type tail struct{ kept []byte }

const maxTail = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - maxTail; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

// last is that in one line, set off for the end of a message.
func (t *tail) last() string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.kept, []byte("?")))), " ")
	if text == "" {
		return ""
	}
	return ": " + text
}

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"syscall"
	"time"
)

// Cmd is one command to run in the guest, as root, in a unit of its own.
type Cmd struct {
	Argv  []string
	Env   []string // KEY=VALUE, added to the guest's
	Dir   string   // "": the guest's root directory
	Stdin io.Reader
	// Stdout and Stderr may be nil: discarded.
	Stdout, Stderr io.Writer
	// TTY gives the command a terminal of this size; Resize then carries changes.
	TTY    *Window
	Resize <-chan Window
	// Grace is how long the command may clean up after its context ended: it gets
	// SIGINT then, and is killed with all it started when Grace is over. 0: 10 s.
	Grace time.Duration
}

// Window is a terminal's size in characters.
type Window struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// conn is a stream to the agent, however it was opened.
type conn struct {
	framer
	net.Conn
	credit chan struct{} // one token for each frame of standard input that may be sent
}

func newConn(c net.Conn) *conn {
	credit := make(chan struct{}, stdinFrames)
	for range stdinFrames {
		credit <- struct{}{}
	}
	return &conn{framer: framer{rw: c}, Conn: c, credit: credit}
}

// defaultGrace is enough for a run to remove its cgroups and say so.
const defaultGrace = 10 * time.Second

// killGrace is how long a killed command may take to be gone. A guest that needs
// longer does not answer at all.
const killGrace = 15 * time.Second

// run sends the command and relays its streams until the exit frame. The error
// is about the channel or the guest; a command that fails has only a code.
func (c *conn) run(ctx context.Context, cmd Cmd) (int, error) {
	req := request{Argv: cmd.Argv, Env: cmd.Env, Dir: cmd.Dir, TTY: cmd.TTY}
	if err := c.writeJSON(kindRequest, req); err != nil {
		return 0, fmt.Errorf("send command: %w: %w", errChannel, err)
	}
	done := make(chan struct{})
	defer close(done)
	go c.feed(cmd.Stdin, done)
	go c.resizes(cmd.Resize, done)
	stop := context.AfterFunc(ctx, func() { c.interrupt(cmd.Grace, done) })
	defer stop()
	return c.collect(cmd.Stdout, cmd.Stderr)
}

// feed sends standard input as the command takes it. Errors end it silently: a
// stream that is gone is collect's to report, and a reader that fails is, for the
// command, input that ended.
func (c *conn) feed(r io.Reader, done <-chan struct{}) {
	defer func() { _ = c.write(kindStdinEOF, nil) }() // as above
	if r == nil {
		return
	}
	buf := make([]byte, chunk)
	for {
		n, err := r.Read(buf)
		if n > 0 && !c.sendStdin(buf[:n], done) {
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *conn) sendStdin(p []byte, done <-chan struct{}) bool {
	select {
	case <-c.credit:
		return c.write(kindStdin, p) == nil
	case <-done:
		return false
	}
}

func (c *conn) resizes(ch <-chan Window, done <-chan struct{}) {
	for {
		select {
		case w, open := <-ch:
			if !open || c.writeJSON(kindResize, w) != nil {
				return
			}
		case <-done:
			return
		}
	}
}

// interrupt asks the command to end, then makes it.
func (c *conn) interrupt(grace time.Duration, done <-chan struct{}) {
	if grace == 0 {
		grace = defaultGrace
	}
	// A stream that cannot take the signal is seen by collect.
	_ = c.write(kindSignal, []byte{byte(syscall.SIGINT)})
	select {
	case <-done:
		return
	case <-time.After(grace):
		_ = c.write(kindKill, nil) // as above
	}
	select {
	case <-done:
	case <-time.After(killGrace):
		_ = c.Conn.Close() // ends collect, and with it the wait for a guest that hangs
	}
}

// collect writes the command's output where it belongs until the exit frame.
func (c *conn) collect(stdout, stderr io.Writer) (int, error) {
	out, errs := sink{w: stdout}, sink{w: stderr}
	for {
		f, err := c.read()
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errChannel, err)
		}
		switch f.kind {
		case kindStdout:
			c.deliver(&out, f.body)
		case kindStderr:
			c.deliver(&errs, f.body)
		case kindCredit:
			select {
			case c.credit <- struct{}{}:
			default: // more than was ever taken: not worth blocking for
			}
		case kindExit:
			code, err := decodeExit(f.body)
			return code, errors.Join(err, out.err, errs.err)
		default:
			return 0, fmt.Errorf("%w: unexpected frame kind %d", errChannel, f.kind)
		}
	}
}

// deliver hands output on. When nobody takes it any more the command is told as
// a pipe would tell it, and what is still to come is dropped.
func (c *conn) deliver(s *sink, p []byte) {
	if s.write(p) {
		return
	}
	// A stream that cannot take the signal is seen by collect.
	_ = c.write(kindSignal, []byte{byte(syscall.SIGPIPE)})
}

// sink remembers the first error of a writer and then swallows everything.
type sink struct {
	w   io.Writer
	err error
}

// write reports false the one time that the writer fails.
func (s *sink) write(p []byte) bool {
	if s.w == nil || s.err != nil {
		return true
	}
	_, s.err = s.w.Write(p)
	return s.err == nil
}

func decodeExit(body []byte) (int, error) {
	var e exit
	if err := json.Unmarshal(body, &e); err != nil {
		return 0, fmt.Errorf("%w: exit frame: %w", errChannel, err)
	}
	if e.Error != "" {
		return e.Code, errors.New(e.Error)
	}
	return e.Code, nil
}

// push writes a local file to a path of the guest's disk.
func (c *conn) push(local, guest string, mode os.FileMode) error {
	if !path.IsAbs(guest) {
		return fmt.Errorf("push %s: guest path %q is not absolute", local, guest)
	}
	file, err := os.Open(local)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	// Only read from: closing cannot lose anything.
	defer func() { _ = file.Close() }()
	req := request{Push: &push{Path: guest, Mode: uint32(mode.Perm())}}
	if err := c.writeJSON(kindRequest, req); err != nil {
		return fmt.Errorf("push %s: %w: %w", local, errChannel, err)
	}
	// An agent that refuses answers while the file is still being sent: it goes on
	// reading, so the answer is waited for afterwards.
	if _, err := io.CopyBuffer(sender{&c.framer, kindStdin}, struct{ io.Reader }{file}, make([]byte, chunk)); err != nil {
		return fmt.Errorf("push %s to %s: %w", local, guest, err)
	}
	if err := c.write(kindStdinEOF, nil); err != nil {
		return fmt.Errorf("push %s to %s: %w: %w", local, guest, errChannel, err)
	}
	if _, err := c.collect(nil, nil); err != nil {
		return fmt.Errorf("push %s to %s: %w", local, guest, err)
	}
	return nil
}

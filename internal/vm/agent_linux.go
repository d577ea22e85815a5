package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/hashicorp/yamux"
)

// Agent serves requests on one channel: inside the guest, the virtio port.
type Agent struct {
	// Place moves a process into a unit of its own and returns how to kill whatever
	// is in it. Nil: no unit, only the process group, which suffices for unit tests.
	Place func(ctx context.Context, pid int, argv []string) (kill func() error, err error)
	// Env is what every command gets before its own variables.
	Env []string
}

// Serve says hello and answers requests until the channel ends.
func (a *Agent) Serve(ctx context.Context, rw io.ReadWriteCloser, h hello) error {
	line, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if _, err := rw.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	session, err := yamux.Server(rw, muxConfig())
	if err != nil {
		return fmt.Errorf("channel: %w", err)
	}
	// The session ends with the process; there is nobody to tell about its closing.
	defer func() { _ = session.Close() }()
	for {
		stream, err := session.Accept()
		if errors.Is(err, io.EOF) || errors.Is(err, yamux.ErrSessionShutdown) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("channel: %w", err)
		}
		go a.handle(ctx, stream)
	}
}

// handle answers one request. A stream whose first frame is not a request is dropped.
func (a *Agent) handle(ctx context.Context, stream net.Conn) {
	// Whatever the client had still to read was acknowledged by its closing first.
	defer func() { _ = stream.Close() }()
	fr := &framer{rw: struct {
		io.Reader
		io.Writer
	}{bufio.NewReader(stream), stream}}
	f, err := fr.read()
	if err != nil || f.kind != kindRequest {
		return
	}
	var req request
	if err := json.Unmarshal(f.body, &req); err != nil {
		finish(fr, exit{Error: fmt.Sprintf("request: %v", err)})
		return
	}
	switch {
	case req.Push != nil:
		finish(fr, receive(fr, *req.Push))
	case len(req.Argv) > 0:
		a.exec(ctx, fr, req)
	default:
		finish(fr, exit{Error: "request: neither a command nor a file"})
	}
}

// finish sends the exit frame and waits until the client has closed the stream:
// closing first could cut off output that is still on its way through a relay.
func finish(fr *framer, e exit) {
	if fr.writeJSON(kindExit, e) != nil {
		return // nobody is there to be told
	}
	for {
		if _, err := fr.read(); err != nil {
			return
		}
	}
}

// receive writes the input frames to a file that appears whole or not at all.
func receive(fr *framer, p push) exit {
	if err := receiveFile(fr, p); err != nil {
		return exit{Code: 1, Error: err.Error()}
	}
	return exit{}
}

func receiveFile(fr *framer, p push) error {
	if err := os.MkdirAll(filepath.Dir(p.Path), 0o755); err != nil {
		return drain(fr, err)
	}
	// Static: the mode that was asked for, whatever umask the agent runs under.
	file, err := renameio.NewPendingFile(p.Path, renameio.WithStaticPermissions(os.FileMode(p.Mode)))
	if err != nil {
		return drain(fr, err)
	}
	// After a successful replace this has nothing left to remove.
	defer func() { _ = file.Cleanup() }()
	if err := copyInput(fr, file); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// drain reads the rest of the input, so that the sender gets to the point where
// it listens, and returns why it was not wanted.
func drain(fr *framer, why error) error {
	return errors.Join(why, copyInput(fr, io.Discard))
}

// copyInput writes input frames until their end. After a write error it goes on
// reading for drain's reason.
func copyInput(fr *framer, w io.Writer) error {
	var failed error
	for {
		f, err := fr.read()
		if err != nil {
			return fmt.Errorf("input: %w", err)
		}
		switch f.kind {
		case kindStdin:
			if failed == nil {
				_, failed = w.Write(f.body)
			}
		case kindStdinEOF:
			return failed
		}
	}
}

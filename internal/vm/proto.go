package vm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// A stream carries one request. The client sends a request frame, then input
// frames; the agent sends output frames and at last one exit frame, after which
// the client closes the stream. A stream that ends earlier means that the other
// side is gone. Nothing is ever half-closed: the end of input is a frame of its
// own, because a half-closed stream does not survive being relayed.

// kind is what a frame carries.
type kind byte

const (
	kindRequest  kind = iota + 1 // client: request as JSON, always first
	kindStdin                    // client: bytes for standard input, or of the pushed file
	kindStdinEOF                 // client: standard input ends, or the file is whole
	kindSignal                   // client: one byte, the signal's number
	kindResize                   // client: Window as JSON
	kindKill                     // client: end everything the command started, now
	kindStdout                   // agent
	kindStderr                   // agent
	kindCredit                   // agent: one more frame of standard input may be sent
	kindExit                     // agent: exit as JSON, always last
)

// maxFrame bounds what a frame may claim to hold, so that a corrupt length
// cannot make the reader allocate without limit.
const maxFrame = 1 << 20

// chunk is how much output or input travels in one frame.
const chunk = 32 << 10

// stdinFrames is how many frames of standard input may be under way to a command
// that does not read them. Without this bound they would fill the stream and
// hold up the signals behind them.
const stdinFrames = 8

// hello is the agent's first line, before any stream: the guest is up.
type hello struct {
	Agent  string `json:"initbench_agent"` // helloVersion
	Kernel string `json:"kernel"`
	// State is systemd's word for how starting up went: running, or degraded.
	State string `json:"state"`
}

// helloVersion changes with the protocol. Both ends are the same binary, so a
// mismatch means a tools disk of another build.
const helloVersion = "1"

// muxWriteTimeout is long because a guest under emulation on a busy machine can
// stand still for a while; that it died is seen on QEMU itself, not here.
const muxWriteTimeout = 10 * time.Minute

// muxConfig is yamux without its timers, for the same reason.
func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive = false
	c.StreamOpenTimeout = 0
	c.ConnectionWriteTimeout = muxWriteTimeout
	c.LogOutput = io.Discard
	return c
}

// request is what the client wants: a command run, or a file written.
type request struct {
	Argv []string `json:"argv,omitempty"`
	Env  []string `json:"env,omitempty"` // added to the agent's own
	Dir  string   `json:"dir,omitempty"`
	TTY  *Window  `json:"tty,omitempty"` // nil: pipes
	Push *push    `json:"push,omitempty"`
}

// push asks for the input frames to be written to a file.
type push struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"` // permission bits
}

// exit ends a request. Error is about the agent's own work; a command that
// ran and failed has only a Code.
type exit struct {
	Code  int    `json:"code"`
	Error string `json:"error,omitempty"`
}

type frame struct {
	kind kind
	body []byte
}

// framer reads and writes frames. Writes may come from several goroutines
// (standard output and error), reads from one.
type framer struct {
	rw io.ReadWriter
	mu sync.Mutex
}

// Frames are one byte of kind, four of length (big endian), and the body.
const frameHeader = 5

func (f *framer) write(k kind, body []byte) error {
	buf := make([]byte, frameHeader+len(body))
	buf[0] = byte(k)
	binary.BigEndian.PutUint32(buf[1:], uint32(len(body)))
	copy(buf[frameHeader:], body)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.rw.Write(buf)
	return err
}

func (f *framer) writeJSON(k kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return f.write(k, body)
}

func (f *framer) read() (frame, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.rw, head[:]); err != nil {
		return frame{}, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes: the limit is %d", size, maxFrame)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(f.rw, body); err != nil {
		return frame{}, fmt.Errorf("frame body: %w", err)
	}
	return frame{kind: kind(head[0]), body: body}, nil
}

// sender turns a writer's bytes into frames of one kind. Its errors are the
// channel's, so that they are not taken for those of whatever is read from.
type sender struct {
	f *framer
	k kind
}

func (s sender) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n := min(chunk, len(p)-done)
		if err := s.f.write(s.k, p[done:done+n]); err != nil {
			return done, fmt.Errorf("%w: %w", errChannel, err)
		}
		done += n
	}
	return len(p), nil
}

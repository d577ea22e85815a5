package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// A held guest is reached through a directory: a socket whose every connection is
// a stream to the agent, what the guest is, and why it ended.
const (
	holdSocket  = "socket"
	holdFacts   = "facts.json"
	holdDeath   = "death.txt"
	holdConsole = "console.log"
)

var holdFiles = []string{holdSocket, holdFacts, holdDeath, holdConsole}

// maxSocketPath is what fits into a socket's address (sun_path, 108 with its end).
const maxSocketPath = 107

// Hold serves other processes until the context ends or the guest dies. ready is
// called once they can attach.
func (g *Guest) Hold(ctx context.Context, dir string, ready func()) error {
	listener, err := g.listen(ctx, dir)
	if err != nil {
		return err
	}
	// The socket's name goes with it; the rest is removed by name.
	defer func() { _ = listener.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() }) // as above
	defer stop()
	over, died := make(chan struct{}), make(chan bool, 1)
	go func() { died <- g.endHold(ctx, dir, listener, over) }()
	ready()
	err = g.accept(listener)
	close(over)
	switch died := <-died; { // before anything is removed that it may be writing
	case died:
		return errors.Join(g.Death(), removeHold(dir, false))
	case errors.Is(err, net.ErrClosed):
		return removeHold(dir, true)
	}
	return fmt.Errorf("hold %s: %w", dir, err)
}

func (g *Guest) accept(listener net.Listener) error {
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go g.serve(client)
	}
}

// CheckHold says why no guest can be held in a directory. Ask before booting one
// for it; Hold asks again.
func CheckHold(ctx context.Context, dir string) error {
	if n := len(filepath.Join(dir, holdSocket)); n > maxSocketPath {
		return usagef("hold %s: the path is %d bytes too long for a socket", dir, n-maxSocketPath)
	}
	if other, err := dialHold(ctx, dir); err == nil {
		return errors.Join(usagef("%s holds another guest already", dir), other.Close())
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usagef("hold %s: not a directory that can be read: %v", dir, err)
	}
	for _, e := range entries {
		// What a killed holder left is no obstacle.
		if !slices.Contains(holdFiles, e.Name()) {
			return usagef("hold %s: the directory is in use, it has %q: name a new or an empty one", dir, e.Name())
		}
	}
	return nil
}

// listen makes the directory and its socket.
func (g *Guest) listen(ctx context.Context, dir string) (net.Listener, error) {
	if err := CheckHold(ctx, dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	if err := removeHold(dir, true); err != nil {
		return nil, err
	}
	facts, err := json.Marshal(g.Facts())
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", dir, err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, holdFacts), facts, 0o600); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, holdSocket))
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", dir, err)
	}
	return listener, nil
}

// endHold tells those attached why the guest died, before their streams end. It
// returns false when the hold is over first, or the guest was told to end.
func (g *Guest) endHold(ctx context.Context, dir string, listener io.Closer, over <-chan struct{}) bool {
	select {
	case <-g.died:
	case <-over:
	}
	if g.Death() == nil || ctx.Err() != nil {
		return false
	}
	// Those who find nothing here are told what is known anyway: the stream ended.
	// The story comes last and whole: who sees it reads all of it.
	_ = os.WriteFile(filepath.Join(dir, holdConsole), []byte(strings.Join(g.Console(), "\n")), 0o600)
	_ = renameio.WriteFile(filepath.Join(dir, holdDeath), []byte(g.death.Error()), 0o600)
	_ = listener.Close() // its name goes with it
	return true
}

// removeHold takes away what a hold leaves. After a death its story stays.
func removeHold(dir string, all bool) error {
	names := holdFiles
	if !all {
		names = []string{holdSocket, holdFacts}
	}
	var failed error
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); !os.IsNotExist(err) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// serve relays one client to a stream of its own.
func (g *Guest) serve(client net.Conn) {
	stream, err := g.session.Open()
	if err != nil {
		_ = client.Close() // which is how it learns that the guest is gone
		return
	}
	relay(client, stream)
}

// Attached is a guest that another process holds.
type Attached struct {
	channel
	dir   string
	facts Facts
}

// Attach finds the guest held in a directory.
func Attach(ctx context.Context, dir string) (*Attached, error) {
	data, err := os.ReadFile(filepath.Join(dir, holdFacts))
	if err != nil {
		return nil, noGuest(dir, err)
	}
	a := &Attached{dir: dir}
	if err := json.Unmarshal(data, &a.facts); err != nil {
		return nil, fmt.Errorf("attach to %s: %s: %w", dir, holdFacts, err)
	}
	probe, err := dialHold(ctx, dir)
	if err != nil {
		return nil, noGuest(dir, err)
	}
	a.channel = channel{explain: a.whyBroken, open: func(ctx context.Context) (net.Conn, error) { return dialHold(ctx, dir) }}
	return a, probe.Close()
}

func noGuest(dir string, cause error) error {
	return &EnvError{Problem: "no guest is held in " + dir, Remedy: "start one with: initbench vm --hold " + dir, Cause: cause}
}

func dialHold(ctx context.Context, dir string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", filepath.Join(dir, holdSocket))
}

// Facts says what the guest is.
func (a *Attached) Facts() Facts { return a.facts }

// whyBroken reads what the holder wrote about the guest's end. A holder that was
// killed wrote nothing, and its guest ended with it.
func (a *Attached) whyBroken(err error) error {
	for deadline := time.Now().Add(deathDelay); time.Now().Before(deadline); time.Sleep(lockPoll) {
		// Asked before the story is looked for, which is written before the socket goes.
		_, gone := os.Stat(filepath.Join(a.dir, holdSocket))
		if story, err := os.ReadFile(filepath.Join(a.dir, holdDeath)); err == nil {
			return &DeathError{Reason: strings.TrimPrefix(string(story), "guest died: ")}
		}
		if os.IsNotExist(gone) {
			break
		}
	}
	return &DeathError{Reason: "the process that held it in " + a.dir + " is gone (" + err.Error() + ")"}
}

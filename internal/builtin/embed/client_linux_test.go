package embed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/builtin/embed"
	"github.com/initbench/initbench/internal/builtin/embed/protocol"
	"github.com/initbench/initbench/internal/testenv"
)

// starting starts the test binary in a role, as an embedder.
func starting(t *testing.T, ctx context.Context, role string) (*embed.Embedder, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(roleVariable, role)
	return embed.Start(ctx, exe, embed.Options{StateRoot: "/nonexistent", CollectorOff: true})
}

func started(t *testing.T) *embed.Embedder {
	t.Helper()
	e, err := starting(t, context.Background(), "embedder")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // of one that a test has ended already
	return e
}

func container(id string) embed.Container { return embed.Container{ID: id, Bundle: "/nonexistent"} }

// Catches an answer that is given to the wrong cycle, a failure that ends the embedder, and one that is not told.
func TestCycles(t *testing.T) {
	e := started(t)
	for _, c := range []struct {
		id   string
		want embed.Result
	}{
		{"one", embed.Result{}},
		{"exits-3", embed.Result{Exit: 3}},
		{"fails", embed.Result{Failed: protocol.Start, Message: "no way"}},
		{"two", embed.Result{}},
	} {
		if got, err := e.Cycle(context.Background(), container(c.id)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.id, got, err, c.want)
		}
	}
	if err := e.Collect(context.Background()); err != nil {
		t.Error(err)
	}
	if e.Libcontainer() != "v0.0.0" {
		t.Errorf("libcontainer %q", e.Libcontainer())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := e.Cycle(context.Background(), container("three")); err == nil {
		t.Error("a cycle of a closed embedder")
	}
}

// Catches an embedder that is trusted after it has broken the protocol, and a death without its reason.
func TestBrokenEmbedders(t *testing.T) {
	for id, want := range map[string]string{
		"dies":     "ended without an answer\nembedder: exit status 7: oh dear",
		"babbles":  "its answer: ",
		"mistakes": `it answered to "cycle" of "another"`,
	} {
		e := started(t)
		if _, err := e.Cycle(context.Background(), container(id)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", id, err, want)
		}
		if err := unix.Kill(e.PID(), 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s: the embedder is still there: %v", id, err)
		}
		if _, err := e.Cycle(context.Background(), container("next")); err == nil {
			t.Errorf("%s: a cycle of an embedder that has ended", id)
		}
	}
}

// Catches a binary that is no embedder and is waited for without end, or taken for one.
func TestStartFails(t *testing.T) {
	for role, want := range map[string]string{
		"early":   "exit status 7: cannot even start",
		"endless": "an answer without an end",
		"wrong":   `its first word is "cycle"`,
		"nobody":  "exit status 2: no such role: nobody",
	} {
		if _, err := starting(t, context.Background(), role); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", role, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := starting(t, ctx, "mute"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("mute: %v", err)
	}
	if _, err := embed.Start(context.Background(), "/nonexistent/embedder", embed.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Catches what the embedder would refuse being sent to it, and its answer, which names no container, taken for the next one's.
func TestBadContainersAreNotSent(t *testing.T) {
	e := started(t)
	for _, c := range []embed.Container{{}, {ID: "a/b", Bundle: "/x"}, {ID: "a", Bundle: "x"}, {ID: strings.Repeat("a", 300), Bundle: "/x"}} {
		if _, err := e.Cycle(context.Background(), c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if got, err := e.Cycle(context.Background(), container("exits-3")); err != nil || got.Exit != 3 {
		t.Errorf("after them: %+v, %v", got, err)
	}
}

// Catches a cycle that cannot be given up, and an embedder that goes on with it.
func TestInterrupted(t *testing.T) {
	e := started(t)
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, why)
	defer cancel()
	if _, err := e.Cycle(ctx, container("hangs")); !errors.Is(err, why) {
		t.Errorf("%v, want %v", err, why)
	}
	if err := unix.Kill(e.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("the embedder is still there: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("it ended badly: %v", err)
	}
}

// Catches an embedder that hangs and keeps who was interrupted waiting for as long as one that only ends slowly may take, and one that hangs before it
// was asked for anything.
func TestHurried(t *testing.T) {
	e, err := starting(t, context.Background(), "deaf")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, e.Hurry)()
	within(t, func() {
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := e.Cycle(ctx, container("hangs")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the interruption", err)
		}
	})
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("it ended by itself: %v", err)
	}
	within(t, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := starting(t, ctx, "silent"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silent: %v", err)
		}
	})
}

// within fails where f takes as long as the patience with an embedder is: it was waited for.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(12 * time.Second):
		t.Error("it is still waited for")
		<-done
	}
}

// Catches an embedder that outlives an initbench which was killed: by its input's end, and by the signal alone.
func TestNoEmbedderOutlivesItsHarness(t *testing.T) {
	for _, role := range []string{"ignoring", "deaf"} {
		t.Run(role, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), roleVariable+"=harness")
			cmd.Stdin, cmd.Stderr = strings.NewReader(role+"\n"), os.Stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			var pid int
			_, err = fmt.Fscanln(out, &pid)
			var pidfd int
			if err == nil {
				pidfd, err = unix.PidfdOpen(pid, 0)
			}
			if kerr := cmd.Process.Kill(); kerr != nil {
				t.Error(kerr)
			}
			_ = cmd.Wait() // it was killed
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(pidfd) }() // it was only waited for
			awaitEnd(t, pidfd)
		})
	}
}

// awaitEnd fails, and kills the process, when that is still there after a time that means never.
func awaitEnd(t *testing.T, pidfd int) {
	t.Helper()
	if err := testenv.Await(pidfd, unix.POLLIN, time.Minute); err != nil {
		t.Errorf("the embedder is still there: %v", err)
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
	}
}

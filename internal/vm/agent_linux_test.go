package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/initbench/initbench/internal/testenv"
	"golang.org/x/sys/unix"
)

// dialAgent runs the agent as an ordinary part of this process, without units, and
// returns how to open streams to it.
func dialAgent(t *testing.T) channel {
	t.Helper()
	near, farFile, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.FileConn(farFile)
	if err := errors.Join(err, farFile.Close()); err != nil {
		t.Fatal(err)
	}
	agent := &Agent{Env: append(os.Environ(), "AGENT=yes")}
	served := make(chan error, 1)
	go func() { served <- agent.Serve(t.Context(), far, hello{Agent: helloVersion}) }()
	line := make([]byte, 1)
	for line[0] != '\n' {
		if _, err := near.Read(line); err != nil {
			t.Fatal(err)
		}
	}
	session, err := yamux.Client(near, muxConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// How a channel ends depends on who notices first; that the agent does is what counts.
		_ = session.Close()
		<-served
	})
	return channel{
		open:    func(context.Context) (net.Conn, error) { return session.Open() },
		explain: func(err error) error { return err },
	}
}

// output runs a shell script to its end.
func output(t *testing.T, c channel, cmd Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	code, err := c.Run(t.Context(), cmd)
	if err != nil {
		t.Fatalf("%q: %v", cmd.Argv, err)
	}
	return code, out.String(), errs.String()
}

func sh(script string) Cmd { return Cmd{Argv: []string{"sh", "-c", script}} }

// A status that is lost or bent would turn a failed command into a passed one.
func TestRunReturnsTheCommandsStatus(t *testing.T) {
	c := dialAgent(t)
	for _, test := range []struct {
		script string
		want   int
	}{
		{"true", 0}, {"exit 7", 7}, {"exit 255", 255}, {"kill -KILL $$", 137}, {"kill -TERM $$", 143}, {"exec no-such-command", 127},
	} {
		if code, _, _ := output(t, c, sh(test.script)); code != test.want {
			t.Errorf("%s: code %d, want %d", test.script, code, test.want)
		}
	}
}

// The shell behind the gate must not show: a missing command is 127 and says so.
func TestRunOfNothing(t *testing.T) {
	c := dialAgent(t)
	code, _, stderr := output(t, c, Cmd{Argv: []string{"no-such-command"}})
	if code != 127 || !strings.Contains(stderr, "no-such-command") {
		t.Errorf("code %d, stderr %q; want 127 and the name", code, stderr)
	}
	code, err := c.Run(t.Context(), Cmd{Argv: []string{"true"}, Dir: "/no/such/directory"})
	if code != exitCannotRun || err == nil {
		t.Errorf("missing directory: %d, %v; want %d and an error", code, err, exitCannotRun)
	}
}

// Streams crossed, an environment not passed, or a gate's descriptor left open
// would each change what the command does.
func TestRunPassesStreamsEnvironmentAndDirectory(t *testing.T) {
	c := dialAgent(t)
	dir := t.TempDir()
	code, stdout, stderr := output(t, c, Cmd{
		Argv:  []string{"sh", "-c", `read line; echo "$line $AGENT $OWN $1"; pwd; echo bad >&2; test -e /proc/$$/fd/3 || echo closed`, "sh", "a b"},
		Env:   []string{"OWN=mine"},
		Dir:   dir,
		Stdin: strings.NewReader("hello\n"),
	})
	want := "hello yes mine a b\n" + dir + "\nclosed\n"
	if code != 0 || stdout != want || stderr != "bad\n" {
		t.Errorf("code %d, stdout %q, stderr %q; want 0, %q, %q", code, stdout, stderr, want, "bad\n")
	}
}

// Output of megabytes on both streams must neither be cut nor deadlock, whichever
// is read first.
func TestRunRelaysLargeOutput(t *testing.T) {
	c := dialAgent(t)
	const size = 3 << 20
	code, stdout, stderr := output(t, c, sh(fmt.Sprintf("head -c %d /dev/zero; head -c %d /dev/zero >&2", size, size+1)))
	if code != 0 || len(stdout) != size || len(stderr) != size+1 {
		t.Errorf("code %d, %d and %d bytes; want 0, %d, %d", code, len(stdout), len(stderr), size, size+1)
	}
}

// Input without end-of-input would leave every filter waiting; input that the
// command does not read must not hold up its exit.
func TestRunSendsLargeInput(t *testing.T) {
	c := dialAgent(t)
	const size = 5<<20 + 3
	zeros := func() io.Reader { return io.LimitReader(zeroReader{}, size) }
	cmd := sh("wc -c")
	cmd.Stdin = zeros()
	if code, stdout, _ := output(t, c, cmd); code != 0 || strings.TrimSpace(stdout) != fmt.Sprint(size) {
		t.Errorf("wc: code %d, %q; want %d bytes", code, stdout, size)
	}
	cmd = sh("exit 3")
	cmd.Stdin = zeros()
	if code, _, _ := output(t, c, cmd); code != 3 {
		t.Errorf("unread input: code %d, want 3", code)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An interrupted command gets SIGINT and its time to clean up, and its own status
// counts, even when unread input is stuck before the signal.
func TestCancelInterruptsAndWaits(t *testing.T) {
	c := dialAgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := sh(`trap 'echo cleaned; exit 9' INT; echo ready; while :; do sleep 0.05; done`)
	cmd.Stdin = zeroReader{}
	out := &watcher{want: "ready", seen: cancel}
	cmd.Stdout = out
	code, err := c.Run(ctx, cmd)
	if err != nil || code != 9 || !strings.Contains(out.String(), "cleaned") {
		t.Errorf("code %d, %v, output %q; want 9 after cleaning", code, err, out.String())
	}
}

// A command that ignores SIGINT must not outlive its grace.
func TestCancelKillsAfterTheGrace(t *testing.T) {
	c := dialAgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := sh(`trap '' INT; echo ready; while :; do sleep 0.05; done`)
	cmd.Grace = time.Millisecond
	cmd.Stdout = &watcher{want: "ready", seen: cancel}
	if code, err := c.Run(ctx, cmd); err != nil || code != 137 {
		t.Errorf("code %d, %v; want 137", code, err)
	}
}

// watcher calls seen once its text has come by.
type watcher struct {
	bytes.Buffer
	want string
	seen func()
	once sync.Once
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.want) {
		w.once.Do(w.seen)
	}
	return n, err
}

// A client that vanishes must not leave its command running in a guest that others use.
func TestCommandEndsWhenItsClientIsGone(t *testing.T) {
	c := dialAgent(t)
	fifo := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	stream, err := c.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The command holds the pipe's write end for as long as it lives.
	if err := stream.writeJSON(kindRequest, request{Argv: []string{"sh", "-c", `exec 9>"$0"; echo up >&9; sleep 3600`, fifo}}); err != nil {
		t.Fatal(err)
	}
	alive, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 3)
	if _, err := io.ReadFull(alive, line); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(alive) // ends when the last process that holds it has
	if err != nil || len(rest) != 0 {
		t.Errorf("%q, %v; want the end", rest, err)
	}
}

// What a command starts and leaves behind is ended with it, or a held guest fills
// up with the remains of its users.
func TestWhatACommandLeavesIsKilled(t *testing.T) {
	c := dialAgent(t)
	code, stdout, _ := output(t, c, sh("sleep 3600 & echo $!"))
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(stdout))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	// It was killed before the status came.
	if err := testenv.Await(fd, unix.POLLIN, time.Minute); err != nil {
		t.Error(err)
	}
	if err := unix.Close(fd); err != nil {
		t.Error(err)
	}
}

// A process that left the command's unit and goes on printing must not hold up the
// command's end: a container is such a process.
func TestOutputOfOthersDoesNotHoldTheExitUp(t *testing.T) {
	c := dialAgent(t)
	in, feed := io.Pipe()
	cmd := sh("setsid yes & read line; exit 3")
	cmd.Stdin = in
	cmd.Stdout = &watcher{want: "y\n", seen: func() {
		if _, err := feed.Write([]byte("go\n")); err != nil {
			t.Error(err)
		}
	}}
	if code, err := c.Run(t.Context(), cmd); err != nil || code != 3 {
		t.Errorf("code %d, %v; want 3", code, err)
	}
	_ = feed.Close() // of a pipe in memory
}

// A guest that its host let stand still must not lose what a command printed
// before its end: the deadline is over when it looks.
func TestLateOutputIsNotLost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll([]*os.File{r, w})
	want := strings.Repeat("late\n", 10000)
	if _, err := w.WriteString(want); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v; want the deadline", n, err)
	}
	var got bytes.Buffer
	copyRest(&got, r) // the writer is open: it must not wait for more
	if got.String() != want {
		t.Errorf("%d bytes, want %d", got.Len(), len(want))
	}
}

// Without a terminal of the right size an interactive shell is unusable.
func TestRunWithATerminal(t *testing.T) {
	c := dialAgent(t)
	resize := make(chan Window, 1)
	out := &watcher{want: "first 31 97", seen: func() { resize <- Window{Rows: 20, Cols: 40} }}
	cmd := sh(`trap 'echo then $(stty size); exit 4' WINCH; test -t 0 && test -t 2 && echo first $(stty size); while :; do sleep 0.05; done`)
	cmd.TTY, cmd.Resize, cmd.Stdout = &Window{Rows: 31, Cols: 97}, resize, out
	code, err := c.Run(t.Context(), cmd)
	if err != nil || code != 4 || !strings.Contains(out.String(), "then 20 40") {
		t.Errorf("code %d, %v, %q; want 4 and the new size", code, err, out.String())
	}
}

// A reader that goes away is a broken pipe to the command, not output without end.
func TestRunTellsTheCommandThatNobodyReads(t *testing.T) {
	c := dialAgent(t)
	cmd := sh("yes")
	cmd.Stdout = brokenWriter{}
	code, err := c.Run(t.Context(), cmd)
	if code != 128+int(syscall.SIGPIPE) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("code %d, %v; want SIGPIPE and EPIPE", code, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// A pushed file must arrive whole, with its mode whatever the umask, also over an
// older one that is being executed.
func TestPush(t *testing.T) {
	c := dialAgent(t)
	dir := t.TempDir()
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	local, guest := filepath.Join(dir, "local"), filepath.Join(dir, "deep", "down", "file")
	body := bytes.Repeat([]byte("payload\n"), 50_000)
	if err := os.WriteFile(local, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o640, 0o666} {
		if err := c.Push(t.Context(), local, guest, mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(guest)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("mode %v: %d bytes, %v; want %d", mode, len(got), err, len(body))
		}
		if st, err := os.Stat(guest); err != nil || st.Mode().Perm() != mode {
			t.Errorf("mode %v, %v; want %v", st.Mode(), err, mode)
		}
	}
}

// A push that cannot be stored must say why instead of hanging or passing.
func TestPushRefused(t *testing.T) {
	c := dialAgent(t)
	dir := t.TempDir()
	local := filepath.Join(dir, "local")
	if err := os.WriteFile(local, bytes.Repeat([]byte{1}, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for guest, want := range map[string]string{
		filepath.Join(local, "below-a-file"): "not a directory",
		"relative/path":                      "not absolute",
	} {
		err := c.Push(t.Context(), local, guest, 0o755)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("push to %s: %v; want %q", guest, err, want)
		}
	}
	if err := c.Push(t.Context(), filepath.Join(dir, "none"), "/x", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("push of nothing: %v", err)
	}
}

// Ctrl-C during a push closes its stream: that is no death of the guest, and not
// waited for as one.
func TestPushInterrupted(t *testing.T) {
	c := dialAgent(t)
	c.explain = func(err error) error { return &DeathError{Reason: err.Error()} }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Push(ctx, os.Args[0], "/dev/null/x", 0o755) // where nothing can be written
	var death *DeathError
	if !errors.Is(err, context.Canceled) || errors.As(err, &death) {
		t.Errorf("%v; want only that it was cancelled", err)
	}
}

// brokenConn is a stream that takes so many writes.
type brokenConn struct {
	net.Conn
	writes int
}

func (b *brokenConn) Write(p []byte) (int, error) {
	if b.writes--; b.writes < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func (b *brokenConn) Close() error { return nil }

// A guest that dies while it is being sent something, at whichever frame, must be
// told from a file that cannot be read and from a command that fails.
func TestGuestDiesWhileItIsSentTo(t *testing.T) {
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	dying := func(writes int) channel {
		return channel{
			open:    func(context.Context) (net.Conn, error) { return &brokenConn{writes: writes}, nil },
			explain: func(err error) error { return &DeathError{Reason: err.Error()} },
		}
	}
	var death *DeathError
	for writes := range 3 { // request, body, end
		if err := dying(writes).Push(t.Context(), local, "/x", 0o755); !errors.As(err, &death) {
			t.Errorf("push, frame %d: %v; want a death", writes, err)
		}
	}
	if _, err := dying(0).Run(t.Context(), sh("true")); !errors.As(err, &death) {
		t.Errorf("run: %v; want a death", err)
	}
}

// A request that is neither, or not JSON, is answered: a client of another version
// must not wait for ever.
func TestAgentAnswersNonsense(t *testing.T) {
	c := dialAgent(t)
	for _, body := range []string{"{}", "not json"} {
		stream, err := c.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.write(kindRequest, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.collect(nil, nil); err == nil || errors.Is(err, errChannel) {
			t.Errorf("request %q: %v; want the agent's own error", body, err)
		}
		_ = stream.Close() // the answer was all
	}
}

// Many commands at once share one channel without mixing.
func TestRunManyAtOnce(t *testing.T) {
	c := dialAgent(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			var out bytes.Buffer
			cmd := sh(fmt.Sprintf("echo %d; exit %d", i, i))
			cmd.Stdout = &out
			code, err := c.Run(t.Context(), cmd)
			if err != nil || code != i || strings.TrimSpace(out.String()) != fmt.Sprint(i) {
				t.Errorf("command %d: code %d, %v, %q", i, code, err, out.String())
			}
		})
	}
	all.Wait()
}

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/initbench/initbench/internal/testenv"
)

var update = flag.Bool("update", false, "write what commands print into the scripts' golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"initbench": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// Each script of testdata/script is one behaviour of the command line and asserts
// the exit code of each command; its first line says which mistake it catches.
// They need no privilege, network or guest.
func TestScripts(t *testing.T) {
	testscript.Run(t, params("testdata/script"))
}

// Those of testdata/guest make real trials.
func TestGuestScripts(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	testscript.RunT(serial{t}, params("testdata/guest"))
}

// serial keeps scripts from running at once: one run a machine.
type serial struct{ *testing.T }

func (serial) Parallel()     {}
func (serial) Verbose() bool { return testing.Verbose() }

func (s serial) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(serial{t}) })
}

func params(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"signals":   signals,
			"store":     storeCommand,
			"one-line":  oneLineCommand,
			"make-file": makeFile,
			"half-line": halfLine,
			"count":     countLines,
			"newer":     newer,
		},
	}
}

// setup keeps a script to its own directory: what a command would cache or
// remember for a user goes there too.
func setup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("INITBENCH_STATE_DIR", filepath.Join(env.WorkDir, "state"))
	env.Setenv("RUNTIMES", filepath.Dir(oldRunc))
	// BIN is where initbench is, for scripts that want nothing else on PATH.
	self, err := exec.LookPath("initbench")
	env.Setenv("BIN", filepath.Dir(self))
	return err
}

func condition(name string) (bool, error) {
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("no condition is called %s", name)
}

// exits CODE CMD ARG... runs a command and wants exactly this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD ARG...")
	}
	checkExit(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func checkExit(ts *testscript.TestScript, want string, err error) {
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

// signals SIGNAL END EVENT CMD ARG... runs a command, signals it at an event and
// wants it to end so: with an exit code, or "killed". The event is fifo:FILE,
// something written into a named pipe made for it, or else a pattern on stderr.
func signals(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signals INT|KILL CODE|killed fifo:FILE|PATTERN CMD ARG...")
	}
	path, err := lookPath(ts, args[3])
	ts.Check(err)
	cmd := exec.Command(path, args[4:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR", "INITBENCH_STATE_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	signal := map[string]os.Signal{"INT": os.Interrupt, "KILL": os.Kill}[args[0]]
	// Signalling fails only for a process that has ended, and how is checked.
	watch := &watcher{then: func() { _ = cmd.Process.Signal(signal) }}
	cmd.Stderr = watch
	if fifo, ok := strings.CutPrefix(args[2], "fifo:"); ok {
		ts.Check(watch.fifo(ts.MkAbs(fifo)))
	} else {
		watch.until = regexp.MustCompile(args[2])
	}
	cmd.WaitDelay = time.Minute // for what a killed command leaves behind and still holds its stderr
	err = cmd.Run()
	ts.Logf("[stderr]\n%s", watch.said.String())
	if args[1] == "killed" {
		if got := cmd.ProcessState.String(); got != "signal: killed" {
			ts.Fatalf("it ended with %s, want killed", got)
		}
		return
	}
	checkExit(ts, args[1], err)
}

// lookPath finds a command on the script's own PATH.
func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// watcher collects what a command says and acts once, when a pattern appears in it or something is in a pipe.
type watcher struct {
	until *regexp.Regexp // nil: the pipe says when
	then  func()
	once  sync.Once
	said  bytes.Buffer
}

func (w *watcher) Write(b []byte) (int, error) {
	w.said.Write(b)
	if w.until != nil && w.until.Match(w.said.Bytes()) {
		w.once.Do(w.then)
	}
	return len(b), nil
}

// fifo makes a named pipe and waits for the first that is written into it.
func (w *watcher) fifo(path string) error {
	if err := makeFIFO(path); err != nil {
		return err
	}
	go func() {
		// An error comes when the script is over and its directory gone.
		if _, err := os.ReadFile(path); err == nil {
			w.once.Do(w.then)
		}
	}()
	return nil
}

// one-line stdout|stderr wants exactly one line there.
func oneLineCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: one-line stdout|stderr")
	}
	if n := bytes.Count([]byte(ts.ReadFile(args[0])), []byte("\n")); n != 1 {
		ts.Fatalf("%d lines on %s, want 1", n, args[0])
	}
}

// count N FILE PATTERN wants exactly so many lines of a file that match.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: count N FILE PATTERN")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	got := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if pattern.MatchString(line) {
			got++
		}
	}
	if got != want {
		ts.Fatalf("%d lines of %s match %s, want %d:\n%s", got, args[1], args[2], want, ts.ReadFile(args[1]))
	}
}

// make-file FILE BYTES makes a sparse file of that size.
func makeFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: make-file FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o644))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

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
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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

func params(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"interrupts": interrupts,
			"store":      storeCommand,
			"one-line":   oneLineCommand,
			"make-file":  makeFile,
			"half-line":  halfLine,
			"newer":      newer,
		},
	}
}

// setup keeps a script to its own directory: what a command would cache or
// remember for a user goes there too.
func setup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("INITBENCH_STATE_DIR", filepath.Join(env.WorkDir, "state"))
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

// interrupts CODE PATTERN CMD ARG... runs a command, sends it SIGINT once a line of
// its stderr matches, and wants this exit code.
func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupts CODE PATTERN CMD ARG...")
	}
	path, err := lookPath(ts, args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "INITBENCH_STATE_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	watch := &watcher{until: regexp.MustCompile(args[1]), then: func() {
		// It fails only for a process that has ended, whose exit code then tells.
		_ = cmd.Process.Signal(os.Interrupt)
	}}
	cmd.Stderr = watch
	err = cmd.Run()
	ts.Logf("[stderr]\n%s", watch.said.String())
	checkExit(ts, args[0], err)
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

// watcher collects what a command says and acts once when a pattern appears in it.
type watcher struct {
	until *regexp.Regexp
	then  func()
	once  sync.Once
	said  bytes.Buffer
}

func (w *watcher) Write(b []byte) (int, error) {
	w.said.Write(b)
	if w.until.Match(w.said.Bytes()) {
		w.once.Do(w.then)
	}
	return len(b), nil
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

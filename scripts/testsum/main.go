package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) > 2 && args[0] == "run":
		err = runTests(args[1], args[2:], stdout, stderr)
	case len(args) == 2 && args[0] == "report":
		err = report(args[1], stdout, true)
	case len(args) == 3 && args[0] == "report" && args[1] == "--partial":
		err = report(args[2], stdout, false)
	default:
		err = errors.New("usage: testsum run RESULTS CMD..., or testsum report [--partial] RESULTS")
	}
	if err == nil {
		return 0
	}
	if err != errShown {
		_, _ = fmt.Fprintln(stderr, "testsum:", err) // nobody is left to tell when stderr is gone
	}
	return 1
}

// runTests runs CMD and appends how each of its tests ended to the file.
func runTests(file string, argv []string, stdout, stderr io.Writer) (err error) {
	results, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, results.Close()) }()
	enc := json.NewEncoder(results)
	var unwritten error
	filter := newFilter(stdout, func(e event) { unwritten = errors.Join(unwritten, enc.Encode(e)) })
	return errors.Join(runCommand(argv, filter, stderr), unwritten)
}

func runCommand(argv []string, f *filter, stderr io.Writer) error {
	// Ctrl-C goes to CMD as well: its end, with what it says, is what we wait for.
	// Caught rather than ignored, which CMD would inherit.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	unread := f.read(events)
	if err := cmd.Wait(); err != nil {
		return errors.Join(unread, fmt.Errorf("%s: %w", argv[0], err))
	}
	return unread
}

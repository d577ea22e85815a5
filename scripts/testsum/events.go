package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string `json:",omitempty"`
	Output  string `json:",omitempty"`
}

func (e event) key() [2]string { return [2]string{e.Package, e.Test} }

// filter turns events into what go test without -v prints, and hands on each test's end.
type filter struct {
	out io.Writer
	// ended is called with pass, fail or skip of a test; or fail of a package
	// (Test is empty) in which no test failed: it did not build, or died.
	ended func(event)

	held   map[[2]string][]string // output of tests that have not ended
	failed map[string]bool        // packages in which a test failed
}

func newFilter(out io.Writer, ended func(event)) *filter {
	return &filter{out: out, ended: ended, held: map[[2]string][]string{}, failed: map[string]bool{}}
}

// read takes events until the end. Lines that are none (go's own messages) are shown as they are.
func (f *filter) read(in io.Reader) error {
	r := bufio.NewReader(in) // lines have no limit: a test may print anything
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			f.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (f *filter) line(line string) {
	var e event
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
		f.show(line)
		return
	}
	f.event(e)
}

func (f *filter) event(e event) {
	switch e.Action {
	case "output", "build-output":
		f.output(e)
	case "pass", "skip":
		delete(f.held, e.key())
		if e.Test != "" {
			f.ended(e)
		}
	case "fail":
		f.fail(e)
	}
}

func (f *filter) output(e event) {
	switch {
	case e.Test != "":
		f.held[e.key()] = append(f.held[e.key()], e.Output)
	case e.Output != "PASS\n": // go test without -v leaves it out
		f.show(e.Output)
	}
}

func (f *filter) fail(e event) {
	if e.Test != "" {
		f.release(e.key())
		f.failed[e.Package] = true
		f.ended(e)
		return
	}
	// A test binary that died ends its tests without a word: show what they printed.
	for key := range f.held {
		if key[0] == e.Package {
			f.release(key)
		}
	}
	if !f.failed[e.Package] {
		f.ended(e)
	}
}

func (f *filter) release(key [2]string) {
	for _, text := range f.held[key] {
		if !strings.HasPrefix(text, "=== ") { // RUN, PAUSE, CONT: only -v shows them
			f.show(text)
		}
	}
	delete(f.held, key)
}

func (f *filter) show(text string) {
	// Whoever closed the output does not want it; the exit status still tells.
	_, _ = io.WriteString(f.out, text)
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/vm"
)

func randomBytes(b []byte) error {
	_, err := rand.Read(b)
	return err
}

// openLifeSink reads what --out has; in a guest the host says that on standard input.
func openLifeSink(f *lifecycleFlags, stdin io.Reader, stdout io.Writer) (*lifeSink, error) {
	s := &lifeSink{known: map[string]bool{}}
	if f.format == "jsonl" {
		s.lines = stdout
	}
	if f.inGuest {
		return s, s.know(stdin)
	}
	if f.out == "" {
		return s, nil
	}
	s.out = f.out
	if err := s.load(f); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// know reads keys, a line each.
func (s *lifeSink) know(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		s.known[lines.Text()] = true
	}
	return lines.Err()
}

// load reads the records of --out and leaves the file as it is: it is cut and written to no sooner than there is a record
// to keep, since until then the command may find that it cannot run, or that the file is another's.
func (s *lifeSink) load(f *lifecycleFlags) error {
	switch info, err := os.Stat(f.out); {
	case errors.Is(err, fs.ErrNotExist):
		return s.foresee()
	case err != nil:
		return usagef("--out: %w", err)
	case !info.Mode().IsRegular():
		return usagef("--out %s: not a regular file", f.out)
	}
	var err error
	if s.file, err = os.OpenFile(f.out, os.O_RDWR|os.O_APPEND, 0); err != nil {
		return usagef("--out: %w", err)
	}
	data, err := io.ReadAll(s.file)
	if err != nil {
		return usagef("--out: %w", err)
	}
	all, err := s.decode(data)
	if err != nil {
		return err
	}
	s.records = f.relevant(all)
	return nil
}

// foresee refuses a file that could not be made once there is something to write to it.
func (s *lifeSink) foresee() error {
	if _, err := os.Stat(filepath.Dir(s.out)); err != nil {
		return usagef("--out: %w", err)
	}
	return nil
}

// decode reads all lines, and so finds how much of the file is kept. A last line that is torn, since the command was killed in
// the middle of it, is cut off later and lived again. Only what begins as a record does is torn: anything else is not ours to cut.
func (s *lifeSink) decode(data []byte) ([]lifecycle.Record, error) {
	var all []lifecycle.Record
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		r, err := lifecycle.Decode(text)
		switch {
		case len(text) == 0:
		case err == nil:
			s.known[r.Key()] = true
			all = append(all, r)
			s.unended = !ended
		case !ended && lifecycle.Torn(text):
			s.torn = int64(len(text))
		default:
			return nil, usagef("--out %s:%d: %w; the file is left as it is", s.out, n, err)
		}
	}
	s.size = int64(len(data))
	return all, nil
}

// ready makes --out such that a line can be added to it.
func (s *lifeSink) ready() error {
	if s.file == nil {
		// Not one that has come meanwhile: nobody has read what is in it.
		file, err := os.OpenFile(s.out, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
		s.file = file
		return err
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != s.size {
		return fmt.Errorf("%s: another process has written to it meanwhile", s.out)
	}
	if s.torn > 0 {
		return s.file.Truncate(s.size - s.torn)
	}
	if s.unended {
		_, err = s.file.WriteString("\n")
	}
	return err
}

// from runs the command in a guest and keeps each record as its line comes.
func (s *lifeSink) from(ctx context.Context, guest *vm.Guest, argv []string, notes io.Writer) error {
	var keys bytes.Buffer
	for key := range s.known {
		keys.WriteString(key + "\n")
	}
	r, w := io.Pipe()
	stored := make(chan error, 1)
	go func() {
		err := s.lineByLine(r)
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends the guest's writing
		stored <- err
	}()
	tail := &lastLine{out: notes}
	code, err := guest.Run(ctx, vm.Cmd{Argv: argv, Stdin: &keys, Stdout: w, Stderr: tail})
	_ = w.Close() // of a pipe in memory
	if err := errors.Join(<-stored, err); err != nil {
		return err
	}
	if last := strings.TrimPrefix(tail.text(), "initbench: "); code != exitPass {
		return &codeError{code: code, message: last}
	} else if last != "" {
		_, _ = fmt.Fprintln(notes, last) // notes are only advice
	}
	return nil
}

func (s *lifeSink) lineByLine(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rec, err := lifecycle.Decode(lines.Bytes())
		if err != nil {
			return fmt.Errorf("the guest sent: %w", err)
		}
		if err := s.add(rec); err != nil {
			return err
		}
	}
	return lines.Err()
}

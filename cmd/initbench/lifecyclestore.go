package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/vm"
)

func randomBytes(b []byte) error {
	_, err := rand.Read(b)
	return err
}

// openLifeSink opens --out and reads what it has; in a guest the host says that on standard input.
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
	file, err := os.OpenFile(f.out, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, usagef("--out: %w", err)
	}
	s.file = file
	if err := s.load(f); err != nil {
		return nil, errors.Join(err, file.Close())
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

// load reads the records of --out. A last line that is torn, since the command was killed in the middle of it, is cut off and lived again.
func (s *lifeSink) load(f *lifecycleFlags) error {
	data, err := io.ReadAll(s.file)
	if err != nil {
		return usagef("--out: %w", err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if err := s.file.Truncate(int64(whole)); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if _, err := s.file.Seek(int64(whole), io.SeekStart); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	var all []lifecycle.Record
	for i, line := range bytes.Split(bytes.TrimSuffix(data[:whole], []byte("\n")), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		r, err := lifecycle.Decode(line)
		if err != nil {
			return usagef("--out %s:%d: %w", f.out, i+1, err)
		}
		s.known[r.Key()] = true
		all = append(all, r)
	}
	s.records = f.relevant(all)
	return nil
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
		if err == nil {
			err = s.add(rec)
		}
		if err != nil {
			return fmt.Errorf("the guest sent: %w", err)
		}
	}
	return lines.Err()
}

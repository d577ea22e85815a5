package results

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
)

// Torn is a last line without its newline: the harness or the machine died
// while it was being written. Its trial counts as not made.
type Torn struct {
	Line   int   // from 1
	Offset int64 // of its first byte
	Bytes  int64
}

func (t Torn) String() string {
	return fmt.Sprintf("%s:%d: half a line (%d bytes): its trial counts as not made", recordsFile, t.Line, t.Bytes)
}

// Run is a stored run. Records are streamed, never held.
type Run struct {
	Dir          string
	Header       Header
	Environments []Environment
	Torn         *Torn
	// Done has the index of every trial recorded.
	Done map[int]bool
}

// maxLine bounds one line of records.jsonl. A record is about 2 KiB, of which
// a failing runtime's output at most 4 KiB.
const maxLine = 1 << 20

// Load reads a run's header, environments and the set of trials done, checking every line once.
func Load(dir string) (*Run, error) {
	h, err := ReadHeader(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: dir, Header: h, Done: map[int]bool{}}
	for line, err := range r.lines() {
		if err != nil {
			return nil, err
		}
		if err := r.note(line); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Run) note(l fileLine) error {
	switch {
	case l.torn:
		r.Torn = &Torn{Line: l.number, Offset: l.offset, Bytes: int64(len(l.text))}
	case l.env != nil:
		r.Environments = append(r.Environments, *l.env)
	case r.Done[l.record.Index]:
		return &InputError{Path: r.at(l.number), Why: fmt.Sprintf("trial %d is recorded twice", l.record.Index)}
	default:
		r.Done[l.record.Index] = true
	}
	return nil
}

// Records streams the run's trials in the order they ended.
func (r *Run) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for line, err := range r.lines() {
			switch {
			case err != nil:
				yield(Record{}, err)
				return
			case line.record == nil:
			case !yield(*line.record, nil):
				return
			}
		}
	}
}

func (r *Run) at(line int) string {
	return fmt.Sprintf("%s:%d", filepath.Join(r.Dir, recordsFile), line)
}

type fileLine struct {
	number int
	offset int64
	text   []byte
	torn   bool
	env    *Environment
	record *Record
}

// lines decodes records.jsonl line by line; a run that has not begun has none.
func (r *Run) lines() iter.Seq2[fileLine, error] {
	return func(yield func(fileLine, error) bool) {
		f, err := os.Open(filepath.Join(r.Dir, recordsFile))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(fileLine{}, &InputError{Path: r.Dir, Why: err.Error()})
			return
		}
		// Only read from: a close that fails loses nothing.
		defer func() { _ = f.Close() }()
		in := bufio.NewReaderSize(f, 64<<10)
		next := fileLine{number: 1}
		for {
			done, err := r.read(in, &next)
			if err != nil {
				yield(fileLine{}, err)
				return
			}
			if done || !yield(next, nil) || next.torn {
				return
			}
			next = fileLine{number: next.number + 1, offset: next.offset + int64(len(next.text))}
		}
	}
}

// read fills l with the next line; done means there was none.
func (r *Run) read(in *bufio.Reader, l *fileLine) (done bool, err error) {
	l.text, err = readLine(in)
	switch {
	case errors.Is(err, io.EOF):
		l.torn = len(l.text) > 0
		return !l.torn, nil
	case err != nil:
		return false, &InputError{Path: r.at(l.number), Why: err.Error()}
	}
	l.env, l.record, err = DecodeLine(l.text)
	if err != nil {
		return false, &InputError{Path: r.at(l.number), Why: err.Error()}
	}
	return false, nil
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("the line is longer than %d bytes: no record is", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// DecodeLine reads one line of records.jsonl: an environment or a trial.
func DecodeLine(text []byte) (*Environment, *Record, error) {
	var kind struct {
		Kind   string `json:"kind"`
		Schema int    `json:"schema"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, nil, fmt.Errorf("not a record: %w", err)
	}
	if kind.Schema < 1 || kind.Schema > Schema {
		return nil, nil, fmt.Errorf("schema %d: this initbench reads schema 1 to %d", kind.Schema, Schema)
	}
	switch kind.Kind {
	case "environment":
		env := new(Environment)
		if err := json.Unmarshal(text, env); err != nil {
			return nil, nil, fmt.Errorf("environment: %w", err)
		}
		return env, nil, nil
	case "trial":
		rec := new(Record)
		if err := json.Unmarshal(text, rec); err != nil {
			return nil, nil, fmt.Errorf("trial: %w", err)
		}
		if err := rec.check(); err != nil {
			return nil, nil, err
		}
		return nil, rec, nil
	}
	return nil, nil, fmt.Errorf("kind %q is neither environment nor trial", kind.Kind)
}

// check refuses what no initbench of this schema writes: a reader may rely on the closed sets.
func (r *Record) check() error {
	if r.Index < 0 {
		return fmt.Errorf("trial %d: trials are numbered from 0", r.Index)
	}
	if !slices.Contains(Outcomes(), r.Outcome) {
		return fmt.Errorf("trial %d: outcome %q is not one of %q", r.Index, r.Outcome, Outcomes())
	}
	if _, err := cgroupjoin.ParseDriver(string(r.Driver)); err != nil {
		return fmt.Errorf("trial %d: %w", r.Index, err)
	}
	return nil
}

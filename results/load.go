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

// MaxLine bounds a line of a run, its newline included: whoever passes lines on needs a buffer of
// this size. A record is about 2 KiB, with a failing runtime's output at most 4 KiB more; of
// a timeline EncodeTimeline sees to it.
const MaxLine = 1 << 20

// Load reads a run's header, environments and the set of trials done, checking every line once. The plan is checked as
// before a run: whoever judges or shows walks its cells, of which a small file can name billions.
func Load(dir string) (*Run, error) {
	h, err := ReadHeader(dir)
	if err != nil {
		return nil, err
	}
	if err := h.Spec.Validate(); err != nil {
		return nil, &InputError{Path: filepath.Join(dir, headerFile), Why: "its stored plan: " + err.Error()}
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
	case l.Environment != nil:
		r.Environments = append(r.Environments, *l.Environment)
	case r.Done[l.Record.Index]:
		return &InputError{Path: l.at(r.Dir, recordsFile), Why: fmt.Sprintf("trial %d is recorded twice", l.Record.Index)}
	default:
		r.Done[l.Record.Index] = true
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
			case line.Record == nil:
			case !yield(*line.Record, nil):
				return
			}
		}
	}
}

// fileLine is one line of a file of the run; a torn one is not decoded.
type fileLine struct {
	rawLine
	Line
}

// lines decodes records.jsonl line by line; a run that has not begun has none.
func (r *Run) lines() iter.Seq2[fileLine, error] {
	return r.decodeLines(recordsFile, func(l Line) error {
		if l.Timeline != nil {
			return errors.New("a timeline: the line belongs in " + timelinesFile)
		}
		return nil
	})
}

// decodeLines streams a file's lines; belongs says what a line there may not be.
func (r *Run) decodeLines(file string, belongs func(Line) error) iter.Seq2[fileLine, error] {
	return func(yield func(fileLine, error) bool) {
		for raw, err := range readLines(r.Dir, file) {
			if err != nil {
				yield(fileLine{}, err)
				return
			}
			l := fileLine{rawLine: raw}
			if !raw.torn {
				if l.Line, err = DecodeLine(raw.text); err == nil {
					err = belongs(l.Line)
				}
			}
			if err != nil {
				yield(fileLine{}, &InputError{Path: raw.at(r.Dir, file), Why: err.Error()})
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// rawLine is a line of a file with its newline, or torn, without one.
type rawLine struct {
	number int // from 1
	offset int64
	text   []byte
	torn   bool
}

func (l rawLine) at(dir, file string) string {
	return fmt.Sprintf("%s:%d", filepath.Join(dir, file), l.number)
}

// readLines streams a file of the run; one that is not there has no lines.
func readLines(dir, file string) iter.Seq2[rawLine, error] {
	return func(yield func(rawLine, error) bool) {
		f, err := os.Open(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(rawLine{}, &InputError{Path: dir, Why: err.Error()})
			return
		}
		// Only read from: a close that fails loses nothing.
		defer func() { _ = f.Close() }()
		in := bufio.NewReaderSize(f, 64<<10)
		next := rawLine{number: 1}
		for {
			next.text, err = readLine(in)
			next.torn = errors.Is(err, io.EOF) && len(next.text) > 0
			switch {
			case err != nil && !errors.Is(err, io.EOF):
				yield(rawLine{}, &InputError{Path: next.at(dir, file), Why: err.Error()})
				return
			case len(next.text) == 0 || !yield(next, nil) || next.torn:
				return
			}
			next = rawLine{number: next.number + 1, offset: next.offset + int64(len(next.text))}
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxLine {
			return nil, fmt.Errorf("the line is longer than %d bytes: none that initbench writes is", MaxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// Line is a line of a run: exactly one of these.
type Line struct {
	Environment *Environment
	Record      *Record
	Timeline    *TrialTimeline
}

// DecodeLine reads one line of a run's files, or of what a guest sends.
func DecodeLine(text []byte) (Line, error) {
	var kind struct {
		Kind   string `json:"kind"`
		Schema int    `json:"schema"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return Line{}, fmt.Errorf("not a record: %w", err)
	}
	if kind.Schema < 1 || kind.Schema > Schema {
		return Line{}, fmt.Errorf("schema %d: this initbench reads schema 1 to %d", kind.Schema, Schema)
	}
	switch kind.Kind {
	case "environment":
		env := new(Environment)
		return Line{Environment: env}.orError(decode(text, kind.Kind, env, nil))
	case "trial":
		rec := new(Record)
		return Line{Record: rec}.orError(decode(text, kind.Kind, rec, rec.check))
	case "timeline":
		t := new(TrialTimeline)
		return Line{Timeline: t}.orError(decode(text, kind.Kind, t, t.check))
	}
	return Line{}, fmt.Errorf("kind %q is neither environment nor trial nor timeline", kind.Kind)
}

func decode(text []byte, kind string, into any, check func() error) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if check == nil {
		return nil
	}
	return check()
}

// orError is the line, or nothing beside an error.
func (l Line) orError(err error) (Line, error) {
	if err != nil {
		return Line{}, err
	}
	return l, nil
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

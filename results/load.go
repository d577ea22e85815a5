package results

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
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
	Dir    string
	Header Header
	// What follows is known once the records were read: by [Load], or by the first who ranges over all of them.
	Environments []Environment
	Torn         *Torn
	// Done has the index of every trial recorded.
	Done TrialSet
	// read: every line was checked, and what it says noted.
	read bool
}

// Load reads a run's header, environments and the set of trials done, checking every line once.
func Load(dir string) (*Run, error) {
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	for _, err := range r.Records() {
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Open reads a run's header alone, for who reads the records anyway: they are checked then, and what [Load] knows of
// them is known when they are read to their end. The plan is checked as before a run: whoever judges or shows walks its
// cells, of which a small file can name billions.
func Open(dir string) (*Run, error) {
	h, err := ReadHeader(dir)
	if err != nil {
		return nil, err
	}
	if err := h.Spec.Validate(); err != nil {
		return nil, &InputError{Path: filepath.Join(dir, headerFile), Why: "its stored plan: " + err.Error()}
	}
	return &Run{Dir: dir, Header: h}, nil
}

// Records streams the run's trials in the order they ended.
func (r *Run) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for line, err := range r.checked(r.recordLines()) {
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

// checked streams records.jsonl, and the first time notes what the lines say together.
func (r *Run) checked(lines lineReader) iter.Seq2[fileLine, error] {
	return func(yield func(fileLine, error) bool) {
		first := !r.read
		if first {
			r.Environments, r.Torn, r.Done = nil, nil, TrialSet{}
		}
		for line, err := range lines.lines() {
			if err == nil && first {
				err = r.note(line)
			}
			if err != nil {
				yield(fileLine{}, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
		r.read = true
	}
}

func (r *Run) note(l fileLine) error {
	switch {
	case l.torn:
		r.Torn = &Torn{Line: l.number, Offset: l.offset, Bytes: int64(len(l.text))}
	case l.Environment != nil:
		r.Environments = append(r.Environments, *l.Environment)
	case !r.Done.Add(l.Record.Index):
		return &InputError{Path: r.recordLines().at(l.number), Why: fmt.Sprintf("trial %d is recorded twice", l.Record.Index)}
	}
	return nil
}

// recordLines reads records.jsonl; a run that has not begun has none.
func (r *Run) recordLines() lineReader {
	return lineReader{dir: r.Dir, file: recordsFile, belongs: func(l Line) error {
		if l.Timeline != nil {
			return errors.New("a timeline: the line belongs in " + timelinesFile)
		}
		return nil
	}}
}

package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2/maybe"
)

const (
	headerFile  = "run.json"
	recordsFile = "records.jsonl"
)

// Store appends to one run's directory. It is for one goroutine at a time.
type Store struct {
	dir       string
	f         *os.File
	timelines *os.File // nil until there is one
}

// Create makes dir, which must be new or empty, and writes the header.
func Create(dir string, h Header) (*Store, error) {
	err := os.MkdirAll(dir, 0o755)
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(dir)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO):
		return nil, fmt.Errorf("results: %w", err)
	case err != nil:
		return nil, &InputError{Path: dir, Why: fmt.Sprintf("cannot be a run's directory (%v): name another", cause(err))}
	case len(entries) > 0:
		return nil, &InputError{Path: dir, Why: "is not empty: name a new directory, or finish the run in it with --resume"}
	}
	if err := writeHeader(dir, h); err != nil {
		return nil, err
	}
	return openStore(dir, os.O_CREATE|os.O_EXCL)
}

func writeHeader(dir string, h Header) error {
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return fmt.Errorf("results: header: %w", err)
	}
	if err := maybe.WriteFile(filepath.Join(dir, headerFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// cause leaves out the operation and the path, which the message has.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Resume opens the run in r, which was read, for appending. A torn last line of either file is cut off first:
// its trial never finished, and a line must start at a line's beginning.
func Resume(r *Run) (*Store, error) {
	if err := r.Resumable(); err != nil {
		return nil, err
	}
	path := filepath.Join(r.Dir, recordsFile)
	if r.Torn != nil {
		if err := os.Truncate(path, r.Torn.Offset); err != nil {
			return nil, fmt.Errorf("results: cut the half line: %w", err)
		}
	}
	if err := r.cutTimelines(); err != nil {
		return nil, err
	}
	return openStore(r.Dir, os.O_CREATE)
}

// Resumable refuses a run that cannot be finished: a merged one has no plan of its own, but several.
func (r *Run) Resumable() error {
	if n := len(r.Header.MergedFrom); n > 0 {
		return &InputError{Path: r.Dir, Why: fmt.Sprintf("was merged from %d runs: only a run as it was measured can be resumed", n)}
	}
	return nil
}

func openStore(dir string, flags int) (*Store, error) {
	f, err := openLines(dir, recordsFile, flags)
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, f: f}, nil
}

func openLines(dir, file string, flags int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY|os.O_APPEND|flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	return f, nil
}

// Dir is the run's directory.
func (s *Store) Dir() string { return s.dir }

// Append writes one trial or environment as one line with a single write, so
// that a reader, or a crash, sees the line whole or torn at the end, never mixed.
func (s *Store) Append(line any) error {
	switch l := line.(type) {
	case Record, *Record, Environment, *Environment:
	default:
		return fmt.Errorf("results: %T is not a line of %s", l, recordsFile)
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if _, err := s.f.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// Empty tells whether nothing was appended yet.
func (s *Store) Empty() bool {
	info, err := os.Stat(filepath.Join(s.dir, recordsFile))
	return err == nil && info.Size() == 0
}

// Discard removes a run's directory in which nothing was recorded.
func (s *Store) Discard() error {
	return errors.Join(removeTimelines(s.dir), os.Remove(filepath.Join(s.dir, recordsFile)), os.Remove(filepath.Join(s.dir, headerFile)), os.Remove(s.dir))
}

// Close syncs the records to disk and closes the file.
func (s *Store) Close() error {
	err := errors.Join(s.f.Sync(), s.f.Close())
	if s.timelines != nil {
		err = errors.Join(err, s.timelines.Sync(), s.timelines.Close())
	}
	return err
}

// InputError is a results directory that cannot be used as it is: the user's
// to mend, so the command line exits 2.
type InputError struct{ Path, Why string }

func (e *InputError) Error() string { return e.Path + ": " + e.Why }

// ReadHeader reads run.json of dir.
func ReadHeader(dir string) (Header, error) {
	var h Header
	text, err := os.ReadFile(filepath.Join(dir, headerFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h, &InputError{Path: dir, Why: "holds no run: there is no " + headerFile}
	case errors.Is(err, syscall.ENOTDIR):
		return h, &InputError{Path: dir, Why: whyNoDirectory(dir)}
	case err != nil:
		return h, &InputError{Path: dir, Why: err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&h); err != nil {
		return h, &InputError{Path: filepath.Join(dir, headerFile), Why: err.Error()}
	}
	return h, checkSchema(filepath.Join(dir, headerFile), h.Schema)
}

// whyNoDirectory says what a file is that was named in the place of a run's directory, by its name alone: it is not read.
func whyNoDirectory(file string) string {
	switch name := filepath.Base(file); {
	case name == headerFile || name == recordsFile:
		return "is one file of a run: name the directory that it is in"
	case strings.Contains(name, ".tar") || strings.HasSuffix(name, ".tgz"):
		return "is an archive: unpack it (tar xf " + file + ") and name a run's directory"
	case strings.HasSuffix(name, ".zip"):
		return "is an archive: unpack it and name a run's directory"
	}
	return "is a file: a run is a directory with " + headerFile + " in it"
}

func checkSchema(where string, schema int) error {
	if schema < 1 || schema > Schema {
		return &InputError{Path: where, Why: fmt.Sprintf("schema %d: this initbench reads schema 1 to %d", schema, Schema)}
	}
	return nil
}

package results

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Part is a run that went into a merged one.
type Part struct {
	ID        string `json:"id"`
	Created   string `json:"created"` // RFC 3339
	Initbench string `json:"initbench"`
	// Seed of its plan's random order; that of the merged run's spec is the first part's.
	Seed uint64 `json:"seed"`
	// Trials is the number of its records, which come first but for those of the parts before it.
	Trials int `json:"trials"`
	// Design is the one it was made by; the merged run has none.
	Design *Design `json:"design,omitempty"`
	Place  *Place  `json:"place,omitempty"`
	// Budget is what it was begun with.
	Budget time.Duration `json:"budget_ns,omitempty"`
	// HalfLines and LeftTimelines are what it held besides and the merged run does not: lines that were being written when the run
	// ended, and timelines of trials that were not recorded.
	HalfLines     int `json:"half_lines,omitempty"`
	LeftTimelines int `json:"left_timelines,omitempty"`
}

// Parts is how many runs of its plan the run is made of: each made the whole of it.
func (h Header) Parts() int { return max(1, len(h.MergedFrom)) }

// Adaptive reports whether cells ended when they were settled, so that fewer trials than planned lack nothing.
func (h Header) Adaptive() bool {
	for _, p := range h.MergedFrom {
		if p.Design != nil {
			return true
		}
	}
	return h.Design != nil
}

// MergeDoubt is what being merged takes from a run's verdict; empty where it takes nothing.
func (h Header) MergeDoubt() string {
	if h.Design == nil && h.Adaptive() {
		return fmt.Sprintf("merged from %d runs that ended where their metrics were settled: the looks that those took at their own records are "+
			"not paid for, and the chance of a false claim is more than the one stated", len(h.MergedFrom))
	}
	return ""
}

// MergeOptions are what Merge is told by who calls it.
type MergeOptions struct {
	// ID, Created and Initbench are those of the merged run's header.
	ID, Created, Initbench string
	// Differ says in what two environments differ so that their trials do not compare; empty where they do.
	Differ func(a, b Environment) string
	// Read is told, where it is not nil, of every stretch of the input that was dealt with.
	Read func(bytes int64)
}

// Merge joins runs of one plan, made in several sessions or on several machines, into a new one in out, which must not
// exist: until all is written there is nothing of that name, and after an error nothing is left. Trials, blocks and
// batches are renumbered so that those of different runs stay apart; nothing else in a line is touched. It takes
// as much memory for a million records as for a thousand.
//
// A run whose plan, binaries or environment is not the others' is refused by an *InputError.
func Merge(ctx context.Context, dirs []string, out string, opts MergeOptions) (h Header, err error) {
	out = filepath.Clean(out) // of week/ the last element is week, and its directory the one above
	m := merger{opts: opts, ctx: ctx, first: map[string]environmentOf{}, binaries: map[binaryKey]binary{}}
	if err := m.open(dirs); err != nil {
		return h, err
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return h, &InputError{Path: out, Why: "exists already: name a new directory"}
	}
	switch m.dir, err = os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+"-*"); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO):
		return h, wrap(err)
	case err != nil:
		return h, &InputError{Path: out, Why: fmt.Sprintf("cannot be a run's directory (%v): name another", cause(err))}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(m.dir))
		}
	}()
	if err := m.write(); err != nil {
		return h, err
	}
	// A directory made for temporary files is its owner's alone, a run's is not.
	if err = os.Chmod(m.dir, 0o755); err == nil {
		err = os.Rename(m.dir, out)
	}
	return m.header, wrap(err)
}

// merger writes one run from several.
type merger struct {
	ctx    context.Context
	opts   MergeOptions
	runs   []*Run
	header Header
	dir    string
	// first environment of each clock that is told apart
	first map[string]environmentOf
	// binaries that each arm was in its builds
	binaries map[binaryKey]binary
	// shift has what is added to the numbers of each run's lines.
	shift []numbers
	// left has what is left out of each run's timelines.
	left []leftOut
}

// environmentOf is one and the run it is of.
type environmentOf struct {
	Environment
	of string
}

// open reads the headers, and refuses what their plans alone forbid.
func (m *merger) open(dirs []string) error {
	from := map[string]string{}
	for _, dir := range dirs {
		r, err := Open(dir)
		if err != nil {
			return err
		}
		for _, p := range partsOf(r.Header) {
			if other, known := from[p.ID]; known {
				return &InputError{Path: dir, Why: fmt.Sprintf("holds the run %s, which %s holds too: its trials would count twice", p.ID, other)}
			}
			from[p.ID] = dir
		}
		if len(m.runs) > 0 {
			first := m.runs[0]
			if differ := differentPlans(first.Header, r.Header); differ != "" {
				return &InputError{Path: dir, Why: fmt.Sprintf("is not a run of the plan of %s: %s", first.Dir, differ)}
			}
		}
		m.runs = append(m.runs, r)
	}
	return nil
}

// partsOf are a merged run's parts, or the run itself.
func partsOf(h Header) []Part {
	if len(h.MergedFrom) > 0 {
		return h.MergedFrom
	}
	return []Part{{ID: h.ID, Created: h.Created, Initbench: h.Initbench, Seed: h.Spec.Seed, Design: h.Design, Place: h.Place, Budget: h.Budget}}
}

// write makes all files, the header last: without one a directory holds no run.
func (m *merger) write() error {
	h := m.runs[0].Header
	h.ID, h.Created, h.Initbench = m.opts.ID, m.opts.Created, m.opts.Initbench
	// Neither is one for all: a budget is one session's, and looks were taken at one run's records.
	h.Budget, h.Design, h.MergedFrom = 0, nil, nil
	if err := m.lines(recordsFile, m.records); err != nil {
		return err
	}
	m.left = make([]leftOut, len(m.runs))
	if err := m.timelines(); err != nil {
		return err
	}
	for i, r := range m.runs {
		h.MergedFrom = append(h.MergedFrom, recorded(r, m.left[i])...)
		if !samePlace(h.Place, r.Header.Place) {
			h.Place = nil
		}
	}
	m.header = h
	return writeHeader(m.dir, h)
}

// leftOut is what of a run's timelines is not merged.
type leftOut struct{ halfLines, timelines int }

// recorded are a run's parts with the number of their records. What is left out of a merged run, the last of its parts is said to have held.
func recorded(r *Run, left leftOut) []Part {
	parts := slices.Clone(partsOf(r.Header))
	if len(r.Header.MergedFrom) == 0 {
		parts[0].Trials = r.Done.Len()
	}
	if r.Torn != nil {
		left.halfLines++
	}
	last := &parts[len(parts)-1]
	last.HalfLines, last.LeftTimelines = last.HalfLines+left.halfLines, last.LeftTimelines+left.timelines
	return parts
}

func samePlace(a, b *Place) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// lines makes a file of the merged run.
func (m *merger) lines(file string, fill func(*bufio.Writer) error) error {
	f, err := openLines(m.dir, file, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	disk := newWriteBehind(f)
	w := bufio.NewWriterSize(disk, 1<<20)
	if err = fill(w); err == nil {
		err = wrap(w.Flush())
	}
	if err != nil {
		return errors.Join(err, wrap(disk.Discard()))
	}
	return wrap(disk.Close())
}

// wrap says what went wrong with what is written.
func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("results: merge: %w", err)
	}
	return nil
}

// records joins the records of all runs.
func (m *merger) records(w *bufio.Writer) error {
	var shift numbers
	for _, r := range m.runs {
		m.shift = append(m.shift, shift)
		end := shift
		lines := r.recordLines()
		lines.rewrite = shift.rewrite
		for l, err := range r.checked(lines) {
			if err == nil {
				err = m.pass(w, r, l)
			}
			if err != nil {
				return err
			}
			if l.Record != nil {
				end = end.after(shift.plus(numbersOf(l.Record)))
			}
		}
		if r.Done.Len() == 0 {
			return &InputError{Path: r.Dir, Why: "holds no trial: there is nothing to merge"}
		}
		shift = end
	}
	return nil
}

// pass checks a line against the runs before its own and writes it.
func (m *merger) pass(w *bufio.Writer, r *Run, l fileLine) error {
	if l.torn {
		return nil
	}
	differ := ""
	switch {
	case l.Environment != nil:
		differ = m.otherEnvironment(r, *l.Environment)
	case l.Record != nil:
		if differ = numbersOf(l.Record).doubt(); differ == "" {
			differ = m.otherBinary(r, l.Record)
		}
	}
	if differ != "" {
		return &InputError{Path: r.recordLines().at(l.number), Why: differ}
	}
	return m.put(w, l)
}

func (m *merger) put(w *bufio.Writer, l fileLine) error {
	if m.opts.Read != nil {
		m.opts.Read(int64(len(l.text)))
	}
	if err := m.ctx.Err(); err != nil {
		return err
	}
	_, err := w.Write(l.copied())
	return wrap(err)
}

// timelines joins those of the trials that are recorded. No file is made where there are none.
func (m *merger) timelines() error {
	for _, r := range m.runs {
		_, err := os.Stat(filepath.Join(r.Dir, timelinesFile))
		switch {
		case err == nil:
			return m.lines(timelinesFile, m.allTimelines)
		case !errors.Is(err, fs.ErrNotExist):
			return &InputError{Path: r.Dir, Why: err.Error()}
		}
	}
	return nil
}

func (m *merger) allTimelines(w *bufio.Writer) error {
	for i, r := range m.runs {
		lines := r.timelineLines()
		lines.rewrite = m.shift[i].rewrite
		for l, err := range lines.lines() {
			switch {
			case err != nil:
			case l.torn:
				m.left[i].halfLines++
			case !r.Done.Has(l.Timeline.Trial):
				m.left[i].timelines++
			default:
				err = m.put(w, l)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

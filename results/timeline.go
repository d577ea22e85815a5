package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/initbench/initbench/sequence"
)

// timelinesFile holds the timelines of observed trials. They stand apart from the
// records, of which they would be nine tenths, and no verdict needs them.
const timelinesFile = "timelines.jsonl"

// TrialTimeline is one line of timelines.jsonl.
type TrialTimeline struct {
	Kind     string            `json:"kind"` // "timeline"
	Schema   int               `json:"schema"`
	Trial    int               `json:"trial"` // Index of its record
	Timeline sequence.Timeline `json:"timeline"`
}

// EncodeTimeline returns the line of a trial's timeline, its newline included. No
// line is longer than a reader takes: what [FitTimeline] leaves out is not in it.
func EncodeTimeline(trial int, t sequence.Timeline) ([]byte, error) {
	_, text, err := fitTimeline(trial, t)
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// FitTimeline is as much of a trial's timeline as can be stored, and how many events are not in it: of a start with
// more than fit into a line, some thousands, the last ones are left out and counted as lost. What was found from
// all of them stays found; its record says that the stored timeline is cut.
func FitTimeline(trial int, t sequence.Timeline) (fitted sequence.Timeline, left int, err error) {
	fitted, _, err = fitTimeline(trial, t)
	return fitted, len(t.Events) - len(fitted.Events), err
}

func fitTimeline(trial int, t sequence.Timeline) (sequence.Timeline, []byte, error) {
	for {
		text, err := json.Marshal(TrialTimeline{Kind: "timeline", Schema: Schema, Trial: trial, Timeline: t})
		switch {
		case err != nil:
			return t, nil, fmt.Errorf("results: timeline of trial %d: %w", trial, err)
		case len(text) < MaxLine:
			return t, text, nil
		case len(t.Events) == 0:
			return t, nil, fmt.Errorf("results: timeline of trial %d: %d bytes without an event", trial, len(text))
		}
		// A tenth less than what would fit if events were of equal length, so that few rounds are needed.
		keep := len(t.Events) * (MaxLine / 10) / len(text) * 9
		t.Lost += uint64(len(t.Events) - keep)
		t.Events = t.Events[:keep]
	}
}

// Timeline appends the timeline of a trial. It comes before the trial's record:
// a trial that is recorded has its timeline, whenever the harness died.
func (s *Store) Timeline(trial int, t sequence.Timeline) error {
	line, err := EncodeTimeline(trial, t)
	if err != nil {
		return err
	}
	if s.timelines == nil {
		if s.timelines, err = openLines(s.dir, timelinesFile, os.O_CREATE); err != nil {
			return err
		}
	}
	if _, err := s.timelines.Write(line); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// cutTimelines removes from the end of timelines.jsonl what no record followed: a half
// line, or that of a trial that was interrupted. The trial is made again, and
// perhaps without an observer.
func (r *Run) cutTimelines() error {
	cut := int64(-1)
	for line, err := range r.timelineLines().lines() {
		switch {
		case err != nil:
			return err
		case line.Timeline != nil && r.Done.Has(line.Timeline.Trial):
			cut = -1
		case cut < 0:
			cut = line.offset
		}
	}
	if cut < 0 {
		return nil
	}
	if err := os.Truncate(filepath.Join(r.Dir, timelinesFile), cut); err != nil {
		return fmt.Errorf("results: cut the timeline of a trial that is not recorded: %w", err)
	}
	return nil
}

// Timelines streams the timelines of the run's trials in the order these ended, those of a run that was read. A run none of
// whose trials was observed has none.
func (r *Run) Timelines() iter.Seq2[TrialTimeline, error] {
	return func(yield func(TrialTimeline, error) bool) {
		for line, err := range r.timelineLines().lines() {
			switch {
			case err != nil:
				yield(TrialTimeline{}, err)
				return
			case line.torn || !r.Done.Has(line.Timeline.Trial):
			case !yield(*line.Timeline, nil):
				return
			}
		}
	}
}

// Timeline returns the timeline of one trial; found is false when it has none.
func (r *Run) Timeline(trial int) (t sequence.Timeline, found bool, err error) {
	for line, err := range r.Timelines() {
		if err != nil || line.Trial == trial {
			return line.Timeline, err == nil, err
		}
	}
	return sequence.Timeline{}, false, nil
}

// timelineLines reads timelines.jsonl.
func (r *Run) timelineLines() lineReader {
	return lineReader{dir: r.Dir, file: timelinesFile, belongs: func(l Line) error {
		if l.Timeline == nil {
			return errors.New("not a timeline: the line belongs in " + recordsFile)
		}
		return nil
	}}
}

// check refuses what no initbench of this schema writes.
func (t *TrialTimeline) check() error {
	if t.Trial < 0 {
		return fmt.Errorf("timeline of trial %d: trials are numbered from 0", t.Trial)
	}
	return nil
}

// removeTimelines removes the file, where there is one.
func removeTimelines(dir string) error {
	err := os.Remove(filepath.Join(dir, timelinesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	fastjson "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/initbench/initbench/cgroupjoin"
)

// Line is a line of a run: exactly one of these.
type Line struct {
	Environment *Environment
	Record      *Record
	Timeline    *TrialTimeline
}

// DecodeLine reads one line of a run's files, or of what a guest sends.
func DecodeLine(text []byte) (Line, error) {
	if l, ok := decodeOwn(text); ok {
		return l, nil
	}
	return decodeAny(text)
}

// own are the beginnings of a record and of a timeline as this initbench writes them.
var (
	ownRecord   = fmt.Appendf(nil, `{"kind":"trial","schema":%d,`, Schema)
	ownTimeline = fmt.Appendf(nil, `{"kind":"timeline","schema":%d,`, Schema)
)

// strictly takes nothing that encoding/json reads differently: it refuses keys twice, of other case or unknown, and text
// that is not UTF-8, as the package does where it is not told otherwise.
var strictly = fastjson.JoinOptions(fastjson.RejectUnknownMembers(true), jsonv1.FormatDurationAsNano(true))

// decodeOwn reads a line as this initbench writes it, in a third of encoding/json's time: a run of a million
// records is read in seconds. It has no errors: what it does not take is [decodeAny]'s to read or to refuse.
func decodeOwn(text []byte) (Line, bool) {
	switch {
	case bytes.HasPrefix(text, ownRecord):
		rec := new(Record)
		if fastjson.Unmarshal(text, rec, strictly) == nil && rec.check() == nil {
			return Line{Record: rec}, true
		}
	case bytes.HasPrefix(text, ownTimeline):
		t := new(TrialTimeline)
		if fastjson.Unmarshal(text, t, strictly) == nil && t.check() == nil {
			return Line{Timeline: t}, true
		}
	}
	return Line{}, false
}

// decodeAny has the last word on every line, and all errors.
func decodeAny(text []byte) (Line, error) {
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

// outcomes are asked for every record.
var outcomes = Outcomes()

// check refuses what no initbench of this schema writes: a reader may rely on the closed sets.
func (r *Record) check() error {
	if r.Index < 0 {
		return fmt.Errorf("trial %d: trials are numbered from 0", r.Index)
	}
	if !slices.Contains(outcomes, r.Outcome) {
		return fmt.Errorf("trial %d: outcome %q is not one of %q", r.Index, r.Outcome, outcomes)
	}
	if _, err := cgroupjoin.ParseDriver(string(r.Driver)); err != nil {
		return fmt.Errorf("trial %d: %w", r.Index, err)
	}
	if err := r.checkAttachment(); err != nil {
		return err
	}
	if err := r.checkCensus(); err != nil {
		return err
	}
	return r.checkLived()
}

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// Chrome is the format of a trace that Perfetto and chrome://tracing open.
const Chrome = "chrome"

// Trace is one start that was observed, with all that is shown of it.
type Trace struct {
	Name    string // the arm's
	Runtime results.RuntimeID
	Driver  cgroupjoin.Driver
	Order   sequence.Order // as asked
	Limit   int64          // 0: none
	Place   cgroupjoin.Place
	Outcome results.Outcome
	Reason  string
	// Timeline is what the observer saw and Finding what follows from it.
	Timeline sequence.Timeline
	Finding  sequence.Finding
	// Enforcement is nil where no order was imposed.
	Enforcement *sequence.Enforcement
	// Spans are what has a beginning and an end and is no event of the timeline: the runtime's verbs.
	Spans       []Span
	Environment results.Environment
	Warnings    []string
}

// Span is a stretch of time, in ns of CLOCK_MONOTONIC.
type Span struct {
	Name   string `json:"name"`
	FromNS int64  `json:"from_ns"`
	ToNS   int64  `json:"to_ns"`
}

// TraceOf puts a record and its timeline together. The runtime's verbs become spans.
func TraceOf(r results.Record, t sequence.Timeline, e results.Environment) Trace {
	trace := Trace{
		Name: r.Runtime.Name, Runtime: r.Runtime, Driver: r.Driver, Order: r.Order, Limit: r.Limit, Place: r.Place,
		Outcome: r.Outcome, Reason: r.Reason, Timeline: t, Enforcement: r.Enforcement, Environment: e,
		Warnings: slices.Concat(r.Warnings, verdict.ClockDoubts(e)), Spans: verbs(r.StartNS, r.Latency),
		Finding: sequence.Finding{Order: sequence.FoundUnknown, Why: "no observer watched"},
	}
	if r.Found != nil {
		trace.Finding = *r.Found
	}
	return trace
}

// verbs are the calls of the runtime that came to an end.
func verbs(start int64, l results.Latency) []Span {
	zero := int64(0)
	var spans []Span
	add := func(name string, from, to *int64) {
		if from != nil && to != nil && *to >= *from {
			spans = append(spans, Span{Name: name, FromNS: start + *from, ToNS: start + *to})
		}
	}
	add("create", &zero, l.Created)
	add("start, until the payload's first instruction", l.StartCalled, l.Started)
	add("payload", l.Started, l.Exited)
	add("delete", l.DeleteCalled, l.Deleted)
	return spans
}

// TraceFormats lists the formats of a trace, the default first.
func TraceFormats() []string { return []string{Table, JSON, Chrome} }

// CheckTraceFormat is CheckFormat for a trace.
func CheckTraceFormat(format string) error {
	if !slices.Contains(TraceFormats(), format) {
		return fmt.Errorf("format %q is not one of %s", format, strings.Join(TraceFormats(), ", "))
	}
	return nil
}

// WriteTrace draws one start, or two side by side.
func WriteTrace(w io.Writer, format string, traces []Trace, opts Options) error {
	var text []byte
	var err error
	switch format {
	case Table:
		text = []byte(traceTable(traces, opts))
	case JSON:
		text, err = traceJSON(traces)
	case Chrome:
		text, err = traceChrome(traces)
	default:
		return CheckTraceFormat(format)
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", format, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

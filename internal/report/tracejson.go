package report

import (
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

type jsonTraces struct {
	Schema int         `json:"schema"`
	Traces []jsonTrace `json:"traces"`
}

// jsonTrace: times are ns of CLOCK_MONOTONIC, charges and shares bytes. The timeline has every event.
type jsonTrace struct {
	Name        string                `json:"name"`
	Runtime     results.RuntimeID     `json:"runtime"`
	Driver      string                `json:"driver"`
	Order       string                `json:"order"`
	Limit       *int64                `json:"limit_bytes"`
	Place       string                `json:"limit_place,omitempty"`
	Outcome     results.Outcome       `json:"outcome"`
	Reason      string                `json:"reason,omitempty"`
	Found       sequence.Finding      `json:"found"`
	Sentence    string                `json:"sentence"`
	Enforcement *sequence.Enforcement `json:"enforcement"`
	Spans       []Span                `json:"spans"`
	Timeline    sequence.Timeline     `json:"timeline"`
	Warnings    []string              `json:"warnings"`
	Environment results.Environment   `json:"environment"`
}

func traceJSON(traces []Trace) ([]byte, error) {
	out := jsonTraces{Schema: schema, Traces: []jsonTrace{}}
	for _, t := range traces {
		if t.Timeline.Events == nil {
			t.Timeline.Events = []sequence.Event{}
		}
		out.Traces = append(out.Traces, jsonTrace{
			Name: t.Name, Runtime: t.Runtime, Driver: string(t.Driver), Order: string(t.Order), Limit: orNull(t.Limit), Place: string(t.Place),
			Outcome: t.Outcome, Reason: t.Reason, Found: t.Finding, Sentence: phrase.Sentence(t.Finding), Enforcement: t.Enforcement,
			Spans: append([]Span{}, t.Spans...), Timeline: t.Timeline, Warnings: list(t.Warnings), Environment: t.Environment,
		})
	}
	return indented(out)
}

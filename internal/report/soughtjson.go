package report

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

// jsonSought is a search for the start threshold and what it found.
type jsonSought struct {
	Scenario      string           `json:"scenario"`
	Driver        string           `json:"driver"`
	Order         string           `json:"order"`
	Build         *scenarios.Build `json:"build,omitempty"`
	Place         cgroupjoin.Place `json:"limit_place,omitempty"`
	Runtime       string           `json:"runtime"`
	Search        jsonSearch       `json:"search"`
	Threshold     *int64           `json:"threshold_bytes"`
	Above         *int64           `json:"above_bytes"`
	AtMost        *int64           `json:"at_most_bytes"`
	Sharp         bool             `json:"sharp"`
	Done          bool             `json:"done"`
	Starts        int              `json:"starts"`
	Trials        int              `json:"trials"`
	Failed        int              `json:"failed"`
	NotCounted    int              `json:"not_counted"`
	NotApplicable int              `json:"order_not_applicable"`
	Tried         []jsonTried      `json:"tried"`
	Curve         []jsonChance     `json:"curve"`
}

// jsonSearch is what was looked for.
type jsonSearch struct {
	From        int64  `json:"from_bytes"`
	To          int64  `json:"to_bytes"`
	Step        int64  `json:"step_bytes"`
	Probability number `json:"probability"`
	Confidence  number `json:"confidence"`
	Most        int    `json:"most"`
}

type jsonTried struct {
	Limit     int64 `json:"limit_bytes"`
	Started   int   `json:"started"`
	OOMKilled int   `json:"oom_killed"`
	Failed    int   `json:"failed"`
}

// jsonChance is a point of the curve that is drawn.
type jsonChance struct {
	Limit int64  `json:"limit_bytes"`
	P     number `json:"p"`
	Lo    number `json:"lo"`
	Hi    number `json:"hi"`
}

func searchesJSON(all []verdict.Sought) []jsonSought {
	out := []jsonSought{}
	for _, s := range all {
		e := s.Edge
		row := jsonSought{
			Scenario: s.Scenario, Driver: string(s.Driver), Order: string(s.Order), Build: buildJSON(s.Build), Place: s.Place, Runtime: s.Runtime,
			Search:    jsonSearch{s.Search.From, s.Search.To, s.Search.Step, number(s.Search.Probability), number(s.Search.Confidence), s.Search.Most},
			Threshold: orNull(e.Threshold), Above: orNull(e.Lo), AtMost: orNull(e.Hi), Sharp: e.Sharp, Done: e.Done, Starts: e.Starts, Trials: s.Trials, Failed: s.Failed,
			NotCounted: s.NotCounted, NotApplicable: s.NotApplicable, Tried: []jsonTried{}, Curve: []jsonChance{},
		}
		for _, p := range s.Points {
			row.Tried = append(row.Tried, jsonTried(p))
		}
		for _, p := range s.Curve {
			row.Curve = append(row.Curve, jsonChance{p.Limit, number(p.P), number(p.Lo), number(p.Hi)})
		}
		out = append(out, row)
	}
	return out
}

package report

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

type jsonLadder struct {
	Scenario string            `json:"scenario"`
	Driver   string            `json:"driver"`
	Build    *scenarios.Build  `json:"build,omitempty"`
	Place    cgroupjoin.Place  `json:"limit_place,omitempty"`
	Runtime  string            `json:"runtime"`
	Orders   []jsonLadderOrder `json:"orders"`
	Worst    *jsonWorst        `json:"worst_order,omitempty"`
}

type jsonLadderOrder struct {
	Order      string         `json:"order"`
	Applicable bool           `json:"applicable"`
	Threshold  jsonThreshold  `json:"start.threshold"`
	Rungs      []jsonStarting `json:"rungs"`
}

// jsonThreshold is a bracket; an end that was not measured is null.
type jsonThreshold struct {
	Above  *int64 `json:"above_bytes"`
	AtMost *int64 `json:"at_most_bytes"`
}

type jsonStarting struct {
	Limit int64  `json:"limit_bytes"`
	Order string `json:"order,omitempty"` // of a worst order's rung
	jsonCount
}

type jsonWorst struct {
	Threshold jsonThreshold  `json:"start.threshold"`
	Rungs     []jsonStarting `json:"rungs"`
}

type jsonFinding struct {
	Kind     verdict.FindingKind `json:"kind"`
	Scenario string              `json:"scenario"`
	Driver   string              `json:"driver"`
	Build    *scenarios.Build    `json:"build,omitempty"`
	Place    cgroupjoin.Place    `json:"limit_place,omitempty"`
	Runtime  string              `json:"runtime"`
	Order    string              `json:"order"`
	Limit    int64               `json:"limit_bytes"`
	AlsoAt   []int64             `json:"also_at_bytes"`
	Natural  jsonCount           `json:"natural"`
	Imposed  jsonCount           `json:"imposed"`
	PHolm    number              `json:"p_holm"`
	OwnEdge  *jsonEdge           `json:"natural_edge,omitempty"`
	Edge     *jsonEdge           `json:"imposed_edge,omitempty"`
	Text     string              `json:"text"`
}

// jsonEdge is what a search found.
type jsonEdge struct {
	Threshold *int64 `json:"threshold_bytes"`
	Above     *int64 `json:"above_bytes"`
	AtMost    *int64 `json:"at_most_bytes"`
}

func laddersJSON(ladders []verdict.Ladder) []jsonLadder {
	out := []jsonLadder{}
	for _, l := range ladders {
		j := jsonLadder{
			Scenario: l.Scenario, Driver: string(l.Driver), Build: buildJSON(l.Build), Place: l.Place, Runtime: l.Runtime,
			Orders: []jsonLadderOrder{},
		}
		for _, o := range l.Orders {
			j.Orders = append(j.Orders, jsonLadderOrder{
				Order: string(o.Order), Applicable: !o.Natural(), Threshold: thresholdJSON(o.Threshold), Rungs: rungsJSON(l.Limits, o.Counts, nil),
			})
		}
		if counts, orders := l.Worst(); counts != nil {
			j.Worst = &jsonWorst{Threshold: thresholdJSON(l.WorstThreshold()), Rungs: rungsJSON(l.Limits, counts, orders)}
		}
		out = append(out, j)
	}
	return out
}

func thresholdJSON(t verdict.Threshold) jsonThreshold {
	return jsonThreshold{Above: orNull(t.Above), AtMost: orNull(t.AtMost)}
}

func rungsJSON(limits []int64, counts []verdict.Count, orders []sequence.Order) []jsonStarting {
	out := []jsonStarting{}
	for i, limit := range limits {
		r := jsonStarting{Limit: limit, jsonCount: jsonCount(counts[i])}
		if orders != nil {
			r.Order = string(orders[i])
		}
		out = append(out, r)
	}
	return out
}

func findingsJSON(findings []verdict.Finding) []jsonFinding {
	out := []jsonFinding{}
	for _, f := range findings {
		j := jsonFinding{
			Kind: f.Kind, Scenario: f.Scenario, Driver: string(f.Driver), Build: buildJSON(f.Build), Place: f.Place, Runtime: f.Runtime, Order: string(f.Order),
			Limit: f.Limit, AlsoAt: append([]int64{}, f.AlsoAt...), Natural: jsonCount(f.Natural), Imposed: jsonCount(f.Imposed),
			PHolm: number(f.PHolm), Text: f.Text,
		}
		if e := f.NaturalEdge; e != nil {
			j.OwnEdge = edgeJSON(e.Threshold, e.Lo, e.Hi)
		}
		if e := f.ImposedEdge; e != nil {
			j.Edge = edgeJSON(e.Threshold, e.Lo, e.Hi)
		}
		out = append(out, j)
	}
	return out
}

func edgeJSON(threshold, lo, hi int64) *jsonEdge {
	return &jsonEdge{Threshold: orNull(threshold), Above: orNull(lo), AtMost: orNull(hi)}
}

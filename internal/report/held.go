package report

import (
	"math"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// heldGrid has the ceilings of the policy, each with what was measured against it; nil where there is none.
func heldGrid(v verdict.Verdict, opts Options) *grid {
	if len(v.Ceilings) == 0 {
		return nil
	}
	g := &grid{title: "ceilings of the policy, on the candidate alone", keys: 2, header: []string{"ceiling", "of", "candidate", "verdict"}}
	for _, h := range v.Ceilings {
		g.add(h.Text, heldOf(h), heldValue(h), ruled(opts, h.Ruling, h.Severity, false))
	}
	return g
}

// heldOf is the cell that a ceiling was held against.
func heldOf(h verdict.Held) string {
	parts := []string{h.Cell.Scenario, string(h.Cell.Driver)}
	if o := h.Cell.Order; o != "" && o != sequence.Natural {
		parts = append(parts, string(o))
	}
	if b := verdict.BuildText(h.Cell.Build); b != "" {
		parts = append(parts, b)
	}
	if h.Cell.Limit != 0 {
		parts = append(parts, verdict.PlacedLimit(h.Cell.Build, h.Cell.Place, h.Cell.Limit))
	}
	if e := h.Cell.Enumerate.String(); e != "" {
		parts = append(parts, e)
	}
	return strings.Join(parts, ", ")
}

// heldUnit is that of the metric.
func heldUnit(h verdict.Held) verdict.Unit {
	if m, known := scenarios.MetricNamed(h.Metric); known {
		return verdict.Unit(m.Unit)
	}
	return h.Cell.Unit
}

func heldValue(h verdict.Held) string {
	u := heldUnit(h)
	switch one := (verdict.Arm{N: 1, Center: h.Value, Lo: h.Lo, Hi: h.Hi}); {
	case h.Metric == verdict.StartThreshold:
		return stack(phrase.EdgeCenter(one), phrase.EdgeSpread(one), " ")
	case math.IsNaN(h.Value):
		return "not measured"
	}
	if math.IsInf(h.Lo, 0) || math.IsInf(h.Hi, 0) || math.IsNaN(h.Lo) || math.IsNaN(h.Hi) {
		return u.Format(h.Value)
	}
	return u.Format(h.Value) + " " + phrase.Bracket(u.Format, h.Lo, h.Hi)
}

type jsonHeld struct {
	Metric    string                 `json:"metric"`
	Text      string                 `json:"text"`
	Unit      verdict.Unit           `json:"unit"`
	AtMost    number                 `json:"at_most"`
	Scenario  string                 `json:"scenario"`
	Driver    string                 `json:"driver"`
	Order     string                 `json:"order"`
	Build     *scenarios.Build       `json:"build,omitempty"`
	Place     cgroupjoin.Place       `json:"limit_place,omitempty"`
	Limit     *int64                 `json:"limit_bytes"`
	Enumerate *scenarios.Enumeration `json:"enumerate,omitempty"`
	Value     number                 `json:"value"`
	Lo        number                 `json:"lo"`
	Hi        number                 `json:"hi"`
	Severity  verdict.Severity       `json:"severity"`
	Verdict   verdict.Ruling         `json:"verdict"`
	Reason    string                 `json:"reason"`
	Paragraph string                 `json:"paragraph,omitempty"`
	Trace     string                 `json:"trace,omitempty"`
}

func heldJSON(all []verdict.Held) []jsonHeld {
	out := []jsonHeld{}
	for _, h := range all {
		out = append(out, jsonHeld{
			Metric: h.Metric, Text: h.Text, Unit: heldUnit(h), AtMost: number(h.AtMost), Scenario: h.Cell.Scenario, Driver: string(h.Cell.Driver),
			Order: string(h.Cell.Order), Build: buildJSON(h.Cell.Build), Place: h.Cell.Place, Limit: orNull(h.Cell.Limit),
			Enumerate: enumerationJSON(h.Cell.Enumerate), Value: number(h.Value), Lo: number(h.Lo), Hi: number(h.Hi), Severity: h.Severity, Verdict: h.Ruling, Reason: h.Reason,
			Paragraph: h.Paragraph, Trace: h.Trace,
		})
	}
	return out
}

// heldNumbers are those of the JSON under the same names.
func heldNumbers(h verdict.Held) []junitProperty {
	return append([]junitProperty{{"unit", string(heldUnit(h))}}, numbered([]namedNumber{
		{"at_most", h.AtMost}, {"value", h.Value}, {"lo", h.Lo}, {"hi", h.Hi},
	})...)
}

// held adds a ceiling, what was measured against it and what was ruled.
func (x *exposition) held(h verdict.Held) {
	of := append([]tag{{"metric", h.Metric}, {"ceiling", h.Text}},
		conditionTags(h.Cell.Scenario, h.Cell.Driver, string(h.Cell.Order), h.Cell.Build, h.Cell.Place, h.Cell.Limit)...)
	of = append(of, tag{"enumerate", h.Cell.Enumerate.String()})
	unit, in := baseUnit(heldUnit(h))
	x.add("ceiling", unit, "What the policy lets the candidate have at most.", h.AtMost/in, of...)
	x.estimate("ceiling_measured", heldUnit(h), "What of the candidate was held against a ceiling.", h.Value, h.Lo, h.Hi, of...)
	x.oneOf("ceiling_ruling", "What was ruled of a ceiling: 1 for the one that was given.", "ruling",
		rulings(verdict.Pass, verdict.Regressed, verdict.Inconclusive), string(h.Ruling), of...)
}

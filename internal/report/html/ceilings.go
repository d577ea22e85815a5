package html

import (
	"fmt"
	"math"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

func searches(in Input) []verdict.Sought {
	if in.Verdict != nil {
		return in.Verdict.Searches
	}
	return in.Summary.Searches
}

func measured(u verdict.Unit, x float64) string {
	if math.IsNaN(x) {
		return "not measured"
	}
	return u.Format(x)
}

// ceilings has what the policy bounds, whatever the baseline does.
func ceilings(all []verdict.Held) *table {
	if len(all) == 0 {
		return nil
	}
	t := &table{ID: "ceilings", Caption: "ceilings of the policy", Class: "cards", Head: []string{"ceiling", "where", "measured", "severity", "ruling"}}
	for i, h := range all {
		key := fmt.Sprintf("ceilings.%d.", i)
		unit := h.Cell.Unit
		if m, known := scenarios.MetricNamed(h.Metric); known {
			unit = verdict.Unit(m.Unit)
		}
		value := numeric(append([]part{number(key+"value", h.Value, measured(unit, h.Value)), text(" ")}, interval(key, unit.Format, h.Lo, h.Hi)...)...)
		where := string(h.Cell.Driver) + ", " + conditionsText(h.Cell)
		name := of(part{Text: h.Text, Class: "name"})
		name.Head = true
		r := t.add(name, plain(where), value, plain(string(h.Severity)), of(part{Text: string(h.Ruling), Class: "badge is-" + string(h.Ruling)}, dim(h.Reason)))
		r.Class = "is-" + string(h.Ruling)
	}
	return t
}

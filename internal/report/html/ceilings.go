package html

import (
	"fmt"

	"github.com/initbench/initbench/internal/verdict"
)

func held(v verdict.Verdict) []verdict.Held { return v.Ceilings }

func searches(in Input) []verdict.Sought {
	if in.Verdict != nil {
		return in.Verdict.Searches
	}
	return in.Summary.Searches
}

// ceilings has what the policy bounds, whatever the baseline does.
func ceilings(all []verdict.Held) *table {
	if len(all) == 0 {
		return nil
	}
	t := &table{ID: "ceilings", Caption: "ceilings of the policy", Class: "cards", Head: []string{"ceiling", "where", "measured", "severity", "ruling"}}
	for i, h := range all {
		key := fmt.Sprintf("ceilings.%d.", i)
		value := numeric(append([]part{number(key+"value", h.Value, h.Cell.Unit.Format(h.Value)), text(" ")}, interval(key, h.Cell.Unit.Format, h.Lo, h.Hi)...)...)
		where := string(h.Cell.Driver) + ", " + conditionsText(h.Cell)
		name := of(part{Text: h.Text, Class: "name"})
		name.Head = true
		r := t.add(name, plain(where), value, plain(string(h.Severity)), of(part{Text: string(h.Ruling), Class: "badge is-" + string(h.Ruling)}, dim(h.Reason)))
		r.Class = "is-" + string(h.Ruling)
	}
	return t
}

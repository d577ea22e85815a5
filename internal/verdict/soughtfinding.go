package verdict

import (
	"fmt"
	"math"
)

// soughtFindings hold each imposed order's edge against the natural one of the same runtime. What lies between two brackets
// that are more than a step apart is no chance: both hold at the search's confidence.
func soughtFindings(all []Sought) (out []Finding) {
	for _, imposed := range all {
		own, known := naturalOf(all, imposed)
		if !known || imposed.Natural() || own.Edge.Starts == 0 || imposed.Edge.Starts == 0 {
			continue
		}
		step := imposed.Search.Step
		switch {
		case own.Edge.Hi > 0 && imposed.Edge.Lo-own.Edge.Hi > step:
			out = append(out, soughtFinding(SafeByRace, own, imposed, own.Edge.Hi, imposed.Edge.Lo))
		case imposed.Edge.Hi > 0 && own.Edge.Lo-imposed.Edge.Hi > step:
			out = append(out, soughtFinding(KilledByOrder, own, imposed, imposed.Edge.Hi, own.Edge.Lo))
		}
	}
	return out
}

func soughtFinding(kind FindingKind, own, imposed Sought, from, to int64) Finding {
	f := Finding{
		Kind: kind, Scenario: own.Scenario, Driver: own.Driver, Build: own.Build, Place: own.Place, Runtime: own.Runtime,
		Order: imposed.Order, Limit: from, Natural: own.within(from, to), Imposed: imposed.within(from, to), PHolm: math.NaN(),
		NaturalEdge: &own.Edge, ImposedEdge: &imposed.Edge,
	}
	f.Text = fmt.Sprintf("%s%s under %s: %s is in %s by itself, in %s when %s (%s): %s", f.Runtime, aside(f.Build), f.Driver, StartThreshold,
		own.Bracket(), imposed.Bracket(), comesFirst(f.Order), f.Scenario, f.meaning())
	return f
}

// within counts the starts under the limits from one to another.
func (s Sought) within(from, to int64) (c Count) {
	for _, p := range s.Points {
		if from <= p.Limit && p.Limit <= to {
			c.plus(Count{Started: p.Started, OOMKilled: p.OOMKilled, Failed: p.Failed})
		}
	}
	return c
}

// soughtBrief is brief of a search.
func (f Finding) soughtBrief() string {
	between := fmt.Sprintf("between %s and %s under %s", exactSize(f.Limit), f.upper(), f.Driver)
	if f.Kind == KilledByOrder {
		return fmt.Sprintf("%s dies %s only for the order of its steps", f.Runtime+aside(f.Build), between)
	}
	return fmt.Sprintf("%s starts %s only by winning a race", f.Runtime+aside(f.Build), between)
}

// upper is the other end of the limits at which the orders differ.
func (f Finding) upper() string {
	if f.Kind == KilledByOrder {
		return exactSize(f.NaturalEdge.Lo)
	}
	return exactSize(f.ImposedEdge.Lo)
}

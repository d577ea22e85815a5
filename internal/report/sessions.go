package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// jsonSession is what the sessions of a runtime counted of one kind; of a payload's own descriptors there is no kind.
type jsonSession struct {
	Scenario string     `json:"scenario"`
	Runtime  string     `json:"runtime"`
	Driver   string     `json:"driver"`
	Order    string     `json:"order"`
	Kind     string     `json:"kind"`
	Process  string     `json:"process,omitempty"`
	Cycles   int        `json:"cycles"`
	Quiet    bool       `json:"quiet"`
	Unread   string     `json:"unread,omitempty"`
	Slope    jsonArm    `json:"slope"`
	Growth   jsonGrowth `json:"growth"`
}

func sessionsJSON(all []verdict.SessionSummary) []jsonSession {
	out := []jsonSession{}
	for _, s := range all {
		out = append(out, jsonSession{
			Scenario: s.Scenario, Runtime: s.Runtime, Driver: string(s.Driver), Order: string(s.Order), Kind: s.Kind, Process: s.Process,
			Cycles: s.Cycles, Quiet: s.Quiet, Unread: s.Unread, Slope: medianJSON(s.Slope), Growth: growthJSON(s.Growth, s.Quiet),
		})
	}
	return out
}

// sessionGrid has a row for each kind that ever changed, or could not be counted; nil where there is none.
func sessionGrid(all []verdict.SessionSummary, scenario, between string) *grid {
	g := &grid{keys: 3, header: []string{"runtime", "driver", "order", "what", "sessions", "before", "a cycle", "left", "gone after", "such as"}}
	for _, s := range all {
		if s.Scenario != scenario || s.Quiet {
			continue
		}
		g.title = fmt.Sprintf("%s: what rose over sessions of %d cycles, and what was left of it when nothing more was released", scenario, s.Cycles)
		g.add(s.Runtime, string(s.Driver), string(s.Order), s.Thing(), fmt.Sprint(s.Slope.N), verdict.Counted.Format(s.Before), rise(s, between), left(s), gone(s), dash(s.Named()))
	}
	if len(g.rows) == 0 {
		return nil
	}
	if !slices.ContainsFunc(all, func(s verdict.SessionSummary) bool { return s.Order != sequence.Natural }) {
		g.drop(2)
	}
	return g.measured()
}

// drop takes out a column of those that say what a row is of.
func (g *grid) drop(column int) {
	g.keys--
	g.header = slices.Delete(g.header, column, column+1)
	for i := range g.rows {
		g.rows[i] = slices.Delete(g.rows[i], column, column+1)
	}
}

func rise(s verdict.SessionSummary, between string) string {
	switch {
	case s.Unread != "":
		return "not counted: " + s.Unread
	case s.Kind == "" || math.IsNaN(s.Slope.Center):
		return "-"
	}
	return stack(verdict.Counted.Format(s.Slope.Center), phrase.Spread(verdict.Counted, s.Slope), between)
}

func left(s verdict.SessionSummary) string {
	if s.Unread != "" {
		return "-"
	}
	return s.KeptText()
}

func gone(s verdict.SessionSummary) string {
	if s.BackNS == 0 {
		return "-"
	}
	return verdict.Nanoseconds.Format(float64(s.BackNS))
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// unchanged says of each runtime which kinds are in no table, since no session ever counted another number of them.
func unchanged(all []verdict.SessionSummary) (texts []string) {
	var order []string
	kinds := map[string][]string{}
	for _, s := range all {
		if !s.Quiet {
			continue
		}
		who := fmt.Sprintf("%s (%s, %s)", s.Runtime, s.Scenario, s.Driver)
		if s.Order != sequence.Natural {
			who = fmt.Sprintf("%s (%s, %s, %s)", s.Runtime, s.Scenario, s.Driver, s.Order)
		}
		if kinds[who] == nil {
			order = append(order, who)
		}
		kinds[who] = append(kinds[who], s.Thing())
	}
	for _, who := range order {
		texts = append(texts, fmt.Sprintf("%s: as many after each cycle as before of %d kinds: %s", who, len(kinds[who]), strings.Join(kinds[who], ", ")))
	}
	return texts
}

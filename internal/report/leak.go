package report

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// jsonLeak has the counts behind a row of sessions.
type jsonLeak struct {
	Cycles    int        `json:"cycles"`
	Quiet     bool       `json:"quiet"`
	Late      bool       `json:"late"`
	Both      bool       `json:"both"`
	Baseline  jsonGrowth `json:"baseline"`
	Candidate jsonGrowth `json:"candidate"`
}

type jsonGrowth struct {
	Before  number   `json:"before"`
	Mean    []number `json:"mean,omitempty"`
	Settled number   `json:"settled"`
	Kept    []int64  `json:"kept"`
	BackNS  int64    `json:"back_ns"`
	Names   []string `json:"names"`
}

func leakJSON(l *verdict.Leak) *jsonLeak {
	if l == nil {
		return nil
	}
	return &jsonLeak{Cycles: l.Cycles, Quiet: l.Quiet, Late: l.Late, Both: l.Both, Baseline: growthJSON(l.Baseline, l.Quiet), Candidate: growthJSON(l.Candidate, l.Quiet)}
}

// growthJSON leaves out the curve of a count that never changed: of most kinds it is a hundred zeros.
func growthJSON(g verdict.Growth, quiet bool) jsonGrowth {
	out := jsonGrowth{Before: number(g.Before), Settled: number(g.Settled), Kept: append([]int64{}, g.Kept...), BackNS: g.BackNS, Names: list(g.Names)}
	if !quiet {
		for _, x := range g.Mean {
			out.Mean = append(out.Mean, number(x))
		}
	}
	return out
}

// loud are the rows that a reader looks at one by one; of quiet ones, kinds of which nothing ever changed, quietLine tells together.
func loud(rows []verdict.Metric) (all []verdict.Metric) {
	for _, m := range rows {
		if !phrase.Quiet(m) {
			all = append(all, m)
		}
	}
	return all
}

// quietLine names the kinds that are in no table; empty where there are none.
func quietLine(rows []verdict.Metric) string {
	var names []string
	for _, m := range rows {
		if phrase.Quiet(m) {
			names = append(names, strings.TrimPrefix(m.Name, "leak.")+phrase.After(" of ", m.Process))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%d more rows pass, of what no session ever counted another number: %s", len(names), strings.Join(names, ", "))
}

package report

import (
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/verdict"
)

// jsonLeftovers has the sequences behind a row of lives.
type jsonLeftovers struct {
	Sequences        int                `json:"sequences"`
	Both             int                `json:"both"`
	BaselineAlone    int                `json:"baseline_alone"`
	CandidateAlone   int                `json:"candidate_alone"`
	BaselineLasting  int                `json:"baseline_alone_lasting"`
	CandidateLasting int                `json:"candidate_alone_lasting"`
	BaselineMissed   int                `json:"baseline_missed"`
	CandidateMissed  int                `json:"candidate_missed"`
	Settle           string             `json:"settle"`
	Cells            []jsonLeftoverCell `json:"cells"`
}

type jsonLeftoverCell struct {
	Sequence       string          `json:"sequence"`
	Baseline       lifecycle.Freed `json:"baseline"`
	Candidate      lifecycle.Freed `json:"candidate"`
	Name           string          `json:"name"`
	Worse          bool            `json:"worse"`
	Better         bool            `json:"better"`
	Confirmed      bool            `json:"confirmed"`
	Refuted        bool            `json:"refuted"`
	P              number          `json:"p"`
	BaselineAgain  *jsonHits       `json:"baseline_again,omitempty"`
	CandidateAgain *jsonHits       `json:"candidate_again,omitempty"`
}

type jsonHits struct {
	Left  int `json:"left"`
	Lived int `json:"lived"`
}

func leftoversJSON(l *verdict.Leftovers) *jsonLeftovers {
	if l == nil {
		return nil
	}
	out := &jsonLeftovers{Sequences: l.Sequences, Both: l.Both, Settle: l.Settle, Cells: []jsonLeftoverCell{},
		BaselineAlone: l.Alone[0], CandidateAlone: l.Alone[1], BaselineLasting: l.OwnLasting[0], CandidateLasting: l.OwnLasting[1],
		BaselineMissed: l.Missed[0], CandidateMissed: l.Missed[1]}
	for _, c := range l.Cells {
		out.Cells = append(out.Cells, jsonLeftoverCell{
			Sequence: c.Sequence, Baseline: c.Baseline, Candidate: c.Candidate, Name: c.Name, Worse: c.Worse, Better: c.Better,
			Confirmed: c.Confirmed, Refuted: c.Refuted, P: number(c.P), BaselineAgain: hitsJSON(c.Again[0]), CandidateAgain: hitsJSON(c.Again[1]),
		})
	}
	return out
}

func hitsJSON(h verdict.Hits) *jsonHits {
	if h.N == 0 {
		return nil
	}
	return &jsonHits{Left: h.X, Lived: h.N}
}

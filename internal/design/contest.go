package design

import (
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// contest is the two searches of a gate's row. They are after what settles it, each for the other: where both edges lie is no question
// of a gate's, and costs several times the starts.
type contest struct {
	scene *scene
	cell  scenarios.Cell
	arms  [2]*search // baseline, candidate
	judge verdict.Options
	// sought: the last verdict found the row settled, and every ceiling on it. over: it gets no more starts.
	sought, over bool
}

// pair makes contests of searches, of each cell one.
func (s *scene) pair(judge verdict.Options) {
	for _, q := range s.searches {
		k := s.contestIn(q.cell)
		if k == nil {
			k = &contest{scene: s, cell: q.cell, judge: judge}
			s.contests = append(s.contests, k)
		}
		k.arms[one(q.arm != "baseline")], q.of = q, k
	}
}

func (s *scene) contestIn(c scenarios.Cell) *contest {
	for _, k := range s.contests {
		if k.cell == c {
			return k
		}
	}
	return nil
}

// effective is the search whose edge the verdict takes for an arm's: the natural order's where this one does not apply.
func (k *contest) effective(arm int) *search {
	q := k.arms[arm]
	if !q.inapplicable {
		return q
	}
	at := k.cell
	at.Order = sequence.Natural
	if own := k.scene.contestIn(at); own != nil {
		return own.arms[arm]
	}
	return q
}

func (k *contest) rivals() stats.Rivals {
	b, c := k.effective(0).edge, k.effective(1).edge
	smaller := min(b.Found().Threshold, c.Found().Threshold)
	margin, _ := k.judge.ThresholdMargin(*k.scene.Search, smaller)
	return stats.Rivals{Baseline: b, Candidate: c, Margin: int64(margin)}
}

// next are up to n starts to be made beside each other. Where the row is answered and a ceiling is not, the candidate's edge is
// looked for. None ends the contest.
func (k *contest) next(n int) (tries []try) {
	if k.over {
		return nil
	}
	all := k.rivals().Next(n)
	if len(all) == 0 && !k.sought {
		c := k.effective(1).edge
		for _, limit := range c.Next(n) {
			all = append(all, stats.Start{Of: c, Limit: limit})
		}
	}
	for _, start := range all {
		q := k.searchOf(start.Of)
		if q.ended { // for want of starts or of outcomes: it can no longer do its part
			k.over = true
			return nil
		}
		tries = append(tries, try{q, start.Limit})
	}
	k.over = len(tries) == 0
	return tries
}

func (k *contest) searchOf(edge *stats.Search) *search {
	if b := k.effective(0); b.edge == edge {
		return b
	}
	return k.effective(1)
}

// look takes in what a verdict says of the row. Whether a pass is an improvement is asked for as long as that is likely.
func (k *contest) look(v verdict.Verdict) {
	k.sought = isSought(v, k.scene.Scenario, k.cell)
	if k.sought && (!passes(v, k.scene.Scenario, k.cell) || len(k.rivals().Next(1)) == 0) {
		k.over = true
	}
}

func passes(v verdict.Verdict, sc scenarios.Scenario, c scenarios.Cell) bool {
	for _, m := range v.Metrics {
		if m.Name == scenarios.StartThreshold && isOf(m, sc, c) && m.Ruling == verdict.Pass {
			return true
		}
	}
	return false
}

// contested are the next starts of every contest. A search that two of them lean on is asked by the first.
func (s *scene) contested() (tries []try) {
	open := 0
	for _, k := range s.contests {
		open += one(!k.over)
	}
	asked := map[*search]bool{}
	for _, k := range s.contests {
		wanted := k.next(max(2, together/max(1, open)))
		for _, t := range wanted {
			if !asked[t.of] {
				tries = append(tries, t)
			}
		}
		for _, t := range wanted {
			asked[t.of] = true
		}
	}
	return tries
}

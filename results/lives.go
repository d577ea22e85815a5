package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/scenarios"
)

// maxThings are counted of one kind that a life left.
const maxThings = 1 << 20

// Lived is what a session's lives left, in the order in which they were lived.
type Lived struct {
	Lives []Life `json:"lives"`
}

// Life is one sequence as it was lived.
type Life struct {
	Sequence string `json:"sequence"`
	// Missed: the runtime did not come to the point at which it was to be killed. The life says nothing then.
	Missed bool `json:"missed,omitempty"`
	// Left has an element for each kind and each of what freed those of it; nothing was left where it is empty.
	Left []Leftover `json:"left,omitempty"`
}

// Leftover are the things of one kind that the same thing freed.
type Leftover struct {
	Kind    lifecycle.Kind  `json:"kind"`
	FreedBy lifecycle.Freed `json:"freed_by"`
	Count   int             `json:"count"`
	// Name is one of them, in which what is the run's own reads ID and LIFE.
	Name string `json:"name,omitempty"`
	// AfterNS is how long the last of them took to go; 0 where none of what was tried freed it.
	AfterNS int64 `json:"after_ns,omitempty"`
}

// LifeOf is what a record of a life says, shortened.
func LifeOf(r lifecycle.Record) Life {
	l := Life{Sequence: r.Sequence.String(), Missed: r.Missed()}
	for _, kind := range lifecycle.LeftKinds() {
		for _, by := range lifecycle.FreedBy() {
			if of := leftoverOf(r.Left, kind, by); of.Count > 0 {
				l.Left = append(l.Left, of)
			}
		}
	}
	return l
}

func leftoverOf(left []lifecycle.Left, kind lifecycle.Kind, by lifecycle.Freed) Leftover {
	all := Leftover{Kind: kind, FreedBy: by}
	for _, one := range left {
		if one.Kind != kind || one.FreedBy != by {
			continue
		}
		if all.Count == 0 {
			all.Name = shortName(one.Name)
		}
		all.Count++
		all.AfterNS = max(all.AfterNS, one.AfterNS)
	}
	return all
}

// shortName keeps names from filling a record's line, of which there are thousands in it.
func shortName(name string) string {
	const most = 60
	name = CensusText(name)
	if len(name) > most {
		name = CensusText(name[:most-3] + "...")
	}
	return name
}

// Worst is what it took to free those of a kind, the hardest of them: 0, nothing or no more than time; 1 the runtime's delete, 2 clean, 3 nothing did.
func (l Life) Worst(kind lifecycle.Kind) (rank int) {
	for _, one := range l.Left {
		if one.Kind == kind {
			rank = max(rank, slices.Index(lifecycle.FreedBy(), one.FreedBy))
		}
	}
	return rank
}

// Leaves reports whether anything of a kind was left, however it was freed.
func (l Life) Leaves(kind lifecycle.Kind) bool {
	return slices.ContainsFunc(l.Left, func(one Leftover) bool { return one.Kind == kind })
}

// mostAgain sequences are lived again for each kind and each direction in which they differ, the shortest: of two runtimes that
// have little in common hundreds would be, and each is lived eight times.
const mostAgain = 6

// Pair is one sequence that both of two sessions lived.
type Pair struct{ A, B Life }

// PairsOf are the sequences that both lived, in the order of the first, by the first life of each.
func PairsOf(a, b Lived) (all []Pair) {
	others := map[string]Life{}
	for _, l := range b.Lives {
		if _, had := others[l.Sequence]; !had && !l.Missed {
			others[l.Sequence] = l
		}
	}
	for _, l := range a.Lives {
		if other, both := others[l.Sequence]; both && !l.Missed {
			all = append(all, Pair{l, other})
			delete(others, l.Sequence)
		}
	}
	return all
}

// Named is one of the things of a kind that a life left, of those that were hardest to free; of another life where this one left none.
func (l Life) Named(kind lifecycle.Kind, other Life) string {
	rank := l.Worst(kind)
	for _, one := range l.Left {
		if one.Kind == kind && rank > 0 && one.FreedBy == lifecycle.FreedBy()[rank] {
			return one.Name
		}
	}
	if other.Worst(kind) > 0 {
		return other.Named(kind, Life{})
	}
	return ""
}

// Differs is how much harder it is to free what B left of a kind than what A left: above 0, B is worse.
func (p Pair) Differs(kind lifecycle.Kind) int { return p.B.Worst(kind) - p.A.Worst(kind) }

// Again are the sequences to be lived again, since two sessions left different things after them: of each kind and direction the shortest.
func Again(a, b Lived) (names []string) {
	pairs := PairsOf(a, b)
	slices.SortStableFunc(pairs, func(p, q Pair) int {
		return strings.Count(p.A.Sequence, ",") - strings.Count(q.A.Sequence, ",")
	})
	for _, kind := range lifecycle.LeftKinds() {
		for _, sign := range []int{1, -1} {
			n := 0
			for _, p := range pairs {
				if p.Differs(kind)*sign <= 0 || n == mostAgain {
					continue
				}
				if n++; !slices.Contains(names, p.A.Sequence) {
					names = append(names, p.A.Sequence)
				}
			}
		}
	}
	return names
}

// checkLived refuses what no session lives.
func (r *Record) checkLived() error {
	switch {
	case r.Lived == nil:
		return nil
	case r.Lives == 0:
		return fmt.Errorf("trial %d: lives of a trial that has none", r.Index)
	case len(r.Lived.Lives) > scenarios.MaxLives*scenarios.Repeated:
		return fmt.Errorf("trial %d: %d lives: the most are %d", r.Index, len(r.Lived.Lives), scenarios.MaxLives)
	}
	for _, l := range r.Lived.Lives {
		if err := l.check(); err != nil {
			return fmt.Errorf("trial %d: %w", r.Index, err)
		}
	}
	return nil
}

func (l Life) check() error {
	if s, err := lifecycle.Parse(l.Sequence); err != nil {
		return fmt.Errorf("life: %w", err)
	} else if s.String() != l.Sequence {
		return fmt.Errorf("life %.60q is not written as %q", l.Sequence, s)
	}
	seen := map[string]bool{}
	for _, one := range l.Left {
		key := string(one.Kind) + " " + string(one.FreedBy)
		switch {
		case !slices.Contains(lifecycle.LeftKinds(), one.Kind) || !slices.Contains(lifecycle.FreedBy(), one.FreedBy):
			return fmt.Errorf("life %s: %.60q freed by %.60q is no leftover", l.Sequence, one.Kind, one.FreedBy)
		case seen[key]:
			return fmt.Errorf("life %s: %s freed by %s twice", l.Sequence, one.Kind, one.FreedBy)
		case one.Count < 1 || one.Count > maxThings || one.AfterNS < 0 || !isText(one.Name):
			return fmt.Errorf("life %s: %d of %s after %d ns", l.Sequence, one.Count, one.Kind, one.AfterNS)
		}
		seen[key] = true
	}
	return nil
}

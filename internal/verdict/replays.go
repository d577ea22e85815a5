package verdict

import (
	"slices"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Replays keep the searches of a run that grows from one judgement to the next, for only what is new to be taken in: whole
// ones of eight cells take a tenth of a second. Records that are not those of before with more after them are searched anew, so that a
// verdict is the same with Replays and without. They are of one goroutine. The zero value is empty.
type Replays struct {
	kept map[replayed]*kept
}

// replayed is one arm's search in one cell.
type replayed struct {
	key
	runtime string
	search  scenarios.Search
}

type kept struct {
	tries  []try
	search *stats.Search
}

// search takes in the tries, which are in their order, as far as they show anything.
func (p *Replays) search(of replayed, tries []try) *stats.Search {
	shown := slices.DeleteFunc(slices.Clone(tries), func(t try) bool { return !t.shows() || !of.onGrid(t.limit) })
	k := p.of(of)
	if k.search == nil || len(k.tries) > len(shown) || !slices.Equal(k.tries, shown[:len(k.tries)]) {
		k.tries, k.search = nil, stats.NewSearch(SearchSpec(of.search))
	}
	for _, t := range shown[len(k.tries):] {
		_ = k.search.Add(t.limit, t.outcome == results.Started) // refuses what is off the grid, which is not among them
	}
	k.tries = shown
	return k.search
}

// SearchSpec is a scenario's search as statistics have it.
func SearchSpec(q scenarios.Search) stats.SearchSpec {
	return stats.SearchSpec{From: q.From, To: q.To, Step: q.Step, Probability: q.Probability, Confidence: q.Confidence, Most: q.Most}
}

// of finds what is kept, or room for it. Nil keeps nothing.
func (p *Replays) of(at replayed) *kept {
	switch {
	case p == nil:
		return &kept{}
	case p.kept == nil:
		p.kept = map[replayed]*kept{}
	}
	if p.kept[at] == nil {
		p.kept[at] = &kept{}
	}
	return p.kept[at]
}

// onGrid is false of a trial whose plan was another.
func (r replayed) onGrid(limit int64) bool {
	q := r.search
	return limit >= q.From && limit <= q.To && (limit-q.From)%q.Step == 0
}

package stats

import "math"

// Rivals are the searches of two arms over one grid, which together are to answer one question: is the candidate's
// threshold more than Margin above the baseline's, as much below it, or no more above it. Any of the three follows from one upper
// end and one lower end; where the other two lie nobody needs to know. So a start is spent on the pair of ends that the belief of
// both has for the cheapest: an upper end far enough up for starts to be sure there, a lower one as far down as the answer lets it be.
//
// What is shown is still shown by each search alone (see [Search]): a search's claims hold however its limits were chosen,
// also by what another one found.
type Rivals struct {
	Baseline, Candidate *Search
	Margin              int64
}

// Start is one that a search is asked for.
type Start struct {
	Of    *Search
	Limit int64
}

// Next proposes up to n starts to be made at once, given that none of either search is outstanding; none when the question is answered, or when
// neither search has anything left to spend a start on.
func (r Rivals) Next(n int) []Start {
	if r.answered() {
		return nil
	}
	if r.exploring() {
		return r.explore(n)
	}
	if best := r.best(); best.score > 0 {
		return best.starts(n)
	}
	// No answer is within reach of the starts that are left, by the model's lights: what is left is to know both edges better.
	return append(of(r.Baseline, r.Baseline.Next((n+1)/2)), of(r.Candidate, r.Candidate.Next((n+1)/2))...)
}

func of(s *Search, limits []int64) (all []Start) {
	for _, limit := range limits {
		all = append(all, Start{s, limit})
	}
	return all
}

// beyond is the least number of steps that is more than the margin.
func (r Rivals) beyond() int { return int(r.Margin/r.Baseline.spec.Step) + 1 }

// answered tells whether the candidate's threshold was shown to be above the baseline's by more than the margin, or not to be; and in that
// case also whether it is as much below it, unless that is too unlikely to be asked.
func (r Rivals) answered() bool {
	bLo, bHi := r.Baseline.ends()
	cLo, cHi := r.Candidate.ends()
	switch {
	case bHi < r.Baseline.limits && cLo-bHi >= r.beyond():
		return true
	case cHi == r.Candidate.limits || cHi-bLo >= r.beyond():
		return false
	}
	return bLo-cHi >= r.beyond() || !r.mayBeBelow() || r.best().score == 0
}

// mayBeBelow: the belief has the candidate's threshold rather more than the margin below the baseline's than not. To show that too is
// worth the few starts that a lower end takes.
func (r Rivals) mayBeBelow() bool {
	best := 0.0
	for x := range r.Baseline.limits - r.beyond() {
		best = math.Max(best, r.below(x).chance())
	}
	return best > 0.5
}

// exploring: the model is not sure enough of any answer to have it shown, and a share of the starts is for learning. A search without
// starts left can learn nothing.
func (r Rivals) exploring() bool {
	return r.likeliest() < boldness && (r.Baseline.learns() || r.Candidate.learns())
}

// learning is the share of its starts that a rival may spend on learning where its edge is. A bisection of the whole grid takes eight.
const learning = 12

func (s *Search) learns() bool {
	lo, hi := s.belief.between((1-boldness)/2, (1+boldness)/2)
	return hi > lo && s.starts < max(s.spec.Most/learning, 1)
}

func (r Rivals) explore(n int) (all []Start) {
	each := n
	if r.Baseline.learns() && r.Candidate.learns() {
		each = (n + 1) / 2
	}
	for _, s := range []*Search{r.Baseline, r.Candidate} {
		if !s.learns() {
			continue
		}
		lo, hi := s.ends()
		for _, x := range s.belief.quantiles(min(each, together), lo, hi) {
			all = append(all, Start{s, s.limit(x)})
		}
	}
	return all
}

// likeliest is the greatest chance that one pair of ends has of holding.
func (r Rivals) likeliest() (best float64) {
	for x := range r.Baseline.limits {
		for _, g := range r.goals(x, false) {
			best = math.Max(best, g.chance())
		}
	}
	return best
}

// goal is an answer by a pair of ends: of one search the upper one at a limit, of the other the lower one.
type goal struct {
	up, down *Search
	hi, lo   int
	score    float64
	rise     int // starts that the upper end still takes, if every one goes well
	fall     int
}

// above, below and within are answers with an upper end at x. The lower end is never put higher than the answer asks for: further down
// starts fail the surer.
func (r Rivals) above(x int) goal {
	return goal{up: r.Baseline, down: r.Candidate, hi: x, lo: x + r.beyond()}
}

func (r Rivals) below(x int) goal {
	return goal{up: r.Candidate, down: r.Baseline, hi: x, lo: x + r.beyond()}
}

func (r Rivals) within(x int) goal {
	return goal{up: r.Candidate, down: r.Baseline, hi: x, lo: x - r.beyond() + 1}
}

func (r Rivals) goals(x int, mayBeBelow bool) (all []goal) {
	if x+r.beyond() < r.Baseline.limits {
		all = append(all, r.above(x), r.below(x))
	}
	if !mayBeBelow {
		all = append(all, r.within(x))
	}
	return all
}

// chance that both ends lie so.
func (g goal) chance() float64 {
	chance := 1.0
	if _, hi := g.up.ends(); g.hi < hi {
		chance = g.up.belief.atMost(g.hi)
	}
	if lo, _ := g.down.ends(); g.lo > lo {
		chance *= 1 - g.down.belief.atMost(g.lo)
	}
	return chance
}

// least is a chance that is not worth a start.
const least = 0.02

// weighed is the goal with its chance for a start, no score where it is out of reach.
func (g goal) weighed() goal {
	chance := g.chance()
	if chance < least {
		return g
	}
	up, mean, ok := g.up.rise(g.hi)
	if !ok {
		return g
	}
	down, more, ok := g.down.fall(g.lo)
	if !ok {
		return g
	}
	g.rise, g.fall, g.score = up, down, chance/math.Max(1, mean+more)
	return g
}

// rise is how many starts it takes for Hi to come to a limit, at the least and in the mean, and whether there are so many.
func (s *Search) rise(x int) (bets int, mean float64, ok bool) {
	_, hi := s.ends()
	if hi <= x {
		return 0, 0, true
	}
	growth, bets := s.above.needed(x, hi)
	return s.within(bets, growth/s.pacesAt(x).rising)
}

// fall is rise of Lo.
func (s *Search) fall(x int) (bets int, mean float64, ok bool) {
	lo, _ := s.ends()
	if lo >= x {
		return 0, 0, true
	}
	growth, bets := s.below.needed(lo+1, x+1)
	return s.within(bets, growth/s.pacesAt(x).falling)
}

func (s *Search) within(bets int, mean float64) (int, float64, bool) {
	left := s.spec.Most - s.starts
	return bets, math.Max(mean, float64(bets)), bets <= left && mean <= reach*float64(left)
}

// best is the goal with the greatest chance for a start.
func (r Rivals) best() (best goal) {
	seen, mayBeBelow := make([]bool, r.Baseline.limits), r.mayBeBelow()
	for _, x := range r.candidates() {
		if x < 0 || x >= len(seen) || seen[x] {
			continue
		}
		seen[x] = true
		for _, g := range r.goals(x, mayBeBelow) {
			if g = g.weighed(); g.score > best.score {
				best = g
			}
		}
	}
	return best
}

// candidates are upper ends worth looking at: those of each search, and as far from the other's as an answer puts them.
func (r Rivals) candidates() (all []int) {
	for _, s := range []*Search{r.Baseline, r.Candidate} {
		lo, hi := s.ends()
		for _, x := range append(s.candidates(-1, s.limits), lo, hi) {
			all = append(all, x, x-r.beyond(), x+r.beyond()-1)
		}
	}
	return all
}

// starts are the lower end's first: it takes few, and where it cannot be shown the many for the upper one would be wasted.
func (g goal) starts(n int) (all []Start) {
	for range min(g.fall, n) {
		all = append(all, Start{g.down, g.down.limit(g.lo)})
	}
	for range min(g.rise, n-len(all)) {
		all = append(all, Start{g.up, g.up.limit(g.hi)})
	}
	return all
}

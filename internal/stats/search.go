package stats

import (
	"fmt"
	"math"
)

// SearchSpec is what a search looks for, on the grid From, From+Step, ... up to To.
type SearchSpec struct {
	From, To, Step          int64
	Probability, Confidence float64
	// Most starts are spent.
	Most int
}

// Edge is what a search has found so far.
type Edge struct {
	// Threshold is the smallest limit of the grid that was shown to start with the probability asked for, at the
	// confidence asked for; 0: none was.
	Threshold int64
	// The true one lies above Lo and is at most Hi, at the confidence asked for; 0 is an end that was not shown.
	Lo, Hi int64
	// Sharp: every start below Threshold failed and none from it on.
	Sharp bool
	// Done: there is nothing more to spend a start on, or no start left to spend.
	Done   bool
	Starts int
}

// Search looks for the start threshold: the smallest limit at which a container starts with at least a given probability,
// when the probability rises with the limit. It has two halves that know nothing of each other's methods:
//
//   - where to try next is chosen by a Bayesian model of curves (belief), in the manner of Kontsevich and Tyler's psi
//     method (1999) and Watson's QUEST+ (2017). Nothing is claimed by it;
//   - what is claimed rests on two families of test martingales (evidence) that hold for every curve that rises,
//     however the limits were chosen and whenever one stops.
//
// The model places the bets of the martingales, and a bet is placed before its outcome is known. So starts have to be
// added in an order that does not depend on how they ended: that in which Next proposed them. In another order no number
// of the model changes, but which of the starts are evidence may.
type Search struct {
	spec         SearchSpec
	limits       int
	tried        []tally
	starts       int
	belief       *belief
	above, below *evidence
	// rising and falling are the paces of above and below under the curves of the belief.
	rising, falling [][]float64
	// paces are those of the evidence by the belief of now, of each limit at which they were asked for.
	paces []paces
	// again is what the next claim of above and below takes at the least, if this one turns out not to be the last.
	again struct{ above, below int }
}

// paces are the mean growths by a bet at a limit: of above if starts are sure there, of below if they are not.
type paces struct {
	known           bool
	rising, falling float64
}

// tally is how the starts under one limit ended.
type tally struct{ started, failed int }

// NewSearch begins a search. The spec is one that has been checked: From <= To, 0 < Step, Probability and Confidence within 0..1.
func NewSearch(spec SearchSpec) *Search {
	n := int((spec.To-spec.From)/spec.Step) + 1
	alpha := 1 - spec.Confidence
	s := &Search{
		spec: spec, limits: n, tried: make([]tally, n), paces: make([]paces, n),
		belief: newBelief(n, spec.Probability),
		// A failure where starts are sure is ten times likelier if they are not (at a probability of 0.9), a start where they
		// are not sure is 1.1 times likelier if they are: the end that is cheap to show gets a tenth of the error.
		above: newEvidence(n, spec.Probability, 0.9*alpha),
		below: newEvidence(n, 1-spec.Probability, 0.1*alpha),
	}
	s.rising, s.falling = s.belief.table(s.above.pace), s.belief.table(func(p float64) float64 { return s.below.pace(1 - p) })
	_, s.again.above = s.above.needed(0, 1)
	_, s.again.below = s.below.needed(0, 1)
	return s
}

// Add takes the outcome of one start in; see Search for the order. A limit that is not on the grid is refused.
func (s *Search) Add(limit int64, started bool) error {
	i, on := s.index(limit)
	if !on {
		return fmt.Errorf("search: a start at %d bytes, which is none of %d, %d, ... %d", limit, s.spec.From, s.spec.From+s.spec.Step, s.spec.To)
	}
	// The bets come first: they may know nothing of this outcome. If starts were not sure at this limit they would be
	// so at no lower one, and the other way round.
	if low := s.belief.atMost(i); low >= boldness {
		s.above.bet(i, s.limits, started)
	} else if low <= 1-boldness {
		s.below.bet(0, i+1, !started)
	}
	s.belief.see(i, started)
	clear(s.paces)
	s.starts++
	if started {
		s.tried[i].started++
	} else {
		s.tried[i].failed++
	}
	return nil
}

// boldness is how sure the model must be that the threshold lies on one side of a limit before an outcome there
// is bet on. A bet that is lost has to be won back, one that is not placed is a start without evidence.
const boldness = 0.8

func (s *Search) index(limit int64) (int, bool) {
	d := limit - s.spec.From
	return int(d / s.spec.Step), d >= 0 && d%s.spec.Step == 0 && d/s.spec.Step < int64(s.limits)
}

func (s *Search) limit(i int) int64 { return s.spec.From + int64(i)*s.spec.Step }

// ends are the indices of Lo, -1 if nothing is shown, and Hi, the number of limits if nothing is. Each is reached by
// testing one limit after the other from its end of the grid, each at the full level, up to the first that is not shown: of the
// hypotheses that are true only the one tested first can lead to a false claim, so their number costs nothing (Marcus,
// Peritz and Gabriel 1976; Maurer, Hothorn and Lehmacher 1995).
func (s *Search) ends() (lo, hi int) {
	lo, hi = -1, s.limits
	for lo+1 < s.limits && s.below.shown[lo+1] {
		lo++
	}
	for hi > 0 && s.above.shown[hi-1] {
		hi--
	}
	// Both cannot be true, and need not be where starts do not get likelier with the limit: the weaker claim stays.
	return lo, max(hi, lo+1)
}

// Found is what is shown by now.
func (s *Search) Found() Edge {
	lo, hi := s.ends()
	e := Edge{Starts: s.starts, Done: len(s.Next(1)) == 0}
	if lo >= 0 {
		e.Lo = s.limit(lo)
	}
	if hi < s.limits {
		e.Hi = s.limit(hi)
		e.Threshold, e.Sharp = e.Hi, s.sharp(hi)
	}
	return e
}

func (s *Search) sharp(edge int) bool {
	for i, t := range s.tried {
		if i < edge && t.started > 0 || i >= edge && t.failed > 0 {
			return false
		}
	}
	return true
}

// Next proposes up to n limits to be tried at once, given that none is outstanding; none when the search is over.
func (s *Search) Next(n int) []int64 {
	lo, hi := s.ends()
	left := s.spec.Most - s.starts
	if hi-lo <= 1 || left <= 0 {
		return nil
	}
	n = min(n, left)
	var at []int
	if s.exploring() {
		at = s.belief.quantiles(min(n, together), lo, hi)
	} else {
		at = s.aims(n, lo, hi, left)
	}
	limits := make([]int64, len(at))
	for i, x := range at {
		limits[i] = s.limit(x)
	}
	return limits
}

// together is how many limits are explored at once. n of them shrink the bracket to 1/(n+1), so that eight spend 20
// starts where bisection spends 8; three spend 12.
const together = 3

// exploring: the model does not know yet where the threshold lies, and a share of the starts is for learning it.
func (s *Search) exploring() bool {
	lo, hi := s.belief.between((1-boldness)/2, (1+boldness)/2)
	return hi > lo && s.starts < s.spec.Most/exploration
}

const exploration = 5

// aim is an end of the interval to be moved to a limit, and what that is worth.
type aim struct {
	at    int
	score float64
	// starts that it takes if every one goes well
	starts int
}

// aims spends starts on what moves an end farthest for a start: each end's best aim, the better one first.
func (s *Search) aims(n, lo, hi, left int) []int {
	up, down := s.best(lo, hi, left)
	if up.score < down.score {
		up, down = down, up
	}
	var at []int
	for _, a := range []aim{up, down} {
		for ; a.score > 0 && a.starts > 0 && len(at) < n; a.starts-- {
			at = append(at, a.at)
		}
	}
	return at
}

// best are the aims for Hi and for Lo. What an aim is worth is by how much the interval would shrink, as a ratio, times
// the chance that it can be, by the starts that this takes. An end that is not shown yet is taken to come to where
// the model has it.
func (s *Search) best(lo, hi, left int) (up, down aim) {
	low, high := s.belief.between(1-sure, sure)
	low, high = max(low-1, lo), min(high, hi)
	for _, x := range s.candidates(lo, hi) {
		chance := s.belief.atMost(x)
		pace := s.pacesAt(x)
		growth, bets := s.above.needed(x, hi)
		up = up.orBetter(aim{x, shrink(hi-low, x-low) * chance, bets}, growth/pace.rising, s.again.above, left, hi < s.limits)
		growth, bets = s.below.needed(lo+1, x+1)
		down = down.orBetter(aim{x, shrink(high-lo, high-x) * (1 - chance), bets}, growth/pace.falling, s.again.below, left, lo >= 0)
	}
	return up, down
}

// pacesAt goes through the belief once a limit and outcome: two rivals ask for the same limit many times over.
func (s *Search) pacesAt(x int) paces {
	if p := &s.paces[x]; !p.known {
		rising, falling := s.belief.mean(x, s.rising, s.falling)
		*p = paces{true, rising, falling}
	}
	return s.paces[x]
}

// shrink is by how much an interval does, as a logarithm.
func shrink(from, to int) float64 { return math.Log(float64(max(from, 1)) / float64(max(to, 1))) }

// sure is how sure the model is taken to be of where the other end will come to lie.
const sure = 0.95

// orBetter is the other aim, if that is better and within reach. It takes so many starts in the mean. An end that
// is not shown at all is worth whatever is left.
func (a aim) orBetter(other aim, mean float64, again, left int, shown bool) aim {
	other.score /= math.Max(1, mean) + float64(again)
	if shown && mean > reach*float64(left) || other.starts > left || other.score <= a.score {
		return a
	}
	return other
}

// reach is how many times the starts that are left an aim may be expected to take: the model is not that sure.
const reach = 2

// candidates are the limits worth looking at: quantiles of where the threshold may lie with their neighbours, and some
// farther out, where outcomes are surer.
func (s *Search) candidates(lo, hi int) []int {
	seen, out := map[int]bool{}, []int{}
	add := func(x int) {
		if x = min(max(x, lo+1), hi-1); !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	for q := 0.05; q < 1; q += 0.1 {
		at, _ := s.belief.between(q, q)
		add(at - 1)
		add(at)
	}
	low, high := s.belief.between(0.05, 0.95)
	for away := 1; away < s.limits; away *= 2 {
		add(low - away)
		add(high + away)
	}
	return out
}

package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
)

// A rate that is to be 0 is never shown to be: what can be shown is that no event was seen, and that a rate of more than the
// metric's margin is excluded. One event refutes it.

// holdRate holds the candidate's share in one cell of a ladder. What refutes a bound of 0 is one event, whenever it was seen; else the first look
// at which the ceiling is settled rules.
func (j *judge) holdRate(c Ceiling, m metric, k key) Held {
	h := newHeld(c, m, k)
	at := j.at(k)[candidate]
	all, blocks, margin := at.events(m, nil), j.blocks(k), j.opts.margin(m.name).Fraction
	switch lost := at.mostNotCounted(nil, armNames[candidate], ""); {
	case lost != "" && (all.N == 0 || c.AtMost == 0 && all.X > 0):
		h.say(Inconclusive, lost)
		return h
	case all.N == 0:
		h.say(Inconclusive, h.inOrderOf(k.order, "no trial of the candidate shows it"+at.because(m, j.envOf(k.scenario))))
		return h
	case c.AtMost == 0 && all.X > 0:
		h.ruleRate(all, j.opts.alpha(), j.opts.alpha(), margin, h.inOrder(k.order))
		return h
	}
	for _, l := range j.sights(len(blocks)) {
		in := l.seen(blocks)
		if lost := at.mostNotCounted(in, armNames[candidate], ""); lost != "" {
			h.say(Inconclusive, lost)
			continue
		}
		if h.ruleRate(at.events(m, in), l.Level, j.opts.alpha(), margin, h.inOrder(k.order)); h.Ruling != Inconclusive {
			break
		}
	}
	return h
}

// ruleRate rules over x events in n trials. The upper end is Wilson's at the level of the look. The lower one, which refutes, holds at alpha however
// often and whenever one looks: of two trials Wilson's interval would refute a rate of 5 % by a single event.
func (h *Held) ruleRate(n stats.Count, level, alpha, margin float64, in string) {
	if n.N == 0 {
		h.say(Inconclusive, "no trial of the candidate shows it")
		return
	}
	iv := stats.Difference([]stats.Stratum{{Base: n, Cand: n}}, 1-level).Cand
	h.Value, h.Lo, h.Hi = n.Rate(), stats.RateAbove(n, alpha/2), iv.Hi
	what := fmt.Sprintf("%.0f of %.0f trials of the candidate%s", n.X, n.N, in)
	switch {
	case h.AtMost > 0:
		h.rule(what + fmt.Sprintf(" [%s, %s]:", Percent(h.Lo), Percent(h.Hi)) + " its rate")
	case n.X > 0:
		h.say(Regressed, what+" refute it")
	case iv.Hi <= margin:
		h.say(Pass, strings.TrimSuffix(what, ",")+fmt.Sprintf(", and more than %s is excluded", Percent(iv.Hi)))
	default:
		h.say(Inconclusive, what+fmt.Sprintf(" exclude no more than %s, %s have to be: more trials are needed", Percent(iv.Hi), Percent(margin)))
	}
}

// holdSearchedRate holds oom.rate at one limit against what a search shows of it: its trials at that very limit, and where the
// threshold lies. A kill at a higher limit is one at this limit too, for a start gets no likelier with less memory.
func (j *judge) holdSearchedRate(c Ceiling, m metric, sc scenarios.Scenario, group key) Held {
	h := newHeld(c, m, group)
	h.Cell.Place, h.Cell.Limit = soughtPlace(sc), c.Limit
	s, why := j.soughtFor(group)
	if why != "" {
		h.say(Inconclusive, h.inOrderOf(group.order, why))
		return h
	}
	above, very := s.kills(c.Limit)
	unlikely := unlikely(s.Search)
	h.Lo, h.Hi = 0, 1
	if s.Edge.Hi > 0 && s.Edge.Hi <= c.Limit {
		h.Hi = unlikely
	}
	if very.N > 0 {
		h.Value = very.Rate()
		h.Lo = stats.RateAbove(very, j.opts.alpha()/2)
	}
	if s.Edge.Lo >= c.Limit {
		h.Lo = math.Max(h.Lo, unlikely)
	}
	what := fmt.Sprintf("the candidate's threshold%s is %s", h.inOrder(s.Order), s.lies())
	switch {
	case c.AtMost == 0 && above > 0:
		h.Lo = math.Max(h.Lo, math.SmallestNonzeroFloat64)
		h.say(Regressed, fmt.Sprintf("%s of the candidate at this limit or above it%s", plural(above, "kill"), h.inOrder(s.Order)))
	case s.Edge.Lo >= c.Limit && unlikely >= c.AtMost:
		h.say(Regressed, what+", above this limit")
	case h.Lo > c.AtMost:
		h.say(Regressed, fmt.Sprintf("%.0f of %s of the candidate at this limit%s were killed, more than %s whenever one looks", very.X, plural(int(very.N), "start"), h.inOrder(s.Order), Percent(h.Lo)))
	case h.Hi <= math.Max(c.AtMost, j.zeroIs(m, c)):
		h.say(Pass, what+fmt.Sprintf(": no more than %s of the starts at this limit are killed%s", Percent(unlikely), unstarted(very)))
	default:
		h.say(Inconclusive, what+", which does not settle how often it starts at this limit")
	}
	return h
}

// unlikely is how much of a rate a search leaves possible from the threshold on. Its probability is a decimal fraction, and 1 - 0.95 not quite 0.05.
func unlikely(s scenarios.Search) float64 { return math.Round((1-s.Probability)*1e9) / 1e9 }

// unstarted tells who reads a pass that it is concluded and not seen.
func unstarted(very stats.Count) string {
	if very.N > 0 {
		return ""
	}
	return ", as with less memory no more are: none was made at this limit itself"
}

// SearchedRate says what a search can show of a ceiling on a rate: at best that no more than left of the starts are killed, where most is
// what may be. ok is false where a ceiling is not answered by the scenario's search.
func (o Options) SearchedRate(c Ceiling, sc scenarios.Scenario) (left, most float64, ok bool) {
	if sc.Search == nil || c.Metric != scenarios.OOMRate || !c.Measures(sc) {
		return 0, 0, false
	}
	most = c.AtMost
	if most == 0 {
		most = o.margin(c.Metric).Fraction
	}
	return unlikely(*sc.Search), most, true
}

// zeroIs is how much of a rate has to be excluded where none is allowed.
func (j *judge) zeroIs(m metric, c Ceiling) float64 {
	if c.AtMost == 0 {
		return j.opts.margin(m.name).Fraction
	}
	return 0
}

// kills counts those at a limit or above it, and the trials at the very limit.
func (s Sought) kills(limit int64) (above int, very stats.Count) {
	for _, p := range s.Points {
		if p.Limit >= limit {
			above += p.OOMKilled
		}
		if p.Limit == limit {
			very = stats.Count{X: float64(p.OOMKilled), N: float64(p.OOMKilled + p.Started)}
		}
	}
	return above, very
}

// holdPooled holds a metric over all scenarios of a driver and order.
func (j *judge) holdPooled(c Ceiling, m metric) (held []Held) {
	for _, pool := range j.pools() {
		if !c.in(pool) && !(c.Order == "" && (c.Driver == "" || c.Driver == pool.driver)) {
			continue
		}
		held = append(held, j.holdPool(c, m, pool))
	}
	return held
}

func (j *judge) holdPool(c Ceiling, m metric, pool key) Held {
	h := newHeld(c, m, pool)
	var n stats.Count
	var left []float64
	for _, at := range j.everywhere(pool) {
		if c.Scenario != "" && c.Scenario != at.scenario {
			continue
		}
		s := j.at(at.key)[candidate]
		left = append(left, s.leaks...)
		if m.kind == rate {
			e := s.events(m, nil)
			n.X, n.N = n.X+e.X, n.N+e.N
		}
	}
	switch {
	case m.kind == leaks && len(left) > 0:
		h.holdLeaks(left)
	case n.N > 0:
		h.ruleRate(n, j.opts.alpha(), j.opts.alpha(), j.opts.margin(m.name).Fraction, "")
	default:
		h.say(Inconclusive, "no trial of the candidate shows it")
	}
	return h
}

// holdLeaks has no interval: one thing left behind is a fact.
func (h *Held) holdLeaks(left []float64) {
	sum := 0.0
	for _, n := range left {
		sum += n
	}
	h.Value, h.Lo, h.Hi = sum/float64(len(left)), slices.Min(left), slices.Max(left)
	what := fmt.Sprintf("%s left behind by %s of the candidate", plural(int(sum), "thing"), plural(len(left), "start"))
	if h.Hi > h.AtMost {
		h.say(Regressed, what)
		return
	}
	h.say(Pass, what)
}

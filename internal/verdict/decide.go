package verdict

import (
	"fmt"
	"math"

	"github.com/initbench/initbench/internal/stats"
)

// stand is where an interval lies against the margins.
type stand int

const (
	straddles stand = iota
	within          // a change for the worse beyond the margin is excluded
	worse
	better
)

// place holds the sign of every decision. All metrics are costs: more is worse, a
// positive change goes towards regressed.
func place(change stats.Interval, margin float64) stand {
	switch {
	case !change.Bounded():
		return straddles
	case change.Lo > margin:
		return worse
	case change.Hi < -margin:
		return better
	case change.Hi <= margin:
		return within
	}
	return straddles
}

// settle rules over all rows. A claim of change needs the interval beyond the
// margin and Holm's p below alpha; a pass needs no adjustment, for the whole
// passes only if every row does (intersection-union, Berger 1982).
//
// The family of an adaptive run is that of its whole plan from the first look on: see family.
//
// A row is ruled at the first of its looks at which it is settled. All are looked at for the first time, those that are open once more,
// until none is left that is open and has a further look: what more records make of the others can only make p smaller.
func (j *judge) settleRows(rows []row) []Metric {
	for {
		metrics := j.ruleRows(rows)
		advanced := false
		for i := range rows {
			advanced = rows[i].Ruling == Inconclusive && rows[i].advance() || advanced
		}
		if !advanced {
			return metrics
		}
	}
}

// ruleRows rules over rows as they are.
func (j *judge) ruleRows(rows []row) []Metric {
	f := j.familyOf(rows)
	metrics := make([]Metric, len(rows))
	for i, adjusted := range stats.HolmShares(f.p, f.shares, f.rest) {
		r := &rows[i]
		if r.PHolm = adjusted; math.IsNaN(r.P) {
			r.PHolm = math.NaN()
		} else {
			r.Family, r.Rank = f.size, 1+smaller(f.p, f.p[i])
		}
		r.Severity = j.opts.severity(r.Name)
		r.decide(j.opts, f.size)
		r.Open = j.leavesOpen(r)
		metrics[i] = r.Metric
	}
	return metrics
}

// family is what Holm's correction is made over. That of a run whose trials are all made is the tests that there are: a rate of which nothing was
// seen could have claimed nothing, and what was seen of both arms together does not depend on which arm is which (Tarone 1990).
//
// In an adaptive run what is seen also depends on when it ends, and that on what other rows claimed: with the tests that there are so far, a claim made before
// the first OOM kill has all of alpha, and what is claimed of the kills comes on top. So its family is that of the plan, from the first look on. A row that has no
// values yet, or none since all was killed, counts as one that found nothing; and all rows that an event brings about, there or not, have the share of one test
// together, in equal parts. They are many, mostly silent, and what they find is mostly plain.
type family struct {
	p, shares []float64
	rest      float64 // of the tests that are no rows
	size      int     // in shares
}

func (j *judge) familyOf(rows []row) family {
	f := family{p: make([]float64, len(rows)), shares: make([]float64, len(rows))}
	events := j.silent
	for i, r := range rows {
		f.p[i], f.shares[i] = r.P, 1
		if j.adaptive && !r.kind.untested() && math.IsNaN(r.P) {
			f.p[i] = 1
		}
		switch {
		case j.adaptive && r.byEvent:
			events++
		case !math.IsNaN(f.p[i]):
			f.size++
		}
	}
	if j.adaptive {
		f.ofPlan(rows, j.hidden, j.silent, events)
	}
	return f
}

// ofPlan adds what is not there, and divides the share of what an event brings about.
func (f *family) ofPlan(rows []row, hidden, silent, events int) {
	f.size, f.rest = f.size+hidden, float64(hidden)
	if events == 0 {
		return
	}
	f.size++
	f.rest += float64(silent) / float64(events)
	for i, r := range rows {
		if r.byEvent {
			f.shares[i] = 1 / float64(events)
		}
	}
}

// leavesOpen reports whether a time that is not settled rules over nothing. The noise of a clock is what it may be forgiven, no more: there
// have to be values of both arms, an interval with two ends, and in an adaptive run the blocks of the first look.
func (j *judge) leavesOpen(r *row) bool {
	if r.Ruling != Inconclusive || r.Stuck || r.missing != "" || r.unfit != "" || !r.change.Bounded() {
		return false
	}
	if j.design != nil && r.Looks.Blocks < j.design.Looks[0] {
		return false
	}
	return r.Unit == Nanoseconds && j.forgives(r.Scenario)
}

// untested kinds have rows that need never have a p value, whatever is measured: of a count that moves alike in both arms there is nothing to
// test, so that one of a session joins the family, an adaptive run's too, with the first difference between its arms.
func (k kind) untested() bool {
	return k == threshold || k == growth || k == inherited
}

func smaller(all []float64, p float64) (n int) {
	for _, other := range all {
		if other < p {
			n++
		}
	}
	return n
}

func (r *row) decide(opts Options, family int) {
	ruling, why := r.rule(opts, family)
	if r.missing != "" && ruling != Regressed {
		// A regression found in half a run is one; an absence is not.
		ruling, why = Inconclusive, r.missing+"; so far "+why
	}
	why += r.taken + r.unconfirmed()
	if r.example != "" {
		why += " (" + r.example + ")"
	}
	r.Ruling, r.Why, r.Reason = ruling, why, r.sentence(why)
	r.Stuck = ruling == Inconclusive && (r.isSession() || r.Left != nil || r.unfit != "" && !r.few || r.sought[baseline].Edge.Done && r.sought[candidate].Edge.Done)
}

func (r *row) rule(opts Options, family int) (Ruling, string) {
	switch {
	case r.unfit != "":
		return Inconclusive, r.unfit
	case r.kind == leaks:
		return r.ruleLeaks(opts)
	case r.kind == rate:
		return r.ruleRate(opts, family)
	case r.kind == threshold:
		return r.ruleThreshold()
	case r.kind == growth:
		return r.ruleGrowth(opts, family)
	case r.kind == inherited:
		return r.ruleInherited()
	case r.kind == remaining:
		return r.ruleRemaining(opts)
	}
	return r.ruleChange(opts, family)
}

func (r *row) ruleChange(opts Options, family int) (Ruling, string) {
	where := place(r.change, r.margin)
	if (where == worse || where == better) && !(r.PHolm < opts.alpha()) {
		if where == worse {
			return Inconclusive, "beyond " + r.marginText() + ", but " + r.chance(family)
		}
		where = within
	}
	switch where {
	case worse:
		return Regressed, "the whole interval is beyond " + r.marginText()
	case better:
		return Improved, "the whole interval is better by more than " + r.marginText()
	case within:
		return Pass, "not worse by more than " + r.marginText()
	}
	return Inconclusive, "the interval straddles " + r.marginText() + r.forecast()
}

// ruleRate adds to the pooled change what single rungs say: pooled over a long
// ladder, a limit at which the candidate never starts is a few points only.
func (r *row) ruleRate(opts Options, family int) (Ruling, string) {
	pooled, why := r.ruleChange(opts, family)
	significant := r.PHolm < opts.alpha()
	if g, found := r.findRung(worse, opts); found && significant && pooled != Regressed {
		return Regressed, g.text()
	}
	if pooled == Regressed || pooled == Inconclusive {
		return pooled, why
	}
	if g, found := r.suspect(opts); found {
		return Inconclusive, why + ", but " + g.text() + ": more trials are needed there"
	}
	if g, found := r.findRung(better, opts); found && significant && pooled != Improved {
		return Improved, g.text()
	}
	return pooled, why
}

// findRung looks for a limit that by itself, and after Holm over the ladder, is worse or better.
func (r *row) findRung(want stand, opts Options) (rung, bool) {
	for _, g := range r.rungs {
		if g.holm < opts.alpha() && place(g.diff, r.margin) == want {
			return g, true
		}
	}
	return rung{}, false
}

// suspect looks for a limit at which the candidate is worse than chance explains,
// were it the only one looked at: not enough to accuse, too much to pass.
func (r *row) suspect(opts Options) (rung, bool) {
	for _, g := range r.rungs {
		if g.diff.Center > 0 && g.p < opts.alpha() {
			return g, true
		}
	}
	return rung{}, false
}

func (g rung) text() string {
	return fmt.Sprintf("%.0f of %.0f candidates against %.0f of %.0f baselines%s (p=%s)",
		g.counts.Cand.X, g.counts.Cand.N, g.counts.Base.X, g.counts.Base.N, g.where, FormatP(g.p))
}

// ruleLeaks has no margin. One thing left behind after a whole life, from create
// to delete, by a candidate whose baseline leaves nothing is a fact, not an estimate.
func (r *row) ruleLeaks(opts Options) (Ruling, string) {
	b, c := r.Baseline.Center, r.Candidate.Center
	switch {
	case math.IsNaN(b) || math.IsNaN(c) || min(r.Baseline.N, r.Candidate.N) < stats.MinBlocks && c <= b:
		return Inconclusive, fmt.Sprintf("too few trials: %d and %d", r.Baseline.N, r.Candidate.N)
	case b == 0:
		return Regressed, "the baseline left nothing behind"
	case c > b && r.PHolm < opts.alpha():
		return Regressed, "more than the baseline"
	case c > b:
		return Inconclusive, "both leave things behind, the candidate no more than by chance"
	case c < b && r.PHolm < opts.alpha():
		return Improved, "fewer than the baseline"
	}
	return Pass, "no more than the baseline"
}

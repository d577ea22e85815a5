package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
)

// minPerRung is the fewest trials an arm needs in each cell of a pooled rate. The
// stratified interval was simulated down to three (internal/stats); with two, a rung that is
// a fair coin looks certain half of the time.
const minPerRung = 3

// AllScenarios is the scenario of a row that pools the cells of all of them.
const AllScenarios = "all"

// spot is a cell that a pooled row takes in; where names it within the row.
type spot struct {
	scenario string
	key      key
	where    string
}

// ladder are the cells of one group, one a limit.
func (l layout) ladder(group key) []spot {
	var spots []spot
	for _, k := range l.in(group) {
		spots = append(spots, spot{k.scenario, k, atLimit(k.limit)})
	}
	return spots
}

// pooledRows are those of metrics that no scenario names: what fails or is left
// behind is as rare as it is bad, and only all trials of a driver together say
// whether it is rare.
func (j *judge) pooledRows() []row {
	var rows []row
	for _, group := range j.pools() {
		spots := j.everywhere(group)
		for _, m := range j.heeded(table) {
			if !m.pooled {
				continue
			}
			build := j.rate
			if m.kind == leaks {
				build = j.leaks
			}
			r, seen := build(group, m, spots)
			if r.byEvent = true; seen {
				rows = append(rows, r)
			} else {
				j.silent++
			}
		}
	}
	return rows
}

// pools are the drivers and orders of all scenarios, each once.
func (j *judge) pools() []key {
	var pools []key
	for _, sc := range j.planned[baseline].Scenarios {
		for _, k := range j.layout(sc).groups {
			if pool := (key{scenario: AllScenarios, driver: k.driver, order: k.order}); !slices.Contains(pools, pool) {
				pools = append(pools, pool)
			}
		}
	}
	return pools
}

func (j *judge) everywhere(pool key) []spot {
	var spots []spot
	for _, sc := range j.planned[baseline].Scenarios {
		plan := j.layout(sc)
		for _, k := range plan.groups {
			if k.driver != pool.driver || k.order != pool.order {
				continue
			}
			for _, s := range plan.ladder(k) {
				s.where = " in " + sc.Name + inBuild(k.build) + s.where + enumerating(k.enumerate)
				spots = append(spots, s)
			}
		}
	}
	return spots
}

// rung is what one cell of a pooled rate says alone.
type rung struct {
	where  string
	diff   stats.Interval
	p      float64
	holm   float64 // among the row's rungs
	counts stats.Stratum
}

// rate compares one share of both arms over several cells; seen tells whether
// there was a single event.
func (j *judge) rate(group key, m metric, spots []spot) (r row, seen bool) {
	if m.pooled {
		spots = j.begun(m, spots)
	}
	var blocks [][]int
	for _, at := range spots {
		c := j.at(at.key)
		seen = seen || c[baseline].events(m, nil).X+c[candidate].events(m, nil).X > 0
		blocks = append(blocks, j.blocks(at.key))
	}
	return looked(j.spotSights(m, blocks), func(l Looks) row { return j.rateAt(group, m, l, spots, blocks) }), seen
}

// begun leaves out searches that were hardly begun: their number of starts is nobody's plan, and what is not there says nothing of failures elsewhere.
func (j *judge) begun(m metric, spots []spot) []spot {
	return slices.DeleteFunc(slices.Clone(spots), func(at spot) bool {
		c := j.at(at.key)
		return j.tally.planned.searches[at.scenario] && min(c[baseline].events(m, nil).N, c[candidate].events(m, nil).N) < minPerRung
	})
}

// rateAt is the row at a look.
func (j *judge) rateAt(group key, m metric, l Looks, spots []spot, blocks [][]int) row {
	r := newRow(group, m)
	r.Looks = l
	var strata []stats.Stratum
	for i, at := range spots {
		c, in := j.at(at.key), l.seen(blocks[i])
		r.watched(c)
		s := stats.Stratum{Base: c[baseline].events(m, in), Cand: c[candidate].events(m, in)}
		strata = append(strata, s)
		r.rungs = append(r.rungs, r.rung(at.where, s))
		r.miss(j.shortfall(at, c))
		if r.unfit == "" {
			r.unfit = mostNotCounted(c, in, at.where)
		}
		if m.pooled {
			r.exemplify(c[baseline].failure, c[candidate].failure)
		} else {
			r.Ladder = append(r.Ladder, Rung{Limit: at.key.limit, Baseline: c[baseline].countIn(in), Candidate: c[candidate].countIn(in)})
		}
	}
	r.taken = r.cannotTake()
	r.adjustRungs()
	r.setRates(strata, j.opts)
	if m.pooled && j.design != nil {
		j.testPooled(&r, m, spots)
		j.boundPooled(&r, m, spots)
	}
	if r.unfit == "" {
		r.unfit = r.thinRung()
		r.few = r.unfit != ""
	}
	return r
}

// countIn is how the trials of some blocks ended.
func (s *side) countIn(in blockSet) Count {
	if in == nil {
		return s.count
	}
	var sum Count
	for i := range s.batches.all {
		if b := &s.batches.all[i]; in.has(b.block) {
			sum.plus(b.count)
		}
	}
	return sum
}

// cannotTake names the arms whose starts were natural ones whatever was asked for.
func (r *row) cannotTake() string {
	var sums [arms]Count
	for _, g := range r.Ladder {
		sums[baseline].plus(g.Baseline)
		sums[candidate].plus(g.Candidate)
	}
	switch b, c := sums[baseline].Natural(), sums[candidate].Natural(); {
	case b && c:
		return "; neither runtime can take the order, these are their natural starts"
	case b:
		return "; the baseline cannot take the order, its starts are natural ones"
	case c:
		return "; the candidate cannot take the order, its starts are natural ones"
	}
	return ""
}

func (r *row) rung(where string, s stats.Stratum) rung {
	alone := []stats.Stratum{s}
	return rung{
		where: where, counts: s,
		diff: stats.Difference(alone, 1-r.Looks.Level).Diff, p: r.Looks.repeated(stats.ExactP(alone)),
	}
}

func (r *row) adjustRungs() {
	p := make([]float64, len(r.rungs))
	for i := range r.rungs {
		p[i] = r.rungs[i].p
	}
	for i, adjusted := range stats.Holm(p) {
		r.rungs[i].holm = adjusted
	}
}

func (r *row) setRates(strata []stats.Stratum, opts Options) {
	confidence := 1 - r.Looks.Level
	rates := stats.Difference(strata, confidence)
	r.Baseline = Arm{Center: rates.Base.Center, Lo: rates.Base.Lo, Hi: rates.Base.Hi}
	r.Candidate = Arm{Center: rates.Cand.Center, Lo: rates.Cand.Lo, Hi: rates.Cand.Hi}
	for _, s := range strata {
		r.Baseline.plus(s.Base)
		r.Candidate.plus(s.Cand)
	}
	r.test(stats.ExactP(strata))
	r.change = rates.Diff
	r.Change, r.ChangeLo, r.ChangeHi = rates.Diff.Center, rates.Diff.Lo, rates.Diff.Hi
	r.margin = opts.margin(r.Name).Fraction
	r.Margin = r.margin
	r.grown = func(k float64) stats.Interval {
		return stats.Difference(stats.Scale(strata, k), confidence).Diff
	}
}

func (a *Arm) plus(c stats.Count) {
	a.N += int(c.N)
	a.Events += int(c.X)
}

// thinRung names a cell in which an arm has too few trials to be judged.
func (r *row) thinRung() string {
	for _, g := range r.rungs {
		for i, n := range [arms]float64{g.counts.Base.N, g.counts.Cand.N} {
			if n < minPerRung {
				return fmt.Sprintf("%s of the %s%s, at least %d are needed",
					plural(int(n), "usable trial"), armNames[i], g.where, minPerRung)
			}
		}
	}
	return ""
}

// leaks compares what was left behind over several cells. It passes by no interval, which could depend on when the cells ended, but by a rule: the
// candidate left no more behind, a trial, than the baseline did in the same run.
func (j *judge) leaks(group key, m metric, spots []spot) (r row, seen bool) {
	r = newRow(group, m)
	var blocks [][]int
	for _, at := range spots {
		blocks = append(blocks, j.blocks(at.key))
	}
	r.Looks = j.spotSights(m, blocks)[0]
	var counts [arms][]float64
	for _, at := range spots {
		c := j.at(at.key)
		r.watched(c)
		for i, s := range c {
			counts[i] = append(counts[i], s.leaks...)
		}
		r.exemplify(c[baseline].leak, c[candidate].leak)
		r.miss(j.shortfall(at, c))
	}
	r.Baseline, r.Candidate = meanArm(counts[baseline], j.opts), meanArm(counts[candidate], j.opts)
	if r.test(stats.MannWhitney(counts[baseline], counts[candidate])); j.design != nil {
		j.testPooled(&r, m, spots)
	}
	r.Change = r.Candidate.Center - r.Baseline.Center
	r.ChangeLo, r.ChangeHi = math.Inf(-1), math.Inf(1)
	return r, r.Baseline.Events+r.Candidate.Events > 0
}

// exemplify keeps one of an event's many texts. The candidate's goes first: it is on trial.
func (r *row) exemplify(base, cand string) {
	switch {
	case cand != "" && !strings.HasPrefix(r.example, armNames[candidate]):
		r.example = armNames[candidate] + ": " + cand
	case base != "" && r.example == "":
		r.example = armNames[baseline] + ": " + base
	}
}

// meanArm has no interval: what is left behind comes rarely and in lumps, and Student's
// interval of such a count reaches below nothing.
func meanArm(values []float64, opts Options) Arm {
	a := Arm{N: len(values), Center: stats.Mean(values, opts.confidence()).Center, Lo: math.Inf(-1), Hi: math.Inf(1)}
	for _, v := range values {
		a.Events += int(v)
	}
	return a
}

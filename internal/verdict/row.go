package verdict

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// row is a Metric on its way: its numbers are known, its ruling is not.
type row struct {
	Metric
	series
	kind kind
	// change and margin on the scale the decision is made on: logarithms of
	// ratios for a distribution, differences for a rate.
	change stats.Interval
	margin float64
	// unfit says why nothing can be ruled; missing why at least no pass can be.
	unfit, missing string
	// few: it is unfit for want of trials alone.
	few bool
	// per is what N counts: trials, or batches of them.
	per string
	// paired is true where both arms ran in the blocks of one run.
	paired bool
	// resolution says where the margin comes from when it is not the one asked for.
	resolution string
	// taken says which arms the row's order could not be imposed on, because there is nothing to impose.
	taken string
	// unseen of the imposed trials had no observer.
	unseen, imposed int
	// example is the first failure or the first thing left behind, the candidate's if it has one.
	example string
	// sought are the searches of both arms, of a threshold.
	sought [arms]Sought
	// byEvent is a row that nobody asked for: it is there since something happened.
	byEvent bool
	// rungs is the evidence of each cell by itself, of a rate.
	rungs []rung
	// grown is the change of a sample k times as large, for the forecast.
	grown func(k float64) stats.Interval
}

// judge makes rows of a tally.
type judge struct {
	*tally
	opts     Options
	searches []Sought // of both arms
	replays  *Replays
	planned  [arms]scenarios.Spec
	subjects [arms]scenarios.Runtime
	layouts  map[string]layout // by scenario
	paired   bool
	budget   time.Duration
	skipped  []string
	// adaptive is true where a cell may have fewer trials than planned; design has the looks, where both arms share them and
	// is nil where every trial of the plan is made.
	adaptive bool
	design   *results.Design
	// fixed has the arms of which every trial of the plan is made; designs those of two adaptive runs, each of which was to have its first look's blocks.
	fixed   [arms]bool
	designs [arms]*results.Design
	// growing: more records may come.
	growing bool
	// silent are the rows that would be there by an event that did not happen; hidden those of the plan that are not there since all was killed.
	silent, hidden int
	// clocks says why times of the arms cannot be compared; empty where they can.
	clocks string
}

func newJudge(t *tally, opts Options, planned [arms]scenarios.Spec, names [arms]string) *judge {
	j := &judge{tally: t, opts: opts, planned: planned, layouts: map[string]layout{}}
	for i, spec := range planned {
		for _, rt := range spec.Runtimes {
			if rt.Name == names[i] {
				j.subjects[i] = rt
			}
		}
	}
	return j
}

// layout has the cells of a scenario that both arms were planned in: a runtime that brings its own binary has not those of
// the built-in one's builds.
func (j *judge) layout(sc scenarios.Scenario) layout {
	l, known := j.layouts[sc.Name]
	if !known {
		l = layoutOf(j.planned[baseline], sc, j.subjects[baseline]).both(layoutOf(j.planned[candidate], sc, j.subjects[candidate]))
		j.layouts[sc.Name] = l
	}
	return l
}

// rows makes all of them; run names where a scenario that asks for the unknown comes from.
func (j *judge) rows(run string) ([]row, error) {
	var rows []row
	for _, sc := range j.planned[baseline].Scenarios {
		metrics, err := judged(sc)
		if err != nil {
			return nil, &results.InputError{Path: run, Why: err.Error()}
		}
		plan := j.layout(sc)
		if plan.cells == 0 {
			j.skipped = append(j.skipped, fmt.Sprintf("scenario %s has no row: its cells of the baseline and of the candidate are not the same builds", sc.Name))
		}
		for _, k := range plan.groups {
			if sc.Cycles > 0 {
				rows = append(rows, j.leakRows(sc, k)...)
			}
			if sc.Lives != nil {
				rows = append(rows, j.leftoverRows(sc, k)...)
			}
			for _, m := range j.heeded(metrics) {
				rows = append(rows, j.metricRows(sc, plan, k, m)...)
			}
		}
	}
	return append(rows, j.pooledRows()...), nil
}

func (j *judge) metricRows(sc scenarios.Scenario, plan layout, group key, m metric) []row {
	var rows []row
	if m.natural() && group.order != natural {
		return nil
	}
	if m.kind == threshold {
		return []row{j.threshold(sc, group, m)}
	}
	if m.kind == rate {
		r, seen := j.rate(group, m, plan.ladder(group))
		if sc.Concurrent {
			r.per = "batch"
		}
		r.byEvent = !slices.Contains(sc.Judge, m.name)
		if seen || !r.byEvent {
			return []row{r}
		}
		j.silent++
		return nil
	}
	for _, k := range plan.in(group) {
		if r, shown := j.distribution(sc, k, m); shown {
			rows = append(rows, r)
		} else {
			j.hidden++
		}
	}
	return rows
}

func newRow(k key, m metric) row {
	return row{kind: m.kind, per: "trial", Metric: Metric{
		Scenario: k.scenario, Name: m.name, Unit: m.unit, Relative: m.kind == distribution,
		Driver: k.driver, Order: k.order, Build: k.build, Place: k.place, Limit: k.limit, Enumerate: k.enumerate,
		P: math.NaN(), PHolm: math.NaN(),
	}}
}

// distribution compares one cell's values of both arms.
func (j *judge) distribution(sc scenarios.Scenario, k key, m metric) (r row, shown bool) {
	c := j.at(k)
	if j.allKilled(k, m, c) {
		return row{}, false
	}
	var points [arms][]stats.Point
	for i := range c {
		var missing int
		if points[i], missing = c[i].points(m); missing > 0 {
			j.notes[fmt.Sprintf("%s, %s: %s of the %s was not measured", k.scenario, k.driver, m.name, armNames[i])] += missing
		}
	}
	blocks := j.blocks(k)
	return looked(j.sights(len(blocks)), func(l Looks) row {
		return j.distributionAt(sc, k, m, l, l.seen(blocks), points)
	}), true
}

// distributionAt is the row at a look.
func (j *judge) distributionAt(sc scenarios.Scenario, k key, m metric, l Looks, in blockSet, points [arms][]stats.Point) row {
	c, r := j.at(k), newRow(k, m)
	r.watched(c)
	if sc.Containers > 1 {
		r.per = "batch"
	}
	r.Looks = l
	for i := range points {
		points[i] = in.points(points[i])
	}
	r.Relative = !hasZero(m, points)
	units := stats.Units
	if !r.Relative {
		units = stats.Amounts
	}
	samples := [arms]stats.Sample{units(points[baseline]), units(points[candidate])}
	r.Baseline, r.Candidate = armOfSample(samples[baseline], l.Level), armOfSample(samples[candidate], l.Level)
	if m.split != nil {
		r.Baseline.Sides, r.Candidate.Sides = c[baseline].sides(m, in), c[candidate].sides(m, in)
	}
	change, p := j.compare(samples, l.Level, r.Relative)
	r.test(p)
	r.setChange(change, j.widen(&r, m))
	r.miss(j.shortfall(spot{scenario: sc.Name, where: atLimit(k.limit)}, c))
	r.unfit = j.unfit(&r, m, c, in)
	return r
}

// widen gives the row's margin: the one asked for, or what the kernel resolves where that is more.
func (j *judge) widen(r *row, m metric) float64 {
	margin := j.opts.margin(m.name)
	least, why := m.floor(j.envOf(r.Scenario))
	if margin.AtLeast >= least {
		least, why = margin.AtLeast, "the least that counts"
	}
	if !r.Relative {
		share := margin.Fraction * math.Max(0, math.Min(r.Baseline.Center, r.Candidate.Center))
		if share > least { // NaN is not: an arm without a sample
			return share
		}
		r.resolution = " (" + why + ")"
		return least
	}
	effective := margin.relative(r.Baseline.Center, r.Candidate.Center, least)
	if effective > margin.Fraction {
		r.resolution = fmt.Sprintf(" (%s, %s)", m.unit.Format(least), why)
	}
	return effective
}

// unfit says why a distribution cannot be ruled over, the cause before the mere lack of values.
func (j *judge) unfit(r *row, m metric, c *cell, in blockSet) string {
	for i, n := range [arms]int{r.Baseline.N, r.Candidate.N} {
		switch {
		case n > 0:
			continue
		case c[i].failure != "":
			return fmt.Sprintf("no start of the %s could be measured (%s)", armNames[i], c[i].failure)
		case m.lane == scenarios.ObservedLane && unobserved(c[i], j.envOf(r.Scenario)) != "":
			return unobserved(c[i], j.envOf(r.Scenario))
		case m.lane == scenarios.TimedLane && c[i].started[Timed] == 0 && c[i].started[Observed] > 0:
			return "every trial was observed, and the observer is in its latencies"
		case m.lane == scenarios.TimedLane && c[i].started[Timed] == 0 && c[i].started[Attached] > 0:
			return "the observer was loaded for other trials of the scenario, and is in the latencies of all"
		}
	}
	if m.unit == Nanoseconds && m.clock == scenarios.RunsClock && j.clocks != "" {
		return j.clocks
	}
	if lost := mostNotCounted(c, in, ""); lost != "" {
		return lost
	}
	r.few = r.unfit != ""
	return r.unfit
}

// at is the cell of a key, empty when no trial of it was recorded.
func (j *judge) at(k key) *cell {
	if c, ok := j.cells[k]; ok {
		return c
	}
	return &cell{newSide(), newSide()}
}

// allKilled finds cells that have nothing to compare because one arm never started
// there for want of memory. That is oom.rate's to judge, which has a row wherever a kill
// was seen; a second row could only ever be inconclusive.
func (j *judge) allKilled(k key, m metric, c *cell) bool {
	for i := range c {
		n := c[i].count
		if n.OOMKilled > 0 && n.Started == 0 && n.Failed == 0 {
			j.skipped = append(j.skipped, fmt.Sprintf("%s has no row: every trial of the %s was OOM-killed, see %s",
				label(m.name, k), armNames[i], scenarios.OOMRate))
			return true
		}
	}
	return false
}

func (s *side) sides(m metric, in blockSet) *Sides {
	return &Sides{Container: s.part(m, containerPart, in), Runtime: s.part(m, runtimePart, in)}
}

func armOfSample(s stats.Sample, level float64) Arm {
	values := s.Values()
	m := stats.Median(values, 1-level)
	return Arm{N: len(values), Center: m.Center, Lo: m.Lo, Hi: m.Hi, Values: values}
}

// compare is settled by how the trials were made, never by what they gave: blocks
// where both arms ran in one run, two samples otherwise.
func (j *judge) compare(s [arms]stats.Sample, level float64, relative bool) (change stats.Change, p float64) {
	b, c := s[baseline], s[candidate]
	within, between := stats.WithinBlocks, stats.BetweenRuns
	if !relative {
		within, between = stats.DifferenceWithinBlocks, stats.DifferenceBetweenRuns
	}
	if j.paired {
		return within(b, c, 1-level), stats.BlockedP(b, c)
	}
	return between(b, c, 1-level), stats.MannWhitney(b.Values(), c.Values())
}

// hasZero reports whether an amount is nothing in any trial, so that there is no ratio to it.
func hasZero(m metric, points [arms][]stats.Point) bool {
	if m.unit != Bytes && m.unit != Counted {
		return false
	}
	return slices.ContainsFunc(points[:], func(side []stats.Point) bool {
		return slices.ContainsFunc(side, func(p stats.Point) bool { return p.Value == 0 })
	})
}

// setChange takes in what moved, as a ratio or as a difference.
func (r *row) setChange(c stats.Change, margin float64) {
	r.paired = c.Paired
	r.change, r.Margin, r.margin = c.Log, margin, margin
	r.Change, r.ChangeLo, r.ChangeHi = c.Log.Center, c.Log.Lo, c.Log.Hi
	if r.Relative {
		r.margin = math.Log1p(margin)
		r.Change, r.ChangeLo, r.ChangeHi = math.Expm1(c.Log.Center), math.Expm1(c.Log.Lo), math.Expm1(c.Log.Hi)
	}
	r.grown = c.Log.Narrow
	if !c.Log.Bounded() {
		r.unfit = r.fewUnits(c)
		// exp(-inf)-1 would be a finite -100 %.
		r.ChangeLo, r.ChangeHi = c.Log.Lo, c.Log.Hi
	}
}

// shortfall says that a cell has fewer trials than planned. Those that are not counted were made. Of an adaptive run the
// plan is only the most, and what ends a cell is that it is settled, or that time is over: its intervals say which.
func (j *judge) shortfall(at spot, c *cell) string {
	for i := range c {
		want, d := j.plannedTrials(i, at.scenario), j.designs[i]
		switch {
		case !j.fixed[i] && d == nil:
			continue
		case !j.fixed[i]:
			want = min(want, d.Looks[0]*j.blockTrials(at.scenario))
		}
		if got := c[i].count.Trials() + c[i].apart(); got < want {
			return fmt.Sprintf("only %d of %s of the %s recorded%s", got, plural(want, "planned trial"), armNames[i], at.where)
		}
	}
	return ""
}

// mostNotCounted says that more trials of a cell did not take its order than
// did: those that did are then no sample of a start, but of what made it possible. What came after the look does not count against it.
func mostNotCounted(c *cell, in blockSet, where string) string {
	for i, s := range c {
		if lost := s.mostNotCounted(in, armNames[i], where); lost != "" {
			return lost
		}
	}
	return ""
}

func (s *side) mostNotCounted(in blockSet, arm, where string) string {
	n, uncounted, mixed := s.countIn(in).Trials(), trialsIn(s.strayed, in), trialsIn(s.beside, in)
	switch apart := uncounted + mixed; {
	case apart <= n:
		return ""
	case uncounted >= mixed:
		return fmt.Sprintf("%d of %s of the %s%s could not be brought into the order: %s", uncounted, plural(n+apart, "trial"), arm, where, s.why)
	default:
		return fmt.Sprintf("%d of %s of the %s%s said that the order does not apply, others took it", mixed, plural(n+apart, "trial"), arm, where)
	}
}

// watched counts the trials of a cell that an observer had to confirm, and those that none did.
func (r *row) watched(c *cell) {
	if r.Order == natural {
		return
	}
	for _, s := range c {
		r.imposed += s.count.Trials()
		r.unseen += s.unseen
	}
}

// unconfirmed says of how many trials the order is the enforcer's word alone. It does not rule: the enforcer holds the
// very calls and lets one go when it has seen the other, and the kills of such trials are kills. But a reader must
// not take the row for one that was looked at from two sides.
func (r *row) unconfirmed() string {
	if r.unseen == 0 {
		return ""
	}
	return fmt.Sprintf("; no observer confirmed the order of %d of the %s, only what imposed it says so", r.unseen, plural(r.imposed, "trial"))
}

// miss keeps the first shortfall.
func (r *row) miss(shortfall string) {
	if r.missing == "" {
		r.missing = shortfall
	}
}

// plannedTrials is the number of trials of one arm in each cell of a scenario.
func (j *judge) plannedTrials(arm int, scenario string) int {
	for _, sc := range j.planned[arm].Scenarios {
		if sc.Name == scenario && sc.Search == nil {
			return sc.Trials * sc.Containers
		}
	}
	return 0
}

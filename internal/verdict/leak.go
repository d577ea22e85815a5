package verdict

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Leak is what sessions counted of one kind, behind a row of it.
type Leak struct {
	// Kind is that of the metric, Process whose descriptors they are; empty for a kind of the machine, and of what a payload inherited.
	Kind, Process string
	// Cycles of a session.
	Cycles    int
	Baseline  Growth
	Candidate Growth
	// Quiet: no count of either arm was ever another than before its first cycle.
	Quiet bool
	// Late: the candidate's count rises faster than the baseline's, and what it rose by is gone some time after the last cycle.
	Late bool
	// Both arms have a count that rises and do not release it: no regression, and no virtue.
	Both bool
	// everywhere: what is seen of all pairs of sessions together is seen of each alone.
	everywhere bool
}

// Growth is that of one arm, over its sessions.
type Growth struct {
	// Before the first cycle, the mean over the sessions, and Mean, the growth since then: one more than the cycles.
	Before float64
	Mean   []float64
	// Settled is the same mean when nothing more was released. NaN: of a session it is not known.
	Settled float64
	// Kept is, of each session, what was left then beyond what there was after the first cycle; nil where that is not known.
	Kept []int64
	// BackNS is how long after the last cycle the slowest session had no more than before; 0 where one never did.
	BackNS int64
	// Names of some that were left, of the session that left most.
	Names []string
	// sessions whose counts make it up.
	sessions []leakSeries
}

// least and most of what was left over in a session.
func (g Growth) least() int64 { return slices.Min(g.Kept) }
func (g Growth) most() int64  { return slices.Max(g.Kept) }

// leakRows are those of a scenario that has sessions, under one driver: a row for each kind that it judges and that was counted or
// could not be, of descriptors one for each process that ever had one.
func (j *judge) leakRows(sc scenarios.Scenario, group key) (rows []row) {
	c := j.at(group)
	for _, m := range j.heeded(leakJudged(sc)) {
		if m.kind == inherited {
			rows = append(rows, j.inheritedRow(sc, group, m, c))
			continue
		}
		for _, what := range subjects(sessionsOf(c), scenarios.LeakKind(m.name)) {
			rows = append(rows, j.growthRow(sc, group, m, what, c))
		}
	}
	return append(rows, j.unreadRows(sc, group, c)...)
}

// subjects are what has a row of a kind: the machine, or the processes that ever had one.
func subjects(sessions []session, kind string) (all []countedOf) {
	if slices.Contains(scenarios.MachineKinds(), kind) {
		return []countedOf{{kind: kind}}
	}
	for _, name := range processesOf(sessions) {
		what := countedOf{kind, name}
		if slices.ContainsFunc(sessions, func(s session) bool { _, has := s.series[what]; return has }) {
			all = append(all, what)
		}
	}
	return all
}

func sessionsOf(c *cell) []session { return slices.Concat(c[baseline].sessions, c[candidate].sessions) }

func processesOf(sessions []session) (names []string) {
	for _, s := range sessions {
		for _, name := range s.processes {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unreadRows have one for each process of which no session counted anything: that is not the same as a process without descriptors.
func (j *judge) unreadRows(sc scenarios.Scenario, group key, c *cell) (rows []row) {
	m, _ := metricNamed(scenarios.LeakMetric("fd:other"))
	if !sc.Judges(m.name) || j.opts.severity(m.name) == Ignore {
		return nil
	}
	for _, what := range unread(sessionsOf(c)) {
		rows = append(rows, j.growthRow(sc, group, m, what, c))
	}
	return rows
}

// unread are the processes of which no session counted anything, each as the kind that stands for all.
func unread(all []session) (of []countedOf) {
	for _, name := range processesOf(all) {
		if !slices.ContainsFunc(all, func(s session) bool { return s.unread[countedOf{process: name}] == "" }) {
			of = append(of, countedOf{"fd:other", name})
		}
	}
	return of
}

// growthRow compares by how much a count rises with each cycle. Sessions of a block are taken together, each with the one of the other arm
// next to it: what the machine does meanwhile is in both.
func (j *judge) growthRow(sc scenarios.Scenario, group key, m metric, what countedOf, c *cell) row {
	r := newRow(group, m)
	r.per, r.Process = "session", what.process
	r.Looks = j.once(len(j.blocks(group)))
	r.miss(j.shortfall(spot{scenario: sc.Name}, c))
	r.Leak = &Leak{Kind: what.kind, Process: what.process, Cycles: sc.Cycles}
	for i, g := range [arms]*Growth{&r.Leak.Baseline, &r.Leak.Candidate} {
		all, why := c[i].counted(what)
		if r.unfit == "" && why != "" {
			r.unfit = fmt.Sprintf("not counted in the %s: %s", armNames[i], why)
		}
		*g = growthOf(all, sc.Cycles)
	}
	b, cand := &r.Leak.Baseline, &r.Leak.Candidate
	r.Baseline, r.Candidate = b.arm(j.opts), cand.arm(j.opts)
	r.Leak.Quiet = quiet(b.sessions) && quiet(cand.sessions)
	r.Change, r.ChangeLo, r.ChangeHi = math.NaN(), math.Inf(-1), math.Inf(1)
	if r.unfit != "" {
		return r
	}
	trend := trendOf(between(b.sessions, cand.sessions, sc.Cycles), 1-r.Looks.Level)
	r.change = trend.Slope
	r.Change, r.ChangeLo, r.ChangeHi = trend.Slope.Center, trend.Slope.Lo, trend.Slope.Hi
	r.Leak.everywhere = everywhere(b.sessions, cand.sessions, sc.Cycles, trend.Slope)
	if !constant(between(b.sessions, cand.sessions, sc.Cycles)) { // of two that move alike there is nothing to test
		r.test(trend.P)
	}
	r.Leak.Both = b.leaks(r.Baseline) && cand.leaks(r.Candidate)
	return r
}

// counted are the sessions' series; why is the first reason that one is missing.
func (s *side) counted(what countedOf) (all []leakSeries, why string) {
	switch {
	case len(s.sessions) == 0 && s.failure != "":
		return nil, "no session ended well (" + s.failure + ")"
	case s.blind > 0:
		return nil, plural(s.blind, "session") + " have no whole census"
	case len(s.sessions) == 0:
		return nil, "there is no session"
	}
	slices.SortStableFunc(s.sessions, func(a, b session) int { return cmp.Compare(a.batch, b.batch) })
	for _, one := range s.sessions {
		series, missing := one.of(what)
		if missing != "" {
			return nil, missing
		}
		all = append(all, series)
	}
	return all, ""
}

func growthOf(all []leakSeries, cycles int) Growth {
	g := Growth{sessions: all, Before: math.NaN(), Settled: math.NaN()}
	if len(all) == 0 {
		return g
	}
	g.Before, g.Settled, g.Mean = 0, 0, make([]float64, cycles+1)
	n, backs := float64(len(all)), 0
	for _, s := range all {
		g.Before += float64(s.first) / n
		for i := range g.Mean {
			g.Mean[i] += float64(s.at(i)-s.first) / n
		}
		if s.back != nil {
			g.BackNS, backs = max(g.BackNS, *s.back), backs+1
		}
		g.keep(s, n)
	}
	if backs < len(all) {
		g.BackNS = 0
	}
	return g
}

// keep takes in how a session settled.
func (g *Growth) keep(s leakSeries, n float64) {
	kept, known := s.kept()
	if !known {
		g.Settled, g.Kept = math.NaN(), nil
		return
	}
	if math.IsNaN(g.Settled) {
		return
	}
	g.Settled += float64(*s.settled-s.first) / n
	if len(g.Names) == 0 || kept > g.most() {
		g.Names = s.left
	}
	g.Kept = append(g.Kept, kept)
}

// arm is the slope of what the sessions have in common, and of each its own.
func (g Growth) arm(opts Options) Arm {
	a := Arm{N: len(g.sessions), Center: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	if a.N == 0 {
		return a
	}
	slope := trendOf(g.Mean[1:], opts.confidence()).Slope
	a.Center, a.Lo, a.Hi = slope.Center, slope.Lo, slope.Hi
	for _, s := range g.sessions {
		a.Values = append(a.Values, trendOf(s.growth(len(g.Mean)), opts.confidence()).Slope.Center)
	}
	for _, kept := range g.Kept {
		a.Events += int(max(0, kept))
	}
	return a
}

// growth is what a session's count grew by after each cycle.
func (s leakSeries) growth(counts int) []float64 {
	all := make([]float64, 0, counts)
	for i := 1; i < counts; i++ {
		all = append(all, float64(s.at(i)-s.first))
	}
	return all
}

// leaks reports whether an arm by itself has a count that rises and is not released.
func (g Growth) leaks(a Arm) bool { return a.Lo > 0 && len(g.Kept) > 0 && g.least() > 0 }

func quiet(all []leakSeries) bool {
	return !slices.ContainsFunc(all, func(s leakSeries) bool {
		return s.counts != nil || s.settled != nil && *s.settled != s.first
	})
}

// between is by how much more the candidate's counts have grown after each cycle, the mean over pairs of sessions. Those that have no
// partner, of a run that was interrupted, are left out: it can then not pass.
func between(b, c []leakSeries, cycles int) []float64 {
	n := min(len(b), len(c))
	diff := make([]float64, cycles)
	for i := range n {
		for at := range diff {
			diff[at] += float64(c[i].at(at+1)-c[i].first-b[i].at(at+1)+b[i].first) / float64(n)
		}
	}
	return diff
}

// everywhere reports whether each pair of sessions by itself moves to the side of zero on which all together are. What wanders, as a count does
// that remembers itself for tens of cycles, may rise over one session as if it leaked, and then the mean does; a leak rises in each.
func everywhere(b, c []leakSeries, cycles int, all stats.Interval) bool {
	side := place(all, 0)
	if side != worse && side != better {
		return false // there is no trend to be seen again
	}
	for i := range min(len(b), len(c)) {
		if place(trendOf(between(b[i:i+1], c[i:i+1], cycles), all.Confidence).Slope, 0) != side {
			return false
		}
	}
	return true
}

func constant(series []float64) bool {
	return !slices.ContainsFunc(series, func(x float64) bool { return x != series[0] })
}

// stretches of a session are long enough for a count to forget what it was in the one before, and enough of them for a trend to show: nine
// that rise have p = 2/9!, 6e-6. Of so few nobody can tell how long they remember, and SlopeOf does not try below ten.
const stretches = 9

// trendOf is asked twice, of the counts after each cycle and of the medians of stretches of them, and the less certain answer counts. What
// lingers, as idle connections do, wanders for a while in one direction: over a session that shows in neighbouring counts
// more than in stretches that lie apart, and in either less often than in both.
func trendOf(series []float64, confidence float64) stats.Trend {
	if constant(series) { // as most kinds are
		return stats.Trend{Slope: stats.Interval{Confidence: confidence}, N: len(series), P: 1, Inflation: 1}
	}
	t := stats.SlopeOf(series, confidence)
	length := len(series) / stretches
	if length < 2 {
		return t
	}
	var medians []float64
	for part := range slices.Chunk(series[len(series)-stretches*length:], length) {
		medians = append(medians, middle(part))
	}
	wide := stats.SlopeOf(medians, confidence)
	n := float64(length)
	t.Slope.Lo, t.Slope.Hi = min(t.Slope.Lo, wide.Slope.Lo/n), max(t.Slope.Hi, wide.Slope.Hi/n)
	t.P = max(t.P, wide.P)
	return t
}

// ruleGrowth has no margin. A claim takes two witnesses: the trend over the cycles, of all sessions together and of each, and what is left
// when nothing more is released. The first alone is what is released late, the second alone may have been made once.
func (r *row) ruleGrowth(opts Options, family int) (Ruling, string) {
	l, where := r.Leak, place(r.change, 0)
	known := len(l.Baseline.Kept) > 0 && len(l.Candidate.Kept) > 0
	significant := r.PHolm < opts.alpha()
	switch {
	case where == worse && !significant:
		return Inconclusive, "it rises faster, but " + r.chance(family)
	case where == worse && !known:
		return Inconclusive, "it rises faster, and nobody waited for what is released late"
	case where == worse:
		return r.ruleRise()
	case known && l.Candidate.least() > max(0, l.Baseline.most()):
		return Inconclusive, fmt.Sprintf("no trend, but each session of the candidate left more (%s) than any of the baseline (%s): longer sessions would tell",
			keptText(l.Candidate), keptText(l.Baseline))
	case where == better && significant && l.everywhere && known && l.Baseline.least() > max(0, l.Candidate.most()):
		return Improved, fmt.Sprintf("it rises more slowly, and less of it is never released (%s, then %s)", keptText(l.Baseline), keptText(l.Candidate))
	case l.Quiet:
		return Pass, "it never changed"
	case r.change.Hi <= 0:
		return Pass, "it rises no faster"
	case r.change.Hi*float64(l.Cycles) < 1:
		return Pass, fmt.Sprintf("it rises by less than one in a session of %d cycles, if at all", l.Cycles)
	case known && l.Candidate.most() <= 0:
		return Pass, "whether it rises is not settled, but nothing of it was left after any session"
	}
	return Inconclusive, "the interval straddles 0; more sessions, or longer ones, would narrow it"
}

// ruleRise is of a candidate whose count rises faster, not by chance.
func (r *row) ruleRise() (Ruling, string) {
	b, c := r.Leak.Baseline, r.Leak.Candidate
	switch {
	case c.least() > max(0, b.most()) && !r.Leak.everywhere:
		return Inconclusive, fmt.Sprintf("it rises faster in all sessions together, but not in each pair of them by itself, and %s was left, of the baseline's %s: longer ones would tell",
			keptText(c), keptText(b))
	case c.least() > max(0, b.most()):
		return Regressed, fmt.Sprintf("it is never released: %s left after a session, of the baseline's %s", keptText(c), keptText(b))
	case c.most() <= max(0, b.least()): // any session of the baseline: what one of them left by chance excuses nothing
		r.Leak.Late = true
		return Pass, "it rises faster and is released late: nothing more than of the baseline was left" + c.backText()
	}
	return Inconclusive, fmt.Sprintf("it rises faster, and what sessions of the candidate left (%s) is neither more than of every one of the baseline (%s) nor at most that",
		keptText(c), keptText(b))
}

// keptText is "9 to 10".
func keptText(g Growth) string {
	if len(g.Kept) == 0 {
		return "not known"
	}
	if g.least() == g.most() {
		return fmt.Sprint(g.most())
	}
	return fmt.Sprintf("%d to %d", g.least(), g.most())
}

func (g Growth) backText() string {
	if g.BackNS == 0 {
		return ""
	}
	return " " + Nanoseconds.Format(float64(g.BackNS)) + " after the last cycle"
}

// risen says in words how fast it rose.
func (r *row) risen() string {
	b, c := r.Baseline, r.Candidate
	return fmt.Sprintf("went from %s to %s a cycle%s over %s of %d cycles", perCycle(b.Center), perCycle(c.Center), r.bracket(), plural(min(b.N, c.N), "pair"), r.Leak.Cycles)
}

func perCycle(x float64) string { return signed(x, Counted.Format(x)) }

// inheritedRow compares how many descriptors a payload was handed beyond its standard streams. It is a fact of each session and no estimate.
func (j *judge) inheritedRow(sc scenarios.Scenario, group key, m metric, c *cell) row {
	r := newRow(group, m)
	r.per, r.Leak = "session", &Leak{Cycles: sc.Cycles}
	r.Looks = j.once(len(j.blocks(group)))
	r.miss(j.shortfall(spot{scenario: sc.Name}, c))
	r.Change, r.ChangeLo, r.ChangeHi = math.NaN(), math.Inf(-1), math.Inf(1)
	into := [arms]*Arm{&r.Baseline, &r.Candidate}
	for i, g := range [arms]*Growth{&r.Leak.Baseline, &r.Leak.Candidate} {
		why := c[i].handed(g)
		if r.unfit == "" && why != "" {
			r.unfit = fmt.Sprintf("not counted in the %s: %s", armNames[i], why)
		}
		*into[i] = handedArm(*g)
	}
	if r.unfit == "" {
		r.Change = r.Candidate.Center - r.Baseline.Center
		r.Leak.Quiet = r.Leak.Baseline.most() == 0 && r.Leak.Candidate.most() == 0
		r.Leak.Both = r.Leak.Baseline.least() > 0 && r.Leak.Candidate.least() > 0
	}
	return r
}

// handed has as kept what each session's payload was handed.
func (s *side) handed(g *Growth) (why string) {
	g.Before, g.Settled = math.NaN(), math.NaN()
	if _, why := s.counted(countedOf{kind: "mounts"}); len(s.sessions) == 0 || s.blind > 0 {
		return why
	}
	for _, one := range s.sessions {
		if one.inherited == nil {
			return "what a payload was handed could not be looked at"
		}
		n := int64(len(one.inherited.Descriptors))
		if len(g.Kept) == 0 || n > g.most() {
			g.Names = descriptorNames(one.inherited.Descriptors)
		}
		g.Kept = append(g.Kept, n)
	}
	return ""
}

func descriptorNames(all []results.Descriptor) (names []string) {
	for _, d := range all {
		names = append(names, fmt.Sprintf("fd %d: %s (%s)", d.FD, d.Target, descriptorWord(d.Kind)))
	}
	return names
}

// descriptorWord is what a kind of descriptor is called beside its target.
func descriptorWord(kind string) string {
	switch kind {
	case "fd:dir":
		return "directory"
	case "fd:cgroup":
		return "directory of cgroups"
	}
	return strings.ReplaceAll(strings.TrimPrefix(kind, "fd:"), ":", " ")
}

func handedArm(g Growth) Arm {
	a := Arm{N: len(g.Kept), Center: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	for _, n := range g.Kept {
		a.Values = append(a.Values, float64(n))
		a.Events += int(n)
	}
	if a.N > 0 {
		a.Center = float64(g.most())
	}
	return a
}

func (r *row) ruleInherited() (Ruling, string) {
	b, c := r.Leak.Baseline, r.Leak.Candidate
	switch {
	case c.least() > b.most():
		return Regressed, "the payload of every session of the candidate was handed more than any of the baseline"
	case c.most() < b.least():
		return Improved, "the payload of every session of the candidate was handed less than any of the baseline"
	case c.most() <= b.least():
		return Pass, "the payload was handed no more"
	}
	return Inconclusive, fmt.Sprintf("what a payload is handed differs from session to session (%s, then %s)", keptText(b), keptText(c))
}

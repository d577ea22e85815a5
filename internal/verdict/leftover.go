package verdict

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Leftovers are what lives left of one kind, behind a row of it.
type Leftovers struct {
	Kind lifecycle.Kind
	// Sequences that both arms lived: those that are compared.
	Sequences int
	// Alone are, of each arm, the sequences that the other has not: its runtime takes no such step. Of OwnLasting of them something lasting was left.
	Alone, OwnLasting [arms]int
	// Missed are, of each arm, the sequences of which no life says anything: the runtime never came to the point at which it was to be killed.
	Missed [arms]int
	// missed has one of them; lost those that the other arm did live.
	missed [arms]string
	lost   [arms][]string
	// Cells are the sequences after which something of the kind remained in either arm that time alone did not free.
	Cells []LeftoverCell
	// Both have sequences after which both arms leave it.
	Both int
	// Settle is what time alone was given.
	Settle string
	// Network has the pools of the containers' network, as `initbench lifecycle` takes them; empty: they had none.
	Network string
}

// LeftoverCell is one sequence.
type LeftoverCell struct {
	Sequence string
	// Baseline and Candidate are what it took to free the hardest of it; empty: nothing was left, or time alone freed it.
	Baseline, Candidate lifecycle.Freed
	// Name is one of the things.
	Name string
	// Again is how often either arm lived it again, since they differed, and how often something was left then that took as much as it had the first time;
	// of an arm with N = 0 it was not lived again.
	Again [arms]Hits
	// P that both arms leave it as often (Fisher's exact test over the lives again), NaN without such.
	P float64
	// Worse and Better are what it was the first time; Confirmed: what was found again by the arms' own lives is no chance.
	Worse, Better, Confirmed bool
	// Refuted: lived again, it was not so.
	Refuted bool
	// in are the blocks that make it worse, or better; against: the lives again do not go that way, in as many of these blocks as have them.
	in      []differing
	against bool
}

// differing is a block in which the arms' first lives of a sequence left different things: what it took to free them, and the name of one.
type differing struct {
	block      int
	base, cand int
	name       string
}

// Hits are lives of which so many left something.
type Hits struct{ X, N int }

// livesSession is what is kept of one.
type livesSession struct {
	block int
	again bool
	results.Lived
}

// leftoverTable has the metrics of lives, beside table as leakTable is.
var leftoverTable = leftoverMetrics()

func leftoverMetrics() (all []metric) {
	for _, m := range scenarios.Metrics() {
		if m.Scope == scenarios.PerLife {
			all = append(all, metric{name: m.Name, measured: m.Name, unit: Counted, kind: remaining, lane: m.Lane})
		}
	}
	return all
}

// addLives keeps what a session left.
func (s *side) addLives(r *results.Record) {
	switch {
	case r.Trial.Lives == 0:
	case r.Lived == nil:
		s.blind++
	default:
		s.lives = append(s.lives, livesSession{r.Block, r.Trial.Lives > 1, *r.Lived})
	}
}

// answer is a life that says something.
type answer struct {
	block int
	results.Life
}

// answers are an arm's lives: of each sequence those that say something, which may be none.
type answers struct {
	order []string
	of    map[string][]answer
}

// first are the lives of the sessions that lived every sequence once. Where the arms share no blocks all are of one.
func (s *side) first(paired bool) answers {
	return s.answers(paired, func(l livesSession) bool { return !l.again })
}

func (s *side) answers(paired bool, counts func(livesSession) bool) answers {
	all := answers{of: map[string][]answer{}}
	for _, session := range s.lives {
		if !counts(session) {
			continue
		}
		for _, l := range session.Lives {
			if _, had := all.of[l.Sequence]; !had {
				all.order, all.of[l.Sequence] = append(all.order, l.Sequence), nil
			}
			if !l.Missed {
				all.of[l.Sequence] = append(all.of[l.Sequence], answer{session.in(paired), l})
			}
		}
	}
	return all
}

func (l livesSession) in(paired bool) int {
	if paired {
		return l.block
	}
	return 0
}

// leftoverRows are those of a scenario that has lives, under one driver: one for each kind.
func (j *judge) leftoverRows(sc scenarios.Scenario, group key) (rows []row) {
	c := j.at(group)
	judged := slices.DeleteFunc(slices.Clone(leftoverTable), func(m metric) bool { return !sc.Judges(m.name) })
	for _, m := range j.heeded(judged) {
		rows = append(rows, j.leftoverRow(sc, group, m, c))
	}
	return rows
}

// leftoverRow compares sequence by sequence.
func (j *judge) leftoverRow(sc scenarios.Scenario, group key, m metric, c *cell) row {
	r := newRow(group, m)
	r.per = "sequence"
	r.Looks = j.once(len(j.blocks(group)))
	r.miss(j.shortfall(spot{scenario: sc.Name}, c))
	r.Change, r.ChangeLo, r.ChangeHi = math.NaN(), math.Inf(-1), math.Inf(1)
	r.Left = &Leftovers{Kind: scenarios.LeftoverKind(m.name), Settle: sc.Lives.Settle.String(), Network: sc.Network.Text()}
	first := [arms]answers{c[baseline].first(j.paired), c[candidate].first(j.paired)}
	for i, s := range c {
		switch {
		case len(first[i].order) > 0:
		case s.failure != "":
			r.unfit = fmt.Sprintf("no session of the %s could live its sequences (%s)", armNames[i], s.failure)
		default:
			r.unfit = fmt.Sprintf("there is no session of the %s", armNames[i])
		}
	}
	r.Baseline, r.Candidate = Arm{Center: math.NaN()}, Arm{Center: math.NaN()}
	if r.unfit != "" {
		return r
	}
	r.Left.compare(first)
	r.Left.repeat(c, j.paired)
	r.Baseline, r.Candidate = r.Left.arm(baseline), r.Left.arm(candidate)
	r.Change = r.Candidate.Center - r.Baseline.Center
	if p := r.Left.p(); !math.IsNaN(p) {
		r.test(p)
	}
	return r
}

// compare finds the sequences after which something lasting remained.
func (l *Leftovers) compare(first [arms]answers) {
	for _, name := range first[baseline].order {
		b, c := first[baseline].of[name], first[candidate].of[name]
		if len(b) == 0 || len(c) == 0 {
			continue
		}
		l.Sequences++
		one, remained := cellOf(name, l.Kind, b, c)
		if !remained {
			continue
		}
		if one.Baseline != "" && one.Candidate != "" {
			l.Both++
		}
		l.Cells = append(l.Cells, one)
	}
	for i, own := range first {
		for _, name := range own.order {
			l.tell(i, name, own.of[name], first[arms-1-i])
		}
	}
}

// tell counts a sequence that one arm missed, or that it alone has.
func (l *Leftovers) tell(arm int, name string, own []answer, other answers) {
	others, there := other.of[name]
	switch {
	case len(own) == 0:
		if l.Missed[arm]++; l.missed[arm] == "" {
			l.missed[arm] = name
		}
		if len(others) > 0 {
			l.lost[arm] = append(l.lost[arm], name)
		}
	case !there:
		l.Alone[arm]++
		if slices.ContainsFunc(own, func(a answer) bool { return a.Worst(l.Kind) > 0 }) {
			l.OwnLasting[arm]++
		}
	}
}

// cellOf compares what both arms answered of a sequence, block by block: it is worse if it is in any, and better if in none it is worse and in any it is better.
func cellOf(name string, kind lifecycle.Kind, b, c []answer) (one LeftoverCell, remained bool) {
	var up, down, same []differing
	for _, block := range blocksOf(b, c) {
		base, cand := inBlock(b, block), inBlock(c, block)
		baseMost, candMost := hardest(base, kind), hardest(cand, kind)
		baseLeast, candLeast := easiest(base, kind), easiest(cand, kind)
		of := differing{block, baseMost.Worst(kind), candMost.Worst(kind), candMost.Named(kind, baseMost.Life)}
		switch {
		case of.cand > baseLeast:
			of.base = baseLeast
			up = append(up, of)
		case of.base > candLeast:
			of.cand = candLeast
			down = append(down, of)
		case of.base > 0:
			same = append(same, of)
		}
	}
	one = LeftoverCell{Sequence: name, P: math.NaN(), Worse: len(up) > 0, Better: len(up) == 0 && len(down) > 0}
	switch {
	case one.Worse:
		one.in = up
	case one.Better:
		one.in = down
	case len(same) > 0:
		one.show(same[0])
		return one, true
	default:
		return one, false
	}
	one.show(one.in[0])
	return one, true
}

// show makes a block the one that the cell tells of.
func (c *LeftoverCell) show(d differing) {
	c.Baseline, c.Candidate, c.Name = freedBy(d.base), freedBy(d.cand), d.name
}

func blocksOf(b, c []answer) (all []int) {
	for _, a := range slices.Concat(b, c) {
		all = append(all, a.block)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inBlock are the answers of a block. Where an arm has none there, what the other one left is held against all that it has elsewhere.
func inBlock(all []answer, block int) (in []answer) {
	for _, a := range all {
		if a.block == block {
			in = append(in, a)
		}
	}
	if len(in) == 0 {
		return all
	}
	return in
}

func hardest(all []answer, kind lifecycle.Kind) answer {
	return slices.MaxFunc(all, func(a, b answer) int { return cmp.Compare(a.Worst(kind), b.Worst(kind)) })
}

func easiest(all []answer, kind lifecycle.Kind) int {
	return slices.MinFunc(all, func(a, b answer) int { return cmp.Compare(a.Worst(kind), b.Worst(kind)) }).Worst(kind)
}

// freedBy is the word of a rank; empty for what time alone freed.
func freedBy(rank int) lifecycle.Freed {
	if rank == 0 {
		return ""
	}
	return lifecycle.FreedBy()[rank]
}

// repeat looks at what was lived again. These lives decided nothing about which are looked at, so that they are a sample of
// their own: only as many tests are adjusted for as there are sequences that were lived again (Holm), and not all that were lived.
func (l *Leftovers) repeat(c *cell, paired bool) {
	var p []float64
	for i := range l.Cells {
		if l.Cells[i].repeat(c, l.Kind, paired); !math.IsNaN(l.Cells[i].P) {
			p = append(p, l.Cells[i].P)
		}
	}
	next := stats.Holm(p)
	for i := range l.Cells {
		if one := &l.Cells[i]; !math.IsNaN(one.P) {
			one.P, next = next[0], next[1:]
		}
	}
}

// repeat tests a sequence once for each amount by which a block made it worse, or better, over the lives again of all blocks, and goes by the test that says most for it.
func (c *LeftoverCell) repeat(sides *cell, kind lifecycle.Kind, paired bool) {
	tested := map[int]bool{}
	refuted := len(c.in) > 0
	c.against = refuted
	for _, d := range c.in {
		rank := max(d.base, d.cand)
		if tested[rank] {
			continue
		}
		tested[rank] = true
		var hits [arms]map[int]Hits
		for a, s := range sides {
			hits[a] = s.hits(c.Sequence, kind, rank, paired)
		}
		again, p := compareHits(hits)
		diff := again[candidate].share() - again[baseline].share()
		against := c.Worse && diff <= 0 || c.Better && diff >= 0
		refuted = refuted && against && !slices.ContainsFunc(c.in, func(d differing) bool { return hits[baseline][d.block].N == 0 || hits[candidate][d.block].N == 0 })
		if first := len(tested) == 1; first || c.against && !against || c.against == against && p < c.P {
			c.Again, c.P, c.against = again, p, against
			c.show(d)
		}
	}
	c.P, c.Refuted = math.Min(1, c.P*float64(len(tested))), refuted
}

// compareHits is Fisher's test over the blocks in which both arms lived it again, NaN if there are none. The sums are of these blocks too, unless there are none.
func compareHits(hits [arms]map[int]Hits) (again [arms]Hits, p float64) {
	var both []stats.Stratum
	var all [arms]Hits
	for _, b := range hits[candidate] {
		all[candidate].add(b)
	}
	for block, b := range hits[baseline] {
		all[baseline].add(b)
		if c := hits[candidate][block]; c.N > 0 {
			both = append(both, stats.Stratum{Base: stats.Count{X: float64(b.X), N: float64(b.N)}, Cand: stats.Count{X: float64(c.X), N: float64(c.N)}})
			again[baseline].add(b)
			again[candidate].add(c)
		}
	}
	if len(both) == 0 {
		return all, math.NaN()
	}
	return again, stats.ExactP(both)
}

func (h *Hits) add(of Hits) { h.X, h.N = h.X+of.X, h.N+of.N }

func (h Hits) share() float64 { return float64(h.X) / float64(h.N) }

// hits counts, by block, the lives again that left something as lasting.
func (s *side) hits(sequence string, kind lifecycle.Kind, rank int, paired bool) map[int]Hits {
	all := map[int]Hits{}
	for _, session := range s.lives {
		if !session.again {
			continue
		}
		for _, l := range session.Lives {
			if l.Sequence != sequence || l.Missed {
				continue
			}
			h := all[session.in(paired)]
			if h.N++; l.Worst(kind) >= rank {
				h.X++
			}
			all[session.in(paired)] = h
		}
	}
	return all
}

// arm is how many of the sequences of both left something lasting.
func (l *Leftovers) arm(i int) Arm {
	a := Arm{N: l.Sequences, Lo: math.Inf(-1), Hi: math.Inf(1)}
	for _, one := range l.Cells {
		if [arms]lifecycle.Freed{one.Baseline, one.Candidate}[i] != "" {
			a.Events++
		}
	}
	a.Center = float64(a.Events)
	return a
}

// p is that of the sequence that says most for what the row may claim: a regression where any was worse and not refuted, else an improvement.
func (l *Leftovers) p() float64 {
	worse, better := math.NaN(), math.NaN()
	for _, one := range l.Cells {
		switch {
		case math.IsNaN(one.P) || one.against:
		case one.Worse:
			worse = least(worse, one.P)
		case one.Better:
			better = least(better, one.P)
		}
	}
	if !math.IsNaN(worse) {
		return worse
	}
	return better
}

func least(a, b float64) float64 {
	if math.IsNaN(a) || b < a {
		return b
	}
	return a
}

// ruleRemaining has no margin: a sequence after which the candidate leaves what the baseline did not is a regression, if it does so again.
func (r *row) ruleRemaining(opts Options) (Ruling, string) {
	l := r.Left
	cost := 1.0
	if r.P > 0 {
		cost = r.PHolm / r.P // what the family costs the row, it costs each of its sequences
	}
	for i := range l.Cells {
		one := &l.Cells[i]
		one.Confirmed = !math.IsNaN(r.PHolm) && math.Min(1, one.P*cost) < opts.alpha() && !one.against
	}
	worse, better := l.those(func(c LeftoverCell) bool { return c.Worse && c.Confirmed }), l.those(func(c LeftoverCell) bool { return c.Better && c.Confirmed })
	open := l.those(func(c LeftoverCell) bool { return c.Worse && !c.Confirmed && !c.Refuted })
	refuted := l.those(func(c LeftoverCell) bool { return c.Refuted })
	switch {
	case len(worse) > 0:
		return Regressed, fmt.Sprintf("lived again, %s", worse[0].againText())
	case len(open) > 0:
		why := append([]string{fmt.Sprintf("the candidate left it after %s and the baseline did not, %s", open[0].Sequence, open[0].openText())}, l.lostTexts()...)
		return Inconclusive, strings.Join(why, "; ")
	case len(l.lostTexts()) > 0:
		return Inconclusive, strings.Join(l.lostTexts(), "; ")
	case l.Sequences == 0:
		return Inconclusive, "there is no sequence that both arms can live"
	case len(better) > 0:
		return Improved, fmt.Sprintf("lived again, %s", better[0].againText())
	case len(refuted) > 0:
		return Pass, fmt.Sprintf("what differed after %s did not when it was lived again", plural(len(refuted), "sequence"))
	case len(l.those(func(c LeftoverCell) bool { return c.Better })) > 0:
		return Pass, "the candidate left it after no sequence after which the baseline did not"
	case l.Both > 0:
		return Pass, "the same after each sequence"
	}
	return Pass, "no sequence left it"
}

// those have the smallest p first, and last what was not lived again.
func (l *Leftovers) those(are func(LeftoverCell) bool) (all []LeftoverCell) {
	for _, c := range l.Cells {
		if are(c) {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b LeftoverCell) int { return cmp.Compare(a.orderP(), b.orderP()) })
	return all
}

func (c LeftoverCell) orderP() float64 {
	if math.IsNaN(c.P) {
		return 2
	}
	return c.P
}

// lostTexts say which sequences of one arm the other missed: what it leaves there nobody knows.
func (l *Leftovers) lostTexts() (all []string) {
	for i, lost := range l.lost {
		if n := len(lost); n > 0 {
			all = append(all, fmt.Sprintf("the %s missed %s that the %s lived, such as %s", armNames[i], plural(n, "sequence"), armNames[arms-1-i], lost[0]))
		}
	}
	return all
}

// againText is "create,start,stop,delete left it 8 of 8 times, with the baseline 0 of 8".
func (c LeftoverCell) againText() string {
	b, cand := c.Again[baseline], c.Again[candidate]
	return fmt.Sprintf("%s left it %d of %d times, with the baseline %d of %d (p=%s)", c.Sequence, cand.X, cand.N, b.X, b.N, FormatP(c.P))
}

func (c LeftoverCell) openText() string {
	b, cand := c.Again[baseline], c.Again[candidate]
	if b.N == 0 || cand.N == 0 {
		return "each once, which may be chance: a gate lives such a sequence again"
	}
	if c.against {
		return fmt.Sprintf("and not in each block in which it differed was it lived again (%d of %d times, with the baseline %d of %d)", cand.X, cand.N, b.X, b.N)
	}
	return fmt.Sprintf("and lived again %d of %d times, with the baseline %d of %d, which may be chance", cand.X, cand.N, b.X, b.N)
}

// freedText is what it takes to get rid of something.
func freedText(by lifecycle.Freed) string {
	switch by {
	case lifecycle.ByDelete:
		return "freed by delete --force"
	case lifecycle.ByClean:
		return "freed by initbench clean alone"
	case lifecycle.Never:
		return "freed by nothing"
	}
	return "nothing that lasts"
}

// remainedText is of a row that says from how many sequences to how many.
func (r *row) remainedText() string {
	return fmt.Sprintf("remained after %.0f and %.0f of %s", r.Baseline.Center, r.Candidate.Center, plural(r.Left.Sequences, "sequence"))
}

// toldLeftover says what a regression is: after which lives, what it is called and what frees it.
func (m Metric) toldLeftover() string {
	l := m.Left
	worse := l.those(func(c LeftoverCell) bool { return c.Worse && c.Confirmed })
	first := worse[0] // ruleRemaining has found one
	others := ""
	if n := len(worse) - 1; n > 0 {
		others = fmt.Sprintf(" and %d more", n)
	}
	was := "the baseline leaves nothing there that lasts"
	if first.Baseline != "" {
		was = "with the baseline it is " + freedText(first.Baseline)
	}
	return fmt.Sprintf("The candidate leaves a %s after %s%s: %s, %s; %s. Of %s it remained after %.0f with the baseline, %.0f with the candidate",
		l.Kind, first.Sequence, others, first.Name, freedText(first.Candidate), was, plural(l.Sequences, "sequence"), m.Baseline.Center, m.Candidate.Center)
}

// shown is the sequence that a reader lives again first.
func (l *Leftovers) shown() string {
	for _, are := range []func(LeftoverCell) bool{
		func(c LeftoverCell) bool { return c.Worse && c.Confirmed },
		func(c LeftoverCell) bool { return c.Worse && !c.Refuted },
		func(c LeftoverCell) bool { return c.Better && !c.Refuted },
		func(LeftoverCell) bool { return true },
	} {
		if all := l.those(are); len(all) > 0 {
			return all[0].Sequence
		}
	}
	return ""
}

// missedNote says how much of what was to be lived says nothing.
func (l *Leftovers) missedNote(k key) string {
	var all []string
	for i, n := range l.Missed {
		if n > 0 {
			all = append(all, fmt.Sprintf("the %s missed %s, such as %s", armNames[i], plural(n, "sequence"), l.missed[i]))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return label("lives", k) + ": " + strings.Join(all, ", ") + ": it did not come to the point at which it was to be killed, and they say nothing of it"
}

// leftoverNotes say what was missed, what both arms leave, and what only one of them can.
func leftoverNotes(rows []Metric) (notes []string) {
	for _, m := range rows {
		l := m.Left
		if l == nil {
			continue
		}
		if missed := l.missedNote(key{scenario: m.Scenario, driver: m.Driver, order: m.Order}); missed != "" && !slices.Contains(notes, missed) {
			notes = append(notes, missed) // once for all kinds
		}
		at := label(m.Name, key{scenario: m.Scenario, driver: m.Driver, order: m.Order})
		if same := l.those(func(c LeftoverCell) bool { return c.Baseline != "" && c.Candidate != "" }); len(same) > 0 {
			notes = append(notes, fmt.Sprintf("%s: both arms leave it after %s, such as %s (%s)", at, plural(len(same), "sequence"), same[0].Sequence, freedText(same[0].Candidate)))
		}
		for i, n := range l.Alone {
			if l.OwnLasting[i] > 0 {
				notes = append(notes, fmt.Sprintf("%s: the %s alone takes the steps of %s, and leaves it after %d of them: they are compared with nothing",
					at, armNames[i], plural(n, "sequence"), l.OwnLasting[i]))
			}
		}
	}
	return notes
}

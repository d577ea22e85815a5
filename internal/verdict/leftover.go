package verdict

import (
	"fmt"
	"math"
	"slices"

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
	// Cells are the sequences after which something of the kind remained in either arm that time alone did not free.
	Cells []LeftoverCell
	// Both have sequences after which both arms leave it.
	Both int
	// Settle is what time alone was given.
	Settle string
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

// first are the sessions that lived every sequence once, put together; again those that lived some of them again.
func (s *side) first() (all results.Lived) {
	for _, l := range s.lives {
		if !l.again {
			all.Lives = append(all.Lives, l.Lives...)
		}
	}
	return all
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
	r.Left = &Leftovers{Kind: scenarios.LeftoverKind(m.name), Settle: sc.Lives.Settle.String()}
	first := [arms]results.Lived{c[baseline].first(), c[candidate].first()}
	for i, s := range c {
		switch {
		case len(first[i].Lives) > 0:
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
	r.Left.repeat(c)
	r.Baseline, r.Candidate = r.Left.arm(baseline), r.Left.arm(candidate)
	r.Change = r.Candidate.Center - r.Baseline.Center
	if p := r.Left.p(); !math.IsNaN(p) {
		r.test(p)
	}
	return r
}

// compare finds the sequences after which something lasting remained.
func (l *Leftovers) compare(first [arms]results.Lived) {
	pairs := results.PairsOf(first[baseline], first[candidate])
	l.Sequences = len(pairs)
	for _, p := range pairs {
		b, c := p.A.Worst(l.Kind), p.B.Worst(l.Kind)
		if b == 0 && c == 0 {
			continue
		}
		if b > 0 && c > 0 {
			l.Both++
		}
		l.Cells = append(l.Cells, LeftoverCell{Sequence: p.A.Sequence, Baseline: freedBy(b), Candidate: freedBy(c), P: math.NaN(),
			Name: p.B.Named(l.Kind, p.A), Worse: c > b, Better: b > c})
	}
	for i, own := range first {
		l.Alone[i], l.OwnLasting[i] = aloneIn(own, first[arms-1-i], l.Kind)
	}
}

// freedBy is the word of a rank; empty for what time alone freed.
func freedBy(rank int) lifecycle.Freed {
	if rank == 0 {
		return ""
	}
	return lifecycle.FreedBy()[rank]
}

// aloneIn counts the sequences that one arm lived and the other has not.
func aloneIn(own, other results.Lived, kind lifecycle.Kind) (n, lasting int) {
	there := map[string]bool{}
	for _, l := range other.Lives {
		there[l.Sequence] = there[l.Sequence] || !l.Missed
	}
	for _, l := range own.Lives {
		if l.Missed || there[l.Sequence] {
			continue
		}
		there[l.Sequence] = true
		if n++; l.Worst(kind) > 0 {
			lasting++
		}
	}
	return n, lasting
}

// repeat looks at what was lived again. These lives decided nothing about which are looked at, so that they are a sample of
// their own: only as many tests are adjusted for as there are sequences that were lived again (Holm), and not all that were lived.
func (l *Leftovers) repeat(c *cell) {
	var p []float64
	for i := range l.Cells {
		one := &l.Cells[i]
		if !one.Worse && !one.Better {
			continue
		}
		rank := max(rankOf(one.Baseline), rankOf(one.Candidate))
		for a, s := range c {
			one.Again[a] = s.hits(one.Sequence, l.Kind, rank)
		}
		b, cand := one.Again[baseline], one.Again[candidate]
		if b.N > 0 && cand.N > 0 {
			one.P = stats.ExactP([]stats.Stratum{{Base: stats.Count{X: float64(b.X), N: float64(b.N)}, Cand: stats.Count{X: float64(cand.X), N: float64(cand.N)}}})
			p = append(p, one.P)
		}
	}
	next := stats.Holm(p)
	for i := range l.Cells {
		if one := &l.Cells[i]; !math.IsNaN(one.P) {
			one.P, next = next[0], next[1:]
			d := one.Again[candidate].share() - one.Again[baseline].share()
			one.Refuted = one.Worse && d <= 0 || one.Better && d >= 0
		}
	}
}

func (h Hits) share() float64 { return float64(h.X) / float64(h.N) }

func rankOf(by lifecycle.Freed) int { return max(0, slices.Index(lifecycle.FreedBy(), by)) }

// hits counts the lives again that left something as lasting.
func (s *side) hits(sequence string, kind lifecycle.Kind, rank int) (h Hits) {
	for _, session := range s.lives {
		if !session.again {
			continue
		}
		for _, l := range session.Lives {
			if l.Sequence != sequence || l.Missed {
				continue
			}
			if h.N++; l.Worst(kind) >= rank {
				h.X++
			}
		}
	}
	return h
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
		case math.IsNaN(one.P) || one.Refuted:
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
	significant := !math.IsNaN(r.PHolm) && r.PHolm < opts.alpha()
	for i := range l.Cells {
		one := &l.Cells[i]
		one.Confirmed = significant && one.P < opts.alpha() && !one.Refuted
	}
	worse, better := l.those(func(c LeftoverCell) bool { return c.Worse && c.Confirmed }), l.those(func(c LeftoverCell) bool { return c.Better && c.Confirmed })
	open := l.those(func(c LeftoverCell) bool { return c.Worse && !c.Confirmed && !c.Refuted })
	refuted := l.those(func(c LeftoverCell) bool { return c.Refuted })
	switch {
	case l.Sequences == 0:
		return Inconclusive, "there is no sequence that both arms can live"
	case len(worse) > 0:
		return Regressed, fmt.Sprintf("lived again, %s", worse[0].againText())
	case len(open) > 0:
		return Inconclusive, fmt.Sprintf("the candidate left it after %s and the baseline did not, %s", open[0].Sequence, open[0].openText())
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

func (l *Leftovers) those(are func(LeftoverCell) bool) (all []LeftoverCell) {
	for _, c := range l.Cells {
		if are(c) {
			all = append(all, c)
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

// leftoverNotes say what both arms leave, and what only one of them can.
func leftoverNotes(rows []Metric) (notes []string) {
	for _, m := range rows {
		l := m.Left
		if l == nil {
			continue
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

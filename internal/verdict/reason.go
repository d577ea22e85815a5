package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const natural = sequence.Natural

// sentence puts a row's subject and numbers before why it was ruled so.
func (r *row) sentence(why string) string {
	subject := label(r.Name, key{r.Scenario, r.Driver, r.Order, r.Limit})
	if finding := r.finding(); finding != "" {
		subject += " " + finding
	}
	return subject + ": " + why
}

// label names a row: "start.latency (startup, cgroupfs, 16MiB)".
func label(name string, k key) string {
	parts := []string{k.scenario, string(k.driver)}
	if k.order != natural {
		parts = append(parts, string(k.order))
	}
	if k.limit != 0 {
		parts = append(parts, scenarios.FormatSize(k.limit))
	}
	return fmt.Sprintf("%s (%s)", name, strings.Join(parts, ", "))
}

// finding is what was measured, in words, as far as there is something.
func (r *row) finding() string {
	b, c := r.Baseline, r.Candidate
	switch {
	case b.N == 0 || c.N == 0:
		return ""
	case r.kind == leaks:
		return fmt.Sprintf("went from %s to %s a trial", r.Unit.Format(b.Center), r.Unit.Format(c.Center))
	case r.kind == rate:
		return fmt.Sprintf("went from %d of %d to %d of %d, %s%s%s", b.Events, b.N, c.Events, c.N,
			r.Unit.FormatChange(r.Change), r.bracket(), r.threshold())
	}
	return fmt.Sprintf("%s, %s%s", move(r.Unit.Format(b.Center), r.Unit.Format(c.Center)), r.Unit.FormatChange(r.Change), r.bracket())
}

func move(from, to string) string {
	if from == to {
		return "stayed at " + from
	}
	return "went from " + from + " to " + to
}

// bracket is the interval of the change; nothing where it has no ends.
func (r *row) bracket() string {
	if !r.change.Bounded() {
		return ""
	}
	short := func(x float64) string { return strings.TrimSuffix(r.Unit.FormatChange(x), " points") }
	return fmt.Sprintf(" [%s, %s]", short(r.ChangeLo), short(r.ChangeHi))
}

// threshold says in the words of the question that made this project by how much
// the smallest limit that works has moved.
func (r *row) threshold() string {
	if len(r.Ladder) < 2 || r.Name != scenarios.OOMRate {
		return ""
	}
	base := smallest(r.Ladder, func(g Rung) Count { return g.Baseline })
	cand := smallest(r.Ladder, func(g Rung) Count { return g.Candidate })
	if base == cand {
		return ""
	}
	return fmt.Sprintf(" (smallest limit without a kill: %s, then %s)", base, cand)
}

// smallest is the lowest rung from which on no trial was OOM-killed. Of the first
// rung it is only known that nothing above is needed.
func smallest(ladder []Rung, arm func(Rung) Count) string {
	if kills(ladder, arm) == 0 {
		return "at most " + scenarios.FormatSize(ladder[0].Limit)
	}
	best := "above " + scenarios.FormatSize(ladder[len(ladder)-1].Limit)
	for _, g := range slices.Backward(ladder) {
		if n := arm(g); n.OOMKilled > 0 || n.Started == 0 {
			break
		}
		best = scenarios.FormatSize(g.Limit)
	}
	return best
}

func kills(ladder []Rung, arm func(Rung) Count) int {
	n := 0
	for _, g := range ladder {
		n += arm(g).OOMKilled
	}
	return n
}

func (r *row) marginText() string {
	return "the margin of " + r.Unit.FormatMargin(r.Margin) + r.resolution
}

func (r *row) chance(family int) string {
	return fmt.Sprintf("chance is not excluded (p=%s after Holm over %s)", FormatP(r.PHolm), plural(family, "row"))
}

// forecast says how many units an arm would settle the row, were the spread and
// the change to stay as they are.
func (r *row) forecast() string {
	k := stats.Growth(func(k float64) bool { return place(r.grown(k), r.margin) != straddles })
	if math.IsInf(k, 1) {
		return "; the change is so near the margin that a hundred times the trials would not settle it"
	}
	n := int(math.Ceil(k * float64(max(r.Baseline.N, r.Candidate.N))))
	return fmt.Sprintf("; about %s an arm would settle it, were the spread to stay the same", plural(n, r.per))
}

// fewUnits says how many units there are and how many it takes. In blocks of A B B A an
// arm has two units a block, so what an arm needs is scaled from what it has.
func (r *row) fewUnits(c stats.Change) string {
	what := "unit"
	if c.Paired {
		what = "block"
	}
	text := fmt.Sprintf("%s with both arms measured, an interval takes %d", plural(c.Units, what), c.Need())
	if c.Units > 0 && c.Paired {
		perArm := float64(max(r.Baseline.N, r.Candidate.N))
		need := int(math.Ceil(perArm * float64(c.Need()) / float64(c.Units)))
		text += fmt.Sprintf(" (about %s an arm)", plural(need, r.per))
	}
	return text
}

// tooFew says why a distribution has no interval, a failure before a mere lack of trials.
func (r *row) tooFew(c *cell) string {
	for i, n := range [arms]int{r.Baseline.N, r.Candidate.N} {
		if n == 0 && c[i].failure != "" {
			return fmt.Sprintf("no start of the %s could be measured (%s)", armNames[i], c[i].failure)
		}
	}
	return r.unfit
}

// atLimit is " at 16MiB", or nothing without a limit.
func atLimit(limit int64) string {
	if limit == 0 {
		return ""
	}
	return " at " + scenarios.FormatSize(limit)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package verdict

import (
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const natural = sequence.Natural

// sentence puts a row's subject and numbers before why it was ruled so.
func (r *row) sentence(why string) string {
	subject := label(r.Name+ofProcess(r.Process), r.key())
	if finding := r.finding(); finding != "" {
		subject += " " + finding
	}
	return subject + ": " + why
}

func (r *row) key() key {
	return key{scenario: r.Scenario, driver: r.Driver, order: r.Order, build: r.Build, place: r.Place, limit: r.Limit, enumerate: r.Enumerate}
}

// label names a row: "start.latency (startup, cgroupfs, 16MiB)".
func label(name string, k key) string { return fmt.Sprintf("%s (%s)", name, cellText(k)) }

// cellText names a cell: "startup, cgroupfs, 16MiB".
func cellText(k key) string {
	parts := []string{k.scenario, string(k.driver)}
	if k.order != natural {
		parts = append(parts, string(k.order))
	}
	if k.build != (scenarios.Build{}) {
		parts = append(parts, BuildText(k.build))
	}
	if k.limit != 0 {
		parts = append(parts, scenarios.FormatSize(k.limit))
	}
	if k.enumerate != (scenarios.Enumeration{}) {
		parts = append(parts, k.enumerate.String())
	}
	return strings.Join(parts, ", ")
}

// finding is what was measured, in words, as far as there is something.
func (r *row) finding() string {
	b, c := r.Baseline, r.Candidate
	switch {
	case b.N == 0 || c.N == 0:
		return ""
	case r.kind == threshold:
		return r.moved()
	case r.kind == growth:
		return r.risen()
	case r.kind == inherited:
		return fmt.Sprintf("went from %s to %s", keptText(r.Leak.Baseline), keptText(r.Leak.Candidate))
	case r.kind == remaining:
		return r.remainedText()
	case r.kind == leaks:
		return fmt.Sprintf("went from %s to %s a trial", r.Unit.Format(b.Center), r.Unit.Format(c.Center))
	case r.kind == rate:
		return fmt.Sprintf("went from %d of %d to %d of %d, %s%s%s", b.Events, b.N, c.Events, c.N,
			r.FormatChange(r.Change), r.bracket(), r.threshold())
	}
	// The change is not that of the medians, and near zero may have another sign: the
	// sentence must not tell one as the other.
	return fmt.Sprintf("changed by %s%s %s (medians: %s, then %s)", r.FormatChange(r.Change), r.bracket(), r.between(),
		r.Unit.Format(b.Center), r.Unit.Format(c.Center))
}

// between says between what the change is.
func (r *row) between() string {
	if r.paired {
		return "within blocks"
	}
	return "between the runs"
}

// bracket is the interval of the change; nothing where it has no ends.
func (r *row) bracket() string {
	if !r.change.Bounded() {
		return ""
	}
	short := func(x float64) string { return strings.TrimSuffix(r.FormatChange(x), " points") }
	return fmt.Sprintf(" [%s, %s]", short(r.ChangeLo), short(r.ChangeHi))
}

// threshold says in the words of the question that made this project by how much
// the smallest limit that works has moved.
func (r *row) threshold() string {
	if len(r.Ladder) < 2 || r.Name != scenarios.OOMRate {
		return ""
	}
	var limits []int64
	var b, c []Count
	for _, g := range r.Ladder {
		limits, b, c = append(limits, g.Limit), append(b, g.Baseline), append(c, g.Candidate)
	}
	base, cand := thresholdOf(limits, b), thresholdOf(limits, c)
	if base == cand {
		return ""
	}
	return fmt.Sprintf(" (%s: %s, then %s)", StartThreshold, base, cand)
}

func (r *row) marginText() string {
	return "the margin of " + r.FormatMargin() + r.resolution
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
	if l := r.Looks; l.Most > 0 {
		return forecastBlocks(int(math.Ceil(k*float64(l.Blocks))), l)
	}
	n := int(math.Ceil(k * float64(max(r.Baseline.N, r.Candidate.N))))
	return fmt.Sprintf("; about %s an arm would settle it, were the spread to stay the same", plural(n, r.per))
}

// forecastBlocks is that of an adaptive run, which has a most.
func forecastBlocks(n int, l Looks) string {
	text := fmt.Sprintf("; about %s in all would settle it, were the spread to stay the same", plural(n, "block"))
	switch {
	case n > l.Most:
		return text + fmt.Sprintf(", but a run makes %d", l.Most)
	case l.Blocks < l.Most:
		return text + ": time was over before"
	}
	return text
}

// fewUnits says how many units there are and how many it takes. In blocks of A B B A an
// arm has two units a block, so what an arm needs is scaled from what it has.
func (r *row) fewUnits(c stats.Change) string {
	what := "unit"
	if c.Paired {
		what = "block"
	}
	if c.Units >= c.Need() { // of the level that a run's looks have together, none of which is spent yet
		return fmt.Sprintf("%s with both arms measured, fewer than the first look takes", plural(c.Units, what))
	}
	text := fmt.Sprintf("%s with both arms measured, an interval takes %d", plural(c.Units, what), c.Need())
	if c.Units > 0 && c.Paired {
		perArm := float64(max(r.Baseline.N, r.Candidate.N))
		need := int(math.Ceil(perArm * float64(c.Need()) / float64(c.Units)))
		text += fmt.Sprintf(" (about %s an arm)", plural(need, r.per))
	}
	return text
}

// BuildText names a build in one phrase: "clone=init memfd 16MiB". It is empty for the runtime as it is.
func BuildText(b scenarios.Build) string {
	var parts []string
	if b.Clone != "" {
		parts = append(parts, "clone="+string(b.Clone))
	}
	if b.Strategy != "" {
		parts = append(parts, string(b.Strategy))
	}
	if b.BinaryBytes != 0 {
		parts = append(parts, scenarios.FormatSize(b.BinaryBytes))
	}
	return strings.Join(parts, " ")
}

// inBuild is ", clone=init memfd 16MiB", or nothing for the runtime as it is.
func inBuild(b scenarios.Build) string {
	if b == (scenarios.Build{}) {
		return ""
	}
	return ", " + BuildText(b)
}

// aside is " (clone=init memfd 16MiB)", or nothing for the runtime as it is.
func aside(b scenarios.Build) string {
	if b == (scenarios.Build{}) {
		return ""
	}
	return " (" + BuildText(b) + ")"
}

// PlacedLimit names a limit and, of a build, which has limits in several places, whether it is the ancestor's.
// Scenarios without builds have one place, which need not be said of each.
func PlacedLimit(b scenarios.Build, place cgroupjoin.Place, limit int64) string {
	switch {
	case limit == 0:
		return "none"
	case place == cgroupjoin.OnAncestor && b != (scenarios.Build{}):
		return scenarios.FormatSize(limit) + " on the ancestor"
	}
	return scenarios.FormatSize(limit)
}

// atLimit is " at 16MiB", or nothing without a limit.
func atLimit(limit int64) string {
	if limit == 0 {
		return ""
	}
	return " at " + scenarios.FormatSize(limit)
}

// enumerating is ", eager 2^32", or nothing of a payload that enumerates nothing.
func enumerating(e scenarios.Enumeration) string {
	if e == (scenarios.Enumeration{}) {
		return ""
	}
	return ", " + e.String()
}

// failure is why a trial that was neither a start nor a kill was none, with the first thing the runtime said.
func failure(r *results.Record) string {
	text := string(r.Outcome)
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	if line := firstLine(r.Output); line != "" {
		text += "; it printed: " + line
	}
	return text
}

// firstLine is the first line of a runtime's output that has anything in it, fit to be shown.
func firstLine(output string) string {
	const longest = 160
	for line := range strings.Lines(output) {
		line = strings.Map(func(c rune) rune {
			if !unicode.IsPrint(c) {
				return -1
			}
			return c
		}, strings.TrimSpace(strings.ReplaceAll(line, "\t", " ")))
		if runes := []rune(line); len(runes) > longest {
			line = string(runes[:longest]) + "..."
		}
		if line != "" {
			return line
		}
	}
	return ""
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

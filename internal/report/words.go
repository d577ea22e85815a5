package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// limit names a memory limit; 0 is none.
func limit(bytes int64) string {
	if bytes == 0 {
		return "none"
	}
	return scenarios.FormatSize(bytes)
}

// metricName adds the conditions that tell rows of one metric apart.
func metricName(m verdict.Metric) string {
	name := m.Name + phrase.After(" of ", m.Process)
	if m.Limit != 0 {
		name += " at " + verdict.PlacedLimit(m.Build, m.Place, m.Limit)
	}
	if m.Order != sequence.Natural {
		name += ", " + string(m.Order)
	}
	name += phrase.After(", ", m.Enumerate.String())
	return name + phrase.After(", ", verdict.BuildText(m.Build))
}

// center is an arm's figure, a count of a count where it is one.
func center(m verdict.Metric, a verdict.Arm) string {
	switch {
	case a.N == 0:
		return "not measured"
	case m.Name == verdict.StartThreshold:
		return phrase.EdgeCenter(a)
	case m.Unit == verdict.Fraction:
		return fmt.Sprintf("%d/%d", a.Events, a.N)
	case phrase.Counts(m):
		return fmt.Sprintf("%d in %d", a.Events, a.N)
	}
	return m.Unit.Format(a.Center)
}

// change is the metric's change and its interval.
func change(m verdict.Metric, between string) string {
	bounded := !math.IsInf(m.ChangeLo, 0) || !math.IsInf(m.ChangeHi, 0)
	switch {
	case math.IsNaN(m.Change) && m.Name == verdict.StartThreshold && bounded:
		return phrase.Bracket(m.FormatChange, m.ChangeLo, m.ChangeHi)
	case math.IsNaN(m.Change):
		return "-"
	case phrase.Counts(m):
		return m.FormatChange(m.Change)
	case !bounded:
		return m.FormatChange(m.Change) + between + "[no interval]"
	}
	short := func(x float64) string { return strings.TrimSuffix(m.FormatChange(x), " points") }
	return m.FormatChange(m.Change) + between + phrase.Bracket(short, m.ChangeLo, m.ChangeHi)
}

// margin is what the change may be before it counts.
func margin(m verdict.Metric) string {
	if math.IsNaN(m.Margin) || !verdict.HasMargin(m.Name) {
		return "-"
	}
	return m.FormatMargin()
}

// plain tells whether a row's numbers and its margin say all there is: it passes, for no reason but these.
func plain(m verdict.Metric) bool {
	return (m.Ruling == verdict.Pass || m.Ruling == verdict.Improved) && !strings.Contains(m.Why, "; ")
}

// Why a row that is worse, or not settled, rules over nothing.
const (
	leftOpen = "left open by a noisy clock"
	onlyTold = "by its severity only told"
)

// ruled is a ruling and, where it rules over nothing, that.
func ruled(opts Options, r verdict.Ruling, s verdict.Severity, open bool) string {
	switch {
	case r == verdict.Pass || r == verdict.Improved:
		return opts.ruling(r)
	case open:
		return opts.ruling(r) + " (open)"
	case s == verdict.Warn:
		return opts.ruling(r) + " (" + string(s) + ")"
	}
	return opts.ruling(r)
}

// paragraphs tell why the whole is ruled so: of each failure what changed, how sure that is, and the command that shows it, which often shows
// several. Of what is only not settled a line says enough, for it can be every row.
func paragraphs(v verdict.Verdict) (all []phrase.Failure) {
	full := map[string][2]string{}
	for _, m := range v.Metrics {
		full[m.Reason] = [2]string{m.Paragraph, m.Trace}
	}
	for _, h := range v.Ceilings {
		full[h.Reason] = [2]string{h.Paragraph, h.Trace}
	}
	for _, reason := range v.Reasons {
		text, command := full[reason][0], full[reason][1]
		if text == "" || v.Ruling != verdict.Regressed {
			text, command = reason, ""
		}
		all = phrase.Together(all, verdict.WithoutCommand(text, command), command)
	}
	return all
}

// openingLine is the verdict, on what, and how many rows it rests on.
func openingLine(v verdict.Verdict, opts Options) string {
	line := fmt.Sprintf("%s against %s: %s", named(v.Candidate), named(v.Baseline), v.Headline()) + phrase.After("; ", tally(v.Metrics))
	return opts.colored(opts.wrapped("", "  ", line), ": ", v.Ruling)
}

// colored gives the ruling behind a text its colour when the line has been wrapped: colours have no width.
func (o Options) colored(line, behind string, r verdict.Ruling) string {
	before, rest, found := strings.Cut(line, behind+string(r))
	if !found { // it begins a line of its own
		return line
	}
	return before + behind + o.ruling(r) + rest
}

func named(id results.RuntimeID) string {
	if id.Ref == "" {
		return "a runtime that is not recorded"
	}
	return id.Ref
}

// tally is "of 16 rows 9 regressed, 2 inconclusive, 5 pass".
func tally(rows []verdict.Metric) string {
	if len(rows) == 0 {
		return ""
	}
	count := map[verdict.Ruling]int{}
	for _, m := range rows {
		count[m.Ruling]++
	}
	var parts []string
	for _, r := range verdict.Rulings() {
		if n := count[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	return fmt.Sprintf("%s: %s", phrase.Rows(len(rows)), strings.Join(parts, ", "))
}

// counted is what the figures rest on.
func counted(t verdict.Trials) string {
	text := fmt.Sprintf("%d of %d planned trials, %d failed, %d left something behind", t.Recorded, t.Planned, t.Failed, t.Leaking)
	if t.NotCounted > 0 {
		text += fmt.Sprintf(", %d not counted", t.NotCounted)
	}
	return text
}

// restsOn is counted; an adaptive run's plan is the most that it may make.
func restsOn(v verdict.Verdict) string {
	text := counted(v.Trials)
	if phrase.Adaptive(v) {
		text = strings.Replace(text, " planned trials", " trials at most", 1)
	}
	return text
}

// finalLine is the last one.
func finalLine(v verdict.Verdict, opts Options) string {
	line := opts.wrapped("", "  ", fmt.Sprintf("verdict: %s (exit %d)", v.Headline(), v.ExitCode()))
	return opts.colored(line, "verdict: ", v.Ruling)
}

// texts of findings.
func texts(findings []verdict.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Text)
	}
	return out
}

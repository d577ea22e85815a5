package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// Explain writes how each row of one metric came to its ruling, with every number that it rests on, and ends as a table does.
func Explain(w io.Writer, v verdict.Verdict, metric string, opts Options) error {
	var b strings.Builder
	for _, m := range v.Metrics {
		if m.Name == metric {
			b.WriteString(opts.explained(fmt.Sprintf("%s (%s, %s): %s", metricName(m), m.Scenario, m.Driver, ruled(opts, m.Ruling, m.Severity, m.Open)),
				rowSteps(m, v)) + "\n")
		}
	}
	for _, h := range v.Ceilings {
		if h.Metric == metric {
			b.WriteString(opts.explained(fmt.Sprintf("ceiling %s (%s): %s", h.Text, heldOf(h), ruled(opts, h.Ruling, h.Severity, false)), heldSteps(h)) + "\n")
		}
	}
	if b.Len() == 0 {
		b.WriteString(opts.wrapped("", "  ", fmt.Sprintf("%s has no row: no scenario of the run names it, or the policy ignores it", metric)) + "\n")
	}
	b.WriteString(finalLine(v, opts))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// step is one number of an explanation, or one conclusion.
type step struct{ name, text string }

func (o Options) explained(title string, steps []step) string {
	const widest = len("candidate")
	var b strings.Builder
	b.WriteString(o.wrapped("", "  ", title))
	for _, s := range steps {
		if s.text != "" {
			b.WriteString(o.wrapped(fmt.Sprintf("  %-*s  ", widest, s.name), strings.Repeat(" ", widest+4), s.text))
		}
	}
	return b.String()
}

func rowSteps(m verdict.Metric, v verdict.Verdict) []step {
	steps := []step{
		{"baseline", armStep(m, m.Baseline)}, {"candidate", armStep(m, m.Candidate)}, {"change", changeStep(m, v)}, {"margin", margin(m)},
		{"looks", looksStep(m)}, {"p", pStep(m)}, {"severity", severityStep(m)},
	}
	for _, g := range m.Ladder {
		steps = append(steps, step{"at " + limit(g.Limit), "started: baseline " + phrase.Started(g.Baseline) + ", candidate " + phrase.Started(g.Candidate)})
	}
	for _, s := range v.Searches {
		if m.Name == verdict.StartThreshold && s.Scenario == m.Scenario && s.Driver == m.Driver && s.Order == m.Order && s.Build == m.Build && s.Place == m.Place {
			steps = append(steps, step{"search", s.Runtime + ": " + edgeText(s) + "; started, by limit: " + triedText(s)})
		}
	}
	return append(steps, step{"so", m.Why}, step{"to see it", m.Trace})
}

func armStep(m verdict.Metric, a verdict.Arm) string {
	text := arm(m, a, " ")
	if m.Unit == verdict.Fraction || phrase.Counts(m) || a.N == 0 {
		return text
	}
	what := "values"
	if m.Name == verdict.StartThreshold {
		what = "starts"
	}
	text += fmt.Sprintf(", of %d %s", a.N, what)
	if s := a.Sides; s != nil {
		text += fmt.Sprintf("; container %s, runtime %s", m.Unit.Format(s.Container), m.Unit.Format(s.Runtime))
	}
	return text
}

// changeStep says what the change is an estimate of.
func changeStep(m verdict.Metric, v verdict.Verdict) string {
	text := change(m, " ")
	if math.IsNaN(m.Change) {
		return text
	}
	how := "difference of both arms"
	switch {
	case m.Relative && v.Interleaved:
		how = "middle of the blocks' own ratios"
	case m.Relative:
		how = "middle of the ratios of all pairs of both runs"
	}
	if level := m.Looks.Level; level > 0 {
		how += fmt.Sprintf(", interval at %.4g %%", (1-level)*100)
	}
	return text + ": " + how
}

func looksStep(m verdict.Metric) string {
	l := m.Looks
	if l.Most == 0 {
		return ""
	}
	var at []string
	for _, n := range l.At {
		at = append(at, fmt.Sprint(n))
	}
	return fmt.Sprintf("after %s of at most %d blocks; so that the error over all looks stays what it is, this one may err with %.3g", strings.Join(at, ", "), l.Most, l.Level)
}

func pStep(m verdict.Metric) string {
	if math.IsNaN(m.P) {
		return ""
	}
	text := verdict.FormatP(m.P)
	if !math.IsNaN(m.Looks.P) && m.Looks.Most > 0 {
		text = verdict.FormatP(m.Looks.P) + " at this look, " + text + " over all looks"
	}
	if m.Family > 0 {
		text += fmt.Sprintf("; %s after Holm, being number %d of %d in size", verdict.FormatP(m.PHolm), m.Rank, m.Family)
	}
	return text
}

func severityStep(m verdict.Metric) string {
	switch {
	case m.Open:
		return leftOpen + ": it rules over nothing"
	case m.Severity == verdict.Warn:
		return "warn: it is told and rules over nothing"
	}
	return string(m.Severity)
}

func heldSteps(h verdict.Held) []step {
	return []step{
		{"ceiling", heldUnit(h).Format(h.AtMost)}, {"candidate", heldValue(h)}, {"severity", string(h.Severity)}, {"so", h.Reason}, {"to see it", h.Trace},
	}
}

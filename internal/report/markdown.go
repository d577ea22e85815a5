package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// verdictMarkdown is for a pull request: the verdict, a paragraph for each of its reasons, findings, a line a metric, and
// warnings. What is behind them is folded; of what lowers the trust in it, nothing is.
func verdictMarkdown(v verdict.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### initbench: %s (exit %d)\n\n", escape(v.Headline()), v.ExitCode())
	fmt.Fprintf(&b, "%s against %s%s\n\n", escape(named(v.Candidate)), escape(named(v.Baseline)), phrase.After("; ", tally(v.Metrics)))
	for _, f := range paragraphs(v) {
		b.WriteString(failureMarkdown(f))
	}
	b.WriteString(bullets("finding: ", texts(v.Findings)))
	if len(v.Metrics) > 0 {
		b.WriteString(overview(v).markdown() + "\n")
	}
	if g := heldGrid(v, Options{}); g != nil {
		b.WriteString(g.markdown() + "\n")
	}
	b.WriteString(bullets("warning: ", v.Warnings) + folded("Every row with its intervals", rowsMarkdown(v)))
	b.WriteString(folded("Starts under each limit", gridsMarkdown(detailGrids(v))))
	var facts []string
	for _, fact := range measured(v) {
		facts = append(facts, fact[0]+": "+fact[1])
	}
	b.WriteString(folded("What was measured, and where", bullets("note: ", v.Notes)+bullets("", facts)))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// failureMarkdown has the command as code, to be copied.
func failureMarkdown(f phrase.Failure) string {
	var b strings.Builder
	for _, text := range f.Texts {
		b.WriteString(escape(text) + "\n\n")
	}
	switch {
	case f.Command == "":
	case strings.Contains(f.Command, "`"):
		b.WriteString(escape(f.ToSee()+f.Command) + "\n\n")
	default:
		b.WriteString(f.ToSee() + "`" + f.Command + "`\n\n")
	}
	return b.String()
}

// folded is text that a reader opens. GitHub reads Markdown within HTML only behind an empty line.
func folded(title, text string) string {
	if text == "" {
		return ""
	}
	return "<details>\n<summary>" + title + "</summary>\n\n" + strings.TrimRight(text, "\n") + "\n\n</details>\n\n"
}

func gridsMarkdown(grids []*grid) string {
	var b strings.Builder
	for _, g := range grids {
		b.WriteString(g.markdown() + "\n")
	}
	return b.String()
}

func rowsMarkdown(v verdict.Verdict) string {
	var grids []*grid
	for _, driver := range driversOf(v.Metrics) {
		rows := of(v.Metrics, driver)
		g := metricsGrid(string(driver), rows, Options{}, " ")
		g.header = append(g.header, "reason")
		for i, m := range rows {
			g.rows[i] = append(g.rows[i], escapeMarks(m.Why))
		}
		grids = append(grids, g)
	}
	return gridsMarkdown(grids)
}

// overview has a line a metric and condition, and a column a driver.
func overview(v verdict.Verdict) *grid {
	drivers := driversOf(v.Metrics)
	g := &grid{header: []string{"metric", "scenario"}}
	for _, d := range drivers {
		g.header = append(g.header, string(d))
	}
	at := map[[2]string]int{}
	for _, m := range loud(v.Metrics) {
		key := [2]string{metricName(m), m.Scenario}
		i, known := at[key]
		if !known {
			i = len(g.rows)
			at[key] = i
			g.add(append(key[:], slices.Repeat([]string{"-"}, len(drivers))...)...)
		}
		g.rows[i][2+slices.Index(drivers, m.Driver)] = inShort(m)
	}
	return g
}

// inShort is "**regressed** 520 ms to 756 ms, +45.5 %".
func inShort(m verdict.Metric) string {
	ruling := ruled(Options{}, m.Ruling, m.Severity, m.Open)
	if m.Ruling != verdict.Pass {
		ruling = "**" + ruling + "**"
	}
	text := ruling + " " + center(m, m.Baseline) + " to " + center(m, m.Candidate)
	if math.IsNaN(m.Change) || phrase.Counts(m) {
		return text
	}
	return text + ", " + m.FormatChange(m.Change)
}

func bullets(prefix string, texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		fmt.Fprintf(&b, "- %s%s\n", prefix, escape(t))
	}
	if len(texts) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// escape keeps texts that a runtime or a user wrote from becoming markup; escapeMarks leaves out what a table's cell takes care of.
func escape(text string) string {
	return asCode.ReplaceAllString(strings.ReplaceAll(escapeMarks(text), "<", "&lt;"), "`$0`")
}

// asCode is a reference such as runc@v1.1.15, of which GitHub would make an address to write to.
var asCode = regexp.MustCompile(`[[:alnum:]./-]+@[[:alnum:].]*[[:alnum:]]`)

var escapeMarks = strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace

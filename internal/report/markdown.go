package report

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
)

// verdictMarkdown is for a pull request: the verdict and its reasons first, the
// tables after, warnings at the end, none of them folded away.
func verdictMarkdown(v verdict.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### initbench: %s (exit %d)\n\n", escape(v.Headline()), v.ExitCode())
	b.WriteString(bullets("", v.Reasons))
	b.WriteString(bullets("finding: ", texts(v.Findings)))
	for _, driver := range driversOf(v.Metrics) {
		rows := of(v.Metrics, driver)
		for _, g := range ladderGrids(v.Ladders, driver) {
			b.WriteString(g.markdown() + "\n")
		}
		g := metricsGrid(string(driver), rows, Options{}, " ")
		g.header = append(g.header, "reason")
		for i, m := range rows {
			g.rows[i] = append(g.rows[i], m.Why)
		}
		b.WriteString(g.markdown() + "\n")
	}
	b.WriteString(bullets("warning: ", v.Warnings))
	b.WriteString(bullets("note: ", v.Notes))
	b.WriteString(bullets("", []string{
		"baseline: " + binary(v.Baseline), "candidate: " + binary(v.Candidate),
		counted(v.Trials) + "; " + method(v), machine(v.Environment),
	}))
	return strings.TrimRight(b.String(), "\n") + "\n"
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

// escape keeps texts that a runtime or a user wrote from becoming markup.
func escape(text string) string {
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "`", "\\`", "<", "&lt;", "[", "\\[", "\n", " ").Replace(text)
}

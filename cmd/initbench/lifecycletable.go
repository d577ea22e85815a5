package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/initbench/initbench/internal/lifecycle"
)

// writeLives prints what was lived.
func writeLives(w io.Writer, f *lifecycleFlags, records []lifecycle.Record) error {
	switch {
	case f.format == "jsonl":
		return nil // each was written as it came
	case f.format == "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if records == nil {
			records = []lifecycle.Record{}
		}
		return enc.Encode(records)
	}
	var b strings.Builder
	tables := lifecycle.Tables(records)
	if f.format == "markdown" {
		overviewOfLives(&b, tables)
		for _, t := range tables {
			markdownOfLives(&b, t)
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	if f.one != nil && f.times == 1 {
		for _, r := range records {
			oneLife(&b, r)
		}
		tables = nil
	}
	for i, t := range tables {
		if i > 0 {
			b.WriteString("\n")
		}
		if f.one != nil {
			oneOften(&b, t, isTerminal(w))
		} else {
			matrixOfLives(&b, t, f.all, isTerminal(w))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// newLifeTable is drawn with lines on a terminal and with spaces elsewhere.
func newLifeTable(terminal bool) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	if terminal {
		t.Style().Options.SeparateHeader, t.Style().Options.SeparateColumns = true, true
	}
	t.Style().Format.Header = 0 // as they are
	return t
}

// matrixOfLives prints one runtime's table under one driver.
func matrixOfLives(b *strings.Builder, t lifecycle.Table, all, terminal bool) {
	fmt.Fprintf(b, "%s: what each life left, and what freed it\n\n", settingWords(t.Setting))
	grid, rows := newLifeTable(terminal), 0
	if all || t.Lasting <= mostLifeRows {
		rows = eachLife(grid, t, all)
	} else {
		rows = groupsOfLives(grid, t)
	}
	if rows > 0 {
		b.WriteString(grid.Render() + "\n\n")
	}
	b.WriteString(lifeCounts(t))
	pairsOfLives(b, t, terminal)
	if rows > 0 {
		fmt.Fprintf(b, "to live one again: initbench lifecycle %s --sequence SEQUENCE\n", t.Words())
	}
}

// mostLifeRows are shown one by one: of more, those that left the same stand together, and --all shows each.
const mostLifeRows = 40

func kindHeads(kinds []lifecycle.Kind) (heads table.Row) {
	for _, k := range kinds {
		heads = append(heads, string(k))
	}
	return heads
}

func cellsOf(kinds []lifecycle.Kind, cells map[lifecycle.Kind]string) (row table.Row) {
	for _, k := range kinds {
		row = append(row, cells[k])
	}
	return row
}

// eachLife has a row for each sequence that left something lasting, or anything.
func eachLife(grid table.Writer, t lifecycle.Table, all bool) (rows int) {
	grid.AppendHeader(append(table.Row{"sequence"}, kindHeads(t.Kinds)...))
	for _, r := range t.Rows {
		if r.Lasting || all {
			grid.AppendRow(append(table.Row{r.Sequence.String() + ofLives(r.Lives, r.Of)}, cellsOf(t.Kinds, r.Cells)...))
			rows++
		}
	}
	return rows
}

// groupsOfLives has a row for all sequences that left the same.
func groupsOfLives(grid table.Writer, t lifecycle.Table) (rows int) {
	grid.AppendHeader(append(append(table.Row{"sequences"}, kindHeads(t.Lasts)...), "the shortest"))
	for _, g := range t.Groups {
		grid.AppendRow(append(append(table.Row{g.Sequences}, cellsOf(t.Lasts, g.Cells)...), g.Shortest.String()))
	}
	return len(t.Groups)
}

func lifeCounts(t lifecycle.Table) string {
	sequences := "sequences"
	if t.Clean == 1 {
		sequences = "sequence"
	}
	text := fmt.Sprintf("%d %s left nothing, %d only what went by itself (the last of it after %v), %d what did not\n",
		t.Clean, sequences, t.Passing, t.Longest.Round(time.Millisecond), t.Lasting)
	if t.Missed > 0 {
		text += fmt.Sprintf("%d say nothing: the runtime did not come to the point where it was to be killed\n", t.Missed)
	}
	if t.Unlived > 0 {
		text += fmt.Sprintf("%d were not lived: they begin with such a one\n", t.Unlived)
	}
	return text
}

// markdownOfLives is a table for a document: what left the same stands together, with the command that lives the shortest of them.
func markdownOfLives(b *strings.Builder, t lifecycle.Table) {
	fmt.Fprintf(b, "### %s, %s\n\n%s. %s\n", t.Runtime.Name, t.Under(), settingWords(t.Setting), strings.ReplaceAll(lifeCounts(t), "\n", ". "))
	if len(t.Groups) > 0 {
		grid := newLifeTable(false)
		groupsOfLives(grid, t)
		b.WriteString("\n" + grid.RenderMarkdown() + "\n")
	}
	fmt.Fprintf(b, "\nA stop before the delete made a difference in %d of %d pairs", len(t.Pairs), len(t.Pairs)+t.Same)
	for i, p := range t.Pairs[:min(len(t.Pairs), 3)] {
		words := []string{", such as", ";", ";"}
		fmt.Fprintf(b, "%s `%s` (%s; stopped before: %s)", words[i], p.Direct.Sequence, lifecycle.Lasting(p.Direct), lifecycle.Lasting(p.Stopped))
	}
	fmt.Fprintf(b, ".\n\n    %sSEQUENCE\n\n", t.Again())
}

// settingWords tell tables apart: all that makes two of them is in it.
func settingWords(s lifecycle.Setting) string {
	var binary []string
	if s.Runtime.Version != "" {
		binary = append(binary, s.Runtime.Version)
	}
	if sum := s.Runtime.SHA256; sum != "" {
		binary = append(binary, "sha256 "+sum[:min(len(sum), 12)])
	}
	name := s.Runtime.Name
	if len(binary) > 0 {
		name += " (" + strings.Join(binary, ", ") + ")"
	}
	text := fmt.Sprintf("%s, %s driver, Linux %s, %s, settled %v", name, s.Driver, s.Kernel, s.Where, s.Settle)
	if s.Network != "" {
		text += ", network " + s.Network
	}
	return text
}

// pairsOfLives prints direct deletes beside the same lives with a stop before.
func pairsOfLives(b *strings.Builder, t lifecycle.Table, terminal bool) {
	if len(t.Pairs) == 0 {
		if t.Same > 0 {
			fmt.Fprintf(b, "a stop before the delete made no difference in any of %d pairs\n", t.Same)
		}
		return
	}
	fmt.Fprintf(b, "a stop before the delete made a difference in %d of %d pairs:\n\n", len(t.Pairs), len(t.Pairs)+t.Same)
	grid := newLifeTable(terminal)
	grid.AppendHeader(table.Row{"direct delete", "left", "stopped before, left"})
	for _, p := range t.Pairs {
		grid.AppendRow(table.Row{p.Direct.Sequence.String(), lifecycle.Lasting(p.Direct), lifecycle.Lasting(p.Stopped)})
	}
	b.WriteString(grid.Render() + "\n\n")
}

// oneOften prints in how many of a sequence's lives what was left.
func oneOften(b *strings.Builder, t lifecycle.Table, terminal bool) {
	fmt.Fprintf(b, "%s: what lives of one sequence left, and what freed it\n\n", settingWords(t.Setting))
	grid := newLifeTable(terminal)
	grid.AppendHeader(append(table.Row{"lives"}, kindHeads(t.Kinds)...))
	left := 0
	for _, r := range t.Rows {
		grid.AppendRow(append(table.Row{r.Lives}, cellsOf(t.Kinds, r.Cells)...))
		left += r.Lives
	}
	if left > 0 {
		b.WriteString(grid.Render() + "\n\n")
	}
	fmt.Fprintf(b, "%d of %d lives left something\n", left, t.Lives-t.LivesMissed)
	if t.LivesMissed > 0 {
		fmt.Fprintf(b, "%d say nothing: the runtime did not come to the point where it was to be killed\n", t.LivesMissed)
	}
}

// oneLife prints a sequence step by step, and what it left.
func oneLife(b *strings.Builder, r lifecycle.Record) {
	fmt.Fprintf(b, "%s\n\n", settingWords(r.Setting()))
	steps := newLifeTable(false)
	steps.AppendHeader(table.Row{"step", "took", "ended", "said"})
	for _, d := range r.Steps {
		steps.AppendRow(table.Row{d.Step, time.Duration(d.NS).Round(time.Millisecond), d.Ended(), d.Message})
	}
	if len(r.Steps) > 0 {
		b.WriteString(steps.Render() + "\n\n")
	}
	switch {
	case r.Behind != "":
		fmt.Fprintf(b, "it was not lived: it begins with %s, and there the runtime did not come to the point where it was to be killed\n", r.Behind)
		return
	case r.Missed():
		b.WriteString("it says nothing: the runtime was not killed at the point where it was to be\n")
		return
	case len(r.Left) == 0:
		b.WriteString("nothing was left\n")
		return
	}
	left := newLifeTable(false)
	left.AppendHeader(table.Row{"left", "name", "freed by", "after"})
	for _, l := range r.Left {
		after := ""
		if l.FreedBy != lifecycle.Never {
			after = time.Duration(l.AfterNS).Round(time.Millisecond).String()
		}
		left.AppendRow(table.Row{string(l.Kind), l.Name, string(l.FreedBy), after})
	}
	b.WriteString(left.Render() + "\n")
}

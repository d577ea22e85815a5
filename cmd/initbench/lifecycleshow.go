package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/initbench/initbench/internal/lifecycle"
)

// checkShown refuses what would be for lives that are not lived.
func (f *lifecycleFlags) checkShown(changed func(string) bool) error {
	for _, name := range []string{"runtime", "driver", "sequence", "times", "length", "faults", "settle", "network", "out", "in"} {
		if changed(name) {
			return usagef("lifecycle: --%s beside --from: what is shown was lived before", name)
		}
	}
	return checkWord("--format", f.format, lifecycleFormats()...)
}

// showLives prints what files have, which needs neither root nor Linux.
func showLives(w io.Writer, f *lifecycleFlags) error {
	var all []lifecycle.Record
	known := map[string]int{}
	for _, name := range f.from {
		data, err := os.ReadFile(name)
		if err != nil {
			return usagef("--from: %w", err)
		}
		some, err := livesIn(data)
		if err != nil {
			return usagef("--from %s:%w", name, err)
		}
		for _, r := range some {
			if i, had := known[r.Key()]; had { // two files of one run
				all[i] = r
				continue
			}
			known[r.Key()] = len(all)
			all = append(all, r)
		}
	}
	if f.format == "jsonl" {
		for _, r := range all {
			if err := (&lifeSink{lines: w, known: map[string]bool{}}).add(r); err != nil {
				return err
			}
		}
	}
	return writeLives(w, f, all)
}

// livesIn reads the records of a file that may be written to at this moment: a last line that is torn is not there yet.
func livesIn(data []byte) (all []lifecycle.Record, err error) {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		if len(text) == 0 || !ended && lifecycle.Torn(text) {
			continue
		}
		r, err := lifecycle.Decode(text)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// overviewOfLives puts several settings beside each other, for a document.
func overviewOfLives(b *strings.Builder, tables []lifecycle.Table) {
	if len(tables) < 2 {
		return
	}
	livesBeside(b, tables)
	leftoversOfLives(b, tables)
	differencesOfLives(b, tables)
}

// livesBeside has a row for each setting.
func livesBeside(b *strings.Builder, tables []lifecycle.Table) {
	var kinds []lifecycle.Kind
	for _, k := range lifecycle.LeftKinds() {
		for _, t := range tables {
			if t.Left[k] != nil {
				kinds = append(kinds, k)
				break
			}
		}
	}
	grid := newLifeTable(false)
	head := table.Row{"runtime", "driver", "sequences", "not lived", "no answer", "left nothing", "what went by itself", "what did not"}
	grid.AppendHeader(append(append(head, kindHeads(kinds)...), "stop differs"))
	for _, t := range tables {
		row := table.Row{versioned(t.Setting), t.Under(), t.Lived, t.Unlived, t.Missed, t.Clean, t.Passing, t.Lasting}
		for _, k := range kinds {
			row = append(row, t.Left.Words(k))
		}
		grid.AppendRow(append(row, fmt.Sprintf("%d of %d", len(t.Pairs), len(t.Pairs)+t.Same)))
	}
	b.WriteString(grid.RenderMarkdown() + "\n\n")
}

// versioned is a runtime's name, with its version where that is not in it.
func versioned(s lifecycle.Setting) string {
	if words := strings.Fields(s.Runtime.Version); len(words) > 0 && !strings.Contains(s.Runtime.Name, words[len(words)-1]) {
		return s.Runtime.Name + " " + words[len(words)-1]
	}
	return s.Runtime.Name
}

// leftoversOfLives lists each leftover that time alone did not free, with the command that shows it.
func leftoversOfLives(b *strings.Builder, tables []lifecycle.Table) {
	all := lifecycle.Leftovers(tables)
	if len(all) == 0 {
		return
	}
	grid := newLifeTable(false)
	grid.AppendHeader(table.Row{"left, and what frees it", "after so many sequences of", "the shortest again"})
	for _, l := range all {
		grid.AppendRow(table.Row{l.Words(), inWords(l.In, true), "`" + l.Command + "`" + ofLives(l.Lives, l.Of)})
	}
	b.WriteString(grid.RenderMarkdown() + "\n\n")
}

// ofLives says in how many of a sequence's lives something was, where that was not in each.
func ofLives(lives, of int) string {
	if lives == of {
		return ""
	}
	return fmt.Sprintf(" (%d of %d lives)", lives, of)
}

// inWords names settings, those of one runtime together.
func inWords(all []lifecycle.In, counted bool) string {
	var words []string
	last := ""
	for _, in := range all {
		word := in.Setting.Under()
		if counted {
			word += fmt.Sprint(" ", in.Sequences)
		}
		if name := versioned(in.Setting); name != last {
			words = append(words, name+" "+word)
			last = name
			continue
		}
		words[len(words)-1] += ", " + word
	}
	return strings.Join(words, "; ")
}

// differencesOfLives puts direct deletes beside the same lives with a stop before.
func differencesOfLives(b *strings.Builder, tables []lifecycle.Table) {
	all := lifecycle.Differences(tables)
	if len(all) == 0 {
		return
	}
	grid := newLifeTable(false)
	grid.AppendHeader(table.Row{"direct delete", "left", "stopped before, left", "with"})
	for _, d := range all {
		grid.AppendRow(table.Row{d.Direct.String(), d.Left, d.Stopped, inWords(d.In, false)})
	}
	b.WriteString(grid.RenderMarkdown() + "\n\n")
}

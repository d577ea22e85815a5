package html

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/verdict"
)

// mostLives are rows of one matrix: beyond them those are left out after which both arms leave the same.
const mostLives = 150

// lives are the matrices of sequence and leftover, of both arms. A run without lives has no such section.
func (d *drawer) lives(v verdict.Verdict) section {
	s := section{
		ID: "lives", Title: "What lives leave",
		About: "For each sequence of verbs and faults after which something remained that time alone did not free: what frees it, of the baseline and of the candidate. " +
			"delete is the runtime's delete --force, clean is initbench clean; a dash is nothing that lasts. Sequences that differ come first.",
	}
	var groups []lifeGroup
	lived, compared, why := false, false, ""
	for _, m := range v.Metrics {
		if m.Left == nil {
			continue
		}
		lived, compared = true, compared || m.Left.Sequences > 0
		if why == "" {
			why = m.Why
		}
		i := slices.IndexFunc(groups, func(g lifeGroup) bool { return g.title == lifeTitle(m) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, lifeGroup{title: lifeTitle(m), settle: m.Left.Settle})
		}
		groups[i].take(m.Left)
	}
	for i, g := range groups {
		if len(g.rows) > 0 {
			s.Tables = append(s.Tables, g.table(fmt.Sprintf("lives-%d", i)))
		}
	}
	switch {
	case !lived:
		return section{}
	case len(s.Tables) == 0 && !compared:
		s.Missing = "No sequence of the two arms could be compared: " + why + "."
	case len(s.Tables) == 0:
		s.Missing = "After no sequence did anything remain that time alone did not free."
	}
	return s
}

// livedSection is what lives left of a run that was not judged: a row for each kind that did not go by itself.
func livedSection(v verdict.Summary) section {
	if len(v.Lives) == 0 {
		return section{}
	}
	s := section{
		ID: "lives", Title: "What lives leave",
		About: "In how many sequences of verbs and faults something remained, by what freed the hardest of it: time alone, the runtime's delete --force, initbench clean, or none of them.",
	}
	t := table{ID: "lives-left", Class: "lives", Caption: "what did not go by itself", Head: []string{"runtime", "left"}}
	for _, by := range lifecycle.FreedBy() {
		t.Head = append(t.Head, string(by))
	}
	t.Head = append(t.Head, "such as", "after")
	for i, l := range v.Lives {
		s.Texts = append(s.Texts, told{l.Runtime + ", " + string(l.Driver) + ", " + l.Scenario, fmt.Sprintf("of %d sequences %d left nothing, %d only what went by itself within %s, %d what did not; %d say nothing",
			l.Sequences, l.Clean, l.Passing, l.Settle, l.Lasting(), l.Missed)})
		for j, k := range l.Kinds {
			if k.Shortest == "" {
				continue
			}
			name := heading(l.Runtime)
			name.Parts = append(name.Parts, dim(", "+string(l.Driver)+", "+l.Scenario))
			cells := []cell{name, plain(string(k.Kind))}
			for _, by := range lifecycle.FreedBy() {
				cells = append(cells, numeric(count(fmt.Sprintf("lives.%d.kinds.%d.sequences.%s", i, j, by), k.Sequences[by])))
			}
			t.add(append(cells, plain(k.Name), plain(k.Shortest+k.Share()))...)
		}
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s
}

func lifeTitle(m verdict.Metric) string { return m.Scenario + ", " + string(m.Driver) }

// lifeGroup is the matrix of one scenario under one driver.
type lifeGroup struct {
	title, settle string
	kinds         []lifecycle.Kind
	rows          []lifeRow
}

type lifeRow struct {
	sequence string
	cells    map[lifecycle.Kind]verdict.LeftoverCell
	differs  bool
}

func (g *lifeGroup) take(l *verdict.Leftovers) {
	if len(l.Cells) > 0 {
		g.kinds = append(g.kinds, l.Kind)
	}
	for _, c := range l.Cells {
		i := slices.IndexFunc(g.rows, func(r lifeRow) bool { return r.sequence == c.Sequence })
		if i < 0 {
			i = len(g.rows)
			g.rows = append(g.rows, lifeRow{sequence: c.Sequence, cells: map[lifecycle.Kind]verdict.LeftoverCell{}})
		}
		g.rows[i].cells[l.Kind] = c
		g.rows[i].differs = g.rows[i].differs || (c.Worse || c.Better) && !c.Refuted
	}
}

func (g lifeGroup) table(id string) table {
	t := table{ID: id, Class: "lives", Caption: g.title + ": what frees what each sequence left", Head: []string{"sequence"}}
	for _, k := range g.kinds {
		t.Head = append(t.Head, string(k))
	}
	slices.SortStableFunc(g.rows, func(a, b lifeRow) int {
		switch {
		case a.differs == b.differs:
			return 0
		case a.differs:
			return -1
		}
		return 1
	})
	shown := g.rows[:min(len(g.rows), mostLives)]
	for _, r := range shown {
		cells := []cell{heading(r.sequence)}
		for _, k := range g.kinds {
			cells = append(cells, lifeCell(r.cells[k]))
		}
		t.add(cells...)
	}
	if left := len(g.rows) - len(shown); left > 0 {
		t.Caption += fmt.Sprintf(" (%d more are not here)", left)
	}
	return t
}

// lifeCell is one word where both arms leave the same, and both words where they do not.
func lifeCell(c verdict.LeftoverCell) cell {
	b, cand := freedWord(c.Baseline), freedWord(c.Candidate)
	switch {
	case c.Sequence == "" || b == cand:
		return of(dim(b))
	case c.Worse && c.Confirmed:
		return cell{Class: "is-regressed", Parts: []part{text(b + " → " + cand)}}
	case c.Better && c.Confirmed:
		return cell{Class: "is-improved", Parts: []part{text(b + " → " + cand)}}
	case c.Refuted:
		return of(dim(b+" → "+cand), dim(" once"))
	}
	return of(text(b + " → " + cand))
}

func freedWord(by lifecycle.Freed) string {
	if by == "" {
		return "-"
	}
	return string(by)
}

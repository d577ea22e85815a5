package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/initbench/initbench/scenarios"
)

// cells of one scenario's plan: those that are planned, each once, and those that make no sense.
type cells struct {
	Planned   []scenarios.Cell `json:"cells"`
	Senseless []senseless      `json:"cells_that_make_no_sense,omitempty"`
}

// senseless are the cells that one reason keeps out of the plan.
type senseless struct {
	Reason string           `json:"reason"`
	Cells  []scenarios.Cell `json:"cells"`
}

func shownCells(spec scenarios.Spec) (all cells) {
	seen, at := map[scenarios.Cell]bool{}, map[string]int{}
	for _, arm := range spec.Runtimes {
		for c, why := range spec.Cells(spec.Scenarios[0], arm) {
			if seen[c] {
				continue
			}
			seen[c] = true
			if why == "" {
				all.Planned = append(all.Planned, c)
				continue
			}
			i, known := at[why]
			if !known {
				i = len(all.Senseless)
				at[why] = i
				all.Senseless = append(all.Senseless, senseless{Reason: why})
			}
			all.Senseless[i].Cells = append(all.Senseless[i].Cells, c)
		}
	}
	return all
}

// fewCells are printed of a long list.
const fewCells = 20

func (p shownPlan) writeCells(w io.Writer) error {
	most := len(p.Planned)
	if !p.whole && most > 2*fewCells {
		most = fewCells
	}
	if err := p.writeList(w, p.Planned[:most], ""); err != nil {
		return err
	}
	if most < len(p.Planned) {
		if _, err := fmt.Fprintf(w, "... and %d more (--all prints them)\n", len(p.Planned)-most); err != nil {
			return err
		}
	}
	return p.writeSenseless(w)
}

func (p shownPlan) writeSenseless(w io.Writer) error {
	if len(p.Senseless) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w, "\nCELLS THAT MAKE NO SENSE, and are not planned"); err != nil {
		return err
	}
	for _, s := range p.Senseless {
		if _, err := fmt.Fprintf(w, "%5d: %s\n", len(s.Cells), s.Reason); err != nil {
			return err
		}
		if !p.whole {
			continue
		}
		if err := p.writeList(w, s.Cells, "       "); err != nil {
			return err
		}
	}
	return nil
}

// writeList prints cells with the columns that their scenario has.
func (p shownPlan) writeList(w io.Writer, all []scenarios.Cell, indent string) error {
	columns := []string{"DRIVER", "ORDER", "LIMIT", "PLACE"}
	words := containerWords
	switch q := p.Scenario.Search; {
	case q != nil:
		columns, words = []string{"DRIVER", "ORDER", "PLACE"}, func(c scenarios.Cell) []string {
			return []string{string(c.Driver), string(c.Order), string(p.Scenario.Place)}
		}
	case p.Scenario.Joins != nil:
		columns, words = []string{"DRIVER", "JOIN", "CGROUP", "SIBLINGS", "THREADS", "BUSY"}, joinWords
	case slices.ContainsFunc(p.Planned, func(c scenarios.Cell) bool { return c.Build != (scenarios.Build{}) }):
		columns, words = append(columns, "CLONE", "STRATEGY", "SIZE"), buildWords
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, indent+"\n"+indent+strings.Join(columns, "\t"))
	for _, c := range all {
		fmt.Fprintln(tw, indent+strings.Join(words(c), "\t"))
	}
	return tw.Flush()
}

func containerWords(c scenarios.Cell) []string {
	return []string{string(c.Driver), string(c.Order), limitWord(c.Limit) + enumerating(c.Enumerate), orDash(string(c.Place))}
}

func buildWords(c scenarios.Cell) []string {
	b := c.Build
	return append(containerWords(c), orDash(string(b.Clone)), orDash(string(b.Strategy)), sizeWord(b.BinaryBytes))
}

func joinWords(c scenarios.Cell) []string {
	j := c.Join
	return []string{string(c.Driver), string(j.Mechanism), string(j.Cgroup), strconv.Itoa(j.Siblings), strconv.Itoa(j.Threads), strconv.FormatBool(j.Busy)}
}

func sizeWord(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return scenarios.FormatSize(bytes)
}

// plannedReach is how far a plan is made in a time, if every trial takes the same.
type plannedReach struct {
	Budget time.Duration `json:"budget_ns"`
	Trials int           `json:"trials"`
	Cells  int           `json:"cells"`
	// CellsWithFew have Few trials of an arm or more.
	CellsWithFew int `json:"cells_with_few"`
	Few          int `json:"few"`
}

func within(spec scenarios.Spec, budget, perTrial time.Duration) *plannedReach {
	const few = 3
	r := plannedReach{Budget: budget, Few: few}
	type armOfCell struct {
		scenarios.Cell
		arm string
	}
	had := map[armOfCell]int{}
	cells, withFew := map[scenarios.Cell]bool{}, map[scenarios.Cell]bool{}
	for t := range spec.Trials() {
		if time.Duration(r.Trials)*perTrial >= budget {
			break
		}
		r.Trials++
		if t.Warmup {
			continue
		}
		k := armOfCell{t.Cell(), t.Arm}
		had[k]++
		cells[k.Cell] = true
		if had[k] >= few {
			withFew[k.Cell] = true
		}
	}
	r.Cells, r.CellsWithFew = len(cells), len(withFew)
	return &r
}

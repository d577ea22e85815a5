package html

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// recordGroup has the records of one cell and arm, and the command that makes one more start like them.
type recordGroup struct {
	ID, Title, Command string
	Class              string // the arm's colour
	Left               int    // of its records, how many are not in the page
	Records            []recordRow
}

// recordRow is a record in short.
type recordRow struct {
	ID    string
	Bad   bool
	Trial int
	Cells []string
}

var recordHead = []string{"trial", "block", "outcome", "start latency", "container peak", "runtime peak", "charged at exec", "order found"}

func (d *drawer) records() (all []recordGroup) {
	for _, g := range d.got.groups {
		a := d.arm(g.arm)
		out := recordGroup{
			ID: groupID(g.id), Title: a.Name + ", " + g.title(), Command: d.commandOf(g), Class: a.Class(), Left: g.seen - len(g.records),
		}
		for _, r := range g.records {
			out.Records = append(out.Records, recordRow{trialID(r.Index), r.Outcome != results.Started, r.Index, recordCells(r)})
		}
		all = append(all, out)
	}
	return all
}

func (g *group) title() string {
	parts := []string{cellTitle(g.conditions)}
	if g.limit != 0 && g.place != "" {
		parts = append(parts, "on the "+string(g.place))
	}
	if g.join != (scenarios.Join{}) {
		parts = append(parts, string(g.join.Mechanism), fmt.Sprintf("%d siblings, %d threads", g.join.Siblings, g.join.Threads))
	}
	if g.observe {
		parts = append(parts, "observed")
	}
	return strings.Join(parts, ", ")
}

// commandOf is empty for joins that were measured alone: no command shows one by itself.
func (d *drawer) commandOf(g *group) string {
	ref := g.runtime.Ref
	if ref == "" {
		ref = d.arm(g.arm).Ref
	}
	if ref == "" || g.join != (scenarios.Join{}) {
		return ""
	}
	return traceCommand([]string{ref}, g.build, g.driver, g.order, g.place, g.limit)
}

func recordCells(r results.Record) []string {
	found, charged := "-", (*int64)(nil)
	if r.Found != nil {
		found, charged = string(r.Found.Order), r.Found.ChargedAtExec
	}
	outcome := string(r.Outcome)
	if len(r.Leaks) > 0 {
		outcome += fmt.Sprintf(", left %d behind: %s", len(r.Leaks), r.Leaks[0])
	}
	return []string{
		fmt.Sprint(r.Block), outcome + phrase.After(": ", shortened(r.Reason)), latency(r), sized(r.ContainerPeak), sized(r.RuntimePeak), sized(charged), found,
	}
}

// shortened keeps the page's size in bounds: reasons have what runtimes print.
func shortened(s string) string {
	const most = 160
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "..."
}

func latency(r results.Record) string {
	ns, ok := r.Latency.Start()
	if !ok && r.Latency.Started != nil {
		ns, ok = *r.Latency.Started, true
	}
	if !ok && r.JoinNS != nil {
		ns, ok = *r.JoinNS, true
	}
	if !ok {
		return "-"
	}
	return verdict.Nanoseconds.Format(float64(ns))
}

func sized(bytes *int64) string {
	if bytes == nil {
		return "-"
	}
	return verdict.Bytes.Format(float64(*bytes))
}

func (d *drawer) recordsNote() string {
	kept := len(d.got.kept)
	switch {
	case d.in.Run == nil:
		return "Two stored runs were compared: their records are in their own reports."
	case d.got.recorded == 0:
		return "No trial is recorded."
	case kept == d.got.recorded:
		return fmt.Sprintf("All %d trials that were recorded, warm-ups left out.", kept)
	}
	return fmt.Sprintf("%d of the %d trials that were recorded, warm-ups left out: those that failed or left something behind, and of the others evenly many of each cell. "+
		"Curves are drawn from all of them, marks stand for those that are here.", kept, d.got.recorded)
}

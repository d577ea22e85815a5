package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
)

// layout is how much of a row fits.
type layout int

const (
	wide   layout = iota // everything in one line
	medium               // intervals below their centres
	narrow               // no intervals of the arms, no p
)

// Widths of the widest row of a typical gate in each layout.
const (
	wideFrom   = 165
	mediumFrom = 125
)

func (o Options) layout() layout {
	switch {
	case o.Width == 0 || o.Width >= wideFrom:
		return wide
	case o.Width >= mediumFrom:
		return medium
	}
	return narrow
}

// between is what parts a centre from its interval.
func (o Options) between() string {
	if o.layout() == wide {
		return " "
	}
	return "\n"
}

// verdictTable shows for each driver how its containers started and every metric
// fared, then warnings, then the reasons for the verdict, and ends with the verdict itself.
func verdictTable(v verdict.Verdict, opts Options) string {
	var b strings.Builder
	b.WriteString(about(opts, [][2]string{
		{"baseline", binary(v.Baseline)}, {"candidate", binary(v.Candidate)},
		{"measured", counted(v.Trials) + "; " + method(v)}, {"machine", machine(v.Environment)},
	}))
	for _, driver := range driversOf(v.Metrics) {
		rows := of(v.Metrics, driver)
		for _, g := range ladderGrids(rows) {
			b.WriteString("\n" + g.plain())
		}
		b.WriteString("\n" + metricsGrid(string(driver), rows, opts).plain() + whys(rows, opts))
	}
	b.WriteString(warnings(v.Warnings, opts))
	b.WriteString("\n")
	for _, reason := range v.Reasons {
		b.WriteString(opts.wrapped("", "", reason))
	}
	b.WriteString(finalLine(v, opts.ruling(v.Ruling)) + "\n")
	return b.String()
}

// about draws the lines above the tables: what was measured, and where.
func about(opts Options, lines [][2]string) string {
	widest := 0
	for _, line := range lines {
		widest = max(widest, len(line[0]))
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(opts.wrapped(fmt.Sprintf("%-*s  ", widest, line[0]), strings.Repeat(" ", widest+2), line[1]))
	}
	return b.String()
}

// driversOf lists the drivers that have a row, in the order reports show them.
func driversOf(metrics []verdict.Metric) []cgroupjoin.Driver {
	return slices.DeleteFunc(cgroupjoin.Drivers(), func(d cgroupjoin.Driver) bool { return len(of(metrics, d)) == 0 })
}

func of(metrics []verdict.Metric, d cgroupjoin.Driver) []verdict.Metric {
	return slices.DeleteFunc(slices.Clone(metrics), func(m verdict.Metric) bool { return m.Driver != d })
}

func metricsGrid(title string, rows []verdict.Metric, opts Options) *grid {
	if opts.layout() == narrow {
		return narrowGrid(title, rows, opts)
	}
	g := &grid{title: title, header: []string{"metric", "scenario", "baseline", "candidate", "change", "p", "verdict"}}
	for _, m := range rows {
		g.add(metricName(m), m.Scenario, arm(m.Unit, m.Baseline, opts.between()), arm(m.Unit, m.Candidate, opts.between()),
			change(m, opts.between()), verdict.FormatP(m.P), opts.ruling(m.Ruling))
	}
	return g
}

func narrowGrid(title string, rows []verdict.Metric, opts Options) *grid {
	g := &grid{title: title, header: []string{"metric", "baseline", "candidate", "change", "verdict"}}
	for _, m := range rows {
		g.add(metricName(m)+"\n"+m.Scenario, center(m.Unit, m.Baseline), center(m.Unit, m.Candidate), change(m, "\n"), opts.ruling(m.Ruling))
	}
	return g
}

func arm(u verdict.Unit, a verdict.Arm, between string) string {
	return stack(center(u, a), spread(u, a), between)
}

func stack(center, interval, between string) string {
	if interval == "" {
		return center
	}
	return center + between + interval
}

// ladderGrids takes one ladder a scenario, driver and order: its several rates share it.
func ladderGrids(rows []verdict.Metric) []*grid {
	var grids []*grid
	seen := map[string]bool{}
	for _, m := range rows {
		title := fmt.Sprintf("%s, %s: containers started under each memory limit", m.Driver, m.Scenario)
		if len(m.Ladder) < 2 || seen[title+string(m.Order)] {
			continue
		}
		seen[title+string(m.Order)] = true
		g := &grid{title: title, header: []string{"limit", "baseline", "candidate"}}
		for _, r := range m.Ladder {
			g.add(limit(r.Limit), started(r.Baseline), started(r.Candidate))
		}
		grids = append(grids, g)
	}
	return grids
}

// whys says why each row was ruled so; its numbers are in the table above.
func whys(rows []verdict.Metric, opts Options) string {
	var b strings.Builder
	for _, m := range rows {
		b.WriteString(opts.wrapped("  ", "    ", fmt.Sprintf("%s %s (%s): %s", m.Ruling, metricName(m), m.Scenario, m.Why)))
	}
	return b.String()
}

func warnings(list []string, opts Options) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, w := range list {
		b.WriteString(opts.wrapped("", "  ", "warning: "+w))
	}
	return b.String()
}

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// verdictTable begins with the verdict and a paragraph for each of its reasons. Then come each driver's rows, why those that
// no paragraph tells of were ruled so, and the details: thresholds, ladders, what was measured and where, warnings. It ends with the verdict.
func verdictTable(v verdict.Verdict, opts Options) string {
	var b strings.Builder
	b.WriteString(openingLine(v, opts))
	for _, f := range paragraphs(v) {
		b.WriteString("\n" + failure(f, opts))
	}
	for _, driver := range driversOf(v.Metrics) {
		all := of(v.Metrics, driver)
		rows := loud(all)
		b.WriteString("\n" + fit(opts, metricsGrid(string(driver), rows, opts, " "), metricsGrid(string(driver), rows, opts, "\n"),
			narrowGrid(string(driver), rows, opts)) + whys(rows, v.Reasons, opts))
		if line := quietLine(all); line != "" {
			b.WriteString(opts.wrapped("  ", "    ", line))
		}
	}
	if g := heldGrid(v, opts); g != nil {
		b.WriteString("\n" + fit(opts, g, g.tall()))
	}
	b.WriteString(details(v, opts))
	b.WriteString("\n" + about(opts, measured(v)))
	b.WriteString(remarks(opts, v.Warnings, v.Notes))
	b.WriteString(said(opts, "finding", texts(v.Findings)))
	return b.String() + "\n" + finalLine(v, opts)
}

// failure is what one command shows, and the command.
func failure(f phrase.Failure, opts Options) string {
	var b strings.Builder
	for _, text := range f.Texts {
		b.WriteString(opts.prose().wrapped("", "  ", text))
	}
	if f.Command != "" {
		b.WriteString(opts.prose().wrapped("", "  ", f.ToSee()+f.Command))
	}
	return b.String()
}

// details are the tables behind the rows.
func details(v verdict.Verdict, opts Options) string {
	var b strings.Builder
	for _, g := range detailGrids(v) {
		b.WriteString("\n" + fit(opts, g, g.tall()))
	}
	return b.String()
}

func detailGrids(v verdict.Verdict) []*grid {
	var grids []*grid
	for _, driver := range cgroupjoin.Drivers() {
		grids = append(grids, soughtGrids(v.Searches, under(driver))...)
		grids = append(grids, ladderGrids(v.Ladders, driver)...)
	}
	return grids
}

// measured says what was compared, on what it rests, and where it was measured.
func measured(v verdict.Verdict) [][2]string {
	return [][2]string{
		{"baseline", phrase.Binary(v.Baseline)}, {"candidate", phrase.Binary(v.Candidate)},
		{"measured", restsOn(v) + "; " + phrase.Method(v)}, {"machine", phrase.Machines(v.Environment, v.Environments)},
	}
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

func metricsGrid(title string, rows []verdict.Metric, opts Options, between string) *grid {
	g := &grid{title: title, keys: 2, header: []string{"metric", "scenario", "baseline", "candidate", "change", "margin", "p (raw)", "verdict"}}
	for _, m := range rows {
		g.add(metricName(m), m.Scenario, arm(m, m.Baseline, between), arm(m, m.Candidate, between),
			change(m, between), margin(m), verdict.FormatP(m.P), ruled(opts, m.Ruling, m.Severity, m.Open))
	}
	return g
}

// narrowGrid leaves out the arms' intervals and p.
func narrowGrid(title string, rows []verdict.Metric, opts Options) *grid {
	g := &grid{title: title, header: []string{"metric", "baseline", "candidate", "change", "verdict"}}
	for _, m := range rows {
		g.add(broken(metricName(m))+"\n"+m.Scenario, center(m, m.Baseline), center(m, m.Candidate), change(m, "\n"), ruled(opts, m.Ruling, m.Severity, m.Open))
	}
	return g
}

// broken parts a long name where it may be.
func broken(name string) string {
	const long = 22 // container.memory.peak fits
	if len(name) <= long {
		return name
	}
	name = strings.ReplaceAll(name, ", ", ",\n")
	return strings.ReplaceAll(name, ".charged", ".\ncharged")
}

func arm(m verdict.Metric, a verdict.Arm, between string) string {
	switch {
	case phrase.Counts(m):
		return center(m, a)
	case m.Name == verdict.StartThreshold:
		return stack(center(m, a), phrase.EdgeSpread(a), between)
	}
	return stack(center(m, a), phrase.Spread(m.Unit, a), between)
}

func stack(center, interval, between string) string {
	if interval == "" {
		return center
	}
	return center + between + interval
}

// whys says why rows were ruled so whose numbers in the table above do not say it all, and no paragraph does.
func whys(rows []verdict.Metric, told []string, opts Options) string {
	var b strings.Builder
	for _, m := range rows {
		if !plain(m) && !slices.Contains(told, m.Reason) {
			b.WriteString(opts.wrapped("  ", "    ", fmt.Sprintf("%s %s (%s): %s", m.Ruling, metricName(m), m.Scenario, m.Why)))
		}
	}
	return b.String()
}

// remarks are what lowers trust, and below it what is only worth knowing.
func remarks(opts Options, warnings, notes []string) string {
	return said(opts, "warning", warnings) + said(opts, "note", notes)
}

// said draws texts, each under its label, with an empty line above them.
func said(opts Options, label string, texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, t := range texts {
		b.WriteString(opts.wrapped("", "  ", label+": "+t))
	}
	return b.String()
}

// remarked draws remarks, with an empty line above them.
func remarked(opts Options, all []phrase.Remark) string {
	var b strings.Builder
	for i, r := range all {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(opts.wrapped("", "  ", r.Label+": "+r.Text))
	}
	return b.String()
}

func warnings(list []string, opts Options) string { return said(opts, "warning", list) }

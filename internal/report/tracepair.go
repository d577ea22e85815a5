package report

import (
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/sequence"
)

// columns are what one side of two shows of a row.
type columns struct {
	header []string
	cells  func(*sequence.Row, Options) []string
}

var (
	wideSide = columns{
		header: []string{"since", "process", "cgroup", "container", "change", "runtime", "change"},
		cells: func(r *sequence.Row, o Options) []string {
			return []string{since(*r), process(*r), string(r.Cgroup), charged(r.Container), o.change(r.ContainerChange), charged(r.Runtime), grew(r.RuntimeChange)}
		},
	}
	slimSide = columns{
		header: []string{"since", "cgroup", "container", "change"},
		cells: func(r *sequence.Row, o Options) []string {
			return []string{since(*r), string(r.Cgroup), charged(r.Container), o.change(r.ContainerChange)}
		},
	}
)

// side is one start's cells of a line; all empty where it has no such step.
func (c columns) side(r *sequence.Row, o Options) []string {
	if r == nil {
		return slices.Repeat([]string{""}, len(c.header))
	}
	return c.cells(r, o)
}

// sideBySide says with fits whether the terminal is wide enough for any of its layouts.
func sideBySide(a, b Trace, opts Options) (drawn string, fits bool) {
	shared := common(a.Warnings, b.Warnings)
	a.Warnings, b.Warnings = without(a.Warnings, shared), without(b.Warnings, shared)
	pairs := phrase.Align(a.Timeline.Steps(), b.Timeline.Steps())
	for _, c := range []columns{wideSide, slimSide} {
		table := pairGrid(pairs, c, opts).plain()
		if !opts.fits(table) {
			continue
		}
		return strings.Join([]string{
			about(opts, slices.Concat(startOf("A ", a), startOf("B ", b), machines(a, b))), table + opts.wrapped("", "  ", noDetails),
			conclusions("A ", a, opts), conclusions("B ", b, opts) + warnings(labelled("", shared), opts), sentence("A ", a, opts) + sentence("B ", b, opts),
		}, "\n"), true
	}
	return "", false
}

// noDetails is what a reader who knows the table of one start would miss.
const noDetails = "details are left out side by side: trace one runtime, or use --format json"

// common are the texts that both have: said of the machine, they need no label.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// machines is one line when both ran in the same place.
func machines(a, b Trace) [][2]string {
	on, other := phrase.Machine(a.Environment), phrase.Machine(b.Environment)
	if on == other {
		return [][2]string{{"machine", on}}
	}
	return [][2]string{{"A machine", on}, {"B machine", other}}
}

func pairGrid(pairs []phrase.Pair, c columns, opts Options) *grid {
	g := &grid{header: []string{"step"}}
	for _, label := range []string{"A ", "B "} {
		for _, name := range c.header {
			g.header = append(g.header, label+name)
		}
	}
	for _, p := range pairs {
		row := p.A
		if row == nil {
			row = p.B
		}
		g.add(slices.Concat([]string{string(row.Step)}, c.side(p.A, opts), c.side(p.B, opts))...)
	}
	return g
}

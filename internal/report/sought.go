package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// soughtGrids have a table for each set-up that was searched for its start threshold: a row an order, a column a runtime.
func soughtGrids(all []verdict.Sought, of func(verdict.Sought) bool) []*grid {
	var grids []*grid
	for _, group := range soughtTogether(all) {
		made := slices.ContainsFunc(group, func(s verdict.Sought) bool { return s.Trials > 0 })
		if made && of(group[0]) {
			grids = append(grids, soughtGrid(group), triedGrid(group))
		}
	}
	return grids
}

func under(d cgroupjoin.Driver) func(verdict.Sought) bool {
	return func(s verdict.Sought) bool { return s.Driver == d }
}

// soughtTogether groups the searches that differ in runtime and order alone.
func soughtTogether(all []verdict.Sought) [][]verdict.Sought {
	var groups [][]verdict.Sought
	for _, s := range all {
		i := slices.IndexFunc(groups, func(g []verdict.Sought) bool {
			return g[0].Scenario == s.Scenario && g[0].Driver == s.Driver && g[0].Build == s.Build && g[0].Place == s.Place
		})
		if i < 0 {
			groups = append(groups, []verdict.Sought{s})
			continue
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

func soughtGrid(group []verdict.Sought) *grid {
	s := group[0]
	runtimes, orders := distinct(group, func(s verdict.Sought) string { return s.Runtime }), distinct(group, func(s verdict.Sought) sequence.Order { return s.Order })
	g := &grid{
		title: fmt.Sprintf("%s, %s: %s, the smallest limit%s that starts with a probability of %s or more, at %s confidence", s.Driver,
			soughtIn(s), verdict.StartThreshold, onPlace(s.Place), percent(s.Search.Probability), percent(s.Search.Confidence)),
		header: append([]string{"order"}, runtimes...),
	}
	for _, order := range orders {
		row := []string{string(order)}
		for _, name := range runtimes {
			row = append(row, soughtText(group, order, name))
		}
		g.add(row...)
	}
	return g
}

// triedGrid has how the starts ended that a search spent.
func triedGrid(group []verdict.Sought) *grid {
	g := &grid{
		title: fmt.Sprintf("%s, %s: containers started under each limit that was tried", group[0].Driver, soughtIn(group[0])), keys: 2,
		header: []string{"order", "runtime", "started, by limit"},
	}
	for _, s := range group {
		g.add(string(s.Order), s.Runtime, triedText(s))
	}
	return g
}

func soughtIn(s verdict.Sought) string {
	return s.Scenario + phrase.After(", ", verdict.BuildText(s.Build))
}

func distinct[T comparable](group []verdict.Sought, of func(verdict.Sought) T) []T {
	var all []T
	for _, s := range group {
		if x := of(s); !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// percent of a probability that somebody chose: 0.9 is "90 %".
func percent(x float64) string { return fmt.Sprintf("%.3g %%", x*100) }

func soughtText(group []verdict.Sought, order sequence.Order, runtime string) string {
	for _, s := range group {
		if s.Order == order && s.Runtime == runtime {
			return edgeText(s)
		}
	}
	return "-"
}

// edgeText is "12.5 MiB (12.25, 12.5], 41 starts, sharp".
func edgeText(s verdict.Sought) string {
	e := s.Edge
	if s.Trials == 0 {
		return "not measured"
	}
	if s.Natural() {
		return fmt.Sprintf("%s, as by itself: order not applicable, %s", phrase.Edge(s), starts(s.Trials))
	}
	parts := []string{phrase.Edge(s), starts(s.Trials)}
	if e.Sharp {
		parts = append(parts, "sharp")
	}
	if !e.Done {
		parts = append(parts, "ended early")
	}
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", s.Failed))
	}
	if s.NotCounted > 0 {
		parts = append(parts, fmt.Sprintf("%d not counted", s.NotCounted))
	}
	return strings.Join(parts, ", ")
}

func starts(n int) string {
	if n == 1 {
		return "1 start"
	}
	return fmt.Sprintf("%d starts", n)
}

// triedText is "12MiB 0/5, 12.25MiB 2/3 (1 failed), 12.5MiB 5/5".
func triedText(s verdict.Sought) string {
	var parts []string
	for _, p := range s.Points {
		c := verdict.Count{Started: p.Started, OOMKilled: p.OOMKilled, Failed: p.Failed}
		parts = append(parts, phrase.Bare(p.Limit)+"MiB "+startedShort(c))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

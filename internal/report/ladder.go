package report

import (
	"fmt"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// ladderGrids has a table for each scenario with limits: each arm as it starts by itself and,
// where orders were imposed, in the worst of those it can take.
func ladderGrids(ladders []verdict.Ladder, driver cgroupjoin.Driver) []*grid {
	var grids []*grid
	for _, group := range byScenario(ladders) {
		if group[0].Driver == driver && shown(group[0]) {
			grids = append(grids, ladderGrid(group, startsBesideWorst))
		}
	}
	return grids
}

// shown is false for one limit in one order: its row says it all.
func shown(l verdict.Ladder) bool { return len(l.Limits) > 1 || len(l.Orders) > 1 }

// byScenario groups the ladders of one scenario, driver, build and place, which stand next to each other.
func byScenario(ladders []verdict.Ladder) [][]verdict.Ladder {
	var groups [][]verdict.Ladder
	for _, l := range ladders {
		n := len(groups)
		if n > 0 && alike(groups[n-1][0], l) {
			groups[n-1] = append(groups[n-1], l)
			continue
		}
		groups = append(groups, []verdict.Ladder{l})
	}
	return groups
}

func alike(a, b verdict.Ladder) bool {
	return a.Scenario == b.Scenario && a.Driver == b.Driver && a.Build == b.Build && a.Place == b.Place
}

// column is one figure a limit, and the threshold that follows from them.
type column struct {
	title     string
	cells     []string
	threshold verdict.Threshold
}

func ladderGrid(ladders []verdict.Ladder, columnsOf func(verdict.Ladder) []column) *grid {
	l := ladders[0]
	g := &grid{title: fmt.Sprintf("%s, %s%s: containers started under each memory limit%s", l.Driver, l.Scenario, phrase.After(", ", verdict.BuildText(l.Build)), onPlace(l.Place))}
	var columns []column
	for _, l := range ladders {
		columns = append(columns, columnsOf(l)...)
	}
	g.header = []string{"limit"}
	for _, c := range columns {
		g.header = append(g.header, c.title)
	}
	for i, size := range ladders[0].Limits {
		row := []string{limit(size)}
		for _, c := range columns {
			row = append(row, c.cells[i])
		}
		g.add(row...)
	}
	last := []string{verdict.StartThreshold}
	for _, c := range columns {
		last = append(last, c.threshold.String())
	}
	g.add(last...)
	return g
}

// onPlace says where limits are that are not the container's own.
func onPlace(p cgroupjoin.Place) string {
	if p == cgroupjoin.OnAncestor {
		return " of its ancestor"
	}
	return ""
}

func inOrder(o verdict.OrderedLadder, title string) column {
	c := column{title: title, threshold: o.Threshold}
	for _, count := range o.Counts {
		c.cells = append(c.cells, phrase.Started(count))
	}
	return c
}

// startsBesideWorst are the runtime's own starts and those in its worst order.
func startsBesideWorst(l verdict.Ladder) []column {
	title := l.Runtime
	if o := l.Orders[0].Order; o != sequence.Natural {
		title += ", " + string(o)
	}
	columns := []column{inOrder(l.Orders[0], title)}
	counts, orders := l.Worst()
	if counts == nil {
		return columns
	}
	worst := column{title: l.Runtime + ", worst order", threshold: l.WorstThreshold()}
	for i, c := range counts {
		text := phrase.Started(c)
		switch {
		case l.TakesNone() && c.Trials() > 0:
			text += " (order not applicable)"
		case orders[i] != sequence.Natural && orders[i] != "":
			text += ", " + string(orders[i])
		}
		worst.cells = append(worst.cells, text)
	}
	return append(columns, worst)
}

// startsInEachOrder are the runtime's starts in every order of the scenario.
func startsInEachOrder(l verdict.Ladder) []column {
	var columns []column
	for _, o := range l.Orders {
		columns = append(columns, inOrder(o, string(o.Order)))
	}
	return columns
}

// runLadders has a table a driver for a run's scenario, and one a runtime as well where there are orders.
func runLadders(ladders []verdict.Ladder, scenario string) []*grid {
	var grids []*grid
	for _, group := range byScenario(ladders) {
		if group[0].Scenario != scenario || !shown(group[0]) {
			continue
		}
		if len(group[0].Orders) == 1 {
			grids = append(grids, ladderGrid(group, startsBesideWorst))
			continue
		}
		for _, l := range group {
			g := ladderGrid([]verdict.Ladder{l}, startsInEachOrder)
			g.title = l.Runtime + ", " + g.title
			grids = append(grids, g)
		}
	}
	return grids
}

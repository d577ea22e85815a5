package html

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// mostRows of a summary are in its table: a matrix of builds can have thousands.
const mostRows = 600

// cells are those of a summary, one runtime under one set of conditions each.
func (d *drawer) cells(s verdict.Summary) section {
	out := section{ID: "rows", Title: "Cells", About: "What each runtime did under each set of conditions. Latencies compare within a lane alone."}
	t := table{
		ID: "cells", Caption: "cells", Class: "rows cards",
		Head: []string{"runtime", "lane", "outcomes", "start latency, median", "95th percentile", "container peak", "runtime peak"},
	}
	empty, more := 0, 0
	for i, c := range s.Cells {
		switch {
		case c.Trials()+c.NotCounted == 0:
			empty++
		case len(t.Rows) == mostRows:
			more++
		default:
			t.add(summaryCells(fmt.Sprintf("cells.%d.", i), c)...)
		}
	}
	if empty > 0 {
		out.Texts = append(out.Texts, told{"not reached", fmt.Sprintf("%d of %d planned cells have no trial", empty, len(s.Cells))})
	}
	if more > 0 {
		out.Texts = append(out.Texts, told{"not shown", fmt.Sprintf("%d more cells; --format json has all", more)})
	}
	if len(t.Rows) > 0 {
		out.Tables = append(out.Tables, t)
	}
	if len(s.Joins) > 0 {
		out.Tables = append(out.Tables, joins(s.Joins))
	}
	if len(out.Tables) == 0 {
		out.Missing = "The run has no cell."
	}
	return out
}

func summaryCells(key string, c verdict.CellSummary) []cell {
	where := conditions{scenario: c.Scenario, driver: c.Driver, order: c.Order, build: c.Build, place: c.Place, limit: c.Limit, enumerate: c.Enumerate}
	name := of(part{Text: c.Runtime, Class: "name"}, dim(cellTitle(where)))
	name.Head = true
	outcomes := of(outcomeParts(key, c)...)
	if c.Failure != "" {
		outcomes.Parts = append(outcomes.Parts, dim(" "+shortened(c.Failure)))
	}
	return []cell{
		name, plain(string(c.Lane)), outcomes,
		numeric(number(key+"start.latency.median", c.Start.Median, verdict.Nanoseconds.Format(c.Start.Median)), dim(" n="), count(key+"start.latency.n", c.Start.N)),
		numeric(number(key+"start.latency.p95", c.Start.P95, verdict.Nanoseconds.Format(c.Start.P95))),
		peakCell(key+"container.memory.peak.", c.ContainerPeak), peakCell(key+"runtime.memory.peak.", c.RuntimePeak),
	}
}

func outcomeParts(key string, c verdict.CellSummary) (parts []part) {
	for _, o := range results.Outcomes() {
		if n := c.Outcomes[o]; n > 0 {
			if len(parts) > 0 {
				parts = append(parts, text(", "))
			}
			parts = append(parts, count(key+"outcomes."+string(o), n), text(" "+string(o)))
		}
	}
	if len(parts) == 0 {
		return []part{dim("no trial")}
	}
	return parts
}

func peakCell(key string, a verdict.Arm) cell {
	if a.N == 0 {
		return numeric(part{Text: "not measured", Key: key + "center", Value: "null", Class: "dim"})
	}
	return numeric(append([]part{number(key+"center", a.Center, verdict.Bytes.Format(a.Center)), text(" ")}, interval(key, verdict.Bytes.Format, a.Lo, a.Hi)...)...)
}

// joins that were measured alone.
func joins(all []verdict.JoinSummary) table {
	t := table{ID: "joins", Caption: "joins measured alone", Class: "rows cards", Head: []string{"mechanism", "conditions", "join latency, median", "95th percentile", "99th percentile"}}
	for i, j := range all[:min(len(all), mostRows)] {
		key := fmt.Sprintf("joins.%d.join.latency.", i)
		where := []string{string(j.Driver), "cgroup " + string(j.Join.Cgroup), fmt.Sprintf("%d siblings", j.Join.Siblings), fmt.Sprintf("%d threads", j.Join.Threads)}
		if j.Join.Busy {
			where = append(where, "busy")
		}
		t.add(heading(string(j.Join.Mechanism)), plain(strings.Join(where, ", ")),
			numeric(number(key+"median", j.Latency.Median, verdict.Nanoseconds.Format(j.Latency.Median)), dim(" n="), count(key+"n", j.Latency.N)),
			numeric(number(key+"p95", j.Latency.P95, verdict.Nanoseconds.Format(j.Latency.P95))),
			numeric(number(key+"p99", j.Latency.P99, verdict.Nanoseconds.Format(j.Latency.P99))))
	}
	return t
}

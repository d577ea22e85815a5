package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

func summaryTable(s verdict.Summary, opts Options) string {
	var b strings.Builder
	var lines [][2]string
	for _, id := range s.Runtimes {
		lines = append(lines, [2]string{id.Name, binary(id)})
	}
	b.WriteString(about(opts, append(lines,
		[2]string{"measured", fmt.Sprintf("%s; intervals at %.3g %%", counted(s.Trials), s.Confidence*100)},
		[2]string{"machine", machine(s.Environment)})))
	for _, g := range summaryGrids(s, opts.between()) {
		b.WriteString("\n" + g.plain())
	}
	b.WriteString(warnings(s.Warnings, opts))
	return b.String()
}

func summaryMarkdown(s verdict.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### initbench: run %s\n\n", escape(s.ID))
	for _, g := range summaryGrids(s, " ") {
		b.WriteString(g.markdown() + "\n")
	}
	b.WriteString(bullets("warning: ", s.Warnings))
	var about []string
	for _, id := range s.Runtimes {
		about = append(about, id.Name+": "+binary(id))
	}
	b.WriteString(bullets("", append(about, counted(s.Trials), machine(s.Environment))))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// summaryGrids are, for each scenario, outcomes and latencies, whole batches, peaks
// and the ladder; the victims of all come last.
func summaryGrids(s verdict.Summary, between string) []*grid {
	var grids []*grid
	for len(s.Cells) > 0 {
		n := 1
		for n < len(s.Cells) && s.Cells[n].Scenario == s.Cells[0].Scenario {
			n++
		}
		cells := s.Cells[:n]
		s.Cells = s.Cells[n:]
		grids = append(grids, latencies(cells, between))
		if g := batches(cells); g != nil {
			grids = append(grids, g)
		}
		grids = append(grids, peaks(cells, between))
		grids = append(grids, runLadders(s.Ladders, cells[0].Scenario)...)
	}
	if len(s.Victims) > 0 {
		grids = append(grids, victims(s.Victims))
	}
	return grids
}

// condition are the first columns of a cell's row.
func condition(c verdict.CellSummary) []string {
	return []string{c.Runtime, string(c.Driver), limit(c.Limit)}
}

func latencies(cells []verdict.CellSummary, between string) *grid {
	g := &grid{
		title:  cells[0].Scenario + ": start latency, from create to the payload's first instruction",
		header: []string{"runtime", "driver", "limit", "trials", "outcomes", "median", "p95", "p99", "mean"},
	}
	ns := verdict.Nanoseconds.Format
	for _, c := range cells {
		mean := ns(c.Start.Mean)
		// Without a bound, or with one that no latency can have, there are too few or too skewed values for an interval.
		if c.Start.MeanLo > 0 && !math.IsInf(c.Start.MeanHi, 0) {
			mean = stack(mean, bracket(ns, c.Start.MeanLo, c.Start.MeanHi), between)
		}
		g.add(append(condition(c), fmt.Sprint(c.Trials()), outcomes(c, between), ns(c.Start.Median), ns(c.Start.P95), ns(c.Start.P99), mean)...)
	}
	return g
}

func outcomes(c verdict.CellSummary, between string) string {
	var parts []string
	for _, o := range results.Outcomes() {
		if n := c.Outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ","+between)
}

// batches is nil where containers run one by one.
func batches(cells []verdict.CellSummary) *grid {
	g := &grid{header: []string{"runtime", "driver", "limit", "batches", "total (median)", "fastest", "slowest", "each"}}
	ns := verdict.Nanoseconds.Format
	for _, c := range cells {
		if c.Batch.Containers < 2 {
			return nil
		}
		how := "one after another, the sum of their times from create to delete"
		if c.Batch.Concurrent {
			how = "at once, from the first create to the last delete"
		}
		g.title = fmt.Sprintf("%s: batches of %d containers %s", c.Scenario, c.Batch.Containers, how)
		g.add(append(condition(c), fmt.Sprint(c.Batch.N), ns(c.Batch.Total), ns(c.Batch.Fastest), ns(c.Batch.Slowest), ns(c.Batch.Each))...)
	}
	return g
}

func peaks(cells []verdict.CellSummary, between string) *grid {
	g := &grid{
		title:  cells[0].Scenario + ": memory peaks of the starts, and who paid",
		header: []string{"runtime", "driver", "limit", "container.memory.peak", "runtime.memory.peak"},
	}
	show := func(a verdict.Arm) string {
		if !a.Known() {
			return "-"
		}
		return arm(verdict.Bytes, a, between)
	}
	for _, c := range cells {
		g.add(append(condition(c), show(c.ContainerPeak), show(c.RuntimePeak))...)
	}
	return g
}

func runLadders(ladders []verdict.LadderSummary, scenario string) []*grid {
	var grids []*grid
	for _, l := range ladders {
		if l.Scenario != scenario {
			continue
		}
		g := &grid{
			title:  fmt.Sprintf("%s, %s: containers started under each memory limit", l.Scenario, l.Driver),
			header: append([]string{"limit"}, l.Runtimes...),
		}
		for _, r := range l.Rungs {
			row := []string{limit(r.Limit)}
			for _, c := range r.Counts {
				row = append(row, started(c))
			}
			g.add(row...)
		}
		grids = append(grids, g)
	}
	return grids
}

func victims(list []verdict.VictimSummary) *grid {
	g := &grid{
		title:  "processes the kernel killed, and what they held (medians)",
		header: []string{"scenario", "runtime", "driver", "limit", "victim", "kills", "anon", "file", "shmem"},
	}
	b := verdict.Bytes.Format
	for _, v := range list {
		g.add(v.Scenario, v.Runtime, string(v.Driver), limit(v.Limit), v.Comm, fmt.Sprint(v.N), b(v.Anon), b(v.File), b(v.Shmem))
	}
	return g
}

// summaryJUnit has one case a cell: in error when a trial of it failed or none was
// made. An OOM kill is what such a run looks for, not an error.
func summaryJUnit(s verdict.Summary) ([]byte, error) {
	r := junitReport{Name: "initbench"}
	for _, c := range s.Cells {
		ruling := verdict.Pass
		if c.Trials() == 0 || c.Outcomes[results.Failed]+c.Outcomes[results.TimedOut] > 0 {
			ruling = verdict.Inconclusive
		}
		r.suite(c.Scenario, facts(s.Environment)).add(
			c.Scenario+"."+string(c.Driver), c.Runtime+" at limit "+limit(c.Limit), ruling, outcomes(c, " "))
	}
	return r.marshal(s.Warnings)
}

func summaryBenchfmt(w io.Writer, s verdict.Summary) error {
	b := newBench(w)
	var names []string
	for _, id := range s.Runtimes {
		names = append(names, id.Name)
	}
	common := benchConfig(s.Environment, names, s.Runtimes)
	for _, id := range s.Runtimes {
		config := append([]benchfmt.Config{fileConfig("runtime", id.Name)}, common...)
		for _, c := range s.Cells {
			if c.Runtime != id.Name {
				continue
			}
			for _, m := range []struct {
				name   string
				unit   verdict.Unit
				values []float64
			}{
				{"start.latency", verdict.Nanoseconds, c.Start.Values},
				{"create.latency", verdict.Nanoseconds, c.Create.Values},
				{"batch.total", verdict.Nanoseconds, c.Batch.Values},
				{"container.memory.peak", verdict.Bytes, c.ContainerPeak.Values},
				{"runtime.memory.peak", verdict.Bytes, c.RuntimePeak.Values},
			} {
				b.values(config, benchName(m.name, c.Scenario, string(c.Driver), string(c.Order), c.Limit), m.unit, m.values...)
			}
		}
	}
	return b.finish()
}

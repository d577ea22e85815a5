package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

func summaryTable(s verdict.Summary, opts Options) string {
	var b strings.Builder
	var lines [][2]string
	for _, id := range s.Runtimes {
		lines = append(lines, [2]string{id.Name, phrase.Binary(id)})
	}
	b.WriteString(about(opts, append(lines,
		[2]string{"measured", counted(s.Trials) + intervals(s)},
		[2]string{"machine", phrase.Machines(s.Environment, s.Environments)})))
	short := summaryGrids(s, "\n")
	for i, g := range summaryGrids(s, " ") {
		b.WriteString("\n" + fit(opts, g, short[i], short[i].tall()))
	}
	for _, m := range s.Matrices {
		b.WriteString(remarked(opts, phrase.Remarks(m)))
	}
	b.WriteString(said(opts, "unchanged", unchanged(s.Sessions)) + livesText(opts, s.Lives))
	b.WriteString(said(opts, "failed", failures(s)))
	b.WriteString(remarks(opts, s.Warnings, s.Notes))
	b.WriteString(said(opts, "finding", texts(s.Findings)))
	return b.String()
}

// intervals says how sure those are that a table has; it is empty where none has one.
func intervals(s verdict.Summary) string {
	for _, j := range s.Joins {
		if meanInterval(j.Latency) != "" {
			return fmt.Sprintf("; intervals at %.3g %%", s.Confidence*100)
		}
	}
	for _, c := range s.Cells {
		if meanInterval(c.Start) != "" || phrase.Spread(verdict.Bytes, c.ContainerPeak) != "" || phrase.Spread(verdict.Bytes, c.RuntimePeak) != "" {
			return fmt.Sprintf("; intervals at %.3g %%", s.Confidence*100)
		}
	}
	return ""
}

func summaryMarkdown(s verdict.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### initbench: run %s\n\n", escape(s.ID))
	b.WriteString(bullets("finding: ", texts(s.Findings)))
	for _, g := range summaryGrids(s, " ") {
		b.WriteString(g.markdown() + "\n")
	}
	for _, m := range s.Matrices {
		for _, r := range phrase.Remarks(m) {
			b.WriteString("- " + r.Label + ": " + escape(r.Text) + "\n")
		}
	}
	b.WriteString(bullets("unchanged: ", unchanged(s.Sessions)) + livesMarkdown(s.Lives))
	b.WriteString(bullets("failed: ", failures(s)) + bullets("warning: ", s.Warnings) + bullets("note: ", s.Notes))
	var about []string
	for _, id := range s.Runtimes {
		about = append(about, id.Name+": "+phrase.Binary(id))
	}
	b.WriteString(bullets("", append(about, counted(s.Trials), phrase.Machines(s.Environment, s.Environments))))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// summaryGrids are, for each scenario, its matrix, outcomes and latencies, orders, charges, whole batches, peaks
// and the ladder; joins and the victims of all come last. A scenario with builds has hundreds of cells: of them the matrix alone
// is drawn, and each by itself is in the JSON.
func summaryGrids(s verdict.Summary, between string) []*grid {
	var grids []*grid
	for len(s.Cells) > 0 {
		n := 1
		for n < len(s.Cells) && s.Cells[n].Scenario == s.Cells[0].Scenario {
			n++
		}
		cells := s.Cells[:n]
		s.Cells = s.Cells[n:]
		for _, m := range s.Matrices {
			if m.Scenario == cells[0].Scenario {
				grids = append(grids, matrixGrids(m, between)...)
			}
		}
		if built(cells) {
			continue
		}
		for _, g := range []*grid{latencies(cells, between), orders(cells), charges(cells), batches(cells), peaks(cells, between), networks(cells)} {
			if g != nil {
				grids = append(grids, g)
			}
		}
		if g := sessionGrid(s.Sessions, cells[0].Scenario, between); g != nil {
			grids = append(grids, g)
		}
		grids = append(grids, livesGrids(s.Lives, cells[0].Scenario)...)
		grids = append(grids, runLadders(s.Ladders, cells[0].Scenario)...)
	}
	grids = append(grids, soughtGrids(s.Searches, func(verdict.Sought) bool { return true })...)
	for i, j := range s.Joins {
		if i == 0 || s.Joins[i-1].Scenario != j.Scenario {
			grids = append(grids, joins(s.Joins, j.Scenario, between))
		}
	}
	if g := victims(s.Victims); len(g.rows) > 0 {
		grids = append(grids, g)
	}
	return grids
}

// built tells whether a scenario's cells are of several builds.
func built(cells []verdict.CellSummary) bool {
	return slices.ContainsFunc(cells, func(c verdict.CellSummary) bool { return c.Build != scenarios.Build{} })
}

// ordered tells whether a scenario's cells are in any order but the natural one.
func ordered(cells []verdict.CellSummary) bool {
	for _, c := range cells {
		if c.Order != sequence.Natural {
			return true
		}
	}
	return false
}

// conditions are the titles of the first columns of a cell's row; condition has its cells.
func conditions(cells []verdict.CellSummary, more ...string) []string {
	columns := []string{"runtime", "driver"}
	if ordered(cells) {
		columns = append(columns, "order")
	}
	return append(append(columns, "limit"), more...)
}

// keys is how many columns condition makes.
func keys(cells []verdict.CellSummary) int { return len(conditions(cells)) }

func condition(cells []verdict.CellSummary, c verdict.CellSummary, more ...string) []string {
	columns := []string{c.Runtime + phrase.After(" ", verdict.BuildText(c.Build)), string(c.Driver)}
	if ordered(cells) {
		columns = append(columns, string(c.Order))
	}
	limit := verdict.PlacedLimit(c.Build, c.Place, c.Limit) + phrase.After(", ", c.Enumerate.String())
	return append(append(columns, limit), more...)
}

func latencies(cells []verdict.CellSummary, between string) *grid {
	if !slices.ContainsFunc(cells, func(c verdict.CellSummary) bool { return !math.IsNaN(c.Start.Median) }) {
		return ends(cells, between)
	}
	g := &grid{
		title:  cells[0].Scenario + ": start latency, from create to the payload's first instruction",
		keys:   keys(cells),
		header: conditions(cells, "trials", "outcomes", "median", "p95", "p99", "mean"),
	}
	lanes := !timed(cells)
	if lanes {
		g.title += " (of observed trials to its exec)"
		g.header = append(g.header, "lane")
	}
	ns := verdict.Nanoseconds.Format
	for _, c := range cells {
		mean := stack(ns(c.Start.Mean), meanInterval(c.Start), between)
		row := condition(cells, c, trials(c), outcomes(c, between), ns(c.Start.Median), ns(c.Start.P95), ns(c.Start.P99), mean)
		if lanes {
			row = append(row, string(c.Lane))
		}
		g.add(row...)
	}
	return g
}

// ends are all that is known of trials in which no start was timed, as none is in sessions.
func ends(cells []verdict.CellSummary, between string) *grid {
	g := &grid{title: cells[0].Scenario + ": trials, and how they ended", keys: keys(cells), header: conditions(cells, "trials", "outcomes")}
	for _, c := range cells {
		g.add(condition(cells, c, trials(c), outcomes(c, between))...)
	}
	return g
}

// meanInterval is empty where there is none.
func meanInterval(s verdict.Spread) string {
	if math.IsInf(s.MeanLo, 0) || math.IsNaN(s.MeanLo) {
		return ""
	}
	return phrase.Bracket(verdict.Nanoseconds.Format, s.MeanLo, s.MeanHi)
}

// timed tells whether nothing was in the way of a scenario's starts.
func timed(cells []verdict.CellSummary) bool {
	for _, c := range cells {
		if c.Lane != verdict.Timed {
			return false
		}
	}
	return true
}

func trials(c verdict.CellSummary) string {
	if c.NotCounted == 0 {
		return fmt.Sprint(c.Trials())
	}
	return fmt.Sprintf("%d (%d not counted)", c.Trials(), c.NotCounted)
}

func outcomes(c verdict.CellSummary, between string) string { return outcomesText(c.Outcomes, between) }

func outcomesText(counts map[results.Outcome]int, between string) string {
	var parts []string
	for _, o := range results.Outcomes() {
		if n := counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ","+between)
}

// failures says of each cell in which a trial failed why the first did, and of those that say the same of which it is the first.
func failures(s verdict.Summary) []string {
	var texts, where []string
	count := map[string]int{}
	note := func(who, text string) {
		if text == "" {
			return
		}
		if count[text]++; count[text] == 1 {
			texts, where = append(texts, text), append(where, who)
		}
	}
	for _, c := range s.Cells {
		of := condition([]verdict.CellSummary{c}, c)
		note(fmt.Sprintf("%s (%s)", of[0], strings.Join(of[1:], ", ")), c.Failure)
	}
	for _, j := range s.Joins {
		note(fmt.Sprintf("join %s (%s, %s)", j.Join.Mechanism, j.Driver, j.Join.Cgroup), j.Failure)
	}
	for i, text := range texts {
		likewise := ""
		if n := count[text] - 1; n > 0 {
			likewise = fmt.Sprintf(" and %d more", n)
		}
		texts[i] = where[i] + likewise + ": " + text
	}
	return texts
}

// orders holds the order asked for against the one found. It is nil where neither was looked at.
func orders(cells []verdict.CellSummary) *grid {
	g := &grid{
		title:  cells[0].Scenario + ": order asked for and orders found, and what imposing took (medians of a trial)",
		keys:   keys(cells),
		header: conditions(cells, "imposed", "not applicable", "could not", "found", "notifications", "held"),
	}
	any := false
	for _, c := range cells {
		any = any || c.Imposing.Trials() > 0 || len(c.Found) > 0
		row := []string{"-", "-", "-", found(c), "-", "-"}
		if i := c.Imposing; i.Trials() > 0 {
			row = []string{
				fmt.Sprint(i.Imposed), fmt.Sprint(i.NotApplicable), fmt.Sprint(i.CouldNot), found(c),
				verdict.Counted.Format(i.Notifications), verdict.Nanoseconds.Format(i.HeldNS),
			}
		}
		g.add(condition(cells, c, row...)...)
	}
	if !any {
		return nil
	}
	return g
}

func found(c verdict.CellSummary) string { return foundText(c.Found) }

func foundText(orders map[sequence.Found]int) string {
	var parts []string
	for _, f := range []sequence.Found{
		sequence.FoundCloneBeforeJoin, sequence.FoundJoinBeforeClone, sequence.FoundOverlapping,
		sequence.FoundBornInCgroup, sequence.FoundNoClone, sequence.FoundUnknown,
	} {
		if n := orders[f]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, f))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// charges says who paid. It is nil where no trial was observed.
func charges(cells []verdict.CellSummary) *grid {
	g := &grid{
		title: cells[0].Scenario + ": who was charged what, and did what (each column a median of its own; container + runtime)",
		keys:  keys(cells),
		header: conditions(cells, "clone", "to container", "to runtime", "container at exec",
			"start.syscalls", "start.pagefaults"),
	}
	any := false
	b := verdict.Bytes.Format
	for _, c := range cells {
		p := c.Charges
		any = any || !math.IsNaN(p.AtExec) || !math.IsNaN(p.Clone)
		g.add(condition(cells, c, b(p.Clone), b(p.ToContainer), b(p.ToRuntime), b(p.AtExec),
			sides(c.Counters.Syscalls), sides(c.Counters.PageFaults))...)
	}
	if !any {
		return nil
	}
	return g
}

func sides(s verdict.Sides) string {
	if math.IsNaN(s.Container) || math.IsNaN(s.Runtime) {
		return "-"
	}
	return verdict.Counted.Format(s.Container) + " + " + verdict.Counted.Format(s.Runtime)
}

// batches is nil where containers run one by one.
func batches(cells []verdict.CellSummary) *grid {
	g := &grid{keys: keys(cells), header: conditions(cells, "batches", "total (median)", "fastest", "slowest", "each")}
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
		g.add(condition(cells, c, fmt.Sprint(c.Batch.N), ns(c.Batch.Total), ns(c.Batch.Fastest), ns(c.Batch.Slowest), ns(c.Batch.Each))...)
	}
	return g
}

func peaks(cells []verdict.CellSummary, between string) *grid {
	g := &grid{
		title:  cells[0].Scenario + ": memory peaks of the starts, and who paid",
		keys:   keys(cells),
		header: conditions(cells, "container.memory.peak", "runtime.memory.peak"),
	}
	show := func(a verdict.Arm) string {
		if !a.Known() {
			return "-"
		}
		return stack(verdict.Bytes.Format(a.Center), phrase.Spread(verdict.Bytes, a), between)
	}
	known := false
	for _, c := range cells {
		known = known || c.ContainerPeak.Known() || c.RuntimePeak.Known()
		g.add(condition(cells, c, show(c.ContainerPeak), show(c.RuntimePeak))...)
	}
	if !known {
		return nil
	}
	return g
}

// victims leaves out those of builds, which the matrix counts and the JSON lists.
func victims(list []verdict.VictimSummary) *grid {
	g := &grid{
		title:  "processes the kernel killed, and what they held (medians)",
		keys:   6,
		header: []string{"scenario", "runtime", "driver", "order", "limit", "victim", "kills", "anon", "file", "shmem"},
	}
	b := verdict.Bytes.Format
	for _, v := range list {
		if v.Build != (scenarios.Build{}) {
			continue
		}
		g.add(v.Scenario, v.Runtime+phrase.After(" ", verdict.BuildText(v.Build)), string(v.Driver), string(v.Order), verdict.PlacedLimit(v.Build, v.Place, v.Limit)+phrase.After(", ", v.Enumerate.String()), v.Comm, fmt.Sprint(v.N), b(v.Anon), b(v.File), b(v.Shmem))
	}
	return g
}

// summaryJUnit has one case a cell: in error when a trial of it failed or none was
// counted. An OOM kill is what such a run looks for, not an error; nor is a cell of a build that was not
// reached, for nobody waits for all of them.
func summaryJUnit(s verdict.Summary) ([]byte, error) {
	r := junitReport{Name: "initbench"}
	for _, c := range s.Cells {
		if c.Build != (scenarios.Build{}) && c.Trials()+c.NotCounted == 0 {
			continue
		}
		ruling, text := verdict.Pass, outcomes(c, " ")
		if c.Trials() == 0 || c.Outcomes[results.Failed]+c.Outcomes[results.TimedOut] > 0 {
			ruling = verdict.Inconclusive
		}
		if c.NotCounted > 0 {
			text += fmt.Sprintf(", %d not counted", c.NotCounted)
		}
		if c.Failure != "" {
			text += " (" + c.Failure + ")"
		}
		r.suite(c.Scenario, facts(s.Environment, s.Environments)).add(junitCase{Class: c.Scenario + "." + string(c.Driver), Name: cellName(c)}, ruling, text, "")
	}
	for _, q := range s.Searches {
		r.suite(q.Scenario, facts(s.Environment, s.Environments)).addSought(q)
	}
	for _, j := range s.Joins {
		ruling, text := verdict.Pass, outcomesText(j.Outcomes, " ")
		if j.Trials() == 0 || j.Failure != "" {
			ruling, text = verdict.Inconclusive, text+phrase.After(": ", j.Failure)
		}
		r.suite(j.Scenario, facts(s.Environment, s.Environments)).add(junitCase{Class: j.Scenario + "." + string(j.Driver), Name: joinName(j)}, ruling, text, "")
	}
	return r.marshal(s.Findings, s.Notes, s.Warnings)
}

func cellName(c verdict.CellSummary) string {
	name := c.Runtime + phrase.After(" ", verdict.BuildText(c.Build)) + " at limit " + verdict.PlacedLimit(c.Build, c.Place, c.Limit)
	if c.Order != sequence.Natural {
		name += ", " + string(c.Order)
	}
	return name + phrase.After(", ", c.Enumerate.String())
}

func summaryBenchfmt(w io.Writer, s verdict.Summary) error {
	b := newBench(w)
	var names []string
	for _, id := range s.Runtimes {
		names = append(names, id.Name)
	}
	common := benchConfig(s.Environment, phrase.Clocks(s.Environment, s.Environments), names, s.Runtimes)
	for _, id := range s.Runtimes {
		config := append([]benchfmt.Config{fileConfig("runtime", id.Name)}, common...)
		for _, c := range s.Cells {
			if c.Runtime != id.Name {
				continue
			}
			for _, m := range []struct {
				name   string
				unit   string
				values []float64
			}{
				{"start.latency", "ns/op", c.Start.Values},
				{"create.latency", "ns/op", c.Create.Values},
				{"batch.total", "ns/op", c.Batch.Values},
				{"container.memory.peak", "B/op", c.ContainerPeak.Values},
				{"runtime.memory.peak", "B/op", c.RuntimePeak.Values},
			} {
				name := benchName(m.name, c.Scenario, string(c.Driver), string(c.Order), c.Build, c.Place, c.Limit)
				b.values(config, name+benchEnumeration(c.Enumerate), m.unit, m.values...)
			}
		}
	}
	for _, q := range s.Searches {
		if q.Edge.Threshold != 0 {
			config := append([]benchfmt.Config{fileConfig("runtime", q.Runtime)}, common...)
			b.values(config, benchName(verdict.StartThreshold, q.Scenario, string(q.Driver), string(q.Order), q.Build, q.Place, 0), "B/op", float64(q.Edge.Threshold))
		}
	}
	for _, j := range s.Joins {
		b.values(common, benchJoin(j), "ns/op", j.Latency.Values...)
	}
	return b.finish()
}

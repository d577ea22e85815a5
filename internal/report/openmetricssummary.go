package report

import (
	"io"
	"math"
	"strconv"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func summaryOpenMetrics(w io.Writer, s verdict.Summary) error {
	x := newExposition()
	x.about(s.Environment, phrase.Clocks(s.Environment, s.Environments), tag{"run", s.ID})
	for _, id := range s.Runtimes {
		x.add("runtime_info", "", "A runtime under test, in the labels; always 1.", 1,
			tag{"runtime", id.Name}, tag{"reference", id.Ref}, tag{"version", id.Version}, tag{"sha256", id.SHA256})
	}
	x.trials(s.Trials)
	for _, c := range s.Cells {
		x.cell(c)
	}
	x.searches(s.Searches)
	for _, j := range s.Joins {
		x.join(j)
	}
	for _, one := range s.Sessions {
		x.session(one)
	}
	for _, l := range s.Lives {
		x.lives(l)
	}
	x.asides(s.Findings, s.Warnings)
	return x.write(w)
}

func (x *exposition) cell(c verdict.CellSummary) {
	of := append([]tag{{"runtime", c.Runtime}}, conditionTags(c.Scenario, c.Driver, string(c.Order), c.Build, c.Place, c.Limit)...)
	of = append(of, tag{"lane", string(c.Lane)}, tag{"enumerate", c.Enumerate.String()})
	x.outcomes(c.Outcomes, of)
	x.spread(scenarios.StartLatency, c.Start, of)
	x.spread(scenarios.CreateLatency, c.Create, of)
	if c.Batch.N > 0 {
		x.estimate(promName(scenarios.BatchTotal), verdict.Nanoseconds, "Median time of a whole batch.", c.Batch.Total, math.NaN(), math.NaN(), of...)
	}
	for _, peak := range []struct {
		name string
		arm  verdict.Arm
	}{{scenarios.ContainerMemoryPeak, c.ContainerPeak}, {scenarios.RuntimeMemoryPeak, c.RuntimePeak}} {
		if peak.arm.Known() {
			x.estimate(promName(peak.name), verdict.Bytes, "Median "+peak.name+" of the starts.", peak.arm.Center, peak.arm.Lo, peak.arm.Hi, of...)
		}
	}
	if n := c.Network; n.N > 0 {
		x.add(promName(scenarios.NetworkLatency), "seconds", "Median "+scenarios.NetworkLatency+".", n.AttachNS/1e9, of...)
		x.add(promName(scenarios.NetworkMemoryPeak), "bytes", "Median "+scenarios.NetworkMemoryPeak+".", n.PeakBytes, of...)
	}
	x.add(promName(scenarios.ContainerChargedAtExec), "bytes", "Median "+scenarios.ContainerChargedAtExec+".", c.Charges.AtExec, of...)
	x.sides(scenarios.StartSyscalls, c.Counters.Syscalls, of)
	x.sides(scenarios.StartPageFaults, c.Counters.PageFaults, of)
}

func (x *exposition) join(j verdict.JoinSummary) {
	of := []tag{
		{"scenario", j.Scenario}, {"driver", string(j.Driver)}, {"mechanism", string(j.Join.Mechanism)}, {"cgroup", string(j.Join.Cgroup)},
		{"siblings", strconv.Itoa(j.Join.Siblings)}, {"threads", strconv.Itoa(j.Join.Threads)}, {"tree", busyOrIdle(j.Join.Busy)},
	}
	x.outcomes(j.Outcomes, of)
	x.spread(scenarios.JoinLatency, j.Latency, of)
}

// session adds by how much a kind rises a cycle, or how many descriptors a payload was handed.
func (x *exposition) session(s verdict.SessionSummary) {
	if s.Unread != "" {
		return
	}
	of := append([]tag{{"runtime", s.Runtime}}, conditionTags(s.Scenario, s.Driver, string(s.Order), scenarios.Build{}, "", 0)...)
	name, what := scenarios.LeakInherited, "Descriptors beyond its standard streams that a payload was handed, the most of a session."
	if s.Kind != "" {
		name, what = scenarios.LeakMetric(s.Kind), "Rise a cycle of the number of "+s.Kind+"."
		of = append(of, tag{"process", s.Process})
	}
	x.estimate(promName(name), verdict.Counted, what, s.Slope.Center, s.Slope.Lo, s.Slope.Hi, of...)
}

func (x *exposition) outcomes(counts map[results.Outcome]int, of []tag) {
	for _, o := range results.Outcomes() {
		x.add("outcomes", "", "Trials that count, by how they ended.", float64(counts[o]), append(of[:len(of):len(of)], tag{"outcome", string(o)})...)
	}
}

// spread adds a latency's median, percentiles and mean with its interval.
func (x *exposition) spread(name string, s verdict.Spread, of []tag) {
	if s.N == 0 {
		return
	}
	unit, in := baseUnit(verdict.Nanoseconds)
	for _, figure := range []struct {
		suffix, what string
		value        float64
	}{{"", "Median", s.Median}, {"_p95", "95th percentile of", s.P95}, {"_p99", "99th percentile of", s.P99}} {
		x.add(promName(name)+figure.suffix, unit, figure.what+" "+name+".", figure.value/in, of...)
	}
	x.estimate(promName(name)+"_mean", verdict.Nanoseconds, "Mean "+name+".", s.Mean, s.MeanLo, s.MeanHi, of...)
}

// sides adds a counter's two sides, whose sum is what a gate judges.
func (x *exposition) sides(name string, s verdict.Sides, of []tag) {
	for _, side := range []struct {
		name  string
		value float64
	}{{"container", s.Container}, {"runtime", s.Runtime}} {
		x.add(promName(name), "", "Median "+name+", by whose tasks it was.", side.value, append(of[:len(of):len(of)], tag{"side", side.name})...)
	}
}

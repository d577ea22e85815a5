package verdict

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Besides the metrics that a scenario names, three are judged wherever something
// of their kind was seen, in any scenario: an OOM kill (oom.rate), a trial that failed or timed
// out, and something left behind. None of them may go unsaid because nobody asked.
const (
	// StartFailures is the share of trials that failed or timed out, so that neither a
	// start nor an OOM kill can be counted.
	StartFailures = "start.failures"
	// LeakCount is the number of things a trial that started left behind. What a
	// failed one left is a consequence of the failure, which StartFailures counts: it is warned of.
	LeakCount = "leak.count"
)

// kind is how a metric's values are turned into a row.
type kind int

const (
	distribution kind = iota // one number a trial or batch, compared by its ratio
	rate                     // yes or no a trial, pooled over the ladder of limits
	leaks                    // a count that must not rise at all
	threshold                // what a search brackets, compared by the ends of both brackets
	growth                   // a series of counts a session, compared by their slopes
	inherited                // a count a session, of what its payloads were handed
	remaining                // a fact for each sequence that a session lives
)

type metric struct {
	name string
	// measured is the quantity's name, under which values are kept: the same by every clock.
	measured string
	// clock is the one it is judged by; empty: whatever the run has.
	clock scenarios.Clock
	unit  Unit
	kind  kind
	// pooled metrics have one row a driver, over all scenarios.
	pooled bool
	// lane is that of the trials whose values count; trials of different lanes are never put together.
	lane scenarios.Lane
	// read takes the value from a trial that started; nil for what is not one value a trial.
	read func(*results.Record) (int64, bool)
	// split takes the same value apart into the container's side and the runtime's; nil for what has no sides.
	split func(*results.Record) (container, runtime int64, ok bool)
	// containerPart and runtimePart are the names of the two sides' figures.
	containerPart, runtimePart string
	// events says of a rate how many of a batch's trials count, and how many of those are events.
	events func(*batch) (events, trials int)
}

// table is built once: it is asked for every record.
var table = metrics()

// metrics lists all there are in the order reports show them: those that scenarios
// can name, then the two that nobody has to name.
func metrics() []metric {
	var all []metric
	for _, m := range scenarios.Metrics() {
		if m.Scope == scenarios.PerSession || m.Scope == scenarios.PerLife {
			continue // leakTable and leftoverTable have them
		}
		all = append(all, withReader(metric{name: m.Name, measured: m.Measured(), clock: m.Clock, unit: Unit(m.Unit), lane: m.Lane}))
	}
	return append(all,
		metric{name: StartFailures, measured: StartFailures, unit: Fraction, kind: rate, lane: scenarios.AnyLane, pooled: true, events: failures},
		metric{name: LeakCount, measured: LeakCount, unit: Counted, kind: leaks, lane: scenarios.AnyLane, pooled: true, events: leftovers})
}

func withReader(m metric) metric {
	switch m.measured {
	case scenarios.StartLatency:
		m.read = startLatency
	case scenarios.CreateLatency:
		m.read = func(r *results.Record) (int64, bool) { return value(r.Latency.Created) }
	case scenarios.ContainerMemoryPeak:
		m.read = func(r *results.Record) (int64, bool) { return value(r.ContainerPeak) }
	case scenarios.RuntimeMemoryPeak:
		m.read = func(r *results.Record) (int64, bool) { return value(r.RuntimePeak) }
	case scenarios.JoinLatency:
		m.read = func(r *results.Record) (int64, bool) { return value(r.JoinNS) }
	case scenarios.StartCPU:
		m.read = startCPU
	case scenarios.NetworkLatency:
		m.read = func(r *results.Record) (int64, bool) { return r.Attachment.AttachNS() }
	case scenarios.NetworkMemoryPeak:
		m.read = func(r *results.Record) (int64, bool) { return r.Attachment.PluginPeak() }
	case scenarios.ContainerChargedAtExec:
		m.read = chargedAtExec
	case scenarios.StartSyscalls:
		m.split = counted(func(c *sequence.Counters) (int64, bool) { return c.Work() })
	case scenarios.StartPageFaults:
		m.split = counted(func(c *sequence.Counters) (int64, bool) { return c.PageFaults, true })
	case scenarios.StartForks:
		m.split = counted(func(c *sequence.Counters) (int64, bool) { return c.Forks, true })
	case scenarios.StartBytesCopied:
		m.split = counted(copied)
	case scenarios.OrderJoinFirst:
		m.kind, m.events = rate, func(b *batch) (events, trials int) { return b.joinFirst, b.ordered }
	case scenarios.StartThreshold:
		m.kind = threshold
	case scenarios.OOMRate:
		m.kind, m.events = rate, func(b *batch) (events, trials int) { return oomKills(b.count) }
	}
	if m.split != nil {
		m.containerPart, m.runtimePart = m.measured+containerPart, m.measured+runtimePart
		m.read = func(r *results.Record) (int64, bool) {
			container, runtime, ok := m.split(r)
			return container + runtime, ok
		}
	}
	return m
}

// startLatency leaves out what initbench did between two calls. A record from before
// that was kept has the payload's stamp alone.
func startLatency(r *results.Record) (int64, bool) {
	if ns, ok := r.Latency.Start(); ok {
		return ns, true
	}
	return value(r.Latency.Started)
}

// life is the time of the whole container, likewise.
func life(r *results.Record) (int64, bool) {
	if ns, ok := r.Latency.Life(); ok {
		return ns, true
	}
	return value(r.Latency.Deleted)
}

// chargedAtExec is nothing where the observer lost events: the exec may be among them.
func chargedAtExec(r *results.Record) (int64, bool) {
	if r.Found == nil || r.LostEvents > 0 {
		return 0, false
	}
	return value(r.Found.ChargedAtExec)
}

func counted(read func(*sequence.Counters) (int64, bool)) func(*results.Record) (container, runtime int64, ok bool) {
	return func(r *results.Record) (container, runtime int64, ok bool) {
		if r.ContainerCounters == nil || r.RuntimeCounters == nil || r.LostEvents > 0 {
			return 0, 0, false
		}
		c, known := read(r.ContainerCounters)
		t, too := read(r.RuntimeCounters)
		return c, t, known && too
	}
}

// copied takes the observer's count of memfds alone where it is from before there were others.
func copied(c *sequence.Counters) (int64, bool) {
	if c.CopiedBytes != nil {
		return *c.CopiedBytes, true
	}
	return c.MemfdBytes, true
}

func value(p *int64) (int64, bool) {
	if p == nil {
		return 0, false
	}
	return *p, true
}

// startCPU adds up both cgroups: work that a runtime moves from its own side into
// the container's is not saved.
func startCPU(r *results.Record) (int64, bool) {
	if r.ContainerCPU == nil || r.RuntimeCPU == nil {
		return 0, false
	}
	const nsPerUsec = 1000
	return (*r.ContainerCPU + *r.RuntimeCPU) * nsPerUsec, true
}

// oomKills leaves failed trials out of the share altogether: they show neither
// that the container starts under the limit nor that it is killed.
func oomKills(c Count) (events, trials int) { return c.OOMKilled, c.OOMKilled + c.Started }

func leftovers(b *batch) (events, trials int) { return int(b.left), b.count.Started }

func failures(b *batch) (events, trials int) { return b.count.Failed, b.count.Trials() }

// MetricNames lists every metric that a verdict can hold.
func MetricNames() []string {
	var names []string
	for _, m := range slices.Concat(table, leakTable, leftoverTable) {
		names = append(names, m.name)
	}
	return names
}

// judged returns the scenario's metrics in the order of the table: those it names,
// and oom.rate, which has a row wherever a kill was seen.
func judged(sc scenarios.Scenario) ([]metric, error) {
	for _, name := range sc.Judge {
		if name != scenarios.AllLeaks && name != scenarios.AllLeftovers && !slices.Contains(MetricNames(), name) {
			return nil, fmt.Errorf("scenario %s: judge: %q is not one of the metrics this initbench measures", sc.Name, name)
		}
	}
	return slices.DeleteFunc(slices.Clone(table), func(m metric) bool {
		return m.pooled || (m.name != scenarios.OOMRate || sc.Search != nil) && !slices.Contains(sc.Judge, m.name)
	}), nil
}

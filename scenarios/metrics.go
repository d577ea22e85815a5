package scenarios

import (
	"slices"
	"strings"
)

// The names of the metrics that can be judged. They are part of the interface: policies,
// dashboards and stored results refer to them, so a name is never given to another quantity.
const (
	StartLatency        = "start.latency"         // from create's spawn to the payload's first instruction
	CreateLatency       = "create.latency"        // from create's spawn to its return
	ContainerMemoryPeak = "container.memory.peak" // memory.peak of the container's parent cgroup
	RuntimeMemoryPeak   = "runtime.memory.peak"   // memory.peak of the cgroup the runtime was born in
	OOMRate             = "oom.rate"              // the share of trials whose init was OOM-killed
	StartCPU            = "start.cpu"             // CPU time of both cgroups

	// By the clock that counts instructions, in scenarios that ask for it alone.
	StartLatencyInstructions = "start.latency.instructions"
	StartCPUInstructions     = "start.cpu.instructions"

	BatchTotal = "batch.total" // from the first create of a batch to its last container's delete

	// StartThreshold is the smallest limit at which a container starts with the probability that a search asks for.
	StartThreshold = "start.threshold"

	JoinLatency = "join.latency" // of a join measured alone

	// Of containers that a scenario gives a network, whatever the runtime.
	NetworkLatency    = "network.latency"     // from the making of a container's network namespace to its last address
	NetworkMemoryPeak = "network.memory.peak" // of the CNI plugin that had the most memory meanwhile

	// What the observer saw, so of observed trials alone.
	ContainerChargedAtExec = "container.memory.charged_at_exec" // the container's charge when its payload had been exec'd
	StartSyscalls          = "start.syscalls"                   // of both cgroups, from create's spawn to the payload's exec
	StartPageFaults        = "start.pagefaults"                 // likewise, minor and major
	StartForks             = "start.forks"                      // likewise, processes and threads made
	StartBytesCopied       = "start.bytes_copied"               // likewise, copied into memfds that were then sealed
	OrderJoinFirst         = "order.join_first"                 // the share of natural starts whose join came before their clone was sealed
)

// Scope says what one value of a metric belongs to.
type Scope string

const (
	PerTrial Scope = "trial"
	PerBatch Scope = "batch"
	// PerSearch is one value for all trials of a search.
	PerSearch Scope = "search"
	// PerSession is a series of values, one a cycle.
	PerSession Scope = "session"
	// PerLife is a fact for each sequence that a session lives.
	PerLife Scope = "life"
)

// Lane says which trials a metric can be judged in. Lanes are never mixed in one figure.
type Lane string

const (
	AnyLane      Lane = "any"      // it is the same under an observer and a filter
	TimedLane    Lane = "timed"    // neither may be there: their time would be in the figure
	ObservedLane Lane = "observed" // only the observer can tell
)

// Metric describes one thing a gate can judge. Of every metric here less is better.
type Metric struct {
	Name  string
	Unit  string // of the raw values: ns, bytes, fraction or count
	Scope Scope
	Lane  Lane
	// Clock is the one that a scenario has to ask for to judge the metric.
	Clock Clock
}

// Measured is the name of the quantity, whose values are the same by every clock: of a metric of a
// clock of its own the name without that clock's.
func (m Metric) Measured() string { return strings.TrimSuffix(m.Name, "."+string(m.Clock)) }

// Metrics lists every metric in the order reports show them.
func Metrics() []Metric {
	return slices.Concat([]Metric{
		{StartLatency, "ns", PerTrial, TimedLane, RunsClock},
		{CreateLatency, "ns", PerTrial, TimedLane, RunsClock},
		{BatchTotal, "ns", PerBatch, TimedLane, RunsClock},
		{StartCPU, "ns", PerTrial, TimedLane, RunsClock},
		{StartLatencyInstructions, "ns", PerTrial, TimedLane, Instructions},
		{StartCPUInstructions, "ns", PerTrial, TimedLane, Instructions},
		{ContainerMemoryPeak, "bytes", PerTrial, AnyLane, RunsClock},
		{RuntimeMemoryPeak, "bytes", PerTrial, AnyLane, RunsClock},
		{ContainerChargedAtExec, "bytes", PerTrial, ObservedLane, RunsClock},
		{StartSyscalls, "count", PerTrial, ObservedLane, RunsClock},
		{StartPageFaults, "count", PerTrial, ObservedLane, RunsClock},
		{StartForks, "count", PerTrial, ObservedLane, RunsClock},
		{StartBytesCopied, "bytes", PerTrial, ObservedLane, RunsClock},
		{OrderJoinFirst, "fraction", PerTrial, ObservedLane, RunsClock},
		{JoinLatency, "ns", PerTrial, TimedLane, RunsClock},
		{NetworkLatency, "ns", PerTrial, TimedLane, RunsClock},
		{NetworkMemoryPeak, "bytes", PerTrial, AnyLane, RunsClock},
		{StartThreshold, "bytes", PerSearch, AnyLane, RunsClock},
		{OOMRate, "fraction", PerTrial, AnyLane, RunsClock},
	}, leakMetrics(), leftoverMetrics())
}

// MetricNamed returns the metric called name.
func MetricNamed(name string) (Metric, bool) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

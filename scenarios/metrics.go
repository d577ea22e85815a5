package scenarios

// The names of the metrics that can be judged. They are part of the interface: policies,
// dashboards and stored results refer to them, so a name is never given to another quantity.
const (
	StartLatency        = "start.latency"         // from create's spawn to the payload's first instruction
	CreateLatency       = "create.latency"        // from create's spawn to its return
	ContainerMemoryPeak = "container.memory.peak" // memory.peak of the container's parent cgroup
	RuntimeMemoryPeak   = "runtime.memory.peak"   // memory.peak of the cgroup the runtime was born in
	OOMRate             = "oom.rate"              // the share of trials whose init was OOM-killed
	StartCPU            = "start.cpu"             // CPU time of both cgroups
	BatchTotal          = "batch.total"           // from the first create of a batch to its last container's delete
)

// Scope says what one value of a metric belongs to.
type Scope string

const (
	PerTrial Scope = "trial"
	PerBatch Scope = "batch"
)

// Metric describes one thing a gate can judge. Of every metric here less is better.
type Metric struct {
	Name  string
	Unit  string // of the raw values: ns, bytes or fraction
	Scope Scope
}

// Metrics lists every metric in the order reports show them.
func Metrics() []Metric {
	return []Metric{
		{StartLatency, "ns", PerTrial},
		{CreateLatency, "ns", PerTrial},
		{BatchTotal, "ns", PerBatch},
		{StartCPU, "ns", PerTrial},
		{ContainerMemoryPeak, "bytes", PerTrial},
		{RuntimeMemoryPeak, "bytes", PerTrial},
		{OOMRate, "fraction", PerTrial},
	}
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

func metricNames() []string {
	var names []string
	for _, m := range Metrics() {
		names = append(names, m.Name)
	}
	return names
}

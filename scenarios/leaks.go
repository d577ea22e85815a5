package scenarios

import (
	"slices"
	"strings"
)

// Kinds of kernel objects that a session counts, by the names that internal/census has for them; a test there holds the two together.
// Those of a machine come first, then those of descriptors, which begin with fd: and are each process's own.
var (
	machineKinds = []string{
		"cgroups", "dying-cgroups", "units", "scopes", "failed-units", "mounts", "private-mounts",
		"netns", "mntns", "pidns", "utsns", "ipcns", "userns", "cgroupns", "timens",
		"netlink-sockets", "unix-sockets", "inet-sockets", "packet-sockets", "bpf-programs", "bpf-links", "bpf-maps",
		"shmem-pages", "tmpfs-pages", "memfd-pages", "keys", "keyrings", "processes", "zombies", "threads", "state-directories",
	}
	descriptorKinds = []string{
		"fd:file", "fd:dir", "fd:deleted", "fd:device", "fd:cgroup", "fd:pipe", "fd:memfd",
		"fd:socket:netlink", "fd:socket:unix", "fd:socket:inet", "fd:socket:packet", "fd:socket:other", "fd:ns", "fd:pidfd",
		"fd:epoll", "fd:eventfd", "fd:timerfd", "fd:signalfd", "fd:inotify", "fd:fanotify",
		"fd:bpf-prog", "fd:bpf-map", "fd:bpf-link", "fd:bpf-other", "fd:seccomp-notify", "fd:iouring", "fd:perf-event", "fd:fscontext", "fd:other",
	}
)

const (
	leakPrefix = "leak."
	// AllLeaks stands in a list of metrics for all of them that are of kinds.
	AllLeaks = leakPrefix + "*"
	// LeakInherited counts the descriptors that the payload was handed beyond its standard streams.
	LeakInherited = leakPrefix + "inherited"
)

// MachineKinds are those counted over the whole machine, in the order reports show them.
func MachineKinds() []string { return slices.Clone(machineKinds) }

// DescriptorKinds are those of a process's descriptors, likewise.
func DescriptorKinds() []string { return slices.Clone(descriptorKinds) }

// LeakMetric is the name of the metric of a kind.
func LeakMetric(kind string) string { return leakPrefix + kind }

// LeakKind is the kind that a metric is of; empty for one that is of none.
func LeakKind(metric string) string {
	kind, is := strings.CutPrefix(metric, leakPrefix)
	if is && (slices.Contains(machineKinds, kind) || slices.Contains(descriptorKinds, kind)) {
		return kind
	}
	return ""
}

// IsLeak reports whether a name is of a metric of sessions, or of all of them.
func IsLeak(metric string) bool {
	return metric == AllLeaks || metric == LeakInherited || LeakKind(metric) != ""
}

// Judges reports whether the scenario names the metric, or all of its sort. The payload of an embedder does not hold to be looked at, so that
// all does not mean what it was handed: that would only be inconclusive. Nor does it mean what is left of a network where there is none.
func (s Scenario) Judges(metric string) bool {
	all := slices.Contains(s.Judge, AllLeaks) && (!s.Embedded || metric != LeakInherited)
	left := metric != AllLeftovers && IsLeftover(metric) && slices.Contains(s.Judge, AllLeftovers) && (s.Network != nil || !LeftoverKind(metric).OfNetwork())
	return slices.Contains(s.Judge, metric) || metric != AllLeaks && IsLeak(metric) && all || left
}

func leakMetrics() (all []Metric) {
	for _, kind := range slices.Concat(machineKinds, descriptorKinds) {
		all = append(all, Metric{LeakMetric(kind), "count", PerSession, AnyLane, RunsClock})
	}
	return append(all, Metric{LeakInherited, "count", PerSession, AnyLane, RunsClock})
}

// metricWords lists what the scenario may judge. Of sessions that are sixty names: the kinds stand for themselves.
func (s Scenario) metricWords() string {
	if s.Cycles > 0 {
		return AllLeaks + ", " + LeakInherited + ", or " + LeakMetric("KIND") + " with KIND one of " + strings.Join(slices.Concat(machineKinds, descriptorKinds), ", ")
	}
	return strings.Join(s.metricNames(), ", ")
}

// metricNames are all that the scenario may judge.
func (s Scenario) metricNames() (names []string) {
	switch {
	case s.Cycles > 0:
		names = []string{AllLeaks}
	case s.Lives != nil:
		names = []string{AllLeftovers}
	}
	for _, m := range Metrics() {
		if (m.Scope == PerSession) == (s.Cycles > 0) && (m.Scope == PerLife) == (s.Lives != nil) && (s.Network != nil || !LeftoverKind(m.Name).OfNetwork()) {
			names = append(names, m.Name)
		}
	}
	return names
}

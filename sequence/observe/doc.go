// Package observe makes timelines: eBPF programs on tracepoints say what a trial's
// processes did, in which cgroup, and what each cgroup had been charged by then.
package observe

// Package observe makes timelines: eBPF programs on tracepoints and on a few kernel
// functions say what a trial's processes did, in which cgroup, and what each cgroup
// had been charged by then.
//
// An Observer is opened once per run. Each trial is watched by itself, several at
// once if need be: the programs know a trial by its two cgroups, Runtime and Pod, and by
// what is made below them, and turn away from everything else. Nothing is asked of the
// runtime or of the payload.
//
// The package refuses to guess. A figure that could not be read is nil, events that found
// no room in the ring buffer are counted, and a machine that lets no programs be
// loaded gets an [UnavailableError] that says why. It decides nothing from what it saw: that
// is package sequence's.
//
// internal/runner opens it and watches trials; the timelines go to sequence and results.
// What the programs read and why so is in docs/adr/0005-observe-with-ebpf.md.
package observe

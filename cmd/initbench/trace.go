package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// traceFlags are those of `initbench trace`.
type traceFlags struct {
	measure  measureFlags
	runtimes []string
	driver   string
	order    string
	limit    string
	place    string
}

func newTraceCommand() *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace --runtime REF [--runtime REF]",
		Short: "show one start step by step: what happened, in whose cgroup, and what was charged",
		Long: `trace starts one container under the eBPF observer and prints its steps: when, which process, whose
cgroup, what the container and the runtime had been charged by then, and which order of clone and join
occurred. Another start comes first, to warm up. With --order an order is imposed; with two runtimes the
second is shown beside the first. What it measures of time has the observer in it.

The trace is printed whatever came of the start. Exit 0 when it shows what was asked for, an OOM kill
included; 3 when the order could not be imposed or the one that occurred is not known; 4 when the start
failed or timed out, or when nothing can be observed here.`,
		Example: `  initbench trace --runtime runc@v1.1.15 --driver cgroupfs
  initbench trace --runtime runc@v1.1.15 --order join-before-clone --limit 12MiB
  initbench trace --runtime runc@v1.1.15 --runtime runc@v1.2.6
  initbench trace --runtime runc@v1.1.15 --format chrome > trace.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return trace(cmd, &f) },
	}
	f.register(cmd)
	return cmd
}

func (f *traceFlags) register(cmd *cobra.Command) {
	f.measure.registerPlace(cmd, report.TraceFormats())
	f.measure.progress, f.measure.mustObserve = "off", true // a start or two, and nothing to show without an observer
	fl := cmd.Flags()
	fl.StringVar(&f.measure.out, "out", "", "directory to keep the records and timelines in (default: they are not kept)")
	fl.StringArrayVar(&f.runtimes, "runtime", nil, "runtime to trace, REF or NAME=REF; given twice, both are shown side by side")
	f.driver, f.order = string(cgroupjoin.Cgroupfs), string(sequence.Natural)
	fl.Var(&once{value: &f.driver}, "driver", "cgroup driver: cgroupfs or systemd")
	fl.Var(&once{value: &f.order}, "order", "order of clone and join: natural, or clone-before-join or join-before-clone to impose it")
	fl.Var(&once{value: &f.limit}, "limit", "memory limit, such as 12MiB (default: none)")
	fl.StringVar(&f.place, "limit-place", "", "cgroup that has the limit: container (the default) or ancestor")
	complete(cmd, "driver", driverWords()...)
	complete(cmd, "order", orderWords()...)
	complete(cmd, "limit")
	complete(cmd, "limit-place", string(cgroupjoin.OnContainer), string(cgroupjoin.OnAncestor))
}

// check refuses what is wrong before anything is started.
func (f *traceFlags) check(cmd *cobra.Command) error {
	if n := len(f.runtimes); n < 1 || n > 2 {
		return usagef("trace: give --runtime REF once, or twice to compare two, not %d times", n)
	}
	if err := checkWord("--driver", f.driver, driverWords()...); err != nil {
		return err
	}
	if err := checkWord("--order", f.order, orderWords()...); err != nil {
		return err
	}
	if f.place != "" && f.limit == "" {
		return usagef("--limit-place %s: give --limit SIZE too", f.place)
	}
	return f.measure.check(cmd, report.TraceFormats())
}

func trace(cmd *cobra.Command, f *traceFlags) (err error) {
	if err := f.check(cmd); err != nil {
		return err
	}
	m := &f.measure
	if m.out == "" {
		dir, err := os.MkdirTemp("", "initbench-trace-")
		if err != nil {
			return err
		}
		// Nothing in it is wanted: an error leaves files in a directory for temporary ones.
		defer func() { _ = os.RemoveAll(dir) }()
		m.out, m.temporary = filepath.Join(dir, "run"), true
	}
	run, err := measure(cmd, m, func() (results.Header, error) {
		spec, err := f.spec()
		if err != nil {
			return results.Header{}, err
		}
		return newHeader(spec, false)
	}, nil)
	if err != nil {
		return err
	}
	return printTrace(cmd, m.format, run)
}

func printTrace(cmd *cobra.Command, format string, run *results.Run) error {
	records, traces, err := tracesOf(run)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if err := report.WriteTrace(out, format, traces, reportOptions(out)); err != nil {
		return err
	}
	return traced(records)
}

// traceName is the scenario of a stored trace.
const traceName = "trace"

// traced is what a trace ends with once it is printed: the worst that came of its starts.
func traced(records []results.Record) error {
	var unsure error
	for _, r := range records {
		counted, why := r.Counted()
		switch {
		case r.Outcome == results.Failed || r.Outcome == results.TimedOut:
			return &codeError{exitEnvironment, fmt.Sprintf("trace: %s %s: %s", r.Arm, r.Outcome, r.Reason)}
		case unsure != nil:
		case !counted:
			unsure = &codeError{exitInconclusive, fmt.Sprintf("trace: %s was not started in the order %s: %s", r.Arm, r.Order, why)}
		case r.Found == nil || r.Found.Order == sequence.FoundUnknown:
			unsure = &codeError{exitInconclusive, fmt.Sprintf("trace: %s: the order of clone and join is not known: %s", r.Arm, unknownWhy(r.Found))}
		}
	}
	return unsure
}

func unknownWhy(f *sequence.Finding) string {
	if f == nil {
		return "no observer watched"
	}
	return f.Why
}

// spec plans one observed start of each runtime after one to warm up.
func (f *traceFlags) spec() (scenarios.Spec, error) {
	s := scenarios.Scenario{
		Name: traceName, Description: "one observed start", Drivers: []cgroupjoin.Driver{cgroupjoin.Driver(f.driver)},
		Observe: true, Trials: 1, Warmup: 1, Containers: 1, Timeout: scenarios.DefaultTimeout,
		Judge: []string{scenarios.ContainerChargedAtExec},
	}
	if o := sequence.Order(f.order); o != sequence.Natural {
		s.Orders = []sequence.Order{o}
	}
	if f.measure.timeout > 0 {
		s.Timeout = f.measure.timeout
	}
	if f.limit != "" {
		limit, err := scenarios.ParseSize(f.limit)
		if err != nil {
			return scenarios.Spec{}, usagef("--limit: %w", err)
		}
		s.Limits, s.Place = []int64{limit}, cgroupjoin.OnContainer
	}
	if f.place != "" {
		s.Place = cgroupjoin.Place(f.place)
	}
	arms, err := parseRuntimes(f.runtimes)
	if err != nil {
		return scenarios.Spec{}, err
	}
	return scenarios.NewSpec([]scenarios.Scenario{s}, arms, 1)
}

// tracesOf are the starts of a run, in the order in which its runtimes were named.
func tracesOf(run *results.Run) ([]results.Record, []report.Trace, error) {
	arms := run.Header.Spec.Runtimes
	records, traces := make([]results.Record, len(arms)), make([]report.Trace, len(arms))
	for r, err := range run.Records() {
		if err != nil {
			return nil, nil, err
		}
		if r.Warmup {
			continue
		}
		t, found, err := run.Timeline(r.Index)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			return nil, nil, fmt.Errorf("trace: %s was not observed: %s", r.Arm, strings.Join(r.Warnings, "; "))
		}
		arm := slices.IndexFunc(arms, func(a scenarios.Runtime) bool { return a.Name == r.Arm })
		records[arm], traces[arm] = r, report.TraceOf(r, t, run.Environments[len(run.Environments)-1])
	}
	return records, traces, nil
}

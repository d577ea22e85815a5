package main

import (
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func newRunCommand() *cobra.Command {
	var f measureFlags
	var runtimes []string
	cmd := &cobra.Command{
		Use:   "run SCENARIO|FILE... [--runtime REF]... [--budget TIME]",
		Short: "run scenarios and summarise what was measured",
		Long: `run makes every trial of the given scenarios (see: initbench scenarios) or scenario files and
prints a summary. It judges nothing: see gate and compare. Exit 4 when every trial failed, 3 when none
counts because its order could not be imposed.

A runtime REF is builtin, the runtime that comes with initbench and is taken where none is named, a
path, a name on PATH (in the guest: the guest's PATH, which has crun), or runc@v1.1.15, installed on
first use. NAME=REF gives it another name in tables and records. builtin takes options, as in
builtin:clone=once,size=16MiB:
  clone     who copies the binary: parent, init, once (the caller, for all starts) or none
  strategy  how it is copied or shielded: memfd, memfd-copy, memfd-mmap, memfd-thp, tmpfile, overlayfs,
            bind or none
  size      what the binary is padded up to; instead pad: what it is padded by
  join      how init gets into its cgroup: procs, birth, unit or attach
  cgroup    when that is made: late (with the join) or early (before init)
  plant-*   a cost of a known size, to see whether a gate finds it: plant-anon=1MiB, plant-sleep=18ms or
            plant-syscalls=200

The plan of a scenario that varies how builtin is built (order-matrix) begins with the cells that say
most, so that a part of it is an answer: --budget 5m begins no block of trials once that time is over. It
counts from the first trial, warm-ups included, without the guest's boot; --resume DIR --budget 5m goes on.`,
		Example: `  initbench run order-matrix --budget 5m
  initbench run startup --runtime runc@v1.2.6 --runtime crun
  initbench run oom-limits --runtime runc@v1.1.15 --driver cgroupfs --trials 5
  initbench run order-matrix --runtime runc@v1.1.15 --limit 12MiB
  initbench run --resume results-20260102t030405ab12`,
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runScenarios(cmd, &f, args, runtimes)
		},
	}
	f.register(cmd, report.Formats())
	f.registerAxes(cmd)
	f.registerBudget(cmd)
	cmd.Flags().StringArrayVar(&runtimes, "runtime", nil, "runtime under test: "+runtimeRefs+" (may be repeated; default builtin)")
	return cmd
}

// runtimeRefs is what --runtime takes, in a line.
const runtimeRefs = "REF or NAME=REF, REF being builtin[:key=value,...] (keys clone, strategy, pad, size, join, cgroup), a path, a name or runc@vX.Y.Z"

func runScenarios(cmd *cobra.Command, f *measureFlags, args, runtimes []string) error {
	if err := f.check(cmd, report.Formats()); err != nil {
		return err
	}
	if err := checkResumeArgs(cmd, f, args, "runtime"); err != nil {
		return err
	}
	run, err := measure(cmd, f, func() (results.Header, error) {
		spec, err := runSpec(cmd, f, args, runtimes)
		if err != nil {
			return results.Header{}, err
		}
		return newHeader(spec, false)
	}, searchesOnly(f.budget))
	if err != nil {
		return err
	}
	if err := sayWhatIsLeft(f, run, f.notes(cmd.ErrOrStderr())); err != nil {
		return err
	}
	return summarise(cmd, f, run)
}

// checkResumeArgs: a run is named by scenarios or by what it left, never both.
func checkResumeArgs(cmd *cobra.Command, f *measureFlags, args []string, flags ...string) error {
	switch {
	case f.resume == "" && len(args) == 0:
		return usagef("%s: name at least one scenario or file (see: initbench scenarios), or --resume DIR", cmd.CommandPath())
	case f.resume != "" && len(args) > 0:
		return usagef("--resume %s and %s: a resumed run keeps the plan it was started with", f.resume, args[0])
	case f.resume != "":
		return f.refusePlanFlags(cmd, flags...)
	}
	return nil
}

func runSpec(cmd *cobra.Command, f *measureFlags, args, runtimes []string) (scenarios.Spec, error) {
	all, err := loadScenarios(f, args, scenarios.Load)
	if err != nil {
		return scenarios.Spec{}, err
	}
	more, err := parseRuntimes(runtimes)
	if err != nil {
		return scenarios.Spec{}, err
	}
	seed, err := f.seedOrRandom(cmd)
	if err != nil {
		return scenarios.Spec{}, err
	}
	spec, err := scenarios.NewSpec(all, more, seed)
	if err != nil {
		return scenarios.Spec{}, err
	}
	return spec, f.builds.check(spec)
}

func parseRuntimes(args []string) ([]scenarios.Runtime, error) {
	var all []scenarios.Runtime
	for _, arg := range args {
		r, err := scenarios.ParseRuntime(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

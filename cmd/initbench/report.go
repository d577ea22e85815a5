package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

func newReportCommand() *cobra.Command {
	var out outputs
	var by judging
	cmd := &cobra.Command{
		Use:   "report DIR [-o FILE]...",
		Short: "show a stored run, gate or trace again, on any machine, without root: report.html too",
		Long: `report prints what a run, a gate or a trace printed when it was made, from its records, in any format, and ends
with the same exit code. A run that is not whole is summarised as far as it came. -o writes to a file in the format
that its name says, which is whole or not there at all; report.html is one page with everything in it.

A gate is judged by the policy that it was made with; --policy FILE takes the place of that one.`,
		Example: `  initbench report results-20260102t030405ab12
  initbench report results-20260102t030405ab12 -o report.html -o verdict.md
  initbench report results-20260102t030405ab12 --format svg > matrix.svg`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(out.check(cmd, storedFormats()), by.check(), by.checkExplain(&out)); err != nil {
				return err
			}
			roomy()
			run, err := results.Open(args[0])
			if err != nil {
				return err
			}
			return reportStored(cmd, &out, &by, run)
		},
	}
	out.register(cmd, storedFormats())
	by.register(cmd)
	return cmd
}

// storedFormats has chrome for a trace.
func storedFormats() []string {
	all := slices.Concat(report.Formats(), report.TraceFormats())
	slices.Sort(all)
	return slices.Compact(all)
}

func reportStored(cmd *cobra.Command, out *outputs, by *judging, run *results.Run) error {
	spec := run.Header.Spec
	isTrace := !run.Header.Gate && len(spec.Scenarios) == 1 && spec.Scenarios[0].Name == traceName
	if err := errors.Join(out.suits(isTrace), by.refuseFor(run)); err != nil {
		return err
	}
	switch {
	case isTrace:
		return reportTrace(cmd, out, run)
	case run.Header.Gate:
		return reportGate(cmd, out, by, run)
	}
	s, err := verdict.Summarize(verdict.Stored(run), verdict.Options{})
	if err != nil {
		return err
	}
	if err := out.deliver(cmd, ofSummary(s, run)); err != nil {
		return err
	}
	return worthless(s, run.Dir)
}

func reportTrace(cmd *cobra.Command, out *outputs, run *results.Run) error {
	records, traces, err := tracesOf(run)
	if err != nil {
		return err
	}
	if err := out.deliver(cmd, ofTraces(traces)); err != nil {
		return err
	}
	return traced(records)
}

func reportGate(cmd *cobra.Command, out *outputs, by *judging, run *results.Run) error {
	v, err := by.judge(run)
	if err != nil {
		return err
	}
	return by.answer(cmd, out, v, []*results.Run{run})
}

// suits refuses a format in which what is stored cannot be shown, and says which can.
func (o *outputs) suits(isTrace bool) error {
	formats, files, what := report.Formats(), append(report.Formats(), htmlFormat), "a run"
	if isTrace {
		formats, files, what = report.TraceFormats(), report.TraceFormats(), "a trace"
	}
	if len(o.files) == 0 && !slices.Contains(formats, o.format) {
		return usagef("--format %s: what is stored is %s, which is shown as %s", o.format, what, strings.Join(formats, ", "))
	}
	for _, path := range o.files {
		if format := formatOf(path); !slices.Contains(files, format) {
			return usagef("-o %s: what is stored is %s, which is not written as %s: let the file end in one of %s", path, what, format, endingsOf(files))
		}
	}
	return nil
}

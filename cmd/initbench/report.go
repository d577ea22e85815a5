package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

func newReportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "print a stored run, gate or trace again, on any machine, without root",
		Long: `report prints what a run, a gate or a trace printed when it was made, from its records, in any format, and ends
with the same exit code. A run that is not whole is summarised as far as it came.`,
		Example: `  initbench report results-20260102t030405ab12
  initbench report results-20260102t030405ab12 --format svg > matrix.svg`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkWord("--format", format, storedFormats()...); err != nil {
				return err
			}
			run, err := results.Load(args[0])
			if err != nil {
				return err
			}
			return reportStored(cmd, format, run)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "output format")
	complete(cmd, "format", storedFormats()...)
	return cmd
}

// storedFormats has chrome for a trace.
func storedFormats() []string {
	all := slices.Concat(report.Formats(), report.TraceFormats())
	slices.Sort(all)
	return slices.Compact(all)
}

func reportStored(cmd *cobra.Command, format string, run *results.Run) error {
	spec := run.Header.Spec
	isTrace := !run.Header.Gate && len(spec.Scenarios) == 1 && spec.Scenarios[0].Name == traceName
	if formats := formatsOf(isTrace); !slices.Contains(formats, format) {
		return checkWord("--format", format, formats...)
	}
	switch {
	case isTrace:
		return printTrace(cmd, format, run)
	case run.Header.Gate:
		v, err := verdict.Judge(verdict.Stored(run), verdict.Options{})
		if err != nil {
			return err
		}
		return deliver(cmd, format, "", io.Discard, v)
	}
	return summariseAs(cmd, format, io.Discard, run)
}

func formatsOf(isTrace bool) []string {
	if isTrace {
		return report.TraceFormats()
	}
	return report.Formats()
}

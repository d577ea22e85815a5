package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

func newCompareCommand() *cobra.Command {
	var format string
	var margins []string
	cmd := &cobra.Command{
		Use:   "compare DIR [DIR]",
		Short: "judge stored results again, on any machine, without root",
		Long: `compare judges a stored gate again, or one stored run (baseline) against another (candidate).
Two runs were not interleaved, so whatever changed between them is in the difference: the verdict says so,
and is invalid when the runs' environments differ in what matters.`,
		Example: `  initbench compare results-20260102t030405ab12
  initbench compare main-run branch-run --format markdown`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := judgeOptions(margins)
			if err != nil {
				return err
			}
			if err := checkWord("--format", format, report.Formats()...); err != nil {
				return err
			}
			v, err := judgeStored(args, opts)
			if err != nil {
				return err
			}
			return deliver(cmd, format, "", io.Discard, v)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&format, "format", "table", "output format")
	fl.StringArrayVar(&margins, "margin", nil, "METRIC=MARGIN, such as start.latency=10% (may be repeated)")
	complete(cmd, "format", report.Formats()...)
	completeBy(cmd, "margin", completeMargins)
	return cmd
}

func judgeStored(dirs []string, opts verdict.Options) (verdict.Verdict, error) {
	var runs []*results.Run
	for _, dir := range dirs {
		run, err := results.Load(dir)
		if err != nil {
			return verdict.Verdict{}, err
		}
		runs = append(runs, run)
	}
	if len(runs) == 2 {
		return verdict.JudgeRuns(verdict.Stored(runs[0]), verdict.Stored(runs[1]), opts)
	}
	if !runs[0].Header.Gate {
		return verdict.Verdict{}, &results.InputError{Path: dirs[0], Why: "is not a gate's: it has no baseline and candidate; give two runs to compare"}
	}
	return verdict.Judge(verdict.Stored(runs[0]), opts)
}

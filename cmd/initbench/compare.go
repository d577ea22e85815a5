package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/results"
)

func newCompareCommand() *cobra.Command {
	var out outputs
	var by judging
	cmd := &cobra.Command{
		Use:   "compare DIR [DIR]",
		Short: "judge stored results again, on any machine, without root",
		Long: `compare judges a stored gate again, or one stored run (baseline) against another (candidate).
Two runs were not interleaved, so whatever changed between them is in the difference: the verdict says so,
and is invalid when the runs' environments differ in what matters.

A gate is judged by the policy that it was made with, two runs by that of the first; --policy FILE takes the
place of it, and --margin that of one metric's margin.`,
		Example: `  initbench compare results-20260102t030405ab12
  initbench compare main-run branch-run --format markdown
  initbench compare main-run branch-run --explain start.latency`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeRuns(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(out.check(cmd, report.Formats()), by.check(), by.checkExplain(&out)); err != nil {
				return err
			}
			roomy()
			runs, err := openAll(args)
			if err != nil {
				return err
			}
			v, err := by.judge(runs...)
			if err != nil {
				return err
			}
			return by.answer(cmd, &out, v, runs)
		},
	}
	out.register(cmd, report.Formats())
	by.register(cmd)
	return cmd
}

// openAll leaves it to the judge to read the records, and so to check them: once.
func openAll(dirs []string) ([]*results.Run, error) {
	var runs []*results.Run
	for _, dir := range dirs {
		run, err := results.Open(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

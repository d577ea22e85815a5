package main

import (
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
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
			if err := out.check(cmd, report.Formats()); err != nil {
				return err
			}
			runs, err := loadAll(args)
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

func loadAll(dirs []string) ([]*results.Run, error) {
	var runs []*results.Run
	for _, dir := range dirs {
		run, err := results.Load(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// judging is by what stored runs are judged again.
type judging struct {
	margins []string
}

func (j *judging) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&j.margins, "margin", nil, "METRIC=MARGIN, such as start.latency=10% (may be repeated)")
	completeBy(cmd, "margin", completeMargins)
}

// judge judges a gate, or the first run against the second.
func (j *judging) judge(runs ...*results.Run) (verdict.Verdict, error) {
	opts, err := judgeOptions(j.margins)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if len(runs) == 2 {
		return verdict.JudgeRuns(verdict.Stored(runs[0]), verdict.Stored(runs[1]), opts)
	}
	if !runs[0].Header.Gate {
		return verdict.Verdict{}, &results.InputError{Path: runs[0].Dir, Why: "is not a gate's: it has no baseline and candidate; give two runs to compare"}
	}
	return verdict.Judge(verdict.Stored(runs[0]), opts)
}

// answer delivers a verdict, and makes it the exit code.
func (j *judging) answer(cmd *cobra.Command, out *outputs, v verdict.Verdict, runs []*results.Run) error {
	var run *results.Run
	if len(runs) == 1 {
		run = runs[0]
	}
	if err := out.deliver(cmd, ofVerdict(v, run)); err != nil {
		return err
	}
	return ruledBy(v)
}

// ruledBy is how a command ends that judged: with the verdict's code, and no message besides what it printed.
func ruledBy(v verdict.Verdict) error {
	if code := v.ExitCode(); code != exitPass {
		return &codeError{code: code}
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// summarise prints what a run measured. A run that measured nothing is no success.
func summarise(cmd *cobra.Command, f *measureFlags, run *results.Run) error {
	return summariseAs(cmd, f.format, f.notes(cmd.ErrOrStderr()), run)
}

func summariseAs(cmd *cobra.Command, format string, notes io.Writer, run *results.Run) error {
	s, err := verdict.Summarize(verdict.Stored(run), verdict.Options{})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if err := report.WriteSummary(out, format, s, reportOptions(out)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(notes, "records: %s\n", run.Dir) // notes are only advice
	return worthless(s, run.Dir)
}

// worthless is how a run ends none of whose trials says anything: each failed, or is in no cell.
func worthless(s verdict.Summary, dir string) error {
	t, couldNot := s.Trials, 0
	for _, c := range s.Cells {
		couldNot += c.Imposing.CouldNot
	}
	switch {
	case t.Recorded == 0:
		return nil
	case t.Failed == t.Recorded:
		return &codeError{exitEnvironment, fmt.Sprintf("every trial failed: reason and output of each are in %s", dir)}
	case t.NotCounted < t.Recorded:
		return nil
	case couldNot > 0:
		return &codeError{exitInconclusive, fmt.Sprintf("no trial counts, since the orders could not be imposed: why is with each in %s", dir)}
	}
	return &codeError{exitEnvironment, fmt.Sprintf("no trial counts, since none was found in the order it was started in: what was found is with each in %s", dir)}
}

// reportOptions fit the output to where it goes: colour only on a terminal.
func reportOptions(out io.Writer) report.Options {
	f, ok := out.(*os.File)
	if !ok {
		return report.Options{}
	}
	return report.ForTerminal(f)
}

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
	s, err := verdict.Summarize(verdict.Stored(run), verdict.Options{})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if err := report.WriteSummary(out, f.format, s, reportOptions(out)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(f.notes(cmd.ErrOrStderr()), "records: %s\n", run.Dir) // notes are only advice
	if t := s.Trials; t.Recorded > 0 && t.Failed == t.Recorded {
		return &codeError{code: exitEnvironment, message: fmt.Sprintf("every trial failed: reason and output of each are in %s", run.Dir)}
	}
	return nil
}

// reportOptions fit the output to where it goes: colour only on a terminal.
func reportOptions(out io.Writer) report.Options {
	f, ok := out.(*os.File)
	if !ok {
		return report.Options{}
	}
	return report.ForTerminal(f)
}

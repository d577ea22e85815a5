package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// gateScenarios are what an upgrade is judged by when nothing else is asked:
// latency and memory of a start, and the limits it survives on itself and on its pod.
// Besides, what it charges and calls, which noise cannot touch.
var gateScenarios = []string{"startup", "oom-limits", "pod-limit", "charges"}

func newGateCommand() *cobra.Command {
	var f measureFlags
	var baseline, candidate string
	var named, margins []string
	cmd := &cobra.Command{
		Use:   "gate --baseline REF --candidate REF",
		Short: "judge a runtime upgrade: exit 0 pass, 1 regressed, 3 inconclusive",
		Long: `gate runs two runtimes interleaved, in random blocks of baseline, candidate, candidate, baseline,
and judges each metric against a practical margin. "Could not measure" is never "no change".`,
		Example: `  initbench gate --baseline runc@v1.1.14 --candidate runc@v1.1.15
  initbench gate --baseline /usr/bin/runc --candidate ./runc --driver systemd --format markdown`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no flag: to judge by a scenario write --scenario %s", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return gate(cmd, &f, armRefs{baseline, candidate}, named, margins)
		},
	}
	f.register(cmd, report.Formats())
	fl := cmd.Flags()
	fl.StringVar(&baseline, "baseline", "", "runtime that is known good: a path, a name on PATH, or runc@vX.Y.Z")
	fl.StringVar(&candidate, "candidate", "", "runtime to be judged")
	fl.StringArrayVar(&named, "scenario", gateScenarios, "scenario or file to judge by (may be repeated)")
	fl.StringArrayVar(&margins, "margin", nil, "METRIC=MARGIN, such as start.latency=10% (may be repeated)")
	completeBy(cmd, "scenario", completeScenarios)
	completeBy(cmd, "margin", completeMargins)
	return cmd
}

// completeMargins offers the metrics; the margin itself is the user's to say.
func completeMargins(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, name := range verdict.MetricNames() {
		words = append(words, name+"=")
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

type armRefs struct{ baseline, candidate string }

func gate(cmd *cobra.Command, f *measureFlags, arms armRefs, named, margins []string) error {
	if err := f.check(cmd, report.Formats()); err != nil {
		return err
	}
	opts, err := judgeOptions(margins)
	if err != nil {
		return err
	}
	if f.resume != "" {
		err = f.refusePlanFlags(cmd, "baseline", "candidate", "scenario")
	} else if arms.baseline == "" || arms.candidate == "" {
		err = usagef("gate: both --baseline REF and --candidate REF are needed, such as --baseline runc@v1.1.14 --candidate runc@v1.1.15")
	}
	if err != nil {
		return err
	}
	run, err := measure(cmd, f, func() (results.Header, error) { return gateHeader(cmd, f, arms, named) }, nil)
	if err != nil {
		return err
	}
	return judgeGate(cmd, f, run, opts)
}

func gateHeader(cmd *cobra.Command, f *measureFlags, arms armRefs, named []string) (results.Header, error) {
	all, err := loadScenarios(f, named)
	if err != nil {
		return results.Header{}, err
	}
	for i, s := range all {
		if len(s.Runtimes) > 0 {
			return results.Header{}, &scenarios.Error{Pos: s.Runtimes[0].Pos, Wrong: "a gate's runtimes are its baseline and its candidate",
				Right: "leave runtimes out of the file, or use initbench run"}
		}
		all[i] = s
		warnFew(f.notes(cmd.ErrOrStderr()), s)
	}
	seed, err := f.seedOrRandom(cmd)
	if err != nil {
		return results.Header{}, err
	}
	spec, err := scenarios.NewSpec(all, []scenarios.Runtime{
		{Name: "baseline", Ref: arms.baseline}, {Name: "candidate", Ref: arms.candidate}}, seed)
	if err != nil {
		return results.Header{}, err
	}
	return newHeader(spec, true)
}

// fewestTrials make six blocks, the fewest with an interval of 95 % for what is no rate. With
// fewer no verdict but inconclusive can come out, which is better said before the run than after it.
const fewestTrials = 12

func warnFew(notes io.Writer, s scenarios.Scenario) {
	if s.Trials >= fewestTrials {
		return
	}
	for _, name := range s.Judge {
		if name != scenarios.OOMRate {
			_, _ = fmt.Fprintf(notes, "note: scenario %s: an interval for %s needs %d trials and will have %d: it can only be inconclusive\n", s.Name, name, fewestTrials, s.Trials) // notes are only advice
			return
		}
	}
}

func judgeGate(cmd *cobra.Command, f *measureFlags, run *results.Run, opts verdict.Options) error {
	if !run.Header.Gate {
		return &results.InputError{Path: run.Dir, Why: "is not a gate's: resume it with initbench run"}
	}
	v, err := verdict.Judge(verdict.Stored(run), opts)
	if err != nil {
		return err
	}
	return deliver(cmd, f.format, run.Dir, f.notes(cmd.ErrOrStderr()), v)
}

// judgeOptions reads the --margin flags.
func judgeOptions(margins []string) (verdict.Options, error) {
	opts := verdict.Options{Margins: map[string]verdict.Margin{}}
	for _, text := range margins {
		name, m, err := verdict.ParseMargin(text)
		if err != nil {
			return opts, usagef("--%w", err)
		}
		opts.Margins[name] = m
	}
	return opts, nil
}

// deliver keeps the verdict beside the records, prints it and makes it the exit code.
func deliver(cmd *cobra.Command, format, dir string, notes io.Writer, v verdict.Verdict) error {
	if dir != "" {
		if err := keepVerdict(dir, v); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(notes, "records: %s (judge them again: initbench compare %s)\n", dir, dir) // notes are only advice
	}
	out := cmd.OutOrStdout()
	if err := report.Write(out, format, v, reportOptions(out)); err != nil {
		return err
	}
	if code := v.ExitCode(); code != exitPass {
		return &codeError{code: code}
	}
	return nil
}

func keepVerdict(dir string, v verdict.Verdict) error {
	f, err := os.Create(filepath.Join(dir, "verdict.json"))
	if err != nil {
		return err
	}
	if err := report.Write(f, "json", v, report.Options{}); err != nil {
		_ = f.Close() // the write's error is the one that matters
		return err
	}
	return f.Close()
}

package main

import (
	"fmt"
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
var gateScenarios = []string{"startup", "oom-limits", "pod-limit"}

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
		Args: cobra.NoArgs,
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
	if err := cmd.RegisterFlagCompletionFunc("scenario", completeScenarios); err != nil {
		panic(err) // only for a flag that does not exist
	}
	return cmd
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
	run, err := measure(cmd, f, func() (results.Header, error) { return gateHeader(cmd, f, arms, named) })
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

func judgeGate(cmd *cobra.Command, f *measureFlags, run *results.Run, opts verdict.Options) error {
	if !run.Header.Gate {
		return &results.InputError{Path: run.Dir, Why: "is not a gate's: resume it with initbench run"}
	}
	v, err := verdict.Judge(verdict.Stored(run), opts)
	if err != nil {
		return err
	}
	return deliver(cmd, f.format, run.Dir, v)
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
func deliver(cmd *cobra.Command, format, dir string, v verdict.Verdict) error {
	if dir != "" {
		if err := keepVerdict(dir, v); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "records: %s (judge them again: initbench compare %s)\n", dir, dir)
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

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// gateFlags are what a gate is told besides where and how to measure.
type gateFlags struct {
	measureFlags
	baseline, candidate string
	scenarios           []string
	by                  judging
}

func newGateCommand() *cobra.Command {
	var g gateFlags
	cmd := &cobra.Command{
		Use:   "gate --baseline REF --candidate REF",
		Short: "judge a runtime upgrade: exit 0 pass, 1 regressed, 3 inconclusive",
		Long: `gate runs two runtimes interleaved, in random blocks of baseline, candidate, candidate, baseline,
and judges each metric against a practical margin. "Could not measure" is never "no change".

It looks at what it has after 10, 12, 14, 17 and more blocks of a cell, by a rule that keeps the error of all looks together at
5 %, goes on only where a metric is not settled, and ends when none is left or --max-time is over. Start
thresholds are searched for. What waits for the clock that counts instructions is made in a second guest; a gate on the host
leaves it out, unless --scenario or the policy names it. With --trials every cell has that many trials instead, whatever they show.`,
		Example: `  initbench gate --baseline runc@v1.1.14 --candidate runc@v1.1.15
  initbench gate --baseline /usr/bin/runc --candidate ./runc --driver systemd --format markdown
  initbench gate --baseline runc@v1.2.6 --candidate ./runc --policy policy.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no flag: to judge by a scenario write --scenario %s", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return gate(cmd, &g) },
	}
	g.register(cmd)
	return cmd
}

func (g *gateFlags) register(cmd *cobra.Command) {
	g.measureFlags.register(cmd, report.Formats())
	g.registerMaxTime(cmd, policy.Default().MaxTime)
	g.by.planned = true
	g.by.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&g.baseline, "baseline", "", "runtime that is known good: a path, a name on PATH, or runc@vX.Y.Z")
	fl.StringVar(&g.candidate, "candidate", "", "runtime to be judged")
	fl.StringArrayVar(&g.scenarios, "scenario", policy.Default().Scenarios, "scenario or file to judge by, instead of the policy's (may be repeated)")
	completeBy(cmd, "scenario", completeScenarios)
}

func gate(cmd *cobra.Command, g *gateFlags) error {
	if err := g.check(cmd); err != nil {
		return err
	}
	run, err := measure(cmd, &g.measureFlags, func() (results.Header, error) { return gateHeader(cmd, g) }, g.director(cmd))
	if err != nil {
		return err
	}
	return judgeGate(cmd, g, run)
}

// check refuses what is wrong before anything is started.
func (g *gateFlags) check(cmd *cobra.Command) error {
	if err := g.measureFlags.check(cmd, report.Formats()); err != nil {
		return err
	}
	if err := g.by.check(); err != nil {
		return err
	}
	if err := g.by.checkExplain(&outputs{format: g.format}); err != nil {
		return err
	}
	switch {
	case g.resume != "":
		return g.refusePlanFlags(cmd, "baseline", "candidate", "scenario", "policy", "margin")
	case g.baseline == "" || g.candidate == "":
		return usagef("gate: both --baseline REF and --candidate REF are needed, such as --baseline runc@v1.1.14 --candidate runc@v1.1.15")
	case g.trials > 0 && cmd.Flags().Changed("max-time"):
		return usagef("--trials %d and --max-time %v: with --trials every cell has that many, however long it takes: leave one out", g.trials, g.maxTime)
	}
	return nil
}

func gateHeader(cmd *cobra.Command, g *gateFlags) (results.Header, error) {
	p, err := g.by.policy()
	if err != nil {
		return results.Header{}, err
	}
	spec, err := gateSpec(cmd, g, p)
	if err != nil {
		return results.Header{}, err
	}
	g.spareClocks = !cmd.Flags().Changed("scenario") && p.File == ""
	h, err := newHeader(spec, true)
	if err != nil {
		return h, err
	}
	if h.Policy, err = g.by.stored(p); err != nil {
		return h, err
	}
	if g.trials == 0 {
		h.Design = gateDesign(cmd, g, p)
		h.Spec = design.Adapt(spec, *h.Design)
	}
	return h, err
}

// gateDesign takes the time from the command line, else from the policy.
func gateDesign(cmd *cobra.Command, g *gateFlags, p policy.Policy) *results.Design {
	d := design.Default(p.MaxTime)
	if cmd.Flags().Changed("max-time") {
		d.MaxTime = g.maxTime
	}
	if p.Alpha > 0 {
		d.Alpha = p.Alpha
	}
	return d
}

func gateSpec(cmd *cobra.Command, g *gateFlags, p policy.Policy) (scenarios.Spec, error) {
	named, load := g.scenarios, scenarios.Load
	if !cmd.Flags().Changed("scenario") {
		named, load = p.Scenarios, p.Scenario
	}
	all, err := loadScenarios(&g.measureFlags, named, load)
	if err != nil {
		return scenarios.Spec{}, err
	}
	for i, s := range all {
		if len(s.Runtimes) > 0 {
			return scenarios.Spec{}, &scenarios.Error{Pos: s.Runtimes[0].Pos, Wrong: "a gate's runtimes are its baseline and its candidate",
				Right: "leave runtimes out of the file, or use initbench run"}
		}
		if all[i], err = g.narrow(s, p); err != nil {
			return scenarios.Spec{}, err
		}
		if g.trials > 0 {
			warnFew(g.notes(cmd.ErrOrStderr()), s)
		}
	}
	if err := p.Check(all); err != nil {
		return scenarios.Spec{}, err
	}
	for _, note := range p.Notes(all) {
		_, _ = fmt.Fprintf(g.notes(cmd.ErrOrStderr()), "note: %s\n", note) // notes are only advice
	}
	seed, err := g.seedOrRandom(cmd)
	if err != nil {
		return scenarios.Spec{}, err
	}
	return scenarios.NewSpec(all, []scenarios.Runtime{{Name: "baseline", Ref: g.baseline}, {Name: "candidate", Ref: g.candidate}}, seed)
}

// narrow leaves the policy's drivers to a command line that names its own.
func (g *gateFlags) narrow(s scenarios.Scenario, p policy.Policy) (scenarios.Scenario, error) {
	if len(g.drivers) > 0 {
		p.Drivers = s.Drivers
	}
	return p.Apply(s)
}

// director looks at the records of a gate that is adaptive, or that has searches, as they come.
func (g *gateFlags) director(cmd *cobra.Command) func(results.Header) (director, error) {
	return func(h results.Header) (director, error) {
		opts, err := g.by.options(h)
		if err != nil {
			return nil, err
		}
		return directorFor(h, design.Options{Judge: opts, MaxTime: g.sessionTime(cmd)})
	}
}

// sessionTime is what a resumed run is given on the command line; 0 leaves it what it was begun with.
func (f *measureFlags) sessionTime(cmd *cobra.Command) time.Duration {
	if f.resume == "" || !cmd.Flags().Changed("max-time") {
		return 0
	}
	return f.maxTime
}

// directorFor is nil for a run whose plan says it all.
func directorFor(h results.Header, opts design.Options) (director, error) {
	if h.Design == nil && !waitsForClock(h) && !slices.ContainsFunc(h.Spec.Scenarios, func(s scenarios.Scenario) bool { return s.Search != nil }) {
		return nil, nil
	}
	d, err := design.New(h, opts)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// fewestTrials make six blocks, the fewest with an interval of 95 % for what is no rate. With
// fewer no verdict but inconclusive can come out, which is better said before the run than after it. A session's trend is over its cycles: one is enough.
const fewestTrials = 12

func warnFew(notes io.Writer, s scenarios.Scenario) {
	if s.Trials >= fewestTrials || s.Search != nil || s.Cycles > 0 {
		return
	}
	for _, name := range s.Judge {
		if name != scenarios.OOMRate {
			_, _ = fmt.Fprintf(notes, "note: scenario %s: an interval for %s needs %d trials and will have %d: it can only be inconclusive\n", s.Name, name, fewestTrials, s.Trials) // notes are only advice
			return
		}
	}
}

func judgeGate(cmd *cobra.Command, g *gateFlags, run *results.Run) error {
	if !run.Header.Gate {
		return &results.InputError{Path: run.Dir, Why: "is not a gate's: resume it with initbench run"}
	}
	v, err := g.by.judge(run)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(g.notes(cmd.ErrOrStderr()), "records: %s (judge them again: initbench compare %s)\n", run.Dir, run.Dir) // notes are only advice
	// The answer first: what it took minutes to find is not lost to a directory that cannot be written to, nor is its exit code.
	answered := g.by.answer(cmd, &outputs{format: g.format}, v, []*results.Run{run})
	return alsoKept(answered, keepReports(run.Dir, v, run))
}

// alsoKept is how a gate ends that was answered, and whose files may not have been written. A verdict's code says more than theirs.
func alsoKept(answered, kept error) error {
	var code *codeError
	switch {
	case kept == nil:
		return answered
	case errors.As(answered, &code) && code.message == "":
		return &codeError{code.code, kept.Error()}
	}
	return errors.Join(answered, kept)
}

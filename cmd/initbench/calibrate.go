package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/design/simulate"
	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// The formats of calibrate. A policy is what it is for.
const (
	formatPolicy = "policy"
	formatJSON   = "json"
)

// calibrateFlags are what calibrate is told besides where and how to measure.
type calibrateFlags struct {
	measureFlags
	runtime string
	gates   int
	by      judging
}

func newCalibrateCommand() *cobra.Command {
	var f calibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate [DIR]",
		Short: "say what a gate on this machine can find, and propose margins",
		Long: `calibrate measures one runtime against itself for --time, draws blocks of what it measured for simulated gates, and
says how often these accuse the runtime, what the smallest change of each metric is that nine of ten would find in the policy's
max_time, and which margins are too narrow for this machine. It prints those that a policy should have instead, as a piece
of one; the rest goes to standard error. Where a gate makes too few blocks for an interval it ends with 3. With DIR, a stored gate or run, it measures nothing and needs no root.`,
		Example: `  initbench calibrate --time 5m
  initbench calibrate --runtime runc@v1.2.6 --clock instructions --time 10m
  initbench calibrate results-20260102t030405ab12 --format json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRuns(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return calibrate(cmd, &f, args) },
	}
	f.register(cmd)
	return cmd
}

func (f *calibrateFlags) register(cmd *cobra.Command) {
	f.registerRun(cmd, []string{formatPolicy, formatJSON})
	fl := cmd.Flags()
	fl.StringVar(&f.runtime, "runtime", scenarios.BuiltinRef, "the runtime that is measured against itself")
	fl.DurationVar(&f.maxTime, "time", 5*time.Minute, "how long trials are made")
	fl.IntVar(&f.gates, "gates", 100, "how many gates are simulated")
	fl.StringVar(&f.by.file, "policy", "", "calibrate for this policy file (see: initbench policy init)")
	completeYAML(cmd, "policy")
}

func calibrate(cmd *cobra.Command, f *calibrateFlags, args []string) error {
	p, err := f.check(cmd, args)
	if err != nil {
		return err
	}
	run, err := f.measured(cmd, args, p)
	if err != nil {
		return err
	}
	w, err := simulate.Read(verdict.Stored(run))
	if err != nil {
		return err
	}
	h, any := w.Playable(run.Header, calibrationDesign(p))
	if !any {
		return &results.InputError{Path: run.Dir, Why: "has no scenario of which every cell holds four trials of one binary that could be drawn again: calibrate with more --time"}
	}
	notes := f.notes(cmd.ErrOrStderr())
	for _, sc := range run.Header.Spec.Scenarios {
		if !slices.ContainsFunc(h.Spec.Scenarios, func(s scenarios.Scenario) bool { return s.Name == sc.Name }) {
			_, _ = fmt.Fprintf(notes, "note: scenario %s is left out: not every cell of it has trials\n", sc.Name) // notes are only advice
		}
	}
	opts := p.Options()
	opts.Ceilings = nil // bounds on a candidate say nothing of a machine
	c, err := w.Calibrate(cmd.Context(), h, opts, f.gates, f.playing(notes))
	switch {
	case cmd.Context().Err() != nil:
		return &codeError{exitInterrupted, "interrupted: nothing is proposed"}
	case err != nil:
		return err
	case len(c.Rows) == 0:
		return &results.InputError{Path: run.Dir, Why: "has no metric with a margin in per cent: there is nothing to calibrate"}
	}
	return f.answer(cmd, c, p)
}

// playing says every ten seconds which of the gates is simulated.
func (f *calibrateFlags) playing(notes io.Writer) func(gate int) {
	last := time.Now()
	return func(gate int) {
		if time.Since(last) >= plainEvery {
			last = time.Now()
			_, _ = fmt.Fprintf(notes, "simulating gate %d of %d\n", gate, f.gates) // notes are only advice
		}
	}
}

func (f *calibrateFlags) check(cmd *cobra.Command, args []string) (policy.Policy, error) {
	err := f.measureFlags.check(cmd, []string{formatPolicy, formatJSON})
	switch {
	case err != nil:
	case f.gates < 1 || f.gates > 10_000:
		err = usagef("--gates %d: write 1 to 10000", f.gates)
	case f.maxTime < time.Second:
		err = usagef("--time %v: at least 1s is needed", f.maxTime)
	case len(args) > 0:
		err = refuseWithDir(cmd, args[0])
	case f.resume != "":
		err = f.refusePlanFlags(cmd, "runtime")
	}
	if err != nil {
		return policy.Policy{}, err
	}
	return f.by.policy()
}

// refuseWithDir: what is stored is not measured again.
func refuseWithDir(cmd *cobra.Command, dir string) error {
	for _, name := range []string{"runtime", "time", "resume", "out", "driver", "seed", "in", "clock", "suite", "cpus", "memory", "accel", "timeout", "progress"} {
		if cmd.Flags().Changed(name) {
			return usagef("%s and --%s: stored records are not measured again: leave one out", dir, name)
		}
	}
	return nil
}

// calibrationDesign is that of the gates that are simulated.
func calibrationDesign(p policy.Policy) results.Design {
	d := design.Default(p.MaxTime)
	if p.Alpha > 0 {
		d.Alpha = p.Alpha
	}
	return *d
}

// measured is the stored run, or a new one of the runtime against itself that nothing settles before its time is over.
func (f *calibrateFlags) measured(cmd *cobra.Command, args []string, p policy.Policy) (*results.Run, error) {
	if len(args) > 0 {
		return results.Load(args[0])
	}
	f.spareClocks = p.File == ""
	g := gateFlags{measureFlags: f.measureFlags, baseline: f.runtime, candidate: f.runtime}
	return measure(cmd, &f.measureFlags, func() (results.Header, error) {
		spec, err := gateSpec(cmd, &g, p)
		if err != nil {
			return results.Header{}, err
		}
		h, err := newHeader(spec, true)
		h.Design = design.Default(f.maxTime)
		h.Spec = design.Adapt(spec, *h.Design)
		return h, err
	}, func(h results.Header) (director, error) {
		return directorFor(h, design.Options{Judge: simulate.Unsettled(p.Options()), MaxTime: f.maxTime})
	})
}

func (f *calibrateFlags) answer(cmd *cobra.Command, c simulate.Calibration, p policy.Policy) error {
	proposed := c.Propose(p.Margins)
	unknown := unbounded(c)
	if f.format == formatJSON {
		err := json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
			Schema int `json:"schema"`
			simulate.Calibration
			Margins map[string]string `json:"margins"`
		}{1, c, marginTexts(proposed)})
		return errors.Join(err, unknown)
	}
	if err := writeCalibration(f.notes(cmd.ErrOrStderr()), c); err != nil {
		return err
	}
	return errors.Join(writeProposal(cmd.OutOrStdout(), proposed, unknown == nil), unknown)
}

// unbounded is of a machine on which a gate of the policy's makes too few blocks for an interval: of a margin there nobody can say whether it holds.
func unbounded(c simulate.Calibration) error {
	n := 0
	for _, r := range c.Rows {
		if r.Needs == nil {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &codeError{exitInconclusive, fmt.Sprintf("calibrate: %d of %d rows have no interval after the blocks that a gate makes in %v: give max_time in the policy more", n, len(c.Rows), c.MaxTime)}
}

func marginTexts(margins map[string]verdict.Margin) map[string]string {
	texts := map[string]string{}
	for name, m := range margins {
		texts[name] = m.Text(verdict.UnitOf(name))
	}
	return texts
}

// writeProposal prints a piece of a policy, which alone is one too unless it proposes nothing.
func writeProposal(w io.Writer, margins map[string]verdict.Margin, whole bool) error {
	switch {
	case len(margins) == 0 && !whole:
		_, err := fmt.Fprintln(w, "# Nothing is proposed: of some margins it is not known whether they hold.")
		return err
	case len(margins) == 0:
		_, err := fmt.Fprintln(w, "# The policy's margins hold on this machine: none needs to be wider.")
		return err
	}
	if _, err := fmt.Fprintln(w, "# Margins within which 95 of 100 gates of a runtime against itself pass on this machine.\nmetrics:"); err != nil {
		return err
	}
	texts := marginTexts(margins)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if _, err := fmt.Fprintf(w, "  %s: {margin: %q}\n", name, texts[name]); err != nil {
			return err
		}
	}
	return nil
}

func writeCalibration(w io.Writer, c simulate.Calibration) error {
	fmt.Fprintf(w, "%d of %d simulated gates accuse the runtime [%s, %s]; %d are inconclusive; one takes %d starts and %v\n\n", c.Regressed, c.Gates,
		verdict.Percent(c.FalseAlarmsLo), verdict.Percent(c.FalseAlarmsHi), c.Open, c.Starts, c.Took.Round(time.Second))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "METRIC\tSCENARIO\tDRIVER\tBLOCKS IN %v\tMARGIN\tFINDS 9 OF 10\tMARGIN IT NEEDS\n", c.MaxTime)
	for _, r := range c.Rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.Metric, r.Scenario, r.Driver, r.Blocks, verdict.Percent(r.Margin), percentOr(r.Finds, "none"), percentOr(r.Needs, "no interval"))
	}
	return tw.Flush()
}

func percentOr(x *float64, none string) string {
	if x == nil {
		return none
	}
	return verdict.Percent(*x)
}

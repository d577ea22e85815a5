package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/scenarios"
)

func newScenariosCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "list the scenarios that come with initbench, or show one with its plan",
		Long: `scenarios lists what comes with initbench: give a name to run, or to gate --scenario. Where a run names no
runtime it is made with builtin, the one that comes with initbench; where that has cells of its own, as in
order-matrix, their number is in a column of its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkWord("--format", format, "table", "json"); err != nil {
				return err
			}
			all, err := scenarios.Catalogue()
			if err != nil {
				return err
			}
			return listScenarios(cmd.OutOrStdout(), all, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "output: table, json")
	complete(cmd, "format", "table", "json")
	cmd.AddCommand(newShowCommand())
	return cmd
}

// listed is a scenario's line in the catalogue. GateStarts are the container
// starts of two arms, every trial made; 0 where joins are measured, which no gate judges. A search takes as many at
// the most. BuiltinCells are those of the built-in runtime where it has others.
type listed struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	Cells        int    `json:"cells"`
	Trials       int    `json:"trials"`
	GateStarts   int64  `json:"gate_starts"`
	BuiltinCells int    `json:"builtin_cells,omitempty"`
	AtMost       bool   `json:"at_most,omitempty"`
}

func list(s scenarios.Scenario) (listed, error) {
	row := listed{Name: s.Name, Description: s.Description, Trials: s.Trials, AtMost: s.Search != nil}
	if s.Joins == nil {
		gate := scenarios.Spec{Scenarios: []scenarios.Scenario{s}, Runtimes: gateArms(s)}
		var err error
		if row.GateStarts, err = gate.Starts(); err != nil {
			return row, err
		}
		row.Cells = len(shownCells(gate).Planned)
	}
	if s.Joins == nil && !s.HasBuilds() {
		return row, nil
	}
	spec, err := scenarios.NewSpec([]scenarios.Scenario{s}, nil, 1)
	if err != nil {
		return row, err
	}
	n := len(shownCells(spec).Planned)
	if s.Joins != nil {
		row.Cells = n
	} else {
		row.BuiltinCells = n
	}
	return row, nil
}

func listScenarios(w io.Writer, all []scenarios.Scenario, format string) error {
	rows := []listed{}
	for _, s := range all {
		row, err := list(s)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if format == "json" {
		return json.NewEncoder(w).Encode(rows)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tCELLS\tTRIALS\tSTARTS OF TWO ARMS\tCELLS OF BUILTIN\tDESCRIPTION")
	for _, r := range rows {
		ofBuiltin := r.BuiltinCells
		if ofBuiltin == 0 && r.GateStarts > 0 {
			ofBuiltin = r.Cells
		}
		most := ""
		if r.AtMost {
			most = "<="
		}
		fmt.Fprintf(tw, "%s\t%d\t%s%d\t%s%s\t%s\t%s\n", r.Name, r.Cells, most, r.Trials, most, orNone(r.GateStarts), orNone(int64(ofBuiltin)), r.Description)
	}
	return tw.Flush()
}

func orNone(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// gateArms stand in where no runtime is named: every plan needs arms, and a gate has these.
func gateArms(s scenarios.Scenario) []scenarios.Runtime {
	of := ""
	if s.Embedded {
		of = scenarios.BuiltinRef + "@"
	}
	return []scenarios.Runtime{{Name: "baseline", Ref: of + "BASELINE"}, {Name: "candidate", Ref: of + "CANDIDATE"}}
}

type showFlags struct {
	measure  measureFlags // only those fields that change a scenario
	runtimes []string
	format   string
	perTrial time.Duration
	first    int
	all      bool
}

func newShowCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "print a scenario's cells, its plan in order, and how long that may take",
		Long: `Show prints what a run of a scenario would do, without doing it: the cells, the trials in the order
in which they would be made, their number, and an estimate of the time they take.
Without --runtime, and where the file names none, it is the plan of a gate, or, where the scenario varies how
it is built, of a run of builtin, the runtime that run takes where none is named. Combinations that make no sense are listed with
the reason. With --budget it says how far a run comes in that time.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan(cmd, args[0])
			if err != nil {
				return err
			}
			if f.format == "json" {
				return p.writeJSON(cmd.OutOrStdout())
			}
			return p.writeTable(cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	return cmd
}

func (f *showFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.runtimes, "runtime", nil, "a runtime under test: "+runtimeRefs+" (may be repeated)")
	fl.StringArrayVar(&f.measure.drivers, "driver", nil, "only this cgroup driver: cgroupfs or systemd (may be repeated)")
	fl.IntVar(&f.measure.trials, "trials", 0, "trials of each runtime in each cell instead of the scenario's own number")
	fl.Uint64Var(&f.measure.seed, "seed", 1, "seed of the plan's random order, as a run records it")
	fl.DurationVar(&f.perTrial, "per-trial", scenarios.AssumedTrialCost, "what one trial costs, for the estimate")
	fl.IntVar(&f.first, "first", 20, "how many trials of the plan to print")
	fl.BoolVar(&f.all, "all", false, "print the whole plan, and each cell")
	fl.StringVar(&f.format, "format", "table", "output: table, json")
	f.measure.registerAxes(cmd)
	f.measure.registerBudget(cmd)
	complete(cmd, "driver", driverWords()...)
	complete(cmd, "format", "table", "json")
}

func (f *showFlags) check(cmd *cobra.Command) error {
	switch {
	case f.first < 0:
		return usagef("--first %d: 0 or more is needed", f.first)
	case f.all && cmd.Flags().Changed("first"):
		return usagef("--all and --first %d: give one of them", f.first)
	case f.perTrial <= 0:
		return usagef("--per-trial %v: more than 0 is needed", f.perTrial)
	case cmd.Flags().Changed("trials") && f.measure.trials < 1:
		return usagef("--trials %d: at least 1 is needed", f.measure.trials)
	case cmd.Flags().Changed("budget") && f.measure.budget < f.perTrial:
		return usagef("--budget %v: less than one trial takes, %v", f.measure.budget, f.perTrial)
	}
	return checkWord("--format", f.format, "table", "json")
}

// shownPlan is a plan and how much of it to print. It doubles as the head of the
// JSON output, which ends with the trials.
type shownPlan struct {
	Scenario scenarios.Scenario  `json:"scenario"`
	Runtimes []scenarios.Runtime `json:"runtimes"`
	Seed     uint64              `json:"seed"`
	cells
	Starts   int64         `json:"starts"`
	PerTrial time.Duration `json:"assumed_trial_cost_ns"`
	Estimate time.Duration `json:"estimate_ns"`
	Shown    int64         `json:"plan_shown"`
	Reach    *plannedReach `json:"within_budget,omitempty"`
	size     int64         // of plan
	plan     iter.Seq[scenarios.Trial]
	whole    bool
}

func (f *showFlags) plan(cmd *cobra.Command, arg string) (shownPlan, error) {
	if err := f.check(cmd); err != nil {
		return shownPlan{}, err
	}
	spec, err := f.spec(arg)
	if err != nil {
		return shownPlan{}, err
	}
	starts, err := spec.Size()
	if err != nil {
		return shownPlan{}, err
	}
	counted, err := spec.Starts()
	if err != nil {
		return shownPlan{}, err
	}
	estimate, err := scenarios.Estimate(spec, f.perTrial)
	if err != nil {
		return shownPlan{}, err
	}
	shown := starts
	if !f.all {
		shown = min(starts, int64(f.first))
	}
	if spec.Scenarios[0].Search != nil {
		shown = min(shown, warmUps(spec))
	}
	p := shownPlan{
		Scenario: spec.Scenarios[0], Runtimes: spec.Runtimes, Seed: spec.Seed, cells: shownCells(spec), Starts: counted, size: starts,
		PerTrial: f.perTrial, Estimate: estimate, Shown: shown, plan: spec.Trials(), whole: f.all,
	}
	if f.measure.budget > 0 {
		p.Reach = within(spec, f.measure.budget, f.perTrial)
	}
	return p, nil
}

// warmUps are all that is planned of a search.
func warmUps(spec scenarios.Spec) (n int64) {
	for range spec.Trials() {
		n++
	}
	return n
}

func (f *showFlags) spec(arg string) (scenarios.Spec, error) {
	s, err := scenarios.Load(arg)
	if err != nil {
		return scenarios.Spec{}, err
	}
	if s, err = f.measure.override(s); err != nil {
		return scenarios.Spec{}, err
	}
	arms, err := parseRuntimes(f.runtimes)
	if err != nil {
		return scenarios.Spec{}, err
	}
	if len(arms)+len(s.Runtimes) == 0 && s.Joins == nil && !s.HasBuilds() {
		arms = gateArms(s)
	}
	spec, err := scenarios.NewSpec([]scenarios.Scenario{s}, arms, f.measure.seed)
	if err != nil {
		return scenarios.Spec{}, err
	}
	return spec, f.measure.builds.check(spec)
}

// trials yields those to print; the rest of the plan is never made.
func (p shownPlan) trials() iter.Seq[scenarios.Trial] {
	return func(yield func(scenarios.Trial) bool) {
		left := p.Shown
		for t := range p.plan {
			if left == 0 || !yield(t) {
				return
			}
			left--
		}
	}
}

// writeJSON writes one object, trial by trial: a plan may have a hundred thousand.
func (p shownPlan) writeJSON(w io.Writer) error {
	head, err := json.Marshal(p)
	if err != nil {
		return err
	}
	head[len(head)-1] = ',' // the closing brace: the plan comes as the last key
	if _, err := fmt.Fprintf(w, "%s\"plan\":[", head); err != nil {
		return err
	}
	separator := ""
	for t := range p.trials() {
		line, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n%s", separator, line); err != nil {
			return err
		}
		separator = ","
	}
	_, err = fmt.Fprintln(w, "]}")
	return err
}

func (p shownPlan) writeTable(w io.Writer) error {
	if err := p.writeSummary(w); err != nil {
		return err
	}
	if err := p.writeCells(w); err != nil {
		return err
	}
	return p.writeTrials(w)
}

func (p shownPlan) writeSummary(w io.Writer) error {
	s := p.Scenario
	var arms []string
	for _, r := range p.Runtimes {
		arms = append(arms, fmt.Sprintf("%s (%s)", r.Name, r.Ref))
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "scenario\t%s: %s\n", s.Name, s.Description)
	fmt.Fprintf(tw, "arms\t%s\n", strings.Join(arms, ", "))
	if q := s.Search; q != nil {
		fmt.Fprintf(tw, "search\tfor the smallest limit from %s to %s, in steps of %s, that starts %g of all, at a confidence of %g\n",
			scenarios.FormatSize(q.From), scenarios.FormatSize(q.To), scenarios.FormatSize(q.Step), q.Probability, q.Confidence)
	}
	fmt.Fprintf(tw, "trials\t%s%d for each arm in each of %d cells, after %d to warm up\n", p.most(), s.Trials, len(p.Planned), s.Warmup)
	if s.Containers > 1 {
		fmt.Fprintf(tw, "containers\t%d in each trial, %s\n", s.Containers, pace(s.Concurrent))
	}
	for i, pool := range s.Network.AddressPools() {
		what := ""
		if i == 0 {
			what = "network"
		}
		fmt.Fprintf(tw, "%s\ta subnet of %s\n", what, pool)
	}
	fmt.Fprintf(tw, "judged\t%s\n", strings.Join(s.Judge, ", "))
	if s.Clock != scenarios.RunsClock {
		fmt.Fprintf(tw, "clock\tcounts %s, in a guest of its own\n", s.Clock)
	}
	fmt.Fprintf(tw, "seed\t%d\n", p.Seed)
	if s.Cycles > 0 {
		fmt.Fprintf(tw, "cycles\t%d in each trial, one after the other, a warm-up's one\n", s.Cycles)
	}
	if l := s.Lives; l != nil {
		fmt.Fprintf(tw, "lives\tabout %v in the first trial of a block, then those again of which the arms left different things\n", l.About())
	}
	fmt.Fprintf(tw, "size\t%s%d container starts\n", p.most(), p.Starts)
	fmt.Fprintf(tw, "estimate\tabout %s if a start takes %s (assumed, not measured: see --per-trial)\n", p.Estimate.Round(time.Second), p.PerTrial)
	if r := p.Reach; r != nil {
		fmt.Fprintf(tw, "budget\t%d trials in %d of %d cells, %d or more of an arm in %d\n", r.Trials, r.Cells, len(p.Planned), r.Few, r.CellsWithFew)
	}
	return tw.Flush()
}

// most stands before numbers that a search need not come up to.
func (p shownPlan) most() string {
	if p.Scenario.Search != nil {
		return "at most "
	}
	return ""
}

func pace(concurrent bool) string {
	if concurrent {
		return "all at once"
	}
	return "one after another"
}

// writeTrials prints each trial as it is made. The columns are as wide as the plan's
// words are, known before the first.
func (p shownPlan) writeTrials(w io.Writer) error {
	var arms []string
	for _, r := range p.Runtimes {
		arms = append(arms, r.Name)
	}
	row := fmt.Sprintf("%%-7v  %%-6v  %%-6v  %%-8v  %%-17v  %%-9v  %%-%dv  %%v\n", widest(append(arms, "ARM")))
	order, limit := "ORDER", "LIMIT"
	if p.Scenario.Joins != nil {
		order, limit = "JOIN", "AMONG"
	}
	if _, err := fmt.Fprintf(w, "\n"+row, "TRIAL", "BLOCK", "BATCH", "DRIVER", order, limit, "ARM", "PURPOSE"); err != nil {
		return err
	}
	for t := range p.trials() {
		order, limit := string(t.Order), limitWord(t.Limit)
		if j := t.Join; j != (scenarios.Join{}) {
			order, limit = fmt.Sprintf("%s, %s", j.Mechanism, j.Cgroup), strconv.Itoa(j.Siblings)
		}
		if _, err := fmt.Fprintf(w, row, t.Index, t.Block, t.Batch, t.Driver, order, limit, t.Arm, purpose(t)); err != nil {
			return err
		}
	}
	if p.Scenario.Search != nil {
		_, err := fmt.Fprintln(w, "... and what the searches ask for, one start after the other")
		return err
	}
	if p.Shown < p.size {
		_, err := fmt.Fprintf(w, "... and %d more (--all prints them)\n", p.size-p.Shown)
		return err
	}
	return nil
}

func widest(words []string) int {
	lengths := make([]int, 0, len(words))
	for _, word := range words {
		lengths = append(lengths, len(word))
	}
	return slices.Max(lengths)
}

// purpose is what a trial is made for and, of the built-in runtime, with which build and where its limit is set.
func purpose(t scenarios.Trial) string {
	what := "timed"
	switch {
	case t.Warmup:
		what = "warm-up"
	case t.Observe:
		what = "observed"
	}
	if t.Build != (scenarios.Build{}) {
		what += fmt.Sprintf(", %s %s %s", orDash(string(t.Build.Clone)), orDash(string(t.Build.Strategy)), sizeWord(t.Build.BinaryBytes))
		if t.Place != "" {
			what += ", limit on " + string(t.Place)
		}
	}
	what += enumerating(t.Enumerate)
	if t.Join.Threads > 1 {
		what += fmt.Sprintf(", %d threads", t.Join.Threads)
	}
	if t.Join.Busy {
		what += ", busy"
	}
	return what
}

// enumerating is ", eager 2^32", or nothing of a payload that enumerates nothing.
func enumerating(e scenarios.Enumeration) string {
	if e == (scenarios.Enumeration{}) {
		return ""
	}
	return ", " + e.String()
}

func limitWord(limit int64) string {
	if limit == 0 {
		return "none"
	}
	return scenarios.FormatSize(limit)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

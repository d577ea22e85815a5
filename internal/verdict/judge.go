package verdict

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Options settle how strict a verdict is. The zero value is the default.
type Options struct {
	// Alpha is the chance of a false claim that is accepted; 0 means 0.05. Intervals have the confidence 1-Alpha.
	Alpha float64
	// Margins by metric take the place of the default ones.
	Margins map[string]Margin
	// Severities by metric; what is not there is Fail.
	Severities map[string]Severity
	// Ceilings are held against the candidate alone.
	Ceilings []Ceiling
	// NoisyClock is what becomes of a time that is not settled on the wall clock of an emulated CPU: Warn, which is the default,
	// or Fail, as of any other row.
	NoisyClock Severity
	// Demands are what a policy judges by. What of it the run does not have leaves the whole inconclusive, unless something is regressed.
	Demands []Demand
}

// Demand is a scenario that is to be judged under a driver.
type Demand struct {
	Scenario string
	Driver   cgroupjoin.Driver
}

func (o Options) severity(name string) Severity {
	if s, ok := o.Severities[name]; ok {
		return s
	}
	if s, ok := o.Severities[scenarios.AllLeaks]; ok && scenarios.IsLeak(name) {
		return s
	}
	return DefaultSeverity(name)
}

func (o Options) alpha() float64 {
	if o.Alpha == 0 {
		return 0.05
	}
	return o.Alpha
}

func (o Options) confidence() float64 { return 1 - o.alpha() }

func (o Options) margin(name string) Margin {
	if m, ok := o.Margins[name]; ok {
		return m
	}
	return DefaultMargins()[name]
}

// Run is what is needed of one run. Records may be ranged over once.
type Run struct {
	Name         string // for messages: the directory
	Header       results.Header
	Environments []results.Environment
	Records      iter.Seq2[results.Record, error]
	Torn         *results.Torn
	// Rest is asked for environments and half line when the records were read, of a run of which they are not known before;
	// nil where they stand above.
	Rest func() ([]results.Environment, *results.Torn)
	// Replays of a run that is judged again and again while it grows; nil keeps nothing.
	Replays *Replays
	// Growing: more records may come, and only looks that were planned are taken.
	Growing bool
}

// Stored is a run as results.Open or results.Load gives it.
func Stored(r *results.Run) Run {
	return Run{Name: r.Dir, Header: r.Header, Records: r.Records(), Rest: func() ([]results.Environment, *results.Torn) { return r.Environments, r.Torn }}
}

// wasRead fills in what was not known before.
func (r *Run) wasRead() {
	if r.Rest != nil {
		r.Environments, r.Torn = r.Rest()
	}
}

// planOf is what was planned in all of a run's parts.
func planOf(h results.Header) scenarios.Spec {
	spec := h.Spec
	spec.Scenarios = slices.Clone(spec.Scenarios)
	for i := range spec.Scenarios {
		spec.Scenarios[i].Trials *= h.Parts()
	}
	return spec
}

// mergeWarning says what a merged run's verdict is not.
func mergeWarning(h results.Header) []string {
	if doubt := h.MergeDoubt(); doubt != "" {
		return []string{doubt}
	}
	return nil
}

// endedWarning says of an adaptive run what comparing it with another one does not count.
func endedWarning(run Run) []string {
	if run.Header.Design == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s ended where its metrics were settled: the looks that it took at its own records are not paid for, and the chance of a "+
		"false claim is more than the one stated", run.Name)}
}

// Judge compares the two arms of one gate, which were interleaved in blocks. An
// error means that the run could not be read, or (a *results.InputError) that it is
// none that can be judged; all else is in the verdict.
func Judge(run Run, opts Options) (Verdict, error) {
	spec := planOf(run.Header)
	if !run.Header.Gate || !sameNames(spec.Runtimes, armNames[:]) {
		return Verdict{}, &results.InputError{Path: run.Name, Why: fmt.Sprintf("not a gate: its runtimes are %s, not baseline and candidate", names(spec.Runtimes))}
	}
	t := newTally()
	if err := t.read(&run, armOf); err != nil {
		return Verdict{}, err
	}
	t.invalid = append(t.invalid, empty(run, t.trials.Recorded)...)
	j := newJudge(t, opts, [arms]scenarios.Spec{spec, spec}, [arms]string(armNames))
	j.paired, j.budget = true, run.Header.Budget
	j.replays, j.growing = run.Replays, run.Growing
	j.adapt(run.Header.Design)
	j.adaptive = run.Header.Adaptive()
	j.fixed = [arms]bool{!j.adaptive, !j.adaptive}
	return j.verdict(run.Name, slices.Concat(mergeWarning(run.Header), tornWarning(run), t.machines.boots()))
}

func armOf(name string) (int, bool) {
	i := slices.Index(armNames[:], name)
	return i, i >= 0
}

// JudgeRuns compares run a, as the baseline, with run b. Each must have one runtime;
// of a gate it is the candidate.
func JudgeRuns(a, b Run, opts Options) (Verdict, error) {
	t := newTally()
	warnings := []string{"two runs are compared: whatever changed on the machine between them is in the figures (a gate interleaves both arms in one run)"}
	var subjects [arms]string
	for i, run := range []*Run{&a, &b} {
		name, err := subject(*run)
		if err != nil {
			return Verdict{}, err
		}
		subjects[i] = name
		before := t.trials.Recorded
		if err := t.read(run, only(i, name, run.Header.Spec.Runtimes)); err != nil {
			return Verdict{}, err
		}
		t.invalid = append(t.invalid, empty(*run, t.trials.Recorded-before)...)
		warnings = slices.Concat(warnings, mergeWarning(run.Header), endedWarning(*run), tornWarning(*run))
		if run.Header.Gate {
			warnings = append(warnings, fmt.Sprintf("%s is a gate: its candidate is taken", run.Name))
		}
	}
	if a.Header.ID != "" && a.Header.ID == b.Header.ID {
		warnings = append(warnings, "both directories hold the same run")
	}
	t.invalid = append(t.invalid, compareScenarios(a.Header.Spec.Scenarios, b.Header.Spec.Scenarios)...)
	j := newJudge(t, opts, [arms]scenarios.Spec{planOf(a.Header), planOf(b.Header)}, subjects)
	j.budget = max(a.Header.Budget, b.Header.Budget)
	j.adaptive = a.Header.Adaptive() || b.Header.Adaptive()
	j.designs = [arms]*results.Design{a.Header.Design, b.Header.Design}
	j.fixed = [arms]bool{!a.Header.Adaptive(), !b.Header.Adaptive()}
	return j.verdict(a.Name, warnings)
}

// subject is the runtime of a run that is compared with another run's.
func subject(run Run) (string, error) {
	runtimes := run.Header.Spec.Runtimes
	switch {
	case run.Header.Gate:
		return armNames[candidate], nil
	case len(runtimes) == 1:
		return runtimes[0].Name, nil
	}
	return "", &results.InputError{Path: run.Name, Why: fmt.Sprintf("has the runtimes %s: compare takes runs of one runtime", names(runtimes))}
}

// only takes the records of one runtime for arm i and passes over the run's others.
func only(i int, name string, all []scenarios.Runtime) func(string) (int, bool) {
	return func(arm string) (int, bool) {
		if arm == name {
			return i, true
		}
		known := slices.ContainsFunc(all, func(r scenarios.Runtime) bool { return r.Name == arm })
		return -1, known
	}
}

func names(runtimes []scenarios.Runtime) string {
	list := make([]string, len(runtimes))
	for i, r := range runtimes {
		list[i] = r.Name
	}
	return fmt.Sprint(list)
}

func sameNames(runtimes []scenarios.Runtime, want []string) bool {
	return len(runtimes) == len(want) && !slices.ContainsFunc(runtimes, func(r scenarios.Runtime) bool {
		return !slices.Contains(want, r.Name)
	})
}

func empty(run Run, recorded int) []string {
	switch {
	case recorded == 0:
		return []string{fmt.Sprintf("%s holds no trial besides warm-ups", run.Name)}
	case len(run.Environments) == 0:
		return []string{fmt.Sprintf("%s does not say in which environment it ran", run.Name)}
	}
	return nil
}

func tornWarning(run Run) []string {
	if run.Torn == nil {
		return nil
	}
	return []string{run.Torn.String()}
}

// verdict draws everything together.
func (j *judge) verdict(name string, warnings []string) (Verdict, error) {
	j.settle()
	j.seek()
	for i, spec := range j.planned {
		for _, sc := range spec.Scenarios {
			j.trials.Planned += trialsOf(spec, sc, j.subjects[i])
		}
	}
	j.clocks = j.twoClocks()
	v := Verdict{
		Interleaved: j.paired, Confidence: j.opts.confidence(), Trials: j.trials,
		Baseline: j.runtimes[baseline], Candidate: j.runtimes[candidate],
		Environment: first(j.machines.envs), Environments: j.machines.firsts(),
	}
	invalid, differ := j.machines.compare()
	j.invalid = append(j.invalid, invalid...)
	warnings = slices.Concat(warnings, j.machines.doubts(), differ)
	if len(j.invalid) == 0 {
		rows, err := j.rows(name)
		if err != nil {
			return Verdict{}, err
		}
		v.Metrics = j.settleRows(rows)
		j.orders(&v)
		v.Searches = j.searches
		v.Ceilings = j.hold()
		v.Notes = append(append(v.Notes, leakNotes(v.Metrics)...), leftoverNotes(v.Metrics)...)
		warnings = append(warnings, leakWarnings(v.Metrics)...)
	}
	v.tell()
	warnings = append(warnings, j.unfinished(v)...)
	v.Ruling, v.Reasons = overall(j.invalid, j.unmeasured(), v)
	v.Warnings = slices.Concat(v.told(), warnings, binaries(j.runtimes), j.notCounted(), j.skipped, j.notes.list())
	return v, nil
}

// orders adds what there is to say of orders and lanes.
func (j *judge) orders(v *Verdict) {
	count := func(k key, i int) Count { return j.at(k)[i].count }
	for _, sc := range j.planned[baseline].Scenarios {
		v.Ladders = append(v.Ladders, climb(sc, j.layout(sc), armNames[:], count)...)
	}
	v.Findings = append(findings(v.Ladders, j.opts.alpha()), soughtFindings(j.searches)...)
	v.Matrices = j.drawing(v.Ladders).matrices(j.planned[baseline].Scenarios)
	v.Notes = append(j.classes(), j.machines.observerCost(j.planned[baseline].Scenarios, j.layout, arms, func(k key, i int) *side { return j.at(k)[i] }, j.opts.confidence())...)
}

// drawing has both arms, each with the cells of its own plan.
func (j *judge) drawing(ladders []Ladder) *drawing {
	d := &drawing{env: first(j.machines.envs), confidence: j.opts.confidence(), ladders: ladders, at: func(arm string, k key) *side {
		return j.at(k)[slices.Index(armNames[:], arm)]
	}}
	for i, name := range armNames {
		d.arms = append(d.arms, drawnArm{scenarios.Runtime{Name: name, Ref: j.subjects[i].Ref}, j.planned[i]})
	}
	return d
}

// twoClocks says why the times of two runs do not compare. An emulated guest's wall clock runs
// at whatever pace the host's other load leaves it, which within a run both arms share.
func (j *judge) twoClocks() string {
	if j.paired || len(j.machines.boots()) == 0 {
		return ""
	}
	for _, e := range j.machines.envs {
		if onNoisyClock(e) {
			return "two boots of an emulated machine (tcg) do not tell time alike: judge both in one gate, or use --clock instructions"
		}
	}
	return ""
}

// notCounted says for each order how many trials did not take it and are in no figure.
func (j *judge) notCounted() []string {
	var out []string
	for _, sc := range j.planned[baseline].Scenarios {
		plan := j.layout(sc)
		for _, group := range plan.groups {
			for i, name := range armNames {
				out = append(out, unordered(plan.in(group), "the "+name, func(k key) *side { return j.at(k)[i] })...)
			}
		}
	}
	return out
}

// unordered warns of the trials of a ladder of cells that are in none of them.
func unordered(cells []key, who string, at func(key) *side) []string {
	var made, uncounted, mixed, beside int
	var why string
	var where []string
	for _, k := range cells {
		s := at(k)
		made, uncounted, mixed = made+s.count.Trials()+s.apart(), uncounted+s.uncounted, mixed+s.mixed
		if why == "" {
			why = s.why
		}
		if s.mixed > 0 {
			beside += s.count.Trials() + s.mixed
			where = append(where, strings.TrimPrefix(atLimit(k.limit), " at "))
		}
	}
	var out []string
	group := cells[0]
	if uncounted > 0 {
		out = append(out, fmt.Sprintf("%d of %s of %s could not be brought into %s (%s, %s%s) and do not count: %s",
			uncounted, plural(made, "trial"), who, group.order, group.scenario, group.driver, inBuild(group.build), why))
	}
	if mixed > 0 {
		cells := strings.Join(append([]string{group.scenario, string(group.driver) + inBuild(group.build)}, where...), ", ")
		out = append(out, fmt.Sprintf("%d of %s of %s said that %s does not apply (%s), while the others took it: those natural starts do not count",
			mixed, plural(beside, "trial"), who, group.order, strings.TrimSuffix(cells, ", ")))
	}
	return out
}

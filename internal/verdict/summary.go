package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Summary describes a run without judging it: what there is to say of runtimes
// that nobody asked to compare.
type Summary struct {
	ID          string
	Environment results.Environment
	// Environments are the first one of each clock that scenarios were measured by.
	Environments []results.Environment
	Runtimes     []results.RuntimeID // those with a trial, in the header's order
	Cells        []CellSummary
	Matrices     []Matrix
	Joins        []JoinSummary
	Ladders      []Ladder
	Findings     []Finding
	Searches     []Sought
	Victims      []VictimSummary
	Sessions     []SessionSummary
	Lives        []LivesSummary
	Trials       Trials
	Warnings     []string
	Notes        []string
	Confidence   float64
}

// CellSummary is one runtime in one cell. Estimates of which there is no value have N 0.
type CellSummary struct {
	Scenario string
	Runtime  string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place // of the limit
	Limit    int64            // bytes; 0: none
	// Enumerate is what the payloads did; the zero value is nothing beside their own work.
	Enumerate scenarios.Enumeration
	// Lane of its trials: the latencies of two lanes do not compare.
	Lane Lane
	// Outcomes counts the trials by how they ended; the sum is all that count.
	Outcomes map[results.Outcome]int
	// NotApplicable of them were started in their natural order. NotCounted ones did not take the order and are
	// in no other number here but those of Imposing and Found.
	NotApplicable, NotCounted int
	// Failure is the first reason of a trial that failed, with the first thing it printed.
	Failure string
	// Latencies in ns, of trials that started; Start of observed ones is up to the exec that the kernel saw.
	Start, Create Spread
	// Batches, in ns; N is 0 in scenarios of one container a batch.
	Batch BatchSummary
	// Peaks in bytes, of trials that started: the median with its interval.
	ContainerPeak, RuntimePeak Arm
	Imposing                   ImposingSummary
	// Found counts the orders that really occurred, as far as an observer saw them.
	Found map[sequence.Found]int
	// Charges are of the observed trials, those that were killed included. Counters are of those that started.
	Charges  ChargeSummary
	Counters CounterSummary
	// Network is that of scenarios with one.
	Network NetworkSummary
}

// ImposingSummary says how imposing the cell's order went and what it cost a trial: medians.
type ImposingSummary struct {
	Imposed, NotApplicable, CouldNot int
	Notifications, HeldNS            float64
}

// Trials is the number of trials in which an order was to be imposed.
func (i ImposingSummary) Trials() int { return i.Imposed + i.NotApplicable + i.CouldNot }

// ChargeSummary says who paid, in bytes: medians of those trials that have the figure, NaN where none has.
type ChargeSummary struct {
	Clone, ToContainer, ToRuntime, AtExec float64
}

// CounterSummary has medians of what each side did up to the payload's exec, NaN where it was not counted.
type CounterSummary struct {
	Syscalls, PageFaults Sides
}

// Trials is the number of trials in the cell that count.
func (c CellSummary) Trials() int { return sum(c.Outcomes) }

func sum(outcomes map[results.Outcome]int) (n int) {
	for _, k := range outcomes {
		n += k
	}
	return n
}

// Spread describes single values. Percentiles are nearest-rank: the 99th of fewer
// than 100 values is the largest.
type Spread struct {
	N                    int
	Median, P95, P99     float64
	Mean, MeanLo, MeanHi float64
	Values               []float64
}

// BatchSummary describes whole batches: Total is that of a batch, Each is Total
// divided by the batch's containers.
type BatchSummary struct {
	N, Containers    int
	Total            float64 // median
	Fastest, Slowest float64
	Each             float64
	Concurrent       bool
	Values           []float64 // totals
}

// VictimSummary is what the kernel said of the processes it killed: medians over N kills.
type VictimSummary struct {
	Scenario string
	Runtime  string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place // of the limit
	Limit    int64
	// Enumerate is what the payloads did.
	Enumerate scenarios.Enumeration
	Comm      string
	N         int
	// Bytes the victim held.
	Anon, File, Shmem float64
}

type cellKey struct {
	key
	runtime string
}

// survey is what Summarize keeps of the records.
type survey struct {
	run      Run
	opts     Options
	sides    map[cellKey]*observedSide
	ids      map[string]results.RuntimeID
	layouts  map[[2]string]layout // by scenario and runtime
	planned  planned
	notes    tallied
	machines *machines
	summary  Summary
}

// observedSide adds to a side what is described and not judged.
type observedSide struct {
	*side
	told     described
	ownTold  described // of the trials to which the order did not apply: see side.own
	imposing ImposingSummary
	// allFound has the orders of trials that do not count as well.
	allFound map[sequence.Found]int
	// notifications and held are of the trials under a filter.
	notifications, held []float64
}

// described is of the trials that count.
type described struct {
	outcomes map[results.Outcome]int
	victims  map[string][][3]float64 // by the process's name
	// Bytes, of trials with a finding.
	clone, toContainer, toRuntime, exec []float64
	network                             attachments
}

func newDescribed() described {
	return described{outcomes: map[results.Outcome]int{}, victims: map[string][][3]float64{}}
}

func newObservedSide() *observedSide {
	return &observedSide{side: newSide(), told: newDescribed(), ownTold: newDescribed(), allFound: map[sequence.Found]int{}}
}

// settle is the side's, and takes along what is described of it.
func (d *observedSide) settle() {
	if d.side.own != nil && d.count.Trials() == 0 {
		d.told = d.ownTold
	}
	d.side.settle()
}

// Summarize describes a run. It judges nothing: a run of one failed trial has a summary too.
func Summarize(run Run, opts Options) (Summary, error) {
	run.Header.Spec = planOf(run.Header)
	s := &survey{
		run: run, opts: opts, sides: map[cellKey]*observedSide{}, ids: map[string]results.RuntimeID{},
		layouts: map[[2]string]layout{}, planned: newPlanned(), notes: tallied{}, machines: newMachines(),
	}
	s.planned.plan(run.Header.Spec)
	s.machines.plan(run.Header.Spec)
	for r, err := range run.Records {
		if err != nil {
			return Summary{}, err
		}
		s.add(&r)
	}
	s.run.wasRead()
	s.machines.envs = s.run.Environments
	for _, d := range s.sides {
		d.settle()
		s.summary.Trials.NotCounted += d.mixed
	}
	s.summary.ID, s.summary.Confidence = run.Header.ID, opts.confidence()
	s.describe()
	s.orders()
	s.warn()
	return s.summary, nil
}

func (s *survey) add(r *results.Record) {
	s.identify(r)
	s.machines.note(r)
	if r.Warmup {
		return
	}
	k := cellKey{s.planned.keyOf(r), r.Arm}
	if s.sides[k] == nil {
		s.sides[k] = newObservedSide()
	}
	d := s.sides[k]
	d.look(r)
	if s.planned.searches[r.Scenario] {
		s.summary.Trials.Planned++
		d.tries = append(d.tries, tryOf(r))
	}
	s.summary.Trials.plus(r)
	s.notes.take(r)
	if !d.counts(r) {
		return
	}
	d.forRecord(r).add(r, s.planned.observes.lane(r))
	to := &d.told
	if wasNatural(r) {
		to = &d.ownTold
	}
	to.add(r)
}

// identify keeps what a runtime is. One of several builds is several binaries, and of none of them alone.
func (s *survey) identify(r *results.Record) {
	id, known := s.ids[r.Arm]
	if !known {
		id = r.Runtime
	}
	if id.SHA256 != r.Runtime.SHA256 {
		id.SHA256, id.Size = "", 0
	}
	s.ids[r.Arm] = id
}

func (d *described) add(r *results.Record) {
	d.charge(r)
	d.network.add(r)
	d.outcomes[r.Outcome]++
	if v := r.Victim; v != nil {
		d.victims[v.Comm] = append(d.victims[v.Comm], [3]float64{float64(v.AnonBytes), float64(v.FileBytes), float64(v.ShmemBytes)})
	}
}

// look keeps how imposing went and what was found, of trials that do not count as well: it is why they do not.
func (d *observedSide) look(r *results.Record) {
	if r.Found != nil {
		d.allFound[r.Found.Order]++
	}
	e := r.Enforcement
	if e == nil {
		return
	}
	switch e.Outcome {
	case sequence.OrderImposed:
		d.imposing.Imposed++
	case sequence.OrderNotApplicable:
		d.imposing.NotApplicable++
	default:
		d.imposing.CouldNot++
	}
	d.notifications = append(d.notifications, float64(e.Notifications))
	d.held = append(d.held, float64(e.HeldNS))
}

func (d *described) charge(r *results.Record) {
	if r.Found == nil || r.LostEvents > 0 {
		return
	}
	for _, figure := range []struct {
		from *int64
		to   *[]float64
	}{
		{r.Found.CloneBytes, &d.clone}, {r.Found.CloneToContainer, &d.toContainer},
		{r.Found.CloneToRuntime, &d.toRuntime}, {r.Found.ChargedAtExec, &d.exec},
	} {
		if figure.from != nil {
			*figure.to = append(*figure.to, float64(*figure.from))
		}
	}
}

// describe walks the plan, so that the order is the plan's and a cell without a record shows.
func (s *survey) describe() {
	spec := s.run.Header.Spec
	for _, rt := range spec.Runtimes {
		if id, ok := s.ids[rt.Name]; ok && !scenarios.IsJoin(rt) {
			s.summary.Runtimes = append(s.summary.Runtimes, id)
		}
	}
	for _, sc := range spec.Scenarios {
		for _, rt := range spec.Runtimes {
			s.summary.Trials.Planned += trialsOf(spec, sc, rt)
		}
		switch {
		case sc.Joins != nil:
			s.describeJoins(sc)
			continue
		case sc.Search != nil: // its cells are of no limit: see Searches
			s.describeSearches(sc)
			continue
		}
		for _, k := range s.cellsOf(sc) {
			s.summary.Cells = append(s.summary.Cells, s.cell(sc, k))
			s.describeVictims(k)
			s.describeSessions(sc, k)
			s.describeLives(sc, k)
		}
	}
}

// cellsOf are the planned cells of all runtimes, those of one key together where more than one has it.
func (s *survey) cellsOf(sc scenarios.Scenario) (all []cellKey) {
	has := map[key][]string{}
	var order []key
	for _, rt := range s.run.Header.Spec.Runtimes {
		plan := s.layout(sc, rt)
		for _, group := range plan.groups {
			for _, k := range plan.in(group) {
				if has[k] == nil {
					order = append(order, k)
				}
				has[k] = append(has[k], rt.Name)
			}
		}
	}
	for _, k := range order {
		for _, name := range has[k] {
			all = append(all, cellKey{k, name})
		}
	}
	return all
}

// describeSearches replays the searches of each runtime, those of one cell next to each other.
func (s *survey) describeSearches(sc scenarios.Scenario) {
	var all []Sought
	for _, rt := range s.run.Header.Spec.Runtimes {
		all = append(all, s.run.Replays.searched(sc, s.layout(sc, rt).groups, []string{rt.Name}, func(k key, _ int) []try {
			return slices.Clone(s.side(cellKey{k, rt.Name}).tries)
		})...)
	}
	groups := s.merged(sc).groups
	slices.SortStableFunc(all, func(a, b Sought) int {
		return slices.Index(groups, a.key()) - slices.Index(groups, b.key())
	})
	s.summary.Searches = append(s.summary.Searches, all...)
}

func (s *survey) layout(sc scenarios.Scenario, rt scenarios.Runtime) layout {
	at := [2]string{sc.Name, rt.Name}
	l, known := s.layouts[at]
	if !known {
		l = layoutOf(s.run.Header.Spec, sc, rt)
		s.layouts[at] = l
	}
	return l
}

// merged has the cells that any runtime has.
func (s *survey) merged(sc scenarios.Scenario) layout {
	out := layout{limits: map[key][]int64{}}
	seen := map[key]bool{}
	for _, at := range s.cellsOf(sc) {
		if !seen[at.key] {
			seen[at.key] = true
			out.add(at.key)
		}
	}
	return out
}

func (s *survey) side(k cellKey) *observedSide {
	if found, ok := s.sides[k]; ok {
		return found
	}
	return newObservedSide()
}

// orders adds what there is to say of orders and lanes.
func (s *survey) orders() {
	runtimes, list := s.run.Header.Spec.Runtimes, s.run.Header.Spec.Scenarios
	for _, sc := range list {
		s.summary.Ladders = append(s.summary.Ladders, s.climb(sc)...)
	}
	s.summary.Matrices = s.drawing().matrices(list)
	s.summary.Findings = append(findings(s.summary.Ladders, s.opts.alpha()), soughtFindings(s.summary.Searches)...)
	s.summary.Notes = s.machines.observerCost(list, s.merged, len(runtimes), func(k key, i int) *side {
		return s.side(cellKey{k, runtimes[i].Name}).side
	}, s.opts.confidence())
}

func (s *survey) drawing() *drawing {
	d := &drawing{
		env: first(s.run.Environments), confidence: s.opts.confidence(), ladders: s.summary.Ladders,
		at: func(runtime string, k key) *side { return s.side(cellKey{k, runtime}).side },
	}
	for _, rt := range s.run.Header.Spec.Runtimes {
		d.arms = append(d.arms, drawnArm{rt, s.run.Header.Spec})
	}
	return d
}

// climb makes a scenario's ladders, those that several runtimes have next to each other.
func (s *survey) climb(sc scenarios.Scenario) []Ladder {
	var all []Ladder
	for _, rt := range s.run.Header.Spec.Runtimes {
		all = append(all, climb(sc, s.layout(sc, rt), []string{rt.Name}, func(k key, _ int) Count {
			return s.side(cellKey{k, rt.Name}).count
		})...)
	}
	rank := map[key]int{}
	for i, k := range s.merged(sc).ladders() {
		k.order = ""
		rank[k] = i
	}
	slices.SortStableFunc(all, func(a, b Ladder) int { return rank[a.key()] - rank[b.key()] })
	return all
}

func (s *survey) cell(sc scenarios.Scenario, k cellKey) CellSummary {
	d := s.side(k)
	lane := laneOf(&scenarios.Trial{Order: k.order, Observe: sc.Observe}, sc.Observes())
	c := CellSummary{
		Scenario: k.scenario, Runtime: k.runtime, Driver: k.driver, Order: k.order, Build: k.build, Place: k.place, Limit: k.limit, Enumerate: k.enumerate, Lane: lane,
		Outcomes: d.told.outcomes, NotApplicable: d.count.NotApplicable, NotCounted: d.apart(), Failure: d.failure,
		Start: s.spread(d.side, lane, d.startIn(lane)), Create: s.spread(d.side, lane, scenarios.CreateLatency),
		ContainerPeak: s.peak(d.side, lane, scenarios.ContainerMemoryPeak), RuntimePeak: s.peak(d.side, lane, scenarios.RuntimeMemoryPeak),
		Imposing: d.imposing, Found: d.allFound,
		Charges: ChargeSummary{
			Clone: middle(d.told.clone), ToContainer: middle(d.told.toContainer),
			ToRuntime: middle(d.told.toRuntime), AtExec: middle(d.told.exec),
		},
		Counters: CounterSummary{
			Syscalls: d.counted(lane, scenarios.StartSyscalls), PageFaults: d.counted(lane, scenarios.StartPageFaults),
		},
	}
	c.Network = d.told.network.summary()
	c.Imposing.Notifications, c.Imposing.HeldNS = middle(d.notifications), middle(d.held)
	if sc.Containers > 1 {
		c.Batch = batches(d.side, sc, lane)
	}
	return c
}

// startIn names the figure that start.latency is shown as: where the observer was in the way, the kernel's event, which
// has no work of the payload in it. Where nothing observed there is the stamp alone.
func (s *side) startIn(lane Lane) string {
	if (lane == Observed || lane == Enforced) && s.has(figure{lane, execLatency}) {
		return execLatency
	}
	return scenarios.StartLatency
}

func (d *observedSide) counted(lane Lane, name string) Sides {
	of := func(part string) float64 { return middle(floats(d.values(figure{lane, name + part}))) }
	return Sides{Container: of(containerPart), Runtime: of(runtimePart)}
}

// middle is what every figure called a median is: the value in the middle, or the mean of the middle two.
// Of the interval nothing is read.
func middle(values []float64) float64 { return stats.Median(values, 0.95).Center }

// spread describes the single starts; of concurrent batches, whose starts delay
// each other, the interval of the mean is that of the batches' means.
func (s *survey) spread(d *side, lane Lane, name string) Spread {
	points := d.values(figure{lane, name})
	all, means := floats(points), map[int][]float64{}
	units := all
	for _, p := range points {
		if d.batches.concurrent(p.Batch) {
			means[p.Batch] = append(means[p.Batch], float64(p.Value))
		}
	}
	if len(means) > 0 {
		units = nil
	}
	for _, id := range slices.Sorted(maps.Keys(means)) {
		units = append(units, stats.Mean(means[id], s.opts.confidence()).Center)
	}
	m := stats.Mean(units, s.opts.confidence())
	if len(units) < 3 || m.Lo <= 0 {
		// Of two values Student's interval is nine times as wide as they are apart. And no latency is
		// below nothing: where an end is, the values are too few or too skewed for what he assumes.
		m.Lo, m.Hi = math.Inf(-1), math.Inf(1)
	}
	return Spread{
		N: len(all), Median: stats.Median(all, s.opts.confidence()).Center,
		P95: stats.Quantile(all, 0.95), P99: stats.Quantile(all, 0.99),
		Mean: m.Center, MeanLo: m.Lo, MeanHi: m.Hi, Values: all,
	}
}

func floats(points []stats.Point) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = float64(p.Value)
	}
	return out
}

func (s *survey) peak(d *side, lane Lane, name string) Arm {
	return d.median(lane, name, s.opts.confidence())
}

func (s *side) median(lane Lane, name string, confidence float64) Arm {
	values := floats(s.values(figure{lane, name}))
	m := stats.Median(values, confidence)
	return Arm{N: len(values), Center: m.Center, Lo: m.Lo, Hi: m.Hi, Values: values}
}

func batches(d *side, sc scenarios.Scenario, lane Lane) BatchSummary {
	points := d.totals(func(l Lane) bool { return l == lane })
	out := BatchSummary{N: len(points), Containers: sc.Containers, Concurrent: sc.Concurrent}
	for _, p := range points {
		out.Values = append(out.Values, float64(p.Value))
	}
	out.Total = middle(out.Values)
	out.Fastest, out.Slowest = stats.Quantile(out.Values, 0), stats.Quantile(out.Values, 1)
	out.Each = out.Total / float64(sc.Containers)
	return out
}

func (s *survey) describeVictims(k cellKey) {
	victims := s.side(k).told.victims
	for _, comm := range slices.Sorted(maps.Keys(victims)) {
		s.summary.Victims = append(s.summary.Victims, victim(k, comm, victims[comm]))
	}
}

func victim(k cellKey, comm string, kills [][3]float64) VictimSummary {
	v := VictimSummary{Scenario: k.scenario, Runtime: k.runtime, Driver: k.driver, Order: k.order, Build: k.build, Place: k.place, Limit: k.limit, Enumerate: k.enumerate, Comm: comm, N: len(kills)}
	for i, held := range []*float64{&v.Anon, &v.File, &v.Shmem} {
		var values []float64
		for _, kill := range kills {
			values = append(values, kill[i])
		}
		*held = middle(values)
	}
	return v
}

func (s *survey) warn() {
	s.summary.Environment, s.summary.Environments = first(s.machines.envs), s.machines.firsts()
	mixed, differ := s.machines.compare()
	w := slices.Concat(s.machines.doubts(), mixed, differ, s.machines.boots())
	w = slices.Concat(w, mergeWarning(s.run.Header), tornWarning(s.run))
	if !s.run.Header.Adaptive() { // else the plan is only the most
		w = append(w, interrupted(s.summary.Trials, s.run.Header.Budget)...)
	}
	for _, sc := range s.run.Header.Spec.Scenarios {
		w = append(w, s.notCounted(sc)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.ids)) {
		w = append(w, onTmpfs(fmt.Sprintf("runtime %s", name), s.ids[name])...)
	}
	s.summary.Warnings = append(w, s.notes.list()...)
}

func (s *survey) notCounted(sc scenarios.Scenario) []string {
	var out []string
	for _, group := range s.merged(sc).groups {
		for _, rt := range s.run.Header.Spec.Runtimes {
			cells := s.layout(sc, rt).in(group)
			if len(cells) > 0 {
				out = append(out, unordered(cells, rt.Name, func(k key) *side { return s.side(cellKey{k, rt.Name}).side })...)
			}
		}
	}
	return out
}

// plus counts one trial.
func (t *Trials) plus(r *results.Record) {
	t.Recorded++
	if len(r.Leaks) > 0 {
		t.Leaking++
	}
	if countOf(r.Outcome).Failed > 0 {
		t.Failed++
	}
	if counted, _ := r.Counted(); !counted {
		t.NotCounted++
	}
}

// interrupted is about a plan that was not made whole. Of budgets only that of a run's beginning is stored: a resumed run
// may have had another, or none.
func interrupted(t Trials, budget time.Duration) []string {
	switch {
	case t.Recorded >= t.Planned:
		return nil
	case budget > 0:
		return []string{fmt.Sprintf("%d of %d planned trials are recorded: a budget of %s was given when the run began", t.Recorded, t.Planned, budget)}
	}
	return []string{fmt.Sprintf("%d of %d planned trials are recorded: the run was ended before its plan was", t.Recorded, t.Planned)}
}

// Known reports whether an arm has a value at all.
func (a Arm) Known() bool { return a.N > 0 && !math.IsNaN(a.Center) }

package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

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
	Runtimes    []results.RuntimeID // those with a trial, in the header's order
	Cells       []CellSummary
	Ladders     []LadderSummary
	Victims     []VictimSummary
	Trials      Trials
	Warnings    []string
	Confidence  float64
}

// CellSummary is one runtime in one cell. Estimates of which there is no value have N 0.
type CellSummary struct {
	Scenario string
	Runtime  string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Limit    int64 // bytes; 0: none
	// Outcomes counts the trials by how they ended; the sum is all of them.
	Outcomes map[results.Outcome]int
	// Latencies in ns, of trials that started.
	Start, Create Spread
	// Batches, in ns; N is 0 in scenarios of one container a batch.
	Batch BatchSummary
	// Peaks in bytes, of trials that started: the median with its interval.
	ContainerPeak, RuntimePeak Arm
}

// Trials is the number of trials in the cell.
func (c CellSummary) Trials() int {
	n := 0
	for _, k := range c.Outcomes {
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

// LadderSummary shows, for each limit and runtime, how many containers started.
type LadderSummary struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Runtimes []string
	Rungs    []LadderRung
}

// LadderRung has one count for each of the ladder's runtimes.
type LadderRung struct {
	Limit  int64
	Counts []Count
}

// VictimSummary is what the kernel said of the processes it killed: medians over N kills.
type VictimSummary struct {
	Scenario string
	Runtime  string
	Driver   cgroupjoin.Driver
	Limit    int64
	Comm     string
	N        int
	// Bytes the victim held.
	Anon, File, Shmem float64
}

type cellKey struct {
	key
	runtime string
}

type victimKey struct {
	cellKey
	comm string
}

// survey is what Summarize keeps of the records.
type survey struct {
	run      Run
	opts     Options
	sides    map[cellKey]*side
	outcomes map[cellKey]map[results.Outcome]int
	victims  map[victimKey][][3]float64
	ids      map[string]results.RuntimeID
	orders   map[string][]sequence.Order
	notes    counter
	summary  Summary
}

// Summarize describes a run. It judges nothing: a run of one failed trial has a summary too.
func Summarize(run Run, opts Options) (Summary, error) {
	s := &survey{
		run: run, opts: opts,
		sides: map[cellKey]*side{}, outcomes: map[cellKey]map[results.Outcome]int{},
		victims: map[victimKey][][3]float64{}, ids: map[string]results.RuntimeID{},
		orders: map[string][]sequence.Order{}, notes: counter{},
	}
	for r, err := range run.Records {
		if err != nil {
			return Summary{}, err
		}
		s.add(&r)
	}
	s.summary.ID, s.summary.Confidence = run.Header.ID, opts.confidence()
	s.describe()
	s.warn()
	return s.summary, nil
}

func (s *survey) add(r *results.Record) {
	if _, known := s.ids[r.Arm]; !known {
		s.ids[r.Arm] = r.Runtime
	}
	if r.Warmup {
		return
	}
	k := cellKey{key{r.Scenario, r.Driver, r.Order, r.Limit}, r.Arm}
	if s.sides[k] == nil {
		s.sides[k], s.outcomes[k] = newSide(), map[results.Outcome]int{}
		s.orders[r.Scenario] = appendOrder(s.orders[r.Scenario], r.Order)
	}
	s.sides[k].add(r)
	s.outcomes[k][r.Outcome]++
	s.summary.Trials.plus(r)
	s.notes.take(r)
	if v := r.Victim; v != nil {
		vk := victimKey{k, v.Comm}
		s.victims[vk] = append(s.victims[vk], [3]float64{float64(v.AnonBytes), float64(v.FileBytes), float64(v.ShmemBytes)})
	}
}

// describe walks the plan, so that the order is the plan's and a cell without a record shows.
func (s *survey) describe() {
	spec := s.run.Header.Spec
	for _, rt := range spec.Runtimes {
		if id, ok := s.ids[rt.Name]; ok {
			s.summary.Runtimes = append(s.summary.Runtimes, id)
		}
	}
	for _, sc := range spec.Scenarios {
		s.summary.Trials.Planned += plannedOf(sc) * len(spec.Runtimes)
		for _, driver := range sc.Drivers {
			s.describeDriver(sc, driver)
		}
	}
}

// plannedOf is the number of trials of one runtime in a scenario.
func plannedOf(sc scenarios.Scenario) int {
	return sc.Trials * sc.Containers * len(sc.Drivers) * len(limitsOf(sc))
}

func (s *survey) describeDriver(sc scenarios.Scenario, driver cgroupjoin.Driver) {
	orders := s.orders[sc.Name]
	if len(orders) == 0 {
		orders = []sequence.Order{natural}
	}
	for _, order := range orders {
		s.describeLadder(sc, driver, order)
	}
}

func (s *survey) describeLadder(sc scenarios.Scenario, driver cgroupjoin.Driver, order sequence.Order) {
	ladder := LadderSummary{Scenario: sc.Name, Driver: driver, Order: order}
	for _, rt := range s.run.Header.Spec.Runtimes {
		ladder.Runtimes = append(ladder.Runtimes, rt.Name)
	}
	for _, limit := range limitsOf(sc) {
		g := LadderRung{Limit: limit}
		for _, runtime := range ladder.Runtimes {
			k := cellKey{key{sc.Name, driver, order, limit}, runtime}
			s.summary.Cells = append(s.summary.Cells, s.cell(sc, k))
			s.describeVictims(k)
			g.Counts = append(g.Counts, s.side(k).count)
		}
		ladder.Rungs = append(ladder.Rungs, g)
	}
	if len(sc.Limits) > 0 {
		s.summary.Ladders = append(s.summary.Ladders, ladder)
	}
}

func (s *survey) side(k cellKey) *side {
	if found, ok := s.sides[k]; ok {
		return found
	}
	return newSide()
}

func (s *survey) cell(sc scenarios.Scenario, k cellKey) CellSummary {
	d := s.side(k)
	c := CellSummary{
		Scenario: k.scenario, Runtime: k.runtime, Driver: k.driver, Order: k.order, Limit: k.limit,
		Outcomes: s.outcomes[k],
		Start:    s.spread(d, scenarios.StartLatency), Create: s.spread(d, scenarios.CreateLatency),
		ContainerPeak: s.peak(d, scenarios.ContainerMemoryPeak), RuntimePeak: s.peak(d, scenarios.RuntimeMemoryPeak),
	}
	if sc.Containers > 1 {
		c.Batch = batches(d, sc)
	}
	return c
}

// spread describes the single starts; of concurrent batches, whose starts delay
// each other, the interval of the mean is that of the batches' means.
func (s *survey) spread(d *side, name string) Spread {
	all, means := floats(d.values[name]), map[int][]float64{}
	units := all
	for _, p := range d.values[name] {
		if d.batches[p.Batch].concurrent {
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

func (s *survey) peak(d *side, name string) Arm {
	values := floats(d.values[name])
	m := stats.Median(values, s.opts.confidence())
	return Arm{N: len(values), Center: m.Center, Lo: m.Lo, Hi: m.Hi, Values: values}
}

func batches(d *side, sc scenarios.Scenario) BatchSummary {
	points, _ := d.points(metric{name: scenarios.BatchTotal})
	out := BatchSummary{N: len(points), Containers: sc.Containers, Concurrent: sc.Concurrent}
	for _, p := range points {
		out.Values = append(out.Values, float64(p.Value))
	}
	out.Total = stats.Quantile(out.Values, 0.5)
	out.Fastest, out.Slowest = stats.Quantile(out.Values, 0), stats.Quantile(out.Values, 1)
	out.Each = out.Total / float64(sc.Containers)
	return out
}

func (s *survey) describeVictims(k cellKey) {
	var found []VictimSummary
	for vk, kills := range s.victims {
		if vk.cellKey == k {
			found = append(found, victim(vk, kills))
		}
	}
	slices.SortFunc(found, func(a, b VictimSummary) int { return cmp.Compare(a.Comm, b.Comm) })
	s.summary.Victims = append(s.summary.Victims, found...)
}

func victim(k victimKey, kills [][3]float64) VictimSummary {
	v := VictimSummary{Scenario: k.scenario, Runtime: k.runtime, Driver: k.driver, Limit: k.limit, Comm: k.comm, N: len(kills)}
	for i, held := range []*float64{&v.Anon, &v.File, &v.Shmem} {
		var values []float64
		for _, kill := range kills {
			values = append(values, kill[i])
		}
		*held = stats.Quantile(values, 0.5)
	}
	return v
}

func (s *survey) warn() {
	var w []string
	if envs := s.run.Environments; len(envs) > 0 {
		s.summary.Environment = envs[0]
		mixed, differ := compareEnvironments(envs)
		w = slices.Concat(doubts(envs[0]), mixed, differ, boots(envs))
	}
	w = append(w, tornWarning(s.run)...)
	w = append(w, interrupted(s.summary.Trials)...)
	for _, name := range slices.Sorted(maps.Keys(s.ids)) {
		w = append(w, onTmpfs(fmt.Sprintf("runtime %s", name), s.ids[name])...)
	}
	s.summary.Warnings = append(w, s.notes.list()...)
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
}

func interrupted(t Trials) []string {
	if t.Recorded >= t.Planned {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d planned trials are recorded: the run was interrupted", t.Recorded, t.Planned)}
}

// Known reports whether an arm has a value at all.
func (a Arm) Known() bool { return a.N > 0 && !math.IsNaN(a.Center) }

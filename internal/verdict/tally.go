package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// The two sides of every row.
const (
	baseline = iota
	candidate
	arms
)

var armNames = [arms]string{"baseline", "candidate"}

// batch is what is kept of the trials of one batch: integers, never records.
type batch struct {
	id, block int
	lane      Lane
	count     Count
	// ordered trials were natural starts of which an observer saw the order, or that there is none; in joinFirst of them
	// the join came before the clone was sealed.
	joinFirst, ordered int
	// The batch's clock: the sum of its trials' times until delete, and the first
	// start and last end; done counts the trials that have them.
	sum, first, last int64
	done, size       int32
	left             int32 // behind, by its trials that started
	concurrent       bool
}

// total is the batch's own time: from the first create to the last delete of a
// concurrent batch, the sum of all starts of a sequential one, where the harness's
// own work between two containers is nobody's.
func (b batch) total() (ns int64, complete bool) {
	if b.done < b.size {
		return 0, false
	}
	if b.concurrent {
		return b.last - b.first, true
	}
	return b.sum, true
}

// side is one arm in one cell.
type side struct {
	batches batchList
	// blocks that trials were made in, counted or not; one may stand there more than once.
	blocks []entered
	// tries are the starts of a search.
	tries []try
	count Count
	leaks []float64 // a trial each
	// sessions are those that ended well with a whole census, blind ones those without.
	sessions []session
	blind    int
	lives    []livesSession
	sheets   map[Lane]*sheet
	started  map[Lane]int
	// lost counts the started trials of which the observer lost events.
	lost    int
	failure string // the first reason of a trial that failed
	leak    string // the first thing left behind
	// uncounted trials belong to no cell; why has the first one's reason.
	uncounted int
	why       string
	// strayed and beside are the uncounted and the mixed trials, by their blocks.
	strayed, beside []entered
	paid            payments
	found           map[sequence.Found]int
	// taken trials had their order imposed.
	taken int
	// unseen trials count, and that they took their order only the enforcer says.
	unseen int
	// own has the trials to which the cell's order did not apply, until settle knows what becomes
	// of them; nil where there are none. mixed is how many of them were left out.
	own   *side
	mixed int
}

// apart is how many trials of the cell are in no figure of it.
func (s *side) apart() int { return s.uncounted + s.mixed }

// figure is what a value of a trial that started is of.
type figure struct {
	lane Lane
	name string
}

// execLatency is start.latency to the exec as the kernel saw it. It is shown of observed trials and judged of none.
const execLatency = "exec.latency"

// The two parts of a metric that has sides, beside its sum.
const (
	containerPart = "/container"
	runtimePart   = "/runtime"
)

func (s *side) sorted() []batch {
	all := slices.Clone(s.batches.all)
	slices.SortFunc(all, func(a, b batch) int { return cmp.Compare(a.id, b.id) })
	return all
}

func newSide() *side {
	return &side{sheets: map[Lane]*sheet{}, started: map[Lane]int{}, found: map[sequence.Found]int{}}
}

type cell [arms]*side

// tally is all that is kept of one or two runs' records.
type tally struct {
	cells    map[key]*cell
	runtimes [arms]results.RuntimeID
	mixed    [arms]bool
	invalid  []string
	notes    tallied
	trials   Trials
	planned  planned
	machines *machines
}

func newTally() *tally {
	return &tally{cells: map[key]*cell{}, notes: tallied{}, planned: newPlanned(), machines: newMachines()}
}

// planned is what the plan says of a scenario's records that they do not say themselves.
type planned struct {
	observes observing
	searches map[string]bool
}

func newPlanned() planned { return planned{observing{}, map[string]bool{}} }

func (o planned) plan(spec scenarios.Spec) {
	o.observes.plan(spec)
	for _, sc := range spec.Scenarios {
		o.searches[sc.Name] = sc.Search != nil
	}
}

// observing has the scenarios for which the observer is loaded.
type observing map[string]bool

func (o observing) plan(spec scenarios.Spec) {
	for _, sc := range spec.Scenarios {
		o[sc.Name] = sc.Observes()
	}
}

func (o observing) lane(r *results.Record) Lane { return laneOf(&r.Trial, o[r.Scenario]) }

// tallied collects texts that may come once a trial.
type tallied map[string]int

// take counts a record's own warnings.
func (c tallied) take(r *results.Record) {
	for _, w := range r.Warnings {
		c[fmt.Sprintf("%s, %s: %s", r.Scenario, r.Driver, w)]++
	}
}

// list gives each text once, with how many trials it came from, in a stable order.
func (c tallied) list() []string {
	var out []string
	for _, text := range slices.Sorted(maps.Keys(c)) {
		out = append(out, fmt.Sprintf("%s (%s)", text, plural(c[text], "trial")))
	}
	return out
}

// read takes in a run's records; sideOf says which arm a runtime's name is.
func (t *tally) read(run *Run, sideOf func(string) (int, bool)) error {
	t.planned.plan(run.Header.Spec)
	t.machines.plan(run.Header.Spec)
	for r, err := range run.Records {
		if err != nil {
			return err
		}
		i, known := sideOf(r.Arm)
		switch {
		case !known:
			return &results.InputError{Path: run.Name, Why: fmt.Sprintf("trial %d: runtime %q is not one the run's header names", r.Index, r.Arm)}
		case i < 0:
			continue
		}
		t.identify(i, &r)
		t.machines.note(&r)
		if !r.Warmup {
			t.add(i, &r)
		}
	}
	run.wasRead()
	t.machines.envs = append(t.machines.envs, run.Environments...)
	return nil
}

// identify holds an arm to one binary: a sample of two is a sample of neither.
func (t *tally) identify(i int, r *results.Record) {
	id := &t.runtimes[i]
	if *id == (results.RuntimeID{}) {
		*id = r.Runtime
	}
	if t.mixed[i] || id.SHA256 == r.Runtime.SHA256 && id.Filesystem == r.Runtime.Filesystem {
		return
	}
	t.mixed[i] = true
	t.invalid = append(t.invalid, fmt.Sprintf("the %s is not one binary: %s on %s, but %s on %s in trial %d", armNames[i],
		short(id.SHA256), id.Filesystem, short(r.Runtime.SHA256), r.Runtime.Filesystem, r.Index))
}

func short(sha string) string {
	if len(sha) > 12 {
		return sha[:12]
	}
	return sha
}

func (t *tally) add(i int, r *results.Record) {
	t.trials.plus(r)
	t.notes.take(r)
	k := t.planned.keyOf(r)
	s := t.cell(k)[i]
	s.blocks = enter(s.blocks, r.Block, 1)
	if t.planned.searches[r.Scenario] {
		t.trials.Planned++
		s.tries = append(s.tries, tryOf(r))
	}
	counted := s.counts(r)
	if len(r.Leaks) > 0 && (!counted || r.Outcome != results.Started) {
		what := "after a start that was " + string(r.Outcome)
		if !counted {
			what = "in a trial that is not counted"
		}
		t.notes[leftBehind(k, i, what)]++
	}
	if counted {
		s.forRecord(r).add(r, t.planned.observes.lane(r))
	}
}

// forRecord is the side itself, or that of the trials to which the order did not apply.
func (s *side) forRecord(r *results.Record) *side {
	if !wasNatural(r) {
		return s
	}
	if s.own == nil {
		s.own = newSide()
	}
	return s.own
}

// settle decides, when all records are read, over the trials to which the order did not apply. Where
// no trial took the order they are the cell. Where one did, the runtime can take it, and
// natural starts under the order's name would only thin out what the order does: they are left out.
func (s *side) settle() (out *side) {
	own := s.own
	switch {
	case own == nil:
		return nil
	case s.count.Trials() > 0:
		s.own, s.mixed = nil, own.count.Trials()
		for i := range own.batches.all {
			b := &own.batches.all[i]
			s.beside = enter(s.beside, b.block, b.count.Trials())
		}
		return own
	}
	own.uncounted, own.strayed, own.why, own.blocks, own.tries = s.uncounted, s.strayed, s.why, s.blocks, s.tries
	*s = *own
	return nil
}

// settle does so for every cell.
func (t *tally) settle() {
	for k, c := range t.cells {
		for i, s := range c {
			out := s.settle()
			t.trials.NotCounted += s.mixed
			if out != nil {
				t.noteLeaks(k, i, out)
			}
		}
	}
}

func (t *tally) noteLeaks(k key, arm int, out *side) {
	for _, n := range out.leaks {
		if n > 0 {
			t.notes[leftBehind(k, arm, "in a trial that is not counted")]++
		}
	}
}

func leftBehind(k key, arm int, when string) string {
	return fmt.Sprintf("%s, %s: the %s left something behind %s", k.scenario, k.driver, armNames[arm], when)
}

func (t *tally) cell(k key) *cell {
	c, ok := t.cells[k]
	if !ok {
		c = &cell{newSide(), newSide()}
		t.cells[k] = c
	}
	return c
}

// counts keeps a trial that is in no cell out of its figures, and in mind.
func (s *side) counts(r *results.Record) bool {
	counted, why := r.Counted()
	if !counted {
		s.uncounted++
		s.strayed = enter(s.strayed, r.Block, 1)
		if s.why == "" {
			s.why = why
		}
	}
	return counted
}

func countOf(o results.Outcome) Count {
	switch o {
	case results.Started:
		return Count{Started: 1}
	case results.InitOOMKilled, results.PayloadOOMKilled:
		return Count{OOMKilled: 1}
	}
	return Count{Failed: 1}
}

func (c *Count) plus(d Count) {
	c.Started += d.Started
	c.OOMKilled += d.OOMKilled
	c.Failed += d.Failed
	c.NotApplicable += d.NotApplicable
}

// countRecord is the count of one trial.
func countRecord(r *results.Record) Count {
	c := countOf(r.Outcome)
	if wasNatural(r) {
		c.NotApplicable = 1
	}
	return c
}

func wasNatural(r *results.Record) bool {
	return r.Enforcement != nil && r.Enforcement.Outcome == sequence.OrderNotApplicable
}

func (s *side) add(r *results.Record, lane Lane) {
	b := s.batches.of(r, lane)
	n := countRecord(r)
	s.count.plus(n)
	b.count.plus(n)
	s.paid.add(r)
	if r.Found != nil {
		s.found[r.Found.Order]++
		b.order(r.Found.Order, lane)
	} else if orderOf(&r.Trial) != natural {
		s.unseen++
	}
	if r.Enforcement != nil && r.Enforcement.Outcome == sequence.OrderImposed {
		s.taken++
	}
	if n.Failed > 0 && s.failure == "" {
		s.failure = failure(r)
	}
	if r.Outcome == results.Started {
		s.measure(r, lane)
		b.clock(r)
		s.addSession(r)
		s.addLives(r)
		s.leaks = append(s.leaks, float64(len(r.Leaks)))
		b.left += int32(len(r.Leaks))
		if len(r.Leaks) > 0 && s.leak == "" {
			s.leak = r.Leaks[0]
		}
	}
}

// order counts a natural start by its order; that of one with an order imposed is the filter's doing.
func (b *batch) order(found sequence.Found, lane Lane) {
	if lane != Observed || found == sequence.FoundUnknown {
		return
	}
	b.ordered++
	if found == sequence.FoundJoinBeforeClone || found == sequence.FoundOverlapping {
		b.joinFirst++
	}
}

// entered says how many trials were made in a block.
type entered struct{ block, trials int }

// enter notes that trials of a block were made. Blocks of a cell follow one another but for those made side by side.
func enter(all []entered, block, trials int) []entered {
	if n := len(all); n > 0 && all[n-1].block == block {
		all[n-1].trials += trials
		return all
	}
	return append(all, entered{block, trials})
}

// trialsIn are those that were made in some blocks.
func trialsIn(all []entered, in blockSet) (n int) {
	for _, e := range all {
		if in.has(e.block) {
			n += e.trials
		}
	}
	return n
}

// with are the blocks, rising, in which either arm made so many trials at the least.
func (c *cell) with(trials int) (blocks []int) {
	sums := map[int]*[arms]int{}
	for i, s := range c {
		for _, e := range s.blocks {
			if sums[e.block] == nil {
				sums[e.block] = new([arms]int)
			}
			sums[e.block][i] += e.trials
		}
	}
	for block, n := range sums {
		if min(n[baseline], n[candidate]) >= trials {
			blocks = append(blocks, block)
		}
	}
	slices.Sort(blocks)
	return blocks
}

// measure keeps the values of a trial that started. Those of one that was killed
// are not of the same kind: its latency has no end, its peak is the limit.
func (s *side) measure(r *results.Record, lane Lane) {
	s.started[lane]++
	if r.LostEvents > 0 {
		s.lost++
	}
	sheet := s.sheet(lane)
	sheet.begin(r)
	if v, ok := r.ExecLatency(); ok {
		sheet.keep(execLatency, v)
	}
	for _, m := range table {
		if m.read == nil || m.name != m.measured {
			continue
		}
		if v, ok := m.read(r); ok {
			sheet.keep(m.name, v)
		}
		if m.split == nil {
			continue
		}
		if container, runtime, ok := m.split(r); ok {
			sheet.keep(m.containerPart, container)
			sheet.keep(m.runtimePart, runtime)
		}
	}
}

func (b *batch) clock(r *results.Record) {
	own, ok := life(r)
	if end, ended := value(r.Latency.Deleted); ok && ended {
		b.done++
		b.sum += own
		b.first = min(b.first, r.StartNS)
		b.last = max(b.last, r.StartNS+end)
	}
}

// points are the values of one metric; missing counts the started trials without one.
func (s *side) points(m metric) (points []stats.Point, missing int) {
	if m.read == nil {
		return s.totals(m.counts), 0
	}
	for _, lane := range lanes {
		if m.counts(lane) {
			all := s.values(figure{lane, m.measured})
			points = append(points, all...)
			missing += s.started[lane] - len(all)
		}
	}
	return points, missing
}

// part is the median of one side of a metric that has sides.
func (s *side) part(m metric, part string, in blockSet) float64 {
	var all []float64
	for _, lane := range lanes {
		if m.counts(lane) {
			all = append(all, floats(in.points(s.values(figure{lane, m.measured + part})))...)
		}
	}
	return middle(all)
}

// totals are the times of whole batches in the lanes that count.
func (s *side) totals(counts func(Lane) bool) (points []stats.Point) {
	for _, b := range s.sorted() {
		if v, complete := b.total(); complete && counts(b.lane) {
			points = append(points, stats.Point{Block: b.block, Batch: b.id, Value: v})
		}
	}
	return points
}

// events counts a rate's units. The trials of a concurrent batch are killed by each
// other's memory and fail by each other's load: together they are one unit, an
// event if any of them is.
func (s *side) events(m metric, in blockSet) stats.Count {
	var sum stats.Count
	for i := range s.batches.all {
		b := &s.batches.all[i]
		if !in.has(b.block) {
			continue
		}
		sum = plus(sum, b.events(m))
	}
	return sum
}

func plus(a, b stats.Count) stats.Count { return stats.Count{X: a.X + b.X, N: a.N + b.N} }

func (b *batch) events(m metric) stats.Count {
	x, n := m.events(b)
	if b.concurrent {
		x, n = min(x, 1), min(n, 1)
	}
	return stats.Count{X: float64(x), N: float64(n)}
}

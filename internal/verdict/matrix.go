package verdict

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Matrix answers, for a scenario with several orders or builds, or with built-in runtimes that are told apart by theirs, who pays for the clone, from which limit on a container
// starts, and how long that takes.
type Matrix struct {
	Scenario string
	// Rows are those with a recorded trial: runtimes as they were named, then builds, drivers and orders.
	Rows []MatrixRow
	// Places are those of the limits that the rows have.
	Places     []cgroupjoin.Place
	Arithmetic Arithmetic
	// Blanks are the drivers and orders that a build with a row has none in.
	Blanks []Blank
	// Senseless has why cells are not in the plan, each reason once.
	Senseless []Senseless
	// Cells is the number of planned ones, of all runtimes; Reached how many have a recorded trial.
	Cells, Reached int
}

// Senseless is a reason for which cells are not planned.
type Senseless struct {
	Why   string
	Cells int
}

// Blank is where a row would be, and why there is none.
type Blank struct {
	Runtime string
	Build   scenarios.Build // as in the rows
	// BinaryBytes as the build's rows have it.
	BinaryBytes int64
	Driver      cgroupjoin.Driver
	Order       sequence.Order
	Why         string
}

// NotReached is why a planned row is blank.
const NotReached = "not reached"

// MatrixRow is one build of one runtime in one order, under all its limits.
type MatrixRow struct {
	Runtime string
	// Build has what the runtime's reference settles too, as far as that says.
	Build  scenarios.Build
	Driver cgroupjoin.Driver
	Order  sequence.Order
	// BinaryBytes is the size of the binary that ran, which a copy copies.
	BinaryBytes int64
	// Lane of the trials, that of Latency among them.
	Lane Lane
	// Trials count, over all limits; of these, Unconfirmed ones have only the enforcer's word for their order, and
	// NotApplicable ones were started in their natural order. NotCounted ones are in no other figure.
	Trials, NotCounted, NotApplicable, Unconfirmed int
	Found                                          map[sequence.Found]int
	// Reference is the limit whose starts the figures up to Latency are of: none, or else the highest at which any was
	// recorded. Referred tells that there is one.
	Referred       bool
	ReferencePlace cgroupjoin.Place
	ReferenceLimit int64
	Payer          Payer
	// In bytes: the copy, and the parts of it that were charged.
	Clone, ToContainer, ToRuntime Range
	// Copy is the time of the copy as the built-in runtime reported it, in ns.
	Copy Range
	// Latency is the median of start.latency with its interval, in ns.
	Latency Arm
	// Thresholds has one entry for each place of a limit.
	Thresholds []PlacedThreshold
	Cells      []MatrixCell
	index      rowKey
}

// PlacedThreshold is start.threshold of limits set in one place.
type PlacedThreshold struct {
	Place     cgroupjoin.Place
	Threshold Threshold
	// Worst is that in the worst order of the same build; nil where one order alone is planned.
	Worst *Threshold
}

// MatrixCell is a row under one limit.
type MatrixCell struct {
	Place cgroupjoin.Place // of the limit
	Limit int64            // 0: none
	Count Count
	// Prediction is what arithmetic says of the cell; nil where it cannot, and Open why.
	Prediction *Prediction
	Open       Open
}

type rowKey struct {
	runtime string
	key
}

// matrixOf draws a scenario's matrix; nil where it has neither orders nor builds, nor runtimes whose references are builds.
func (s *survey) matrixOf(sc scenarios.Scenario) *Matrix {
	builds := sc.HasBuilds() || slices.ContainsFunc(s.run.Header.Spec.Runtimes, func(rt scenarios.Runtime) bool {
		return referred(scenarios.Build{}, rt.Ref) != scenarios.Build{}
	})
	if sc.Joins != nil || !builds && len(sc.AllOrders()) < 2 {
		return nil
	}
	m := &Matrix{Scenario: sc.Name}
	senseless := map[string]int{}
	for _, rt := range s.run.Header.Spec.Runtimes {
		var all []excluded
		for c, why := range s.run.Header.Spec.Cells(sc, rt) {
			if why != "" {
				m.exclude(senseless, why)
			}
			all = append(all, excluded{keyIn(sc.Name, c).whole(), why})
		}
		from := len(m.Rows)
		s.addRows(m, sc, rt)
		m.blank(m.Rows[from:], all)
	}
	m.sort(s.run.Header.Spec.Runtimes)
	s.reckon(m, sc)
	return m
}

// exclude counts a reason; at has the place of each in the list.
func (m *Matrix) exclude(at map[string]int, why string) {
	i, known := at[why]
	if !known {
		i = len(m.Senseless)
		at[why] = i
		m.Senseless = append(m.Senseless, Senseless{Why: why})
	}
	m.Senseless[i].Cells++
}

// excluded is a row's key and why one of its cells is not planned; empty where it is.
type excluded struct {
	key
	why string
}

// whole is the key of all cells that make one row.
func (k key) whole() key {
	k.place, k.limit = "", 0
	return k
}

// blank lists what is missing beside a runtime's rows. A row is senseless where each of its cells is.
func (m *Matrix) blank(rows []MatrixRow, all []excluded) {
	have, builds := map[key]bool{}, map[scenarios.Build]MatrixRow{}
	for _, r := range rows {
		have[r.index.key], builds[r.index.build] = true, r
	}
	at := map[key]int{}
	for _, x := range all {
		like, known := builds[x.build]
		if !known || have[x.key] {
			continue
		}
		i, listed := at[x.key]
		if !listed {
			i = len(m.Blanks)
			at[x.key] = i
			m.Blanks = append(m.Blanks, Blank{like.Runtime, like.Build, like.BinaryBytes, x.driver, x.order, x.why})
		}
		if x.why == "" {
			m.Blanks[i].Why = NotReached
		}
	}
}

// addRows makes the rows of one runtime, those of one build and order being groups of different places.
func (s *survey) addRows(m *Matrix, sc scenarios.Scenario, rt scenarios.Runtime) {
	plan := s.layout(sc, rt)
	m.Cells += plan.cells
	rows := map[key]int{}
	for _, group := range plan.groups {
		whole := group.whole()
		for _, k := range plan.in(group) {
			d := s.side(cellKey{k, rt.Name})
			if d.made() == 0 {
				continue
			}
			m.Reached++
			i, known := rows[whole]
			if !known {
				i = len(m.Rows)
				rows[whole] = i
				m.Rows = append(m.Rows, newMatrixRow(sc, rt, whole))
			}
			m.Rows[i].take(k, d)
			if k.place != "" && !slices.Contains(m.Places, k.place) {
				m.Places = append(m.Places, k.place)
			}
		}
	}
	slices.Sort(m.Places)
	slices.Reverse(m.Places) // the container's first
	for _, i := range rows {
		s.describeRow(&m.Rows[i])
	}
}

// made is the number of trials that were recorded, whether they count or not.
func (s *side) made() int { return s.count.Trials() + s.apart() }

func newMatrixRow(sc scenarios.Scenario, rt scenarios.Runtime, k key) MatrixRow {
	return MatrixRow{
		Runtime: rt.Name, Build: referred(k.build, rt.Ref), Driver: k.driver, Order: k.order,
		Lane:  laneOf(&scenarios.Trial{Order: k.order, Observe: sc.Observe}, sc.Observes()),
		Found: map[sequence.Found]int{}, index: rowKey{rt.Name, k},
	}
}

// referred fills in what a built-in runtime's reference says of a build that leaves it to that.
func referred(b scenarios.Build, ref string) scenarios.Build {
	if !scenarios.IsBuiltin(ref) {
		return b
	}
	_, options, _ := strings.Cut(ref, ":")
	for option := range strings.SplitSeq(options, ",") {
		switch name, value, _ := strings.Cut(option, "="); {
		case name == "clone" && b.Clone == "":
			b.Clone = memfdclone.Where(value)
		case name == "strategy" && b.Strategy == "":
			b.Strategy = memfdclone.Strategy(value)
		}
	}
	return b
}

// take adds one cell.
func (r *MatrixRow) take(k key, d *observedSide) {
	r.Trials += d.count.Trials()
	r.NotApplicable += d.count.NotApplicable
	r.NotCounted += d.apart()
	r.Unconfirmed += d.unseen
	for order, n := range d.told.found {
		r.Found[order] += n
	}
	r.Cells = append(r.Cells, MatrixCell{Place: k.place, Limit: k.limit, Count: d.count})
	if r.BinaryBytes == 0 {
		r.BinaryBytes = d.told.paid.size
	}
}

// describeRow fills in what is of the reference, and the thresholds.
func (s *survey) describeRow(r *MatrixRow) {
	r.refer()
	d := s.sideOf(*r, r.ReferencePlace, r.ReferenceLimit)
	if !r.Referred {
		d = newObservedSide()
	}
	p := &d.told.paid
	r.Payer = p.payer(r.Build.Clone, s.pageSize())
	r.Clone, r.ToContainer, r.ToRuntime, r.Copy = rangeOf(p.clone), rangeOf(p.toContainer), rangeOf(p.toRuntime), rangeOf(p.took)
	r.Latency = s.peak(d.side, r.Lane, d.startIn(r.Lane))
	for _, l := range s.summary.Ladders {
		if l.Runtime == r.Runtime && l.Scenario == r.index.scenario && l.Driver == r.Driver && l.Build == r.index.build {
			r.Thresholds = append(r.Thresholds, l.placed(r.Order)...)
		}
	}
}

// refer picks the reference: no limit, or else the highest, the container's own before its ancestor's.
func (r *MatrixRow) refer() {
	best := -1
	for i, c := range r.Cells {
		switch {
		case c.Count.Started == 0:
			continue
		case best < 0 || betterReference(c, r.Cells[best]):
			best = i
		}
	}
	if best >= 0 {
		r.Referred, r.ReferencePlace, r.ReferenceLimit = true, r.Cells[best].Place, r.Cells[best].Limit
	}
}

func betterReference(a, b MatrixCell) bool {
	switch {
	case a.Limit == 0 || b.Limit == 0:
		return a.Limit == 0
	case a.Limit != b.Limit:
		return a.Limit > b.Limit
	}
	return a.Place == cgroupjoin.OnContainer && b.Place != cgroupjoin.OnContainer
}

func (l Ladder) placed(order sequence.Order) []PlacedThreshold {
	for _, o := range l.Orders {
		if o.Order != order {
			continue
		}
		p := PlacedThreshold{Place: l.Place, Threshold: o.Threshold}
		if len(l.Orders) > 1 {
			worst := l.WorstThreshold()
			p.Worst = &worst
		}
		return []PlacedThreshold{p}
	}
	return nil
}

// sideOf is what was recorded of a row under one limit.
func (s *survey) sideOf(r MatrixRow, place cgroupjoin.Place, limit int64) *observedSide {
	k := r.index.key
	k.place, k.limit = place, limit
	return s.side(cellKey{k, r.index.runtime})
}

func (s *survey) pageSize() int {
	if len(s.run.Environments) > 0 && s.run.Environments[0].PageSize > 0 {
		return s.run.Environments[0].PageSize
	}
	return 4096
}

// sort puts what a reader compares next to each other: the orders of a driver, the drivers of a build.
func (m *Matrix) sort(runtimes []scenarios.Runtime) {
	rank := map[string]int{}
	for i, rt := range runtimes {
		rank[rt.Name] = i
	}
	slices.SortStableFunc(m.Rows, func(a, b MatrixRow) int {
		return cmp.Or(
			cmp.Compare(rank[a.Runtime], rank[b.Runtime]),
			cmp.Compare(slices.Index(memfdclone.Wheres(), a.Build.Clone), slices.Index(memfdclone.Wheres(), b.Build.Clone)),
			cmp.Compare(slices.Index(memfdclone.Strategies(), a.Build.Strategy), slices.Index(memfdclone.Strategies(), b.Build.Strategy)),
			cmp.Compare(a.Build.BinaryBytes, b.Build.BinaryBytes),
			cmp.Compare(slices.Index(cgroupjoin.Drivers(), a.Driver), slices.Index(cgroupjoin.Drivers(), b.Driver)),
			cmp.Compare(slices.Index(sequence.Orders(), a.Order), slices.Index(sequence.Orders(), b.Order)),
		)
	})
}

// Planned tells whether the build is the plan's, one of several of its runtime, and not the reference's.
func (r MatrixRow) Planned() bool { return r.index.build != scenarios.Build{} }

// ContainerShare is what the container was charged of the binary's size, as a fraction; NaN where either is not known.
func (r MatrixRow) ContainerShare() float64 {
	if r.ToContainer.N == 0 || r.BinaryBytes == 0 {
		return math.NaN()
	}
	return r.ToContainer.Median / float64(r.BinaryBytes)
}

// Outcome of a cell in one word: what all its trials that show anything did; empty where they differ or show nothing.
func (c MatrixCell) Outcome() results.Outcome {
	switch {
	case c.Count.shows() == 0:
		return ""
	case c.Count.OOMKilled == 0:
		return results.Started
	case c.Count.Started == 0:
		return results.InitOOMKilled
	}
	return ""
}

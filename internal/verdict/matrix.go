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
	index      key // of all its cells
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

// drawing is what matrices are made of, be it a run or a gate.
type drawing struct {
	arms       []drawnArm
	env        results.Environment
	confidence float64
	ladders    []Ladder
	at         func(runtime string, k key) *side
}

// drawnArm is a runtime by the name it has in reports, and the plan it is in.
type drawnArm struct {
	scenarios.Runtime
	spec scenarios.Spec
}

func (d *drawing) matrices(list []scenarios.Scenario) (all []Matrix) {
	for _, sc := range list {
		if d.has(sc) {
			all = append(all, d.matrix(sc))
		}
	}
	return all
}

func (d *drawing) has(sc scenarios.Scenario) bool {
	return slices.ContainsFunc(d.arms, func(a drawnArm) bool { return hasMatrix(sc, a.Runtime) })
}

// HasMatrix tells of a plan whether its report will have a matrix, for a picture of it to be refused before the run.
func HasMatrix(spec scenarios.Spec) bool {
	return slices.ContainsFunc(spec.Scenarios, func(sc scenarios.Scenario) bool {
		return slices.ContainsFunc(spec.Runtimes, func(r scenarios.Runtime) bool { return hasMatrix(sc, r) })
	})
}

// hasMatrix tells whether a scenario has orders or builds, or a runtime whose reference is a build.
func hasMatrix(sc scenarios.Scenario, r scenarios.Runtime) bool {
	return sc.Joins == nil && (sc.HasBuilds() || len(sc.AllOrders()) > 1 || referred(scenarios.Build{}, r.Ref) != scenarios.Build{})
}

func (d *drawing) matrix(sc scenarios.Scenario) Matrix {
	m := Matrix{Scenario: sc.Name}
	senseless := map[string]int{}
	for _, arm := range d.arms {
		var all []excluded
		for c, why := range arm.spec.Cells(sc, arm.Runtime) {
			if why != "" {
				m.exclude(senseless, why)
			}
			all = append(all, excluded{keyIn(sc.Name, c).whole(), why})
		}
		from := len(m.Rows)
		d.addRows(&m, sc, arm)
		m.blank(m.Rows[from:], all)
	}
	m.sort(d.arms)
	d.reckon(&m, sc)
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
		have[r.index], builds[r.index.build] = true, r
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
func (d *drawing) addRows(m *Matrix, sc scenarios.Scenario, arm drawnArm) {
	plan := layoutOf(arm.spec, sc, arm.Runtime)
	m.Cells += plan.cells
	rows := map[key]int{}
	for _, group := range plan.groups {
		whole := group.whole()
		for _, k := range plan.in(group) {
			s := d.at(arm.Name, k)
			if s.made() == 0 {
				continue
			}
			m.Reached++
			i, known := rows[whole]
			if !known {
				i = len(m.Rows)
				rows[whole] = i
				m.Rows = append(m.Rows, newMatrixRow(sc, arm.Runtime, whole))
			}
			m.Rows[i].take(k, s)
			if k.place != "" && !slices.Contains(m.Places, k.place) {
				m.Places = append(m.Places, k.place)
			}
		}
	}
	slices.Sort(m.Places)
	slices.Reverse(m.Places) // the container's first
	for _, i := range rows {
		d.describeRow(&m.Rows[i])
	}
}

// made is the number of trials that were recorded, whether they count or not.
func (s *side) made() int { return s.count.Trials() + s.apart() }

func newMatrixRow(sc scenarios.Scenario, rt scenarios.Runtime, k key) MatrixRow {
	return MatrixRow{
		Runtime: rt.Name, Build: referred(k.build, rt.Ref), Driver: k.driver, Order: k.order,
		Lane:  laneOf(&scenarios.Trial{Order: k.order, Observe: sc.Observe}, sc.Observes()),
		Found: map[sequence.Found]int{}, index: k,
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
func (r *MatrixRow) take(k key, s *side) {
	r.Trials += s.count.Trials()
	r.NotApplicable += s.count.NotApplicable
	r.NotCounted += s.apart()
	r.Unconfirmed += s.unseen
	for order, n := range s.found {
		r.Found[order] += n
	}
	r.Cells = append(r.Cells, MatrixCell{Place: k.place, Limit: k.limit, Count: s.count})
	if r.BinaryBytes == 0 {
		r.BinaryBytes = s.paid.size
	}
}

// describeRow fills in what is of the reference, and the thresholds.
func (d *drawing) describeRow(r *MatrixRow) {
	r.refer()
	s := newSide()
	if r.Referred {
		s = d.side(*r, r.ReferencePlace, r.ReferenceLimit)
	}
	p := &s.paid
	r.Payer = p.payer(r.Build.Clone, d.pageSize())
	r.Clone, r.ToContainer, r.ToRuntime, r.Copy = rangeOf(p.clone), rangeOf(p.toContainer), rangeOf(p.toRuntime), rangeOf(p.took)
	r.Latency = s.median(r.Lane, s.startIn(r.Lane), d.confidence)
	for _, l := range d.ladders {
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

// side is what was recorded of a row under one limit.
func (d *drawing) side(r MatrixRow, place cgroupjoin.Place, limit int64) *side {
	k := r.index
	k.place, k.limit = place, limit
	return d.at(r.Runtime, k)
}

func (d *drawing) pageSize() int {
	if d.env.PageSize > 0 {
		return d.env.PageSize
	}
	return 4096
}

// first is the run's first environment, in whose terms its figures are told.
func first(envs []results.Environment) results.Environment {
	if len(envs) == 0 {
		return results.Environment{}
	}
	return envs[0]
}

// sort puts what a reader compares next to each other: the orders of a driver, the drivers of a build.
func (m *Matrix) sort(arms []drawnArm) {
	rank := map[string]int{}
	for i, arm := range arms {
		rank[arm.Name] = i
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

package verdict

import (
	"fmt"
	"math"
	"slices"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Arithmetic holds every cell with a limit against what its memory adds up to: the clone that the container is charged
// and what init takes by itself, both as they were measured without a limit. Above the limit init is killed,
// for a memfd's pages cannot be reclaimed without swap; below it the container starts.
type Arithmetic struct {
	AsPredicted, NotAsPredicted int
	// Open counts the cells with a limit of which nothing is predicted, by reason.
	Open map[Open]int
	// Margin in bytes around the limit within which nothing is predicted, beside the range of what
	// was measured; MarginWhy says what it is.
	Margin    float64
	MarginWhy string
	// Surprises are the cells that are not as predicted, in words.
	Surprises []string
}

// Open is why nothing is predicted of a cell with a limit. It is a closed set.
type Open string

const (
	OpenTrials  Open = "no counted trial shows a start or a kill"
	OpenCharge  Open = "what the container is charged for the clone was not measured without a limit"
	OpenInit    Open = "what init takes by itself was not measured without a limit"
	OpenRace    Open = "the join fell inside the copy: the next start is charged another share of it"
	OpenOrder   Open = "the order found is not that of the starts without a limit"
	OpenEdge    Open = "too near the limit"
	OpenPayload Open = "the payload's memory, or that of other containers of the batch, counts too"
)

// Opens lists the closed set.
func Opens() []Open {
	return []Open{OpenTrials, OpenCharge, OpenInit, OpenRace, OpenOrder, OpenEdge, OpenPayload}
}

// Prediction is one cell's sum, in bytes.
type Prediction struct {
	// Outcome is Started or InitOOMKilled.
	Outcome results.Outcome
	// Clone is what the container is charged for the copy, Init what init takes beside it.
	Clone, Init Range
	// Limit is the one in force, or the one asked where no trial could read it.
	Limit int64
	// AsPredicted tells whether every trial that shows anything did so.
	AsPredicted bool
}

// Sum is the range of what a start takes, the medians in the middle.
func (p Prediction) Sum() Range {
	return Range{
		N: min(p.Clone.N, p.Init.N), Median: p.Clone.Median + p.Init.Median,
		Min: p.Clone.Min + p.Init.Min, Max: p.Clone.Max + p.Init.Max,
	}
}

// reckon predicts every cell with a limit, as far as what that takes was measured.
func (d *drawing) reckon(m *Matrix, sc scenarios.Scenario) {
	a := &m.Arithmetic
	a.Open = map[Open]int{}
	a.Margin, a.MarginWhy = peakStep(d.env)
	for i := range m.Rows {
		r := &m.Rows[i]
		for j := range r.Cells {
			c := &r.Cells[j]
			if c.Limit == 0 {
				continue
			}
			c.Prediction, c.Open = d.predict(m, sc, *r, *c)
			switch p := c.Prediction; {
			case p == nil:
				a.Open[c.Open]++
			case p.AsPredicted:
				a.AsPredicted++
			default:
				a.NotAsPredicted++
				a.Surprises = append(a.Surprises, surprise(*r, *c))
			}
		}
	}
}

func (d *drawing) predict(m *Matrix, sc scenarios.Scenario, r MatrixRow, c MatrixCell) (*Prediction, Open) {
	s := d.side(r, c.Place, c.Limit)
	p := &Prediction{Limit: c.Limit, Clone: d.charge(r, s), Init: d.needs(m, r)}
	if in := s.paid.inForce; in > 0 {
		p.Limit = in
	}
	switch {
	case c.Count.shows() == 0:
		return nil, OpenTrials
	case sc.Payload.AnonBytes > 0 || sc.Concurrent:
		return nil, OpenPayload
	case p.Clone.N == 0:
		return nil, OpenCharge
	case p.Init.N == 0:
		return nil, OpenInit
	case s.found[sequence.FoundOverlapping]+d.side(r, "", 0).found[sequence.FoundOverlapping] > 0:
		return nil, OpenRace
	case !subset(s.found, d.side(r, "", 0).found):
		return nil, OpenOrder
	}
	p.Outcome = p.outcome(m.Arithmetic.Margin, float64(d.pageSize()))
	if p.Outcome == "" {
		return nil, OpenEdge
	}
	p.AsPredicted = c.Outcome() == p.Outcome
	return p, ""
}

// outcome compares the ends of both ranges with the limit. The peak of a start has been rounded up to what the kernel
// takes at once, so that init may do with that much less, but not with less than a page; and the next start may take that
// much more.
func (p Prediction) outcome(margin, page float64) results.Outcome {
	least := p.Clone.Min + math.Max(page, p.Init.Min-margin)
	most := p.Clone.Max + p.Init.Max + margin
	switch limit := float64(p.Limit); {
	case least > limit:
		return results.InitOOMKilled
	case most <= limit:
		return results.Started
	}
	return ""
}

// charge is what the container is charged for the copy: as it was without a limit, or the whole binary where
// the join was made to come before init's copy.
func (d *drawing) charge(r MatrixRow, limited *side) Range {
	free := d.side(r, "", 0).paid.toContainer
	if len(free) > 0 {
		return rangeOf(free)
	}
	if r.Order == sequence.JoinBeforeClone && limited.taken > 0 && r.BinaryBytes > 0 {
		return rangeOf([]float64{float64(r.BinaryBytes)})
	}
	return Range{}
}

// needs is what init takes beside a clone, from starts without a limit that charged the container none: of the same
// build, or else of any build of the same runtime, driver and binary.
func (d *drawing) needs(m *Matrix, r MatrixRow) Range {
	var own, others []float64
	for _, other := range m.Rows {
		if other.Runtime != r.Runtime || other.Driver != r.Driver || other.BinaryBytes != r.BinaryBytes {
			continue
		}
		p := &d.side(other, "", 0).paid
		if pays := p.payer(other.Build.Clone, d.pageSize()); len(p.rest) == 0 || pays == ContainerPays || pays == BothPay {
			continue
		}
		if other.index.build == r.index.build {
			own = append(own, p.rest...)
		}
		others = append(others, p.rest...)
	}
	if len(own) > 0 {
		return rangeOf(own)
	}
	return rangeOf(others)
}

// subset tells whether every order found in one cell was found in another too. What nobody observed is no other order.
func subset(orders, of map[sequence.Found]int) bool {
	for order := range orders {
		if order != sequence.FoundUnknown && len(of) > 0 && of[order] == 0 {
			return false
		}
	}
	return true
}

func surprise(r MatrixRow, c MatrixCell) string {
	p := c.Prediction
	sum := p.Sum()
	verb := map[results.Outcome]string{results.Started: "start", results.InitOOMKilled: "be killed"}[p.Outcome]
	return fmt.Sprintf("%s%s (%s, %s) at %s should %s, with %s of the clone and %s of its own, %s in all, and %d of %d started",
		r.Runtime, inBuild(r.Build), r.Driver, r.Order, PlacedLimit(r.index.build, c.Place, c.Limit), verb,
		Bytes.Format(p.Clone.Median), Bytes.Format(p.Init.Median), Bytes.Format(sum.Median), c.Count.Started, c.Count.shows())
}

// Predicted is the number of cells of which something was.
func (a Arithmetic) Predicted() int { return a.AsPredicted + a.NotAsPredicted }

// Reasons lists why nothing was predicted of cells, in the order of the closed set.
func (a Arithmetic) Reasons() []Open {
	return slices.DeleteFunc(Opens(), func(o Open) bool { return a.Open[o] == 0 })
}

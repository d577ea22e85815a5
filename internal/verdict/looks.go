package verdict

import (
	"math"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
)

// Looks says how often a row was looked at, and what that costs it.
type Looks struct {
	// Blocks that both arms were measured in, of a row over several cells those of the cell with the fewest.
	Blocks int
	// At are the numbers of blocks after which the row was looked at, the last is Blocks; Most is how many there can be. They are
	// empty and 0 where a row is looked at once, when the run is over.
	At   []int
	Most int
	// Level is the two-sided level of the row's intervals: alpha, or what of it may be spent at this look.
	Level float64
	// P is the p value of this look alone.
	P float64
}

// adapt takes the looks of an adaptive run.
func (j *judge) adapt(d *results.Design) {
	if d == nil {
		return
	}
	j.adaptive = true
	if len(d.Looks) > 0 {
		j.design = d
	}
}

// looked is how a row with so many blocks has been looked at. Its cells ended at a planned look, or when time was over, which
// is a look too: the blocks are those that were made, not those that were hoped for.
func (j *judge) looked(blocks int) Looks {
	l := Looks{Blocks: blocks, Level: j.opts.alpha(), P: math.NaN()}
	if j.design == nil || blocks == 0 {
		return l
	}
	planned := j.design.Looks
	for _, at := range planned {
		if at < blocks {
			l.At = append(l.At, at)
		}
	}
	l.At = append(l.At, blocks)
	l.Most = max(planned[len(planned)-1], blocks)
	levels := stats.Nominal(j.opts.alpha(), l.At, l.Most)
	l.Level = levels[len(levels)-1]
	return l
}

// once is how a row is looked at that no cell waits for: when everything is over, for its own sake.
func (j *judge) once(blocks int) Looks {
	return Looks{Blocks: blocks, Level: j.opts.alpha(), P: math.NaN()}
}

// repeated makes the p value of a look one that holds whenever the row was stopped.
func (l Looks) repeated(p float64) float64 {
	if l.Most == 0 {
		return p
	}
	return stats.RepeatedP(p, l.At, l.Most)
}

// test takes in the p value of this look.
func (r *row) test(p float64) { r.Looks.P, r.P = p, r.Looks.repeated(p) }

// spotLooks is of a row over several cells. Metrics that no scenario names pool them all: no cell is ended or continued for
// their sake, so that when they end does not depend on them.
func (j *judge) spotLooks(m metric, spots []spot) Looks {
	fewest := -1
	for _, at := range spots {
		if n := j.at(at.key).shared(); fewest < 0 || n < fewest {
			fewest = n
		}
	}
	if m.pooled {
		return j.once(max(fewest, 0))
	}
	return j.looked(max(fewest, 0))
}

// WantsMore reports whether more trials could settle the row: it is not settled, and what stands in the way is their number
// or their spread. It is what an adaptive run asks; rows over all scenarios (AllScenarios) no cell waits for.
func (m Metric) WantsMore() bool {
	return m.Ruling == Inconclusive && !m.Stuck && m.Scenario != AllScenarios
}

package verdict

import (
	"math"
	"slices"

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
	// mute looks come before the first planned one of a run that grows: they test nothing.
	mute bool
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

// sights are the looks at a row with so many blocks, the first one first: at each planned number of them, and where its cells came to a
// last look because time was over, which is a look too. The blocks are those that were made, not those that were hoped for. While a
// run grows only the planned looks are looks: what lies between two of them would be chosen by what other cells wait for.
func (j *judge) sights(blocks int) []Looks {
	if j.design == nil || blocks == 0 {
		return []Looks{j.once(blocks)}
	}
	planned := j.design.Looks
	var at []int
	for _, n := range planned {
		if n <= blocks {
			at = append(at, n)
		}
	}
	early := len(at) == 0
	if early || !j.growing && at[len(at)-1] < blocks {
		at = append(at, blocks)
	}
	most := max(planned[len(planned)-1], blocks)
	var all []Looks
	for i, level := range stats.Nominal(j.opts.alpha(), at, most) {
		all = append(all, Looks{Blocks: at[i], At: at[: i+1 : i+1], Most: most, Level: level, P: math.NaN(), mute: early && j.growing})
	}
	return all
}

// once is how a row is looked at that no cell waits for: when everything is over, for its own sake.
func (j *judge) once(blocks int) Looks {
	return Looks{Blocks: blocks, Level: j.opts.alpha(), P: math.NaN()}
}

// blocks are those of a cell that a look may count: of an adaptive run the whole ones, with all trials of both arms, as its director
// counts them. Those of a run that went on after it was interrupted are then looked at as those of one that was not.
func (j *judge) blocks(k key) []int {
	if j.design == nil {
		return j.at(k).with(1)
	}
	return j.at(k).with(j.blockTrials(k.scenario))
}

// blockTrials are an arm's in a whole block: A B B A, each a batch.
func (j *judge) blockTrials(scenario string) int {
	for _, sc := range j.planned[baseline].Scenarios {
		if sc.Name == scenario {
			return max(1, 2*sc.Containers)
		}
	}
	return 1
}

// blockSet is the blocks of a look, rising; nil has all.
type blockSet []int

func (in blockSet) has(block int) bool {
	if in == nil {
		return true
	}
	_, found := slices.BinarySearch(in, block)
	return found
}

// points keeps those of the blocks.
func (in blockSet) points(all []stats.Point) []stats.Point {
	if in == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p stats.Point) bool { return !in.has(p.Block) })
}

// seen are the blocks of a cell that a look has; of one that is looked at once all, half ones too.
func (l Looks) seen(blocks []int) blockSet {
	if l.Most == 0 {
		return nil
	}
	return blocks[:min(l.Blocks, len(blocks))]
}

// repeated makes the p value of a look one that holds whenever the row was stopped.
func (l Looks) repeated(p float64) float64 {
	if l.Most == 0 {
		return p
	}
	return stats.RepeatedP(p, l.At, l.Most)
}

// test takes in the p value of this look.
func (r *row) test(p float64) {
	if !r.Looks.mute {
		r.Looks.P, r.P = p, r.Looks.repeated(p)
	}
}

// testPooled gives a row over all scenarios of an adaptive run its p value, when everything is over: while the run grows it would come and go.
func (j *judge) testPooled(r *row, m metric, spots []spot) {
	if r.P = math.NaN(); !j.growing {
		r.test(j.wheneverP(m, spots))
	}
}

// wheneverP is the p value of a row that pools cells which ended at different times, for reasons of their own, by the signs of their blocks: where
// the runtimes do not differ, whichever of them has more events in a block that has as many trials of each is a fair coin. Other blocks are not counted.
func (j *judge) wheneverP(m metric, spots []spot) float64 {
	up, down := 0, 0
	j.eachBlock(m, spots, func(b, of stats.Count) {
		switch {
		case of.X > b.X:
			up++
		case of.X < b.X:
			down++
		}
	})
	return stats.SignsP(up, down)
}

// eachBlock calls f with both arms' events in each block that has as many trials of each.
func (j *judge) eachBlock(m metric, spots []spot, f func(base, cand stats.Count)) {
	for _, at := range spots {
		c := j.at(at.key)
		cand := c[candidate].inBlocks(m)
		for block, b := range c[baseline].inBlocks(m) {
			if of := cand[block]; of.N == b.N && b.N > 0 {
				f(b, of)
			}
		}
	}
}

// boundPooled moves the upper end of a rate over all scenarios of an adaptive run, by which it passes, up to where it holds whenever one stops: the cells
// that the rate pools ended at different times. No regression rests on this end; what one rests on is the p value.
func (j *judge) boundPooled(r *row, m metric, spots []spot) {
	var d stats.Drift
	j.eachBlock(m, spots, func(b, of stats.Count) { d.Add(of.Rate() - b.Rate()) })
	once, alpha := r.grown, r.Looks.Level/2
	r.grown = func(k float64) stats.Interval {
		iv := once(k)
		iv.Hi = max(iv.Hi, d.Times(k).MeanBelow(alpha))
		return iv
	}
	r.change.Hi = max(r.change.Hi, d.MeanBelow(alpha))
	r.ChangeHi = r.change.Hi
}

// inBlocks counts events as events does, block by block.
func (s *side) inBlocks(m metric) map[int]stats.Count {
	all := map[int]stats.Count{}
	for i := range s.batches.all {
		b := &s.batches.all[i]
		all[b.block] = plus(all[b.block], b.events(m))
	}
	return all
}

// series is a row that is looked at again and again.
type series struct {
	// later are the looks after the one that the row is at; at makes the row as it was at a look.
	later []Looks
	at    func(Looks) row
}

// looked makes a row as it was at its first look.
func looked(looks []Looks, at func(Looks) row) row {
	r := at(looks[0])
	r.series = series{looks[1:], at}
	return r
}

// advance goes on to the next look, if there is one. The p value is the smallest of the looks so far, which is as valid: some look's
// repeated p value is at most alpha exactly where some look would have rejected at alpha. So it never grows, nor does what Holm makes of
// all of them, and what is settled stays so.
func (r *row) advance() bool {
	if len(r.later) == 0 {
		return false
	}
	next := r.at(r.later[0])
	if next.P > r.P || math.IsNaN(next.P) {
		next.P = r.P
	}
	next.series = series{r.later[1:], r.at}
	next.per, next.byEvent = r.per, r.byEvent
	*r = next
	return true
}

// spotSights is of a row over several cells. Metrics that no scenario names pool them all: no cell is ended or continued for
// their sake, so that when they end does not depend on them.
func (j *judge) spotSights(m metric, blocks [][]int) []Looks {
	fewest := -1
	for _, b := range blocks {
		if fewest < 0 || len(b) < fewest {
			fewest = len(b)
		}
	}
	if m.pooled {
		return []Looks{j.once(max(fewest, 0))}
	}
	return j.sights(max(fewest, 0))
}

// WantsMore reports whether more trials could settle the row: it is not settled, and what stands in the way is their number
// or their spread. It is what an adaptive run asks; rows over all scenarios (AllScenarios) no cell waits for.
func (m Metric) WantsMore() bool {
	return m.Ruling == Inconclusive && !m.Stuck && m.Scenario != AllScenarios
}

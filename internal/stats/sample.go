package stats

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// Point is one measured value. Points of one batch ran together and share
// whatever disturbed it; points of one block ran next to each other.
type Point struct {
	Block, Batch int
	Value        int64
}

// Obs is one unit of inference: a batch, reduced to one positive value.
type Obs struct {
	Block int
	Value float64
}

// Sample is one arm's units in the order of their batches.
type Sample []Obs

// Values returns the sample's bare values.
func (s Sample) Values() []float64 {
	values := make([]float64, len(s))
	for i, o := range s {
		values[i] = o.Value
	}
	return values
}

// Units reduces each batch of points to its median. A hundred containers of one
// batch are not a hundred independent looks at the machine (Hurlbert 1984,
// pseudo-replication): taken as such they shrink the interval tenfold.
//
// Values below one are raised to it, for a logarithm needs a positive number.
func Units(points []Point) Sample { return unitsFrom(points, 1) }

// Amounts are units whose differences are asked for, not their ratios: values of zero stay what they are.
func Amounts(points []Point) Sample { return unitsFrom(points, math.Inf(-1)) }

func unitsFrom(points []Point, least float64) Sample {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int { return a.Batch - b.Batch })
	var s Sample
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Batch == sorted[0].Batch {
			n++
		}
		s = append(s, Obs{Block: sorted[0].Block, Value: math.Max(least, medianOf(sorted[:n]))})
		sorted = sorted[n:]
	}
	return s
}

func medianOf(points []Point) float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = float64(p.Value)
	}
	slices.Sort(values)
	return median(values)
}

// median of an ascending slice; the mean of the middle two when there are two.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// blockDiffs returns, for every block in which both arms have a unit, the
// candidate's mean (of logarithms, for ratios) minus the baseline's, in block order. What slowed the
// whole block down is in both and drops out.
func blockDiffs(base, cand Sample, of func(float64) float64) []float64 {
	var diffs []float64
	for b, c := range shared(base, cand) {
		diffs = append(diffs, meanOf(c, of)-meanOf(b, of))
	}
	return diffs
}

func meanOf(s Sample, of func(float64) float64) float64 {
	sum := 0.0
	for _, o := range s {
		sum += of(o.Value)
	}
	return sum / float64(len(s))
}

func itself(x float64) float64 { return x }

// shared yields both arms' units of each block in which both have some, in block order: sums of floats depend on it.
func shared(base, cand Sample) iter.Seq2[Sample, Sample] {
	return func(yield func(b, c Sample) bool) {
		base, cand := inBlocks(base), inBlocks(cand)
		for len(base) > 0 && len(cand) > 0 {
			block := max(base[0].Block, cand[0].Block)
			b, c := runOf(base, block), runOf(cand, block)
			if len(b) > 0 && len(c) > 0 && !yield(b, c) {
				return
			}
			base, cand = from(base, block+1), from(cand, block+1)
		}
	}
}

// inBlocks is the sample by its blocks; a sample in the order of its batches is already.
func inBlocks(s Sample) Sample {
	byBlock := func(a, b Obs) int { return cmp.Compare(a.Block, b.Block) }
	if slices.IsSortedFunc(s, byBlock) {
		return s
	}
	s = slices.Clone(s)
	slices.SortStableFunc(s, byBlock)
	return s
}

// from leaves out the units of earlier blocks.
func from(s Sample, block int) Sample {
	for len(s) > 0 && s[0].Block < block {
		s = s[1:]
	}
	return s
}

func runOf(s Sample, block int) Sample {
	s = from(s, block)
	n := 0
	for n < len(s) && s[n].Block == block {
		n++
	}
	return s[:n]
}

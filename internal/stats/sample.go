package stats

import (
	"maps"
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
func Units(points []Point) Sample {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int { return a.Batch - b.Batch })
	var s Sample
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Batch == sorted[0].Batch {
			n++
		}
		s = append(s, Obs{Block: sorted[0].Block, Value: math.Max(1, medianOf(sorted[:n]))})
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
// candidate's mean log minus the baseline's, in block order. What slowed the
// whole block down is in both and drops out.
func blockDiffs(base, cand Sample) []float64 {
	b, c := meanLogs(base), meanLogs(cand)
	var diffs []float64
	for _, block := range slices.Sorted(maps.Keys(b)) {
		if log, both := c[block]; both {
			diffs = append(diffs, log-b[block])
		}
	}
	return diffs
}

func meanLogs(s Sample) map[int]float64 {
	sums, counts := map[int]float64{}, map[int]int{}
	for _, o := range s {
		sums[o.Block] += math.Log(o.Value)
		counts[o.Block]++
	}
	for block, n := range counts {
		sums[block] /= float64(n)
	}
	return sums
}

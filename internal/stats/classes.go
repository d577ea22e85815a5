package stats

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// ExactClasses is the two-sided p value of the hypothesis that both arms fall into classes, such as outcomes or orders,
// with the same probabilities: the test of Freeman and Halton 1951, which with two classes is Fisher's. Given both
// margins, p adds up every table no more likely than the one seen. base and cand count the units of each class. NaN when an arm is empty.
//
// The tables are not listed but walked class by class as a network (Mehta and Patel 1983): what has the same past is one node,
// and a node all of whose ends, or none, count is closed at once. Beyond tooMany units the nodes are too many as well, and the
// test is Pearson's of 1900, whose error is then small.
func ExactClasses(base, cand []int) float64 {
	columns, n, m := []int{}, 0, 0
	for i := range base {
		n, m = n+cand[i], m+base[i]
		if all := base[i] + cand[i]; all > 0 {
			columns = append(columns, all)
		}
	}
	switch {
	case n == 0 || m == 0:
		return math.NaN()
	case len(columns) == 1:
		return 1
	case n+m > tooMany:
		return pearson(base, cand, n, m)
	}
	return newNetwork(columns, n, logTable(base, cand)).p()
}

// tooMany bounds the network's paths, which cost the product of an arm and all units: six classes of so many take a second or less.
const tooMany = 1000

// logTable is the logarithm of the number of ways to make the candidate's classes, which is proportional to the table's probability.
func logTable(base, cand []int) (ways float64) {
	for i := range base {
		ways += lchoose(base[i]+cand[i], cand[i])
	}
	return ways
}

// network has a stage a class and, at each, a node for how many units are left to be placed in the classes from it on.
type network struct {
	columns []int
	seen    float64
	left    int
	// rest is the number of units in the classes from one on, longest and shortest the most and the fewest ways, as logarithms, to
	// place so many of them.
	rest              []int
	longest, shortest [][]float64
}

func newNetwork(columns []int, n int, seen float64) *network {
	w := &network{columns: columns, seen: seen, left: n, rest: make([]int, len(columns)+1)}
	w.longest, w.shortest = make([][]float64, len(columns)+1), make([][]float64, len(columns)+1)
	w.longest[len(columns)], w.shortest[len(columns)] = []float64{0}, []float64{0}
	for j := len(columns) - 1; j >= 0; j-- {
		w.rest[j] = w.rest[j+1] + columns[j]
		w.longest[j] = paths(columns[j], w.longest[j+1], math.Inf(-1), math.Max)
		w.shortest[j] = paths(columns[j], w.shortest[j+1], math.Inf(1), math.Min)
	}
	return w
}

// paths are the best ways to place 0, 1, ... units in a class and those after it.
func paths(column int, after []float64, worst float64, best func(a, b float64) float64) []float64 {
	ways := placements(column)
	out := make([]float64, column+len(after))
	for k := range out {
		out[k] = worst
		for x := max(0, k-len(after)+1); x <= min(column, k); x++ {
			out[k] = best(out[k], ways[x]+after[k-x])
		}
	}
	return out
}

// placements are the ways, as logarithms, to choose 0, 1, ... of a class.
func placements(column int) []float64 {
	ways := make([]float64, column+1)
	for x := range ways {
		ways[x] = lchoose(column, x)
	}
	return ways
}

// node is a state of the walk: units left to place, and the ways to have come here as a rounded logarithm.
type node struct {
	left int
	ways int64
}

// p walks the stages. If there come to be too many nodes it begins again with coarser ones; a table whose ways are
// within the rounding of those seen counts, so that p can only become larger.
func (w *network) p() float64 {
	for grain := 1e-9; ; grain *= 10 {
		if p, walked := w.walk(grain); walked {
			return math.Min(1, p)
		}
	}
}

func (n node) compare(o node) int {
	return cmp.Or(cmp.Compare(n.left, o.left), cmp.Compare(n.ways, o.ways))
}

const mostNodes = 100000

func (w *network) walk(grain float64) (p float64, walked bool) {
	// The slack of R's fisher.test for equals that differ by rounding, besides what the nodes round off.
	counts := w.seen + 1e-7 + grain*float64(len(w.columns))
	nodes := map[node]float64{{left: w.left}: 1}
	for j, column := range w.columns {
		next, ways := map[node]float64{}, placements(column)
		for _, at := range slices.SortedFunc(maps.Keys(nodes), node.compare) { // sums of floats depend on the order
			probability := nodes[at]
			all := lchoose(w.rest[j], at.left)
			for x := max(0, at.left-w.rest[j+1]); x <= min(column, at.left); x++ {
				to := node{at.left - x, at.ways + int64(math.Round(ways[x]/grain))}
				// Given what is left, the units in this class are hypergeometric.
				here := probability * math.Exp(ways[x]+lchoose(w.rest[j+1], to.left)-all)
				switch past := float64(to.ways) * grain; {
				case past+w.longest[j+1][to.left] <= counts:
					p += here
				case past+w.shortest[j+1][to.left] <= counts:
					next[to] += here
				}
			}
			if len(next) > mostNodes {
				return 0, false
			}
		}
		nodes = next
	}
	return p, true
}

// pearson is the chi-squared test.
func pearson(base, cand []int, n, m int) float64 {
	statistic, freedom := 0.0, -1
	for i := range base {
		all := float64(base[i] + cand[i])
		if all == 0 {
			continue
		}
		freedom++
		expected := all * float64(n) / float64(n+m)
		statistic += math.Pow(float64(cand[i])-expected, 2) * (1/expected + 1/(all-expected))
	}
	return chiSquaredTail(statistic, freedom)
}

// chiSquaredTail is the probability of more than x (Abramowitz and Stegun 1964, 26.4.4 and 26.4.5): every two degrees of freedom
// add a term, from that of none or of one.
func chiSquaredTail(x float64, freedom int) float64 {
	half := x / 2
	sum, term, k := 0.0, math.Exp(-half), 0.0
	if freedom%2 == 1 {
		sum, term, k = math.Erfc(math.Sqrt(half)), 2*math.Sqrt(half/math.Pi)*math.Exp(-half), 0.5
	}
	for ; k < float64(freedom)/2-0.75; k++ {
		sum += term
		term *= half / (k + 1)
	}
	return sum
}

package stats

import (
	"math"
	"slices"
)

// ordered is a multiset of numbers of which any can be asked for by its rank.
type ordered interface {
	// len is how many there are.
	len() int
	// ends are the smallest and the largest.
	ends() (lo, hi float64)
	// atMost counts those that do not exceed t.
	atMost(t float64) int
	// between makes those from lo to hi, which are few.
	between(lo, hi float64) []float64
	// few are so many that sorting them costs less than to count once more.
	few() int
}

// kth is the k-th smallest, from 1, and the very number that sorting would put there.
//
// A quarter of a million blocks have 31 billion Walsh averages: 250 GB to sort. They can be counted without being made, for
// rows and columns of their table rise. Johnson and Mizoguchi (1978) and Monahan (1984) narrow the table down by the
// medians of its rows; here the range that the number lies in is halved until as many are left in it as are quickly
// sorted: some twenty counts of n steps each. It takes neither chance nor a table of what is left of each row.
func kth(set ordered, k int) float64 {
	lo, hi := set.ends()
	from, to := rank(lo), rank(hi)
	below, upTo := 0, set.len()
	for step := 0; from < to; step++ {
		if upTo-below <= set.few() {
			left := set.between(unrank(from), unrank(to))
			slices.Sort(left)
			return left[k-below-1]
		}
		middle := halve(from, to, step)
		if n := set.atMost(unrank(middle)); n >= k {
			to, upTo = middle, n
		} else {
			from, below = middle+1, n
		}
	}
	return unrank(from)
}

// halve is a number of the range, and not its last. Half of its width leaves half of what is spread evenly; where that does not do,
// the numbers are tied, or of very different sizes, and half of all floating-point numbers between the ends ends in 64 steps.
func halve(from, to uint64, step int) uint64 {
	const evenly = 40
	if step < evenly {
		return max(from, min(to-1, rank(unrank(from)/2+unrank(to)/2)))
	}
	return from + (to-from)/2
}

// rank numbers the floating-point numbers in their order: the bits of positive ones rise with them, of negative
// ones they fall.
func rank(x float64) uint64 {
	bits := math.Float64bits(x)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

func unrank(r uint64) float64 {
	if r>>63 == 1 {
		return math.Float64frombits(r &^ (1 << 63))
	}
	return math.Float64frombits(^r)
}

// medianOfSet is the middle one, or the mean of the middle two.
func medianOfSet(set ordered) float64 {
	n := set.len()
	low := kth(set, (n+1)/2)
	if n%2 == 1 {
		return low
	}
	return (low + kth(set, n/2+1)) / 2
}

// walshAverages are (x[i]+x[j])/2, i <= j, of ascending numbers.
type walshAverages []float64

func walshOf(x []float64) walshAverages { return slices.Sorted(slices.Values(x)) }

func (w walshAverages) len() int { return len(w) * (len(w) + 1) / 2 }

func (w walshAverages) ends() (lo, hi float64) {
	n := len(w)
	return (w[0] + w[0]) / 2, (w[n-1] + w[n-1]) / 2
}

// atMost goes along the border between those that do not exceed t and those that do: the larger x[i], the smaller the largest
// x[j] that goes with it. Rounding keeps that order, so that the count is exact.
func (w walshAverages) atMost(t float64) (count int) {
	j := len(w) - 1
	for i := range w {
		for j >= i && (w[i]+w[j])/2 > t {
			j--
		}
		if j < i {
			break
		}
		count += j - i + 1
	}
	return count
}

func (w walshAverages) few() int { return 16 + len(w)/8 }

func (w walshAverages) between(lo, hi float64) (found []float64) {
	j := len(w) - 1
	for i := range w {
		for j >= i && (w[i]+w[j])/2 > hi {
			j--
		}
		for k := j; k >= i && (w[i]+w[k])/2 >= lo; k-- {
			found = append(found, (w[i]+w[k])/2)
		}
	}
	return found
}

// shifts are y[j]-x[i] of ascending numbers.
type shifts struct{ x, y []float64 }

func shiftsOf(x, y []float64) shifts {
	return shifts{slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))}
}

func (s shifts) len() int { return len(s.x) * len(s.y) }

func (s shifts) ends() (lo, hi float64) {
	return s.y[0] - s.x[len(s.x)-1], s.y[len(s.y)-1] - s.x[0]
}

func (s shifts) atMost(t float64) (count int) {
	j := 0
	for _, a := range s.x {
		for j < len(s.y) && s.y[j]-a <= t {
			j++
		}
		count += j
	}
	return count
}

func (s shifts) few() int { return 16 + max(len(s.x), len(s.y))/8 }

func (s shifts) between(lo, hi float64) (found []float64) {
	j := 0
	for _, a := range s.x {
		for j < len(s.y) && s.y[j]-a < lo {
			j++
		}
		for k := j; k < len(s.y) && s.y[k]-a <= hi; k++ {
			found = append(found, s.y[k]-a)
		}
	}
	return found
}

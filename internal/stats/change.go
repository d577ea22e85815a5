package stats

import "math"

// Change is how a distribution moved from baseline to candidate.
type Change struct {
	// Log is the shift of the logarithms: exp(Log)-1 is the relative change. Of differences it is the shift of the values themselves.
	Log Interval
	// Units says how many units the interval rests on: blocks when Paired,
	// else the smaller arm's.
	Units  int
	Paired bool
}

// MinBlocks is the smallest number of blocks with a bounded 95 % interval: with
// n blocks the widest signed-rank interval misses with probability 2/2^n, and
// 2/2^6 = 0.031 is the first below 0.05.
const MinBlocks = 6

// MinUnits is the same for two unpaired arms of n each: 2/C(2n,n) is 0.029 for n = 4.
const MinUnits = 4

// Need is the number of units without which the change has no bounded interval at 95 %.
func (c Change) Need() int {
	if c.Paired {
		return MinBlocks
	}
	return MinUnits
}

// WithinBlocks estimates the change between arms that were interleaved in
// blocks: the one-sample Hodges-Lehmann estimate over the blocks' log ratios.
// Units of a block in which the other arm has none are left out.
func WithinBlocks(base, cand Sample, confidence float64) Change {
	diffs := blockDiffs(base, cand, math.Log)
	return Change{Log: SignedRank(diffs, confidence), Units: len(diffs), Paired: true}
}

// BetweenRuns estimates the change between arms that share no block: the
// two-sample Hodges-Lehmann estimate on logarithms.
func BetweenRuns(base, cand Sample, confidence float64) Change {
	return Change{
		Log:   RankSum(logs(base), logs(cand), confidence),
		Units: min(len(base), len(cand)),
	}
}

// DifferenceWithinBlocks is WithinBlocks of the values themselves, for arms in which zeros have no ratio.
func DifferenceWithinBlocks(base, cand Sample, confidence float64) Change {
	diffs := blockDiffs(base, cand, itself)
	return Change{Log: SignedRank(diffs, confidence), Units: len(diffs), Paired: true}
}

// DifferenceBetweenRuns is BetweenRuns of the values themselves.
func DifferenceBetweenRuns(base, cand Sample, confidence float64) Change {
	return Change{Log: RankSum(base.Values(), cand.Values(), confidence), Units: min(len(base), len(cand))}
}

func logs(s Sample) []float64 {
	out := make([]float64, len(s))
	for i, o := range s {
		out[i] = math.Log(o.Value)
	}
	return out
}

// exactLimit bounds the exact null distributions. Beyond it the normal
// approximation is good to three digits and the exact one costs n^3.
const exactLimit = 50

// SignedRank is the Hodges-Lehmann estimate of the centre of a symmetric
// distribution, the median of all Walsh averages (x[i]+x[j])/2, i <= j, with
// the interval that inverts Wilcoxon's signed-rank test: Hodges and Lehmann
// 1963; Hollander, Wolfe and Chicken 2014, sections 3.2 and 3.3. Ties only make it wider.
func SignedRank(diffs []float64, confidence float64) Interval {
	n := len(diffs)
	if n == 0 {
		return noInterval()
	}
	// Mean and variance of the sum of the positive ranks under the null
	// hypothesis: n(n+1)/4 and n(n+1)(2n+1)/24.
	f := float64(n)
	null := rankNull{
		mean: f * (f + 1) / 4,
		sd:   math.Sqrt(f * (f + 1) * (2*f + 1) / 24),
	}
	if n <= exactLimit {
		null.pmf = signedRankPMF(n)
	}
	return null.invert(walshOf(diffs), confidence)
}

// RankSum is the Hodges-Lehmann estimate of the shift from x to y, the median
// of all differences y[j]-x[i], with the interval that inverts the
// Mann-Whitney test: Hodges and Lehmann 1963; Lehmann 1975, section 2.6;
// Hollander, Wolfe and Chicken 2014, section 4.3.
func RankSum(x, y []float64, confidence float64) Interval {
	n, m := len(x), len(y)
	if n == 0 || m == 0 {
		return noInterval()
	}
	// Mean and variance of U under the null hypothesis: nm/2 and nm(n+m+1)/12.
	nm := float64(n) * float64(m)
	null := rankNull{mean: nm / 2, sd: math.Sqrt(nm * float64(n+m+1) / 12)}
	if n <= exactLimit && m <= exactLimit {
		null.pmf = rankSumPMF(n, m)
	}
	return null.invert(shiftsOf(x, y), confidence)
}

// rankNull is the null distribution of a rank statistic that counts how many
// of the sorted elementary estimates lie below the tested value.
type rankNull struct {
	mean, sd float64
	pmf      []float64 // nil: use the normal approximation
}

// invert returns the interval from the k-th smallest to the k-th largest
// elementary estimate, where k is the largest number with P(T <= k-1) <= alpha/2.
func (d rankNull) invert(set ordered, confidence float64) Interval {
	iv := Interval{Center: medianOfSet(set), Lo: math.Inf(-1), Hi: math.Inf(1), Confidence: 1}
	k, tail := d.critical((1 - confidence) / 2)
	if k < 1 {
		return iv
	}
	iv.Lo, iv.Hi = kth(set, k), kth(set, set.len()-k+1)
	iv.Confidence = 1 - 2*tail
	return iv
}

func (d rankNull) critical(alpha float64) (k int, tail float64) {
	if d.pmf == nil {
		return int(math.Floor(d.mean + d.sd*normalQuantile(alpha))), alpha
	}
	// The slack keeps a tail that equals alpha but for rounding on the safe side of nothing:
	// sums of 1/2^n are exact, those of the rank sum are not.
	const slack = 1e-12
	for k < len(d.pmf) && tail+d.pmf[k] <= alpha+slack {
		tail += d.pmf[k]
		k++
	}
	return k, tail
}

// signedRankPMF is the null distribution of the signed-rank statistic: each of
// the ranks 1..n is in the sum with probability one half.
func signedRankPMF(n int) []float64 {
	pmf := []float64{1}
	for rank := 1; rank <= n; rank++ {
		next := make([]float64, len(pmf)+rank)
		for t, p := range pmf {
			next[t] += p / 2
			next[t+rank] += p / 2
		}
		pmf = next
	}
	return pmf
}

// BlockedP is the two-sided p value of "nothing changed" between arms interleaved
// in blocks: within each block the units of both arms are ranked against each
// other, and the blocks' Mann-Whitney statistics are added up (van Elteren 1960, here
// unweighted, for blocks are of one size, and with the exact distribution). If nothing
// changed the arms of a block are exchangeable, whatever the machine did between blocks.
// A drift inside a block is balanced by its order A B B A. NaN when no block has both arms.
//
// A test on block means could not do: with 8 blocks its smallest p is 2/2^8, which no
// correction for a dozen rows survives, however large the change.
func BlockedP(base, cand Sample) float64 {
	var null blockNull
	u := 0.0
	for x, y := range shared(base, cand) {
		null.add(len(x), len(y))
		u += mannWhitneyU(x, y)
	}
	return null.twoSided(u)
}

// exactPairs bounds the exact distribution of the blocks' sum, by the number of pairs of units in all of them: 500 blocks
// A B B A have so many. Beyond it the normal approximation is good to three digits, also of a p of 1e-9, and the exact one
// costs the square of their number.
const exactPairs = 2000

// blockNull is the distribution of the sum of blocks' Mann-Whitney statistics where nothing changed.
type blockNull struct {
	pmf        []float64 // of the sum so far; nil beyond exactPairs
	pairs      int       // of units, in all blocks: the largest sum
	mean, vari float64
	known      map[[2]int][]float64 // distributions of one block
}

func (d *blockNull) add(n, m int) {
	d.pairs += n * m
	// Mean and variance of one U: nm/2 and nm(n+m+1)/12.
	d.mean += float64(n*m) / 2
	d.vari += float64(n*m) * float64(n+m+1) / 12
	if d.pairs > exactPairs {
		d.pmf = nil
		return
	}
	if d.known == nil {
		d.known, d.pmf = map[[2]int][]float64{}, []float64{1}
	}
	size := [2]int{n, m}
	if d.known[size] == nil {
		d.known[size] = rankSumPMF(n, m)
	}
	d.pmf = convolve(d.pmf, d.known[size])
}

// twoSided is the p value of a sum; NaN where no block was added.
func (d *blockNull) twoSided(u float64) float64 {
	switch {
	case d.pairs == 0:
		return math.NaN()
	case d.pmf != nil:
		return twoTails(d.pmf, u)
	}
	// Half a step towards the middle: the sum is a whole number, and the tail has all of it.
	z := math.Max(0, math.Abs(u-d.mean)-0.5) / math.Sqrt(d.vari)
	return math.Erfc(z / math.Sqrt2)
}

// mannWhitneyU counts the pairs in which y is the larger, a tie as a half.
func mannWhitneyU(x, y Sample) float64 {
	u := 0.0
	for _, a := range x {
		for _, b := range y {
			switch {
			case b.Value > a.Value:
				u++
			case b.Value == a.Value:
				u += 0.5
			}
		}
	}
	return u
}

// twoTails doubles the smaller tail of a symmetric distribution on 0..len-1. A half is
// rounded towards the middle: ties never make evidence.
func twoTails(pmf []float64, u float64) float64 {
	u = math.Min(u, float64(len(pmf)-1)-u)
	p := 0.0
	for k := 0; k <= int(math.Ceil(u)); k++ {
		p += pmf[k]
	}
	return math.Min(1, 2*p)
}

// rankSumPMF is the null distribution of Mann and Whitney's U. The largest of
// all n+m values is one of the n with probability n/(n+m), and then exceeds all
// m of the others (Mann and Whitney 1947); only sums of positive terms, so
// nothing cancels.
func rankSumPMF(n, m int) []float64 {
	row := make([][]float64, m+1)
	for j := range row {
		row[j] = []float64{1}
	}
	for i := 1; i <= n; i++ {
		row[0] = []float64{1}
		for j := 1; j <= m; j++ {
			next := make([]float64, i*j+1)
			mine, other := float64(i)/float64(i+j), float64(j)/float64(i+j)
			for u, p := range row[j] { // i-1 against j
				next[u+j] += mine * p
			}
			for u, p := range row[j-1] { // i against j-1
				next[u] += other * p
			}
			row[j] = next
		}
	}
	return row[m]
}

package stats

import (
	"math"
	"strconv"
	"sync"
)

// Nominal is the two-sided level at which each look at growing data may test, so that over all of them a true
// hypothesis is rejected with probability alpha. looks are the numbers of blocks looked at so far, rising; most is
// how many there can be. An interval at 1-Nominal(...)[k] at look k holds the truth at all looks at once with
// probability 1-alpha: a repeated confidence interval (Jennison and Turnbull 1997, chapter 9).
//
// Alpha is spent as blocks come in (Lan and DeMets 1983): by look k no more than spent(alpha, looks[k]/most). So a
// look may come when it likes, for reasons that do not lie in the data, such as time that is over; what comes after
// does not change the levels of those before. A look at no more blocks than the one before has the level of that
// one; one beyond most adds nothing to spend.
func Nominal(alpha float64, looks []int, most int) []float64 {
	levels := make([]float64, len(looks))
	for i := range looks {
		levels[i] = sequences.stage(alpha, looks[:i+1], most).nominal
	}
	return levels
}

// spent is the power family of Kim and DeMets 1987 with exponent 1: alpha is spent in proportion to the blocks seen.
//
// A signed-rank interval over n blocks is bounded only at a level of 2/2^n or more: 0.0039 for 9 blocks. Of at most 100
// blocks this function has spent 0.0045 by the ninth, so that a large change is claimed there. The function that is most
// used, of the type of O'Brien and Fleming, has spent 2e-13 and gives the first bounded interval after 21 blocks; the exponent
// 1.5 after 11, and 2 after 12. The price is paid at the last look, and is small: see docs/adr/0010.
func spent(alpha, fraction float64) float64 { return alpha * math.Min(1, fraction) }

// RepeatedP is the p value of the last of these looks as a repeated p value: the smallest alpha at which Nominal would
// have that look reject. It is valid whenever one stops and for whatever reason (Jennison and Turnbull 1997, chapter 9),
// and as one p value among many of Holm's (Maurer and Bretz 2013). NaN stays NaN.
func RepeatedP(p float64, looks []int, most int) float64 {
	if math.IsNaN(p) || len(looks) == 0 {
		return math.NaN()
	}
	if p >= sequences.stage(1, looks, most).nominal {
		return 1
	}
	// The level rises with alpha, and nearly in proportion: between two rungs of a ladder of alphas the logarithms
	// lie on a line to within a thousandth. Only rungs are ever computed, so that they are found again.
	level := func(rung int) float64 { return sequences.stage(alphaAt(rung), looks, most).nominal }
	hi, lo := 0, lastRung // alpha falls as the rungs go up
	if p <= level(lo) {
		return alphaAt(lo)
	}
	for lo-hi > 1 {
		if mid := (lo + hi) / 2; p >= level(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	part := math.Log(p/level(lo)) / math.Log(level(hi)/level(lo))
	return alphaAt(lo) * math.Pow(alphaAt(hi)/alphaAt(lo), part)
}

// lastRung bounds the repeated p value from below, at 2^-64: no correction for any number of rows cares for less.
const lastRung = 128

// alphaAt is the ladder's alpha: half of it each two rungs.
func alphaAt(rung int) float64 { return math.Exp2(-float64(rung) / 2) }

// sequences keeps every stage that was computed: a gate asks for the same ones for every row at every look.
var sequences = sequenceCache{stages: map[string]*stage{}}

type sequenceCache struct {
	mu     sync.Mutex
	stages map[string]*stage
}

// stage is the state at the last of these looks. Those before it are found in the cache, or put there.
func (c *sequenceCache) stage(alpha float64, looks []int, most int) *stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(alpha, looks, most)
}

func (c *sequenceCache) find(alpha float64, looks []int, most int) *stage {
	if len(looks) == 0 {
		return &stage{}
	}
	key := sequenceKey(alpha, looks, most)
	s, known := c.stages[key]
	if !known {
		last := len(looks) - 1
		s = c.find(alpha, looks[:last], most).look(float64(looks[last])/float64(most), most,
			func(fraction float64) float64 { return spent(alpha, fraction) })
		c.stages[key] = s
	}
	return s
}

func sequenceKey(alpha float64, looks []int, most int) string {
	key := strconv.AppendUint(make([]byte, 0, 64), math.Float64bits(alpha), 36)
	key = strconv.AppendInt(append(key, ' '), int64(most), 10)
	for _, n := range looks {
		key = strconv.AppendInt(append(key, ' '), int64(n), 10)
	}
	return string(key)
}

// stage is a sequence of looks up to one: what is left of the distribution of the sum of increments, of variance 1
// when everything has been seen, among the sequences that have not been rejected. The recursion is that of Armitage,
// McPherson and Rowe 1969. The statistic is symmetric, so only the half of it above zero is kept.
type stage struct {
	fraction float64 // of the information
	nominal  float64 // two-sided level of this look
	bound    float64 // of |sum| at this look
	at       []float64
	mass     []float64 // density of |sum| at these points, times their weight
}

// look goes on to a fraction of the information at which as much is spent as the function says.
func (s *stage) look(fraction float64, finest int, spend func(float64) float64) *stage {
	fraction = math.Max(fraction, s.fraction)
	toSpend := spend(fraction) - spend(s.fraction)
	if s.fraction == 0 {
		toSpend = spend(fraction)
	}
	if fraction == s.fraction || toSpend <= 0 {
		return s
	}
	sd := math.Sqrt(fraction - s.fraction)
	next := &stage{fraction: fraction, bound: s.crossed(sd, toSpend)}
	next.nominal = math.Erfc(next.bound / math.Sqrt(fraction) / math.Sqrt2)
	var weights []float64
	next.at, weights = gaussLegendre(points(next.bound, finest), next.bound)
	next.mass = make([]float64, len(next.at))
	for i, x := range next.at {
		next.mass[i] = weights[i] * s.density(x, sd)
	}
	return next
}

// points are enough for the next look's kernel, whose deviation is one block's at the least: their distance in the
// middle, pi/2 of the mean one, is then no more than that deviation, which leaves an error of exp(-2 pi^2) = 3e-9.
func points(bound float64, finest int) int {
	return min(400, 16+int(math.Pi/2*bound*math.Sqrt(float64(finest))))
}

// density of |sum| at x one look later, when that adds a normal increment of this deviation.
func (s *stage) density(x, sd float64) float64 {
	kernel := func(d float64) float64 { return math.Exp(-d*d/(2*sd*sd)) / (sd * math.Sqrt(2*math.Pi)) }
	if s.at == nil {
		return 2 * kernel(x)
	}
	sum := 0.0
	for i, from := range s.at {
		sum += s.mass[i] * (kernel(x-from) + kernel(x+from))
	}
	return sum
}

// beyond is the probability that |sum| is more than bound one look later.
func (s *stage) beyond(bound, sd float64) float64 {
	tail := func(d float64) float64 { return math.Erfc(d/(sd*math.Sqrt2)) / 2 }
	if s.at == nil {
		return 2 * tail(bound)
	}
	sum := 0.0
	for i, from := range s.at {
		sum += s.mass[i] * (tail(bound-from) + tail(bound+from))
	}
	return sum
}

// crossed is the bound that is crossed one look later with this probability: bisection on the logarithm, to 1e-12,
// 0 when even that is not crossed often enough.
func (s *stage) crossed(sd, probability float64) float64 {
	lo, hi := 0.0, s.bound+40*sd // at 40 deviations nothing is left
	for hi-lo > 1e-12*hi {
		mid := (lo + hi) / 2
		if s.beyond(mid, sd) > probability {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

var legendre struct {
	sync.Mutex
	rules map[int][2][]float64
}

// gaussLegendre gives the n points and weights of Gauss and Legendre on 0..length (Abramowitz and Stegun 1964, 25.4.29):
// what is integrated is smooth, so a few dozen points give ten digits.
func gaussLegendre(n int, length float64) (at, weights []float64) {
	legendre.Lock()
	defer legendre.Unlock()
	if legendre.rules == nil {
		legendre.rules = map[int][2][]float64{}
	}
	rule, known := legendre.rules[n]
	if !known {
		rule = legendreRule(n)
		legendre.rules[n] = rule
	}
	at, weights = make([]float64, n), make([]float64, n)
	for i := range at {
		at[i], weights[i] = length*rule[0][i], length*rule[1][i]
	}
	return at, weights
}

// legendreRule is the rule on 0..1: the roots of the polynomial by Newton's method from Tricomi's approximation.
func legendreRule(n int) (rule [2][]float64) {
	rule = [2][]float64{make([]float64, n), make([]float64, n)}
	for i := range n {
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		slope := 0.0
		for range 100 {
			var value float64
			value, slope = legendreAt(n, x)
			step := value / slope
			x -= step
			if math.Abs(step) < 1e-15 {
				break
			}
		}
		rule[0][n-1-i] = (1 + x) / 2
		rule[1][n-1-i] = 1 / ((1 - x*x) * slope * slope)
	}
	return rule
}

// legendreAt is the n-th Legendre polynomial and its derivative.
func legendreAt(n int, x float64) (value, slope float64) {
	before, value := 0.0, 1.0
	for k := range n {
		j := float64(k)
		before, value = value, ((2*j+1)*x*value-j*before)/(j+1)
	}
	return value, float64(n) * (x*value - before) / (x*x - 1)
}

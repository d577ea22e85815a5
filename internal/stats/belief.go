package stats

import "math"

// belief is what a Bayesian would think of where the threshold lies: a distribution over the threshold's place on the
// grid and the shape of the curve around it. The shapes are a step, logistic edges of several widths, and stairs with
// one landing (as a race makes: certain death below, a start with some probability on the landing, certain starts
// above), each with starts that fail now and then under any limit.
//
// It only says where to try next and which outcomes to bet on.
type belief struct {
	places  int         // of the threshold: one more than limits, the last stands for none of them
	shapes  [][]float64 // probability of a start so many steps above the threshold, from -places on
	guesses []guess
	cum     []float64 // probability that the threshold is at most at this place
	heavy   []guess   // those that a mean is made of
}

// guess is one curve, with its weight.
type guess struct {
	weight       float64
	shape, place int32
}

// chance of a start under a limit.
func (b *belief) chance(g guess, limit int) float64 {
	return b.shapes[g.shape][limit-int(g.place)+b.places]
}

// stray is the probability of a start where there should be none.
const stray = 0.005

func newBelief(limits int, probability float64) *belief {
	b := &belief{places: limits + 1}
	var prior []float64
	for _, lapse := range []struct{ size, prior float64 }{{0.01, 0.75}, {0.2, 0.15}, {0.6, 0.1}} {
		top := 1 - lapse.size*(1-probability)
		b.add(&prior, 0.7*lapse.prior, func(d float64) float64 { return step(d, 0, top) })
		for _, width := range b.widths() {
			share := lapse.prior / float64(len(b.widths()))
			b.add(&prior, 0.1*share, func(d float64) float64 { return logistic(d, width, probability, top) })
			for _, landing := range []float64{0.1, 0.45, 0.75, 0.93} {
				b.add(&prior, 0.04*share, func(d float64) float64 {
					return math.Max(step(d, 0, top), step(d, -2*width, landing*probability))
				})
			}
			b.add(&prior, 0.02*share, func(d float64) float64 { // the landing itself is sure enough
				return math.Max(step(d, 2*width, top), step(d, 0, 0.6*probability+0.4*top))
			})
		}
	}
	for shape, p := range prior {
		for place := range b.places {
			b.guesses = append(b.guesses, guess{weight: p / float64(b.places), shape: int32(shape), place: int32(place)})
		}
	}
	b.normalize()
	return b
}

// widths of edges in steps, up to a quarter of the grid.
func (b *belief) widths() (widths []float64) {
	for w := 0.5; w == 0.5 || w <= float64(b.places)/4; w *= 4 {
		widths = append(widths, w)
	}
	return widths
}

func (b *belief) add(prior *[]float64, p float64, at func(steps float64) float64) {
	shape := make([]float64, 2*b.places)
	for i := range shape {
		shape[i] = math.Max(stray, at(float64(i-b.places)))
	}
	b.shapes = append(b.shapes, shape)
	*prior = append(*prior, p)
}

func step(d, from, height float64) float64 {
	if d >= from {
		return height
	}
	return stray
}

// logistic reaches the probability half a step below the threshold, which is the first limit to have it.
func logistic(d, width, probability, top float64) float64 {
	odds := probability / (top - probability)
	return top / (1 + math.Exp(-(d+0.5)/width)/odds)
}

// see is Bayes' theorem.
func (b *belief) see(limit int, started bool) {
	for i, g := range b.guesses {
		p := b.chance(g, limit)
		if !started {
			p = 1 - p
		}
		b.guesses[i].weight *= p
	}
	b.normalize()
}

// forgotten is the weight below which a guess is dropped: it would take four strays or so in a row to bring it
// back, and most guesses fall below it soon, which makes what is left quick to go through.
const forgotten = 1e-12

// light is the weight below which a guess is left out of means: all of them together weigh less than a hundredth, and
// of the many guesses most are so light after some starts.
const light = 1e-7

func (b *belief) normalize() {
	sum := 0.0
	for _, g := range b.guesses {
		sum += g.weight
	}
	b.cum = make([]float64, b.places)
	kept := b.guesses[:0]
	b.heavy = b.heavy[:0]
	for _, g := range b.guesses {
		if g.weight /= sum; g.weight > forgotten {
			kept = append(kept, g)
			b.cum[g.place] += g.weight
		}
		if g.weight > light {
			b.heavy = append(b.heavy, g)
		}
	}
	b.guesses = kept
	sum = 0
	for place, w := range b.cum {
		sum += w
		b.cum[place] = sum
	}
}

// atMost is the probability that the threshold is this limit or a lower one.
func (b *belief) atMost(limit int) float64 { return b.cum[limit] }

// between are the places of two quantiles.
func (b *belief) between(low, high float64) (lo, hi int) {
	for b.cum[lo] < low && lo < b.places-1 {
		lo++
	}
	for hi = lo; b.cum[hi] < high && hi < b.places-1; {
		hi++
	}
	return lo, hi
}

// quantiles are n different limits between lo and hi that cut the belief into parts of one size.
func (b *belief) quantiles(n, lo, hi int) (at []int) {
	taken := map[int]bool{}
	for i := 1; i <= n; i++ {
		place, _ := b.between(float64(i)/float64(n+1), 1)
		// A start under the limit below the median tells as much as one at it.
		if x := min(max(place-1, lo+1, 0), hi-1); !taken[x] {
			taken[x] = true
			at = append(at, x)
		}
	}
	return at
}

// mean of a function of the shapes under a limit, if that is at or above the threshold and if it is below.
func (b *belief) mean(limit int, above, below [][]float64) (ifAbove, ifBelow float64) {
	var mass, sum [2]float64
	for _, g := range b.heavy {
		side, table := 0, above
		if int(g.place) > limit {
			side, table = 1, below
		}
		mass[side] += g.weight
		sum[side] += g.weight * table[g.shape][limit-int(g.place)+b.places]
	}
	return sum[0] / math.Max(mass[0], 1e-300), sum[1] / math.Max(mass[1], 1e-300)
}

// table is a function of the shapes' probabilities.
func (b *belief) table(f func(p float64) float64) [][]float64 {
	out := make([][]float64, len(b.shapes))
	for i, shape := range b.shapes {
		out[i] = make([]float64, len(shape))
		for d, p := range shape {
			if d > 0 && p == shape[d-1] { // most of a curve is flat
				out[i][d] = out[i][d-1]
				continue
			}
			out[i][d] = f(p)
		}
	}
	return out
}

package scenarios

// pair is two values of different axes, by their indexes.
type pair struct{ axis, value, other, with int }

// cover sorts slots so that any two values of different axes meet soon, where a cell has both at all: each next one brings the most
// pairs that no one before it had, those of core included. Among equals the order they come in
// stands. It is the greedy way to a pairwise test set, which needs some axis1 x axis2 cells of the two longest axes, where all
// would be the product of all axes.
//
// What a slot brings only shrinks, so that it is worked out anew only when its turn comes, at most once for
// each number it can be.
func cover(core, slots []slot) []slot {
	met := map[pair]bool{}
	for _, s := range core {
		if s.built { // the axes of the others are not the same ones
			meet(met, s)
		}
	}
	byGain := map[int][]slot{}
	most := 0
	for _, s := range slots {
		n := gain(met, s)
		byGain[n] = append(byGain[n], s)
		most = max(most, n)
	}
	sorted := make([]slot, 0, len(slots))
	for n := most; n >= 0; n-- {
		for i := 0; i < len(byGain[n]); i++ {
			s := byGain[n][i]
			if now := gain(met, s); now < n {
				byGain[now] = append(byGain[now], s)
				continue
			}
			meet(met, s)
			sorted = append(sorted, s)
		}
	}
	return sorted
}

func (s slot) pairs(yield func(pair) bool) {
	for i, value := range s.at {
		for j := i + 1; j < len(s.at); j++ {
			if !yield(pair{i, value, j, s.at[j]}) {
				return
			}
		}
	}
}

func meet(met map[pair]bool, s slot) {
	for p := range s.pairs {
		met[p] = true
	}
}

func gain(met map[pair]bool, s slot) (n int) {
	for p := range s.pairs {
		if !met[p] {
			n++
		}
	}
	return n
}

package phrase

import (
	"github.com/initbench/initbench/sequence"
)

// Pair is a line of two starts: the same step of both, or a step that only one has.
type Pair struct{ A, B *sequence.Row }

// Align puts the steps that both have, in an order that both have, on the same lines: a
// longest common subsequence. A step is the same when its name is and when both or neither took it in init.
func Align(a, b []sequence.Row) []Pair {
	same := func(i, j int) bool { return a[i].Step == b[j].Step && a[i].Init == b[j].Init }
	// common[i][j] is the length for a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if same(i, j) {
				common[i][j] = max(common[i][j], 1+common[i+1][j+1])
			}
		}
	}
	var pairs []Pair
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && same(i, j) && common[i][j] == 1+common[i+1][j+1]:
			pairs = append(pairs, Pair{&a[i], &b[j]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			pairs = append(pairs, Pair{A: &a[i]})
			i++
		default:
			pairs = append(pairs, Pair{B: &b[j]})
			j++
		}
	}
	return pairs
}

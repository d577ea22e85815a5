package verdict

import (
	"github.com/initbench/initbench/scenarios"
)

// Group is the starts that a search asked for at once.
type Group struct {
	First  int // the index of the first of them
	Starts int // 0: one that was asked for alone, or a record of a time before groups were recorded
}

// GroupOf is the group that a start was asked for in.
func GroupOf(t *scenarios.Trial) Group {
	if t.Group == 0 {
		return Group{}
	}
	return Group{First: t.Index - t.InGroup, Starts: t.Group}
}

// Whole leaves the starts of one search out whose group was cut short, by an interruption or a crash: those of it that were recorded
// are the quickest to end, and what is killed ends sooner than what starts. Both the search under way, which asks for another group
// instead, and its replay go by it, so that they find the same edge.
func Whole[T any](starts []T, of func(T) Group) (whole []T) {
	recorded := map[Group]int{}
	for _, s := range starts {
		recorded[of(s)]++
	}
	for _, s := range starts {
		if g := of(s); recorded[g] >= g.Starts {
			whole = append(whole, s)
		}
	}
	return whole
}

package design

import "github.com/initbench/initbench/scenarios"

// static is a plan that was settled beforehand: every trial of it is made, and nothing that was measured changes
// it. The searches of such a run, which no plan can settle, come after it.
type static struct {
	spec  scenarios.Spec
	done  map[int]bool // by index
	left  []scenarios.Trial
	begun bool
	block int
}

func newStatic(spec scenarios.Spec) *static {
	return &static{spec: spec, done: map[int]bool{}, block: -1}
}

// next is the plan's next batch, as far as it is still to be made. A block that has begun is finished whatever the
// time, since arms are compared within it.
func (s *static) next(over bool) (batch []scenarios.Trial) {
	if !s.begun {
		s.begun = true
		for t := range s.spec.Trials() {
			if !s.done[t.Index] {
				s.left = append(s.left, t)
			}
		}
	}
	if len(s.left) == 0 || over && s.left[0].Block != s.block {
		return nil
	}
	n := 1
	for n < len(s.left) && s.left[n].Batch == s.left[0].Batch {
		n++
	}
	batch, s.left, s.block = s.left[:n:n], s.left[n:], s.left[0].Block
	return batch
}

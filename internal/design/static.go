package design

import (
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// static is a plan that was settled beforehand: every trial of it is made, and nothing that was measured changes
// it. What is of another clock than the run's own comes after the rest. The searches of such a run, which no plan can settle, come
// after what is of their clock.
type static struct {
	spec   scenarios.Spec
	clocks map[string]scenarios.Clock // by scenario
	done   map[int]bool               // by index
	left   map[scenarios.Clock][]scenarios.Trial
	block  int
}

func newStatic(h results.Header) *static {
	s := &static{spec: h.Spec, clocks: map[string]scenarios.Clock{}, done: map[int]bool{}, block: -1}
	for _, sc := range h.Spec.Scenarios {
		s.clocks[sc.Name] = h.ClockOf(sc)
	}
	return s
}

// sort finds, once the records of earlier sessions are in, what is still to be made.
func (s *static) sort() {
	if s.left != nil {
		return
	}
	s.left = map[scenarios.Clock][]scenarios.Trial{}
	for t := range s.spec.Trials() {
		if !s.done[t.Index] {
			clock := s.clocks[t.Scenario]
			s.left[clock] = append(s.left[clock], t)
		}
	}
}

func (s *static) has(c scenarios.Clock) bool {
	s.sort()
	return len(s.left[c]) > 0
}

// next is the next batch of the plan by a clock, as far as it is still to be made. A block that has begun is finished whatever the
// time, since arms are compared within it.
func (s *static) next(c scenarios.Clock, over bool) (batch []scenarios.Trial) {
	s.sort()
	left := s.left[c]
	if len(left) == 0 || over && left[0].Block != s.block {
		return nil
	}
	n := 1
	for n < len(left) && left[n].Batch == left[0].Batch {
		n++
	}
	batch, s.left[c], s.block = left[:n:n], left[n:], left[0].Block
	return batch
}

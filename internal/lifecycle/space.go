package lifecycle

import (
	"fmt"
	"iter"
	"math/big"
	"slices"
)

// Space is what sequences are made of.
type Space struct {
	Points Points
	// Faults is how many there may be in one sequence: kills of the runtime, and deletes under pressure.
	Faults int
}

// MaxSequences is the most that All enumerates: at a second each, more than a day.
const MaxSequences = 100_000

// check refuses what cannot be counted.
func (s Space) check(length int) error {
	if length < 1 || length > MaxLength {
		return fmt.Errorf("length %d: want 1 to %d", length, MaxLength)
	}
	if s.Faults < 0 || s.Faults > MaxLength {
		return fmt.Errorf("%d faults in a sequence: want 0 to %d", s.Faults, MaxLength)
	}
	for verb, points := range s.Points {
		if !slices.Contains(Kills(), verb) {
			return fmt.Errorf("points of %q: the runtime is not killed in it", verb)
		}
		for i, p := range points {
			if _, err := ParsePoint(string(p)); err != nil {
				return fmt.Errorf("%s: %w", verb, err)
			}
			if slices.Contains(points[:i], p) {
				return fmt.Errorf("%s: point %q is there twice", verb, p)
			}
		}
	}
	return nil
}

// steps lists what may be taken in a state, in the order of enumeration.
func (s Space) steps(at state) []Step {
	var all []Step
	for _, v := range Verbs() {
		step := Step{Verb: v}
		if _, ok := at.after(step); ok {
			all = append(all, step)
		}
	}
	for _, v := range Kills() {
		for _, p := range s.Points[v] {
			step := Step{Verb: v, Kill: p}
			if _, ok := at.after(step); ok {
				all = append(all, step)
			}
		}
	}
	return all
}

// Count is how many sequences there are of up to length steps. It makes none of them: it adds up, for each state and
// each number of steps left, what can follow.
func (s Space) Count(length int) (*big.Int, error) {
	if err := s.check(length); err != nil {
		return nil, err
	}
	c := counter{space: s, known: map[rest]*big.Int{}}
	return c.from(rest{begin(s.Faults), length}), nil
}

// rest is a state and how many steps may still follow.
type rest struct {
	state
	left int
}

type counter struct {
	space Space
	known map[rest]*big.Int
}

func (c counter) from(r rest) *big.Int {
	if n := c.known[r]; n != nil {
		return n
	}
	n := new(big.Int)
	if r.left > 0 {
		for _, step := range c.space.steps(r.state) {
			next, _ := r.after(step)
			if accepted(step) {
				n.Add(n, big.NewInt(1))
			}
			n.Add(n, c.from(rest{next, r.left - 1}))
		}
	}
	c.known[r] = n
	return n
}

// All gives every sequence of up to length steps once. What it yields is the receiver's to keep.
func (s Space) All(length int) (iter.Seq[Sequence], error) {
	n, err := s.Count(length)
	if err != nil {
		return nil, err
	}
	if n.Cmp(big.NewInt(MaxSequences)) > 0 {
		return nil, fmt.Errorf("length %d would be %v sequences, and the most are %d: give a smaller length, fewer faults or fewer points", length, n, MaxSequences)
	}
	return func(yield func(Sequence) bool) {
		w := walker{space: s, yield: yield}
		w.below(nil, begin(s.Faults), length)
	}, nil
}

// walker goes through the tree of sequences.
type walker struct {
	space Space
	yield func(Sequence) bool
}

// below yields what follows a prefix, and reports whether more is wanted.
func (w walker) below(prefix Sequence, at state, left int) bool {
	if left == 0 {
		return true
	}
	steps := w.space.steps(at)
	for _, step := range steps {
		if accepted(step) && !w.end(prefix, at, step, left) {
			return false
		}
	}
	for _, step := range steps {
		next, _ := at.after(step)
		if !w.below(append(slices.Clone(prefix), step), next, left-1) {
			return false
		}
	}
	return true
}

// end yields a prefix with its last step and, right behind it, the same with a stop before that step. The
// second has then been: it is left out where it would come by itself.
func (w walker) end(prefix Sequence, at state, last Step, left int) bool {
	whole := append(slices.Clone(prefix), last)
	if w.hasBeen(prefix, last) {
		return true
	}
	if !w.yield(whole) {
		return false
	}
	if left < 2 || !hasTwin(at, last) {
		return true
	}
	twin, _ := whole.Stopped()
	return w.yield(twin)
}

// hasBeen reports whether the prefix with its last step is a twin that came beside its direct delete.
func (w walker) hasBeen(prefix Sequence, last Step) bool {
	if n := len(prefix); n > 0 && prefix[n-1] == (Step{Verb: Stop}) {
		direct := append(slices.Clone(prefix[:n-1]), last)
		_, ok := direct.Stopped()
		return ok
	}
	return false
}

package lifecycle

import (
	"fmt"
	"slices"
	"strings"
)

// Sequence is one life of a container.
type Sequence []Step

// MaxLength bounds a sequence: no life is longer that tells more than its parts do.
const MaxLength = 16

// String is the sequence's canonical name, which Parse reads back.
func (s Sequence) String() string {
	names := make([]string, len(s))
	for i, step := range s {
		names[i] = step.String()
	}
	return strings.Join(names, ",")
}

// Parse reads a sequence's name. It refuses what no caller would do, but no sequence only because it would not be enumerated: one
// whose container is still wanted at its end is a fair question too.
func Parse(name string) (Sequence, error) {
	if name == "" {
		return nil, fmt.Errorf("the sequence is empty: want steps with commas between them, such as create,start,stop,delete")
	}
	words := strings.Split(name, ",")
	if len(words) > MaxLength {
		return nil, fmt.Errorf("the sequence has %d steps, and the most are %d", len(words), MaxLength)
	}
	var s Sequence
	at := begin(len(words))
	for _, word := range words {
		step, err := ParseStep(word)
		if err != nil {
			return nil, err
		}
		next, ok := at.after(step)
		if !ok {
			return nil, fmt.Errorf("sequence %q: %s cannot follow %s: the container is %s then", name, step, orNothing(s), at.phase)
		}
		s, at = append(s, step), next
	}
	return s, nil
}

func orNothing(s Sequence) string {
	if len(s) == 0 {
		return "nothing"
	}
	return s.String()
}

// Faults is how many there are in it: kills of the runtime, and deletes under pressure.
func (s Sequence) Faults() (n int) {
	for _, step := range s {
		if step.Kill != "" || step.Verb == PressedDelete {
			n++
		}
	}
	return n
}

// MarshalText makes a sequence its name, in JSON too.
func (s Sequence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is Parse.
func (s *Sequence) UnmarshalText(text []byte) (err error) {
	*s, err = Parse(string(text))
	return err
}

// Stopped is the sequence with a stop before its last step, where that is a delete of what has not been stopped and may be:
// stop now and delete later beside the direct delete. ok is false where there is no such twin.
func (s Sequence) Stopped() (twin Sequence, ok bool) {
	if len(s) == 0 {
		return nil, false
	}
	at := begin(len(s))
	for _, step := range s[:len(s)-1] {
		var fits bool
		if at, fits = at.after(step); !fits {
			return nil, false
		}
	}
	last := s[len(s)-1]
	if !hasTwin(at, last) {
		return nil, false
	}
	return append(slices.Clone(s[:len(s)-1]), Step{Verb: Stop}, last), true
}

// hasTwin reports whether a step that may be taken in a state may be taken after a stop as well.
func hasTwin(at state, last Step) bool {
	if !last.Verb.Deletes() || last.Kill != "" {
		return false
	}
	_, direct := at.after(last)
	stopped, stops := at.after(Step{Verb: Stop})
	if !direct || !stops {
		return false
	}
	_, later := stopped.after(last)
	return later
}

package scenarios

import (
	"fmt"
	"slices"
)

// NewSpec puts a run together: the runtimes the scenarios bring along, in order,
// then more; the built-in one where nobody names any. Two files may bring the same runtime, which is then one arm; one name for two references
// is refused. What comes back has passed Validate.
func NewSpec(all []Scenario, more []Runtime, seed uint64) (Spec, error) {
	s := Spec{Scenarios: all, Seed: seed}
	for _, sc := range all {
		if err := s.bring(sc.Runtimes); err != nil {
			return Spec{}, err
		}
	}
	s.Runtimes = append(s.Runtimes, more...)
	if len(s.Runtimes) == 0 {
		s.Runtimes = defaultRuntimes(all)
	}
	if err := s.Validate(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

func (s *Spec) bring(runtimes []Runtime) error {
	for _, r := range runtimes {
		i := slices.IndexFunc(s.Runtimes, func(known Runtime) bool { return known.Name == r.Name })
		switch {
		case i < 0:
			s.Runtimes = append(s.Runtimes, r)
		case s.Runtimes[i].Ref != r.Ref:
			return &Error{Pos: r.Pos, Wrong: fmt.Sprintf("runtime %s is %s here", printable(r.Name), quoted(r.Ref)),
				Right: fmt.Sprintf("it is %s in %s: rename one", quoted(s.Runtimes[i].Ref), s.Runtimes[i].Pos)}
		}
	}
	return nil
}

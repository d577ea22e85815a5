package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
)

// WithTrials returns s with n batches for each runtime in each cell. Like the other With
// methods it changes a copy and judges nothing: Validate does.
func (s Scenario) WithTrials(n int) Scenario {
	s.Trials = n
	return s
}

// WithDrivers returns s on these drivers instead of its own.
func (s Scenario) WithDrivers(drivers ...cgroupjoin.Driver) Scenario {
	s.Drivers = slices.Clone(drivers)
	return s
}

// WithTimeout returns s with this deadline for each trial.
func (s Scenario) WithTimeout(t time.Duration) Scenario {
	s.Timeout = t
	return s
}

// NewSpec puts a run together: the runtimes the scenarios bring along, in order,
// then more. Two files may bring the same runtime, which is then one arm; one name for two references
// is refused. What comes back has passed Validate.
func NewSpec(all []Scenario, more []Runtime, seed uint64) (Spec, error) {
	s := Spec{Scenarios: all, Seed: seed}
	for _, sc := range all {
		if err := s.bring(sc.Runtimes); err != nil {
			return Spec{}, err
		}
	}
	s.Runtimes = append(s.Runtimes, more...)
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

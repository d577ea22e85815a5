package scenarios

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/initbench/initbench/internal/lifecycle"
)

const (
	// MaxLives keeps a session's record within a line of the run's file: two hundred bytes a life.
	MaxLives = 4000
	// Repeated is how often the sequences that differed between the arms are lived again by each: where one leaves eight times what the other never
	// does, chance has 1 of 12870 (Fisher), which stands for the whole of some hundred sequences.
	Repeated = 8

	// LivesAtOnce are lived beside each other. Most of a life's time is waiting for what is left of it to go: two seconds, and one
	// more after each thing that is tried; what it does takes a tenth of that. More would only hold memory, 20 MiB each where an init is left.
	LivesAtOnce = 12

	defaultFaults = 1
	// DefaultSettle is what time alone is given to free what a life left.
	DefaultSettle = lifecycle.DefaultSettle
	maxSettle     = time.Minute
)

// Lives are those that each session of a scenario lives, one container's each.
type Lives struct {
	// Length is the most steps of a sequence: all of up to it are lived, with at most Faults in each: deaths of the runtime, and deletes under pressure.
	Length int `json:"length,omitempty"`
	Faults int `json:"faults,omitempty"`
	// Sequences are these and no others.
	Sequences []string `json:"sequences,omitempty"`
	// Settle is how long time alone has to free what is left, before anything else is tried.
	Settle time.Duration `json:"settle_ns"`
}

// Space is what the sequences are made of on a runtime that dies at these points.
func (l Lives) Space(points lifecycle.Points) lifecycle.Space {
	return lifecycle.Space{Points: points, Faults: l.Faults}
}

// Usual are about as many points as runtimes have: a plan knows none, which are found out where the runtime is.
func usualPoints() lifecycle.Points {
	numbered := func(n int) (all []lifecycle.Point) {
		for i := range n {
			all = append(all, lifecycle.Point(fmt.Sprint("p", i)))
		}
		return all
	}
	return lifecycle.Points{lifecycle.Create: numbered(15), lifecycle.Start: numbered(5), lifecycle.Delete: numbered(5), lifecycle.ForceDelete: numbered(6)}
}

// About is how many lives there are, more or less.
func (l Lives) About() *big.Int {
	if len(l.Sequences) > 0 {
		return big.NewInt(int64(len(l.Sequences)))
	}
	n, err := l.Space(usualPoints()).Count(l.Length)
	if err != nil { // livesFlaw has refused it
		return new(big.Int)
	}
	return n
}

func (d *decoder) lives(path string, v node) *Lives {
	l := &Lives{Settle: DefaultSettle}
	if !v.Has("sequences") {
		l.Faults = defaultFaults
	}
	d.mapping(path, "lifecycle", v, []field{
		{"length", false, func(p string, v node) { l.Length = d.count(p, v) }},
		{"faults", false, func(p string, v node) { l.Faults = d.count(p, v) }},
		{"sequences", false, func(p string, v node) { l.Sequences = d.texts(p, v) }},
		{"settle", false, func(p string, v node) { l.Settle = d.duration(p, v) }},
	})
	return l
}

// livesFlaw refuses lives that could not be counted, or that are more than a record holds, before any of them is made.
func (s Scenario) livesFlaw() *flaw {
	l := s.Lives
	if l == nil {
		return nil
	}
	if s.Cycles > 0 {
		return &flaw{"lifecycle", "lifecycle beside cycles", "a session makes the one or the other: leave one out"}
	}
	if key, why := s.besideSession("a life is timed for nothing, and counted by what it leaves"); key != "" {
		return &flaw{key, key + " beside lifecycle", why + ": leave " + key + " out"}
	}
	if l.Settle < 0 || l.Settle > maxSettle {
		return &flaw{"lifecycle.settle", "lifecycle.settle " + l.Settle.String(), "write 0s to " + maxSettle.String()}
	}
	if len(l.Sequences) > 0 {
		return l.sequencesFlaw()
	}
	if l.Length == 0 {
		return &flaw{"lifecycle", "lifecycle without length", "add length, such as length: 3, or sequences"}
	}
	if _, err := l.Space(nil).Count(l.Length); err != nil {
		return &flaw{"lifecycle.length", "lifecycle: " + err.Error(), "write lengths of 1 to 4 and faults of 0 to 2"}
	}
	if n := l.About(); n.Cmp(big.NewInt(MaxLives)) > 0 {
		return &flaw{"lifecycle.length", fmt.Sprintf("lifecycle of length %d with %d faults: about %v sequences on a runtime as they are", l.Length, l.Faults, n),
			fmt.Sprintf("the most is %d: write a smaller length, or fewer faults", MaxLives)}
	}
	return nil
}

func (l Lives) sequencesFlaw() *flaw {
	if l.Length != 0 || l.Faults != 0 {
		return &flaw{"lifecycle.sequences", "lifecycle.sequences beside length or faults", "write the one or the other"}
	}
	var seen []string
	for i, name := range l.Sequences {
		path := fmt.Sprintf("lifecycle.sequences[%d]", i)
		s, err := lifecycle.Parse(name)
		switch {
		case err != nil:
			return &flaw{path, path + ": " + err.Error(), "write steps with commas between them, such as 'create,start,stop,delete'"}
		case slices.Contains(seen, s.String()):
			return &flaw{path, "sequence " + s.String() + " a second time", "name each once: what differs is lived again anyway"}
		}
		seen = append(seen, s.String())
	}
	return nil
}

// livesMetricFlaw keeps what lives leave and what one start shows apart.
func (s Scenario) livesMetricFlaw() *flaw {
	for i, name := range s.Judge {
		path := fmt.Sprintf("judge[%d]", i)
		switch {
		case IsLeftover(name) && s.Lives == nil:
			return &flaw{path, "metric " + name + " without lifecycle", "only lives leave it: add lifecycle, such as lifecycle: {length: 2}"}
		case !IsLeftover(name) && s.Lives != nil:
			return &flaw{path, "metric " + name + " of lives", "write " + s.metricWords() + ", or leave judge out: all of them"}
		case name == AllLeftovers && len(s.Judge) > 1:
			return &flaw{path, AllLeftovers + " beside other metrics", "it is all of them: leave the others out"}
		}
	}
	return nil
}

// LivesOf are those of a scenario's sessions; nil where it has none.
func (s Spec) LivesOf(scenario string) *Lives {
	for _, sc := range s.Scenarios {
		if sc.Name == scenario {
			return sc.Lives
		}
	}
	return nil
}

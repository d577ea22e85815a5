package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// Clock is what time is told by where trials are made.
type Clock string

const (
	// RunsClock is whatever clock the run is made by: the machine's, or the guest's that the user chose.
	RunsClock Clock = ""
	// Instructions is the clock of a guest with one emulated CPU, whose time counts what that CPU executes.
	Instructions Clock = "instructions"
)

// clockFlaw keeps a clock's own metrics and all others apart. What a guest of one CPU shows besides its
// clock, an order that nothing races or a peak that one CPU charges ahead, is not what the run's other trials show under the same name.
func (s Scenario) clockFlaw() *flaw {
	if s.Clock != RunsClock && s.Clock != Instructions {
		return &flaw{"clock", "clock " + quoted(string(s.Clock)), "write " + string(Instructions) + ", or leave clock out: the run's own"}
	}
	for i, name := range s.Judge {
		path := fmt.Sprintf("judge[%d]", i)
		m, _ := MetricNamed(name) // judgeFlaw has refused what is none
		switch own := strings.Join(metricsBy(Instructions), ", "); {
		case m.Clock == s.Clock:
		case s.Clock == RunsClock:
			return &flaw{path, "metric " + name + " by whatever clock", "add clock: " + string(m.Clock) + " to a scenario that judges " + own + " and nothing else"}
		default:
			return &flaw{path, "metric " + name + " by the clock " + string(s.Clock), "write " + own}
		}
	}
	return nil
}

func metricsBy(c Clock) (names []string) {
	for _, m := range Metrics() {
		if m.Clock == c {
			names = append(names, m.Name)
		}
	}
	return names
}

// HasClock tells whether a scenario of the run asks for a clock.
func (s Spec) HasClock() bool {
	return slices.ContainsFunc(s.Scenarios, func(sc Scenario) bool { return sc.Clock != RunsClock })
}

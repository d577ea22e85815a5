package verdict

import (
	"strings"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Lane is what a trial was made under. It is settled by the plan, not by what came of
// it: a trial that was to be observed and could not be is no timed one.
type Lane string

const (
	Timed Lane = "timed" // no filter and no observer: latencies
	// Attached trials are watched by nobody, but others of their scenario are: the observer's programs are
	// loaded, and every system call passes them; or other trials were made at the same time. No figure of time is of
	// such a trial.
	Attached Lane = "attached"
	Observed Lane = "observed" // under the eBPF observer: charges and counters
	Enforced Lane = "enforced" // with an order imposed: outcomes
)

// lanes lists them in one order, for what adds up values to do so always alike.
var lanes = []Lane{Timed, Attached, Observed, Enforced}

// laneOf takes whether the trial's scenario has observed trials: the observer is loaded for a scenario.
func laneOf(t *scenarios.Trial, observes bool) Lane {
	switch {
	case orderOf(t) != natural:
		return Enforced
	case t.Observe:
		return Observed
	case observes || t.Together:
		return Attached
	}
	return Timed
}

// orderOf reads records from before there were orders as what they are.
func orderOf(t *scenarios.Trial) sequence.Order {
	if t.Order == "" {
		return natural
	}
	return t.Order
}

// counts reports whether the values of trials in a lane are the metric's. Charges
// and counters of a start with an order imposed have the filter's notifications in them.
func (m metric) counts(l Lane) bool {
	switch m.lane {
	case scenarios.TimedLane:
		return l == Timed
	case scenarios.ObservedLane:
		return l == Observed
	}
	return true
}

// natural reports whether the metric has rows for the natural order alone.
func (m metric) natural() bool { return !m.counts(Enforced) }

// unobserved says why a metric of the observer has no value of an arm; empty where
// no trial started, which others say.
func unobserved(s *side, env results.Environment) string {
	switch watched := s.started[Observed]; {
	case watched == 0 && s.started[Timed]+s.started[Attached] > 0:
		return "no trial was observed, which the scenario's observe: true asks for"
	case watched == 0:
		return ""
	case s.lost == watched:
		return "the observer lost events of every trial"
	case len(s.found) > 0:
		return "the observer of its time did not tell it"
	case strings.HasPrefix(env.Observer, "none"):
		return "the trials were not observed (" + env.Observer + ")"
	}
	return "no observer watched the trials"
}

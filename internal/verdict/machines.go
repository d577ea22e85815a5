package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// machines are the environments of one run or of two that are compared, and what was measured in which. Scenarios of a clock of
// their own are made in a guest of their own: what is of another clock is neither compared with the rest nor held against it.
type machines struct {
	// clocks that a scenario asks for.
	clocks map[string]scenarios.Clock
	// of has the environments, by their ID, that a scenario has records of.
	of map[string]map[string]bool
	// told has the environments, by their ID, that trials which are no warm-up were made in.
	told map[string]bool
	last noted // a run has few, and many records
	envs []results.Environment
}

// noted is what there is to note of a record.
type noted struct {
	scenario, environment string
	warmup                bool
}

func newMachines() *machines {
	return &machines{clocks: map[string]scenarios.Clock{}, of: map[string]map[string]bool{}, told: map[string]bool{}}
}

func (m *machines) plan(spec scenarios.Spec) {
	for _, sc := range spec.Scenarios {
		m.clocks[sc.Name] = sc.Clock
	}
}

func (m *machines) note(r *results.Record) {
	at := noted{r.Scenario, r.Environment, r.Warmup}
	if m.last == at {
		return
	}
	m.last = at
	if m.of[r.Scenario] == nil {
		m.of[r.Scenario] = map[string]bool{}
	}
	m.of[r.Scenario][r.Environment] = true
	if !r.Warmup {
		m.told[r.Environment] = true
	}
}

// hasClock tells whether any scenario asks for a clock.
func (m *machines) hasClock() bool {
	for _, c := range m.clocks {
		if c != scenarios.RunsClock {
			return true
		}
	}
	return false
}

// groups are the environments that have to be alike: all of them or, where scenarios ask for clocks, those of each clock.
func (m *machines) groups() (all [][]results.Environment) {
	if !m.hasClock() && len(m.envs) > 0 {
		return [][]results.Environment{m.envs}
	}
	for _, e := range m.envs {
		i := slices.IndexFunc(all, func(g []results.Environment) bool { return g[0].Clock == e.Clock })
		if i < 0 {
			all = append(all, nil)
			i = len(all) - 1
		}
		all[i] = append(all[i], e)
	}
	return all
}

// firsts are the first environments of each clock.
func (m *machines) firsts() (all []results.Environment) {
	for _, g := range m.groups() {
		all = append(all, g[0])
	}
	return all
}

// compare says what forbids that records are put together, and what else differs.
func (m *machines) compare() (invalid, warnings []string) {
	for _, g := range m.groups() {
		no, differ := compareEnvironments(g)
		invalid, warnings = appendNew(invalid, "", no), appendNew(warnings, "", differ)
	}
	return append(invalid, m.misplaced()...), warnings
}

// misplaced are scenarios that were measured by another clock than the one they ask for or, where they ask for none, by several.
func (m *machines) misplaced() (all []string) {
	if !m.hasClock() {
		return nil // all environments were held against each other
	}
	var own []string
	for _, name := range slices.Sorted(maps.Keys(m.of)) {
		for _, clock := range m.clocksOf(name) {
			switch asked := m.clocks[name]; {
			case asked == scenarios.RunsClock && !slices.Contains(own, clock):
				own = append(own, clock)
			case asked != scenarios.RunsClock && string(asked) != clock:
				all = append(all, fmt.Sprintf("scenario %s asks for the clock %s and was measured by another: %s", name, asked, orNone(clock)))
			}
		}
	}
	if len(own) > 1 {
		all = append(all, "environments differ: clock: "+strings.Join(own, " and ")+", in scenarios that ask for none")
	}
	return all
}

// clocksOf are those that a scenario was measured by.
func (m *machines) clocksOf(scenario string) (all []string) {
	for _, e := range m.envs {
		if m.of[scenario][e.ID] && !slices.Contains(all, e.Clock) {
			all = append(all, e.Clock)
		}
	}
	return all
}

// clockOf is the clock of all of a scenario's records; not one, where it has none or was measured by several.
func (m *machines) clockOf(scenario string) (clock string, one bool) {
	all := m.clocksOf(scenario)
	if len(all) != 1 {
		return "", false
	}
	return all[0], true
}

// in is the environment in whose terms a scenario's figures are told: the first it was measured in, by its own clock where
// it asks for one. Without any it is the run's first, but for one of another clock.
func (m *machines) in(scenario string) results.Environment {
	asked := string(m.clocks[scenario])
	for _, e := range m.envs {
		if m.of[scenario][e.ID] && (asked == "" || asked == e.Clock) {
			return e
		}
	}
	if asked != "" {
		return results.Environment{Clock: asked}
	}
	return first(m.envs)
}

// doubts are what the environments alone say against the run's numbers. Of a clock that a scenario asks for
// the metrics' names say so.
func (m *machines) doubts() []string {
	if len(m.envs) == 0 {
		return nil
	}
	return doubts(m.envs[0])
}

// boots says when a run was continued after a restart of the machine or guest; each clock takes one. A boot that saw only warm-ups
// is in no figure.
func (m *machines) boots() []string {
	seen := map[string]bool{}
	for _, e := range m.envs {
		if m.told[e.ID] {
			seen[e.BootID] = true
		}
	}
	if len(seen) <= max(1, len(m.groups())) {
		return nil
	}
	return []string{fmt.Sprintf("the run was measured in %d boots", len(seen))}
}

// onNoisyClock reports whether times are those of a wall clock on an emulated CPU, which follows what else its host does.
func onNoisyClock(e results.Environment) bool {
	return e.Accelerator == "tcg" && e.Clock != string(scenarios.Instructions)
}

// envOf is the environment that a scenario was measured in.
func (j *judge) envOf(scenario string) results.Environment { return j.machines.in(scenario) }

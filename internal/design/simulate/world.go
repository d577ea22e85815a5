package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// inBlock is how many trials are drawn at once: those of a block of two arms.
const inBlock = 4

// World is what was measured of one binary.
type World struct {
	env  results.Environment // the first, and all
	envs []results.Environment
	// made has the environment of each scenario's trials, by its ID: that of the clock it waits for.
	made    map[string]string
	runtime results.RuntimeID
	blocks  map[where][][inBlock]results.Record
	edges   map[where]*edge
	// each is what a trial took, its harness included.
	each time.Duration
}

// where is a cell of a scenario; of a search, that of all its limits.
type where struct {
	scenario string
	cell     scenarios.Cell
}

// edge is a search's outcomes.
type edge struct {
	search *stats.Search
	curve  []stats.CurvePoint
	// natural: the order does not apply to the runtime.
	natural bool
}

// Read takes the trials of a run's first runtime, and of every other arm that is the same binary. Four that followed each other
// in a cell are a block: they share the machine's state, whichever arms they were.
func Read(run verdict.Run) (*World, error) {
	w := &World{made: map[string]string{}, blocks: map[where][][inBlock]results.Record{}, edges: map[where]*edge{}}
	trials, err := w.gather(run)
	if err != nil {
		return nil, err
	}
	if run.Rest != nil { // it is known when the records were read
		run.Environments, _ = run.Rest()
	}
	if len(run.Environments) == 0 {
		return nil, &results.InputError{Path: run.Name, Why: "does not say in which environment it ran"}
	}
	w.env, w.envs = run.Environments[0], run.Environments
	w.each = pace(trials, w.env.ID)
	for at, all := range byCell(run.Header.Spec, trials) {
		if err := w.settle(run.Header.Spec, at, all); err != nil {
			return nil, fmt.Errorf("%s: %w", run.Name, err)
		}
	}
	if len(w.blocks)+len(w.edges) == 0 {
		return nil, &results.InputError{Path: run.Name, Why: fmt.Sprintf("holds no %d trials of one cell and one binary that could be drawn again", inBlock)}
	}
	return w, nil
}

// gather keeps the trials that can be drawn again.
func (w *World) gather(run verdict.Run) (trials []results.Record, err error) {
	for r, err := range run.Records {
		if err != nil {
			return nil, err
		}
		if w.runtime.SHA256 == "" {
			w.runtime = r.Runtime
		}
		if r.Runtime.SHA256 == w.runtime.SHA256 && !r.Warmup && r.BatchSize == 1 && r.Join == (scenarios.Join{}) {
			trials = append(trials, r)
			w.made[r.Scenario] = r.Environment
		}
	}
	slices.SortFunc(trials, func(a, b results.Record) int { return cmp.Compare(a.Index, b.Index) })
	return trials, nil
}

// pace is the median time between the starts of trials that followed each other in one environment: another may tell time otherwise.
func pace(trials []results.Record, environment string) time.Duration {
	var gaps []int64
	for i := range trials {
		if i > 0 && trials[i].Environment == environment && trials[i-1].Environment == environment && trials[i].Index == trials[i-1].Index+1 && trials[i].StartNS > trials[i-1].StartNS {
			gaps = append(gaps, trials[i].StartNS-trials[i-1].StartNS)
		}
	}
	if len(gaps) == 0 {
		return scenarios.AssumedTrialCost
	}
	slices.Sort(gaps)
	return time.Duration(gaps[len(gaps)/2])
}

func byCell(spec scenarios.Spec, trials []results.Record) map[where][]results.Record {
	all := map[where][]results.Record{}
	for _, r := range trials {
		at := where{r.Scenario, r.Cell()}
		if sc, known := scenarioOf(spec, r.Scenario); known && sc.Search != nil {
			at.cell.Limit, at.cell.Place = 0, ""
		}
		all[at] = append(all[at], r)
	}
	return all
}

func scenarioOf(spec scenarios.Spec, name string) (scenarios.Scenario, bool) {
	i := slices.IndexFunc(spec.Scenarios, func(s scenarios.Scenario) bool { return s.Name == name })
	if i < 0 {
		return scenarios.Scenario{}, false
	}
	return spec.Scenarios[i], true
}

func (w *World) settle(spec scenarios.Spec, at where, trials []results.Record) error {
	sc, known := scenarioOf(spec, at.scenario)
	if !known {
		return fmt.Errorf("trial %d: the run has no scenario %q", trials[0].Index, at.scenario)
	}
	if sc.Search != nil {
		e, err := edgeOf(*sc.Search, trials)
		w.edges[at] = e
		return err
	}
	for block := range slices.Chunk(trials, inBlock) {
		if len(block) == inBlock {
			w.blocks[at] = append(w.blocks[at], [inBlock]results.Record(block))
		}
	}
	return nil
}

// edgeOf fits a curve to all starts of a search, whoever's they were.
func edgeOf(q scenarios.Search, trials []results.Record) (*edge, error) {
	q.Most = len(trials) + 1
	e := &edge{search: stats.NewSearch(verdict.SearchSpec(q))}
	for _, r := range trials {
		if !verdict.Shows(&r) {
			e.natural = e.natural || r.Enforcement != nil && r.Enforcement.Outcome == sequence.OrderNotApplicable
			continue
		}
		if err := e.search.Add(r.Limit, r.Outcome == results.Started); err != nil {
			return nil, fmt.Errorf("trial %d: %w", r.Index, err)
		}
	}
	e.curve = e.search.Curve()
	return e, nil
}

// Has tells whether every cell of a scenario can be played.
func (w *World) Has(spec scenarios.Spec, sc scenarios.Scenario) bool {
	for _, s := range spec.Slots(sc) {
		at := where{sc.Name, s.Cell}
		if len(w.blocks[at]) == 0 && w.edges[at] == nil {
			return false
		}
	}
	return true
}

// Searches takes the searches of another run in: what is found of an edge does not depend on the clock that it was found by.
func (w *World) Searches(of *World) {
	for at, e := range of.edges {
		w.edges[at] = e
	}
}

// of is the environment in which a scenario is made.
func (w *World) of(scenario string) string {
	if id, known := w.made[scenario]; known {
		return id
	}
	return w.env.ID
}

// places are the environments in which scenarios are made.
func (w *World) places(spec scenarios.Spec) (all []results.Environment) {
	for _, sc := range spec.Scenarios {
		i := slices.IndexFunc(w.envs, func(e results.Environment) bool { return e.ID == w.of(sc.Name) })
		if i >= 0 && !slices.ContainsFunc(all, func(e results.Environment) bool { return e.ID == w.envs[i].ID }) {
			all = append(all, w.envs[i])
		}
	}
	return all
}

// by is the first environment of a clock.
func (w *World) by(c scenarios.Clock) results.Environment {
	for _, e := range w.envs {
		if c != scenarios.RunsClock && e.Clock == string(c) {
			return e
		}
	}
	return w.env
}

// Environment is the first that trials were made in.
func (w *World) Environment() results.Environment { return w.env }

// Runtime is the binary that they were of.
func (w *World) Runtime() results.RuntimeID { return w.runtime }

// draw is the outcome of a start under a limit.
func (e *edge) draw(limit int64, rng *rand.Rand) results.Outcome {
	p := 0.0
	for _, c := range e.curve {
		if c.Limit <= limit {
			p = c.P
		}
	}
	if rng.Float64() < p {
		return results.Started
	}
	return results.InitOOMKilled
}

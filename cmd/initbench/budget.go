package main

import (
	"fmt"
	"io"
	"iter"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// sayWhatIsLeft says, once a budget is used up, how far the plan was made and how to go on.
func sayWhatIsLeft(f *measureFlags, run *results.Run, notes io.Writer) error {
	if f.budget == 0 {
		return nil
	}
	r, err := reachOf(run.Header.Spec, run.Records())
	if err != nil {
		return err
	}
	searches, err := openSearches(run)
	if err != nil || !searches && r.trials >= r.ofTrials {
		return err
	}
	also := ""
	if searches {
		also = ", searches are open"
	}
	_, _ = fmt.Fprintf(notes, "the budget of %v is used up: %d of %d trials are made, %d of %d cells have one%s; go on with --resume %s --budget %v\n",
		f.budget, r.trials, r.ofTrials, r.cells, r.ofCells, also, run.Dir, f.budget) // notes are only advice
	return nil
}

// openSearches asks the run's director, since no plan says how many starts a search takes.
func openSearches(run *results.Run) (bool, error) {
	d, err := searchesOnly(0)(run.Header)
	if err != nil || d == nil {
		return false, err
	}
	if _, err := remember(d, run.Dir); err != nil {
		return false, err
	}
	_, _, open := d.Next()
	return open, d.Err()
}

// reach is how much of a plan has records, but for searches, of which no plan says how much there is.
type reach struct {
	trials, ofTrials int64
	cells, ofCells   int
}

// cellOfScenario is a cell of a run, whose scenarios may share their conditions.
type cellOfScenario struct {
	scenario string
	scenarios.Cell
}

func reachOf(spec scenarios.Spec, records iter.Seq2[results.Record, error]) (r reach, err error) {
	for range spec.Trials() { // the plan has the warm-ups of a search, and none of its starts
		r.ofTrials++
	}
	searches := map[string]bool{}
	planned, reached := map[cellOfScenario]bool{}, map[cellOfScenario]bool{}
	for _, sc := range spec.Scenarios {
		if sc.Search != nil {
			searches[sc.Name] = true
			continue
		}
		for _, arm := range spec.Runtimes {
			for c, why := range spec.Cells(sc, arm) {
				if why == "" {
					planned[cellOfScenario{sc.Name, c}] = true
				}
			}
		}
	}
	for rec, err := range records {
		if err != nil {
			return r, err
		}
		if searches[rec.Scenario] && !rec.Warmup {
			continue
		}
		r.trials++
		if !rec.Warmup {
			reached[cellOfScenario{rec.Scenario, rec.Cell()}] = true
		}
	}
	r.cells, r.ofCells = len(reached), len(planned)
	return r, nil
}

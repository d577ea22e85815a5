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
	if err != nil || r.trials == r.ofTrials {
		return err
	}
	_, _ = fmt.Fprintf(notes, "the budget of %v is used up: %d of %d trials are made, %d of %d cells have one; go on with --resume %s --budget %v\n",
		f.budget, r.trials, r.ofTrials, r.cells, r.ofCells, run.Dir, f.budget) // notes are only advice
	return nil
}

// reach is how much of a plan has records.
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
	if r.ofTrials, err = spec.Size(); err != nil {
		return r, err
	}
	planned, reached := map[cellOfScenario]bool{}, map[cellOfScenario]bool{}
	for _, sc := range spec.Scenarios {
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
		r.trials++
		if !rec.Warmup {
			reached[cellOfScenario{rec.Scenario, rec.Cell()}] = true
		}
	}
	r.cells, r.ofCells = len(reached), len(planned)
	return r, nil
}

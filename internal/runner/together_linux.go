package runner

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/initbench/initbench/scenarios"
)

// Trials that are made together share the run's journal, sink, kernel log, observer and kept copies, each of which takes one
// caller at a time or several. All else is a trial's own: its cgroups, directory, pipes, filter and processes. Orphans are
// reaped when the last has ended: wait4 of any child would take the status of a neighbour's init.

// forTogether makes what is shared and must not be made while a neighbour forks: of a copy that is being written a child
// between fork and exec holds a descriptor, and a file that is open for writing cannot be executed.
func (c *collector) forTogether(trials []scenarios.Trial) error {
	if slices.ContainsFunc(trials, func(t scenarios.Trial) bool { return c.observes(t.Scenario) }) {
		if err := c.attach(); err != nil {
			return err
		}
	}
	for _, t := range trials {
		// What is wrong with a copy is its trials', who ask again.
		_, _ = c.underTest(t)
	}
	c.forgetKills()
	return nil
}

// runTogether makes trials on as many workers as there are CPUs. The first that fails keeps the others from beginning
// another; those under way are finished and stored.
func (c *collector) runTogether(ctx context.Context, trials []scenarios.Trial) error {
	todo := make(chan scenarios.Trial)
	failed := make(chan struct{})
	var once sync.Once
	errs := make([]error, min(runtime.NumCPU(), len(trials)))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for t := range todo {
				if errs[i] = c.runOne(ctx, t); errs[i] != nil {
					once.Do(func() { close(failed) })
					return
				}
			}
		})
	}
	handOut(ctx, trials, todo, failed)
	wg.Wait()
	return joinOnce(ctx, errs)
}

// handOut gives the trials to whoever is free, until the run is interrupted or one has failed.
func handOut(ctx context.Context, trials []scenarios.Trial, to chan<- scenarios.Trial, failed <-chan struct{}) {
	defer close(to)
	for _, t := range trials {
		t.Together = true
		select {
		case to <- t:
		case <-failed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// joinOnce tells an interruption once, not once a worker.
func joinOnce(ctx context.Context, errs []error) error {
	if err := ctx.Err(); err != nil {
		errs = slices.DeleteFunc(errs, func(e error) bool { return e == err })
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

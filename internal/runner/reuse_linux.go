package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// A trial has cgroups of its own because a cgroup's memory.peak is of all that was ever in it, and no kernel before 6.12 sets
// it back. A scenario that judges times alone has no use for peaks: there an arm's trials under a driver follow one another
// in the same tree, as containers do in a loop of `runtime run`, and the records have no peaks. Making and removing a tree takes a
// tenth of such a trial, under systemd a fifth, and a start in new cgroups some percent longer than in warm ones.
//
// A tree is kept only from a trial that started and left nothing. What systemd still knows of the scopes of all its trials is
// looked for when the tree goes.

// timesAlone are the metrics that are read from clocks and from counters that only rise.
var timesAlone = []string{
	scenarios.StartLatency, scenarios.CreateLatency, scenarios.StartCPU,
	scenarios.StartLatencyInstructions, scenarios.StartCPUInstructions,
}

// reuses tells whether the trial may have the tree of the one before.
func (c *collector) reuses(t scenarios.Trial) bool {
	if t.Limit != 0 || t.Observe || t.Order != sequence.Natural || t.Together || t.Concurrent || t.Cycles != 0 || t.Join != (scenarios.Join{}) {
		return false
	}
	return anyScenario(c.job.Spec, func(s scenarios.Scenario) bool {
		return s.Name == t.Scenario && len(s.Judge) > 0 && !slices.ContainsFunc(s.Judge, func(m string) bool { return !slices.Contains(timesAlone, m) })
	})
}

// treeKey is whose trials follow one another in a tree.
type treeKey struct {
	scenario, arm string
	driver        cgroupjoin.Driver
}

func keyOf(t scenarios.Trial) treeKey { return treeKey{t.Scenario, t.Arm, t.Driver} }

// reusedTree is a tree between two trials, or in use by one.
type reusedTree struct {
	tree  *cgroupjoin.Tree
	scope string // in the journal, closed when the tree is gone
}

// takeTree gives the trial its cgroups: those of the one before, or new ones.
func (c *collector) takeTree(ctx context.Context, p *prepared) (err error) {
	if !c.reuses(p.Trial) {
		p.tree, err = c.makeTree(ctx, p.scope, p.Driver, p.treeSpec())
		return err
	}
	if p.reused = c.trees[keyOf(p.Trial)]; p.reused == nil {
		if p.reused, err = c.makeReused(ctx, p.Driver); err != nil {
			return err
		}
	}
	delete(c.trees, keyOf(p.Trial)) // whoever concludes the trial puts it back, or removes it
	p.tree = p.reused.tree
	id := strconv.Itoa(p.Index)
	if err := c.claim(p.scope, p.Driver, cgroupjoin.Spec{ID: id}); err != nil {
		return err
	}
	return p.tree.Renew(id)
}

func (c *collector) makeReused(ctx context.Context, d cgroupjoin.Driver) (*reusedTree, error) {
	c.madeTrees++
	id := fmt.Sprint("reused", c.madeTrees)
	r := &reusedTree{scope: c.job.Run + "-" + id}
	var err error
	r.tree, err = c.makeTree(ctx, r.scope, d, cgroupjoin.Spec{ID: id})
	return r, err
}

// giveTree ends the trial's use of its cgroups: kept for the next one or removed. It says what the trial left in them.
func (c *collector) giveTree(ctx context.Context, p *prepared, rec *results.Record) (leaks []string, err error) {
	if p.reused == nil {
		return p.tree.Remove(ctx)
	}
	if rec.Outcome == results.Started && len(rec.Warnings) == 0 {
		vacant, err := p.tree.Vacant()
		if err == nil && vacant {
			if c.trees == nil {
				c.trees = map[treeKey]*reusedTree{}
			}
			c.trees[keyOf(p.Trial)] = p.reused
			return nil, nil
		}
	}
	return c.removeReused(ctx, p.reused)
}

func (c *collector) removeReused(ctx context.Context, r *reusedTree) ([]string, error) {
	leaks, err := r.tree.Remove(ctx)
	if err == nil {
		err = c.gone(r.scope)
	}
	return leaks, err
}

// removeTrees removes those that are kept.
func (c *collector) removeTrees() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	var errs []error
	for key, r := range c.trees {
		leaks, err := c.removeReused(ctx, r)
		for _, l := range leaks {
			c.note("%s of %s under %s: left by a trial: %s", key.scenario, key.arm, key.driver, l)
		}
		errs = append(errs, err)
	}
	c.trees = nil
	return errors.Join(errs...)
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/lifecycle/killat"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// A session of lives is a trial of which each life has cgroups, a directory and a root of its own: the trial itself has none. What it leaves
// is what is recorded, and removed after each life, so that such a trial never leaves anything.
//
// Which sequences are lived again in the second half of a block follows from what the first half left, of both arms: the plan says how often, and
// nobody is asked. A run that goes on is told what was lived before (Job.Past).

// livesKnown is what a run has learned of its lives.
type livesKnown struct {
	known map[treeKey]timelines
	past  []Past
}

// runLives makes a session and its record.
func (c *collector) runLives(ctx context.Context, t scenarios.Trial) error {
	rec := results.Record{Kind: "trial", Schema: results.Schema, Trial: t, Environment: c.env.ID, StartNS: now(), Outcome: results.Started}
	rt, err := c.underTest(t)
	rec.Runtime = rt.id
	if err == nil {
		rec.Lived, err = c.live(ctx, t, rt)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.unclean {
		return wrapTrial(t, err) // what is left would be in the next session
	}
	if err != nil {
		rec.Outcome, rec.Reason = results.Failed, err.Error()
	} else if t.Lives == 1 {
		c.lives.past = append(c.lives.past, Past{Block: t.Block, Arm: t.Arm, Lived: *rec.Lived})
	}
	return c.store(concluded{Record: rec})
}

// live lives a session's sequences.
func (c *collector) live(ctx context.Context, t scenarios.Trial, rt runtimeUnderTest) (_ *results.Lived, err error) {
	spec := c.job.Spec.LivesOf(t.Scenario)
	if spec == nil {
		return nil, fmt.Errorf("scenario %s has no lives", t.Scenario)
	}
	l := &Lifecycles{collector: c, runtime: rt, limit: t.Timeout, prefix: fmt.Sprintf("%dl", t.Index),
		job: LifecycleJob{Run: c.job.Run, Name: t.Arm, Ref: rt.id.Ref, Driver: t.Driver, Quiet: spec.Settle, Where: lifecycle.OnHost}}
	l.job.Pools = c.job.Spec.NetworkOf(t.Scenario).AddressPools()
	if l.network, err = c.networkOf(t.Scenario, l.job.Pools); err != nil {
		return nil, err
	}
	if l.units, err = listUnits(ctx); err != nil {
		return nil, err
	}
	defer l.units.close()
	l.known = c.lives.known[keyOf(t)] // what is lived again was surveyed
	all, n, err := c.sequences(ctx, l, t, *spec)
	if err != nil {
		return nil, err
	}
	lived := &results.Lived{Lives: []results.Life{}}
	err = l.All(ctx, all, func(r lifecycle.Record) error {
		lived.Lives = append(lived.Lives, results.LifeOf(r))
		c.tellLife(t, len(lived.Lives), n)
		return nil
	})
	return lived, err
}

// sequences are those of a session, and how many.
func (c *collector) sequences(ctx context.Context, l *Lifecycles, t scenarios.Trial, spec scenarios.Lives) (iter.Seq[lifecycle.Sequence], int, error) {
	names := spec.Sequences
	switch {
	case t.Lives > 1:
		again, err := c.again(t)
		if err != nil {
			return nil, 0, err
		}
		names = slices.Concat(slices.Repeat([][]string{again}, t.Lives)...)
	case len(names) == 0:
		return c.space(ctx, l, t, spec)
	}
	var all []lifecycle.Sequence
	for _, name := range names {
		s, err := lifecycle.Parse(name)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, s)
	}
	return slices.Values(all), len(all), nil
}

// space are all sequences up to the length. They are counted before the first is made.
func (c *collector) space(ctx context.Context, l *Lifecycles, t scenarios.Trial, spec scenarios.Lives) (iter.Seq[lifecycle.Sequence], int, error) {
	known, had := c.lives.known[keyOf(t)]
	if !had {
		if _, err := l.Points(ctx); err != nil {
			return nil, 0, err
		}
		if c.lives.known == nil {
			c.lives.known = map[treeKey]timelines{}
		}
		known = l.known
		c.lives.known[keyOf(t)] = known
	}
	l.known = known
	space := spec.Space(known.points)
	n, err := space.Count(spec.Length)
	if err != nil {
		return nil, 0, err
	}
	if n.Cmp(big.NewInt(scenarios.MaxLives)) > 0 {
		return nil, 0, fmt.Errorf("length %d would be %v sequences, and the most are %d: write a smaller length, or fewer faults", spec.Length, n, scenarios.MaxLives)
	}
	all, err := space.All(spec.Length)
	return all, int(n.Int64()), err
}

// again are the sequences of which the sessions before this one in its block left different things.
func (c *collector) again(t scenarios.Trial) ([]string, error) {
	var of []Past
	for _, p := range c.lives.past {
		if p.Block == t.Block && !slices.ContainsFunc(of, func(o Past) bool { return o.Arm == p.Arm }) {
			of = append(of, p)
		}
	}
	if len(of) != 2 {
		return nil, errors.New("not both arms lived every sequence once: nobody can tell which to live again")
	}
	slices.SortFunc(of, func(a, b Past) int { return armOrder(c.job.Spec, a.Arm) - armOrder(c.job.Spec, b.Arm) })
	return results.Again(of[0].Lived, of[1].Lived), nil
}

func armOrder(s scenarios.Spec, arm string) int {
	return slices.IndexFunc(s.Runtimes, func(r scenarios.Runtime) bool { return r.Name == arm })
}

// tellLife tells a sink that wants to know how far a session is.
func (c *collector) tellLife(t scenarios.Trial, n, of int) {
	if sink, wants := c.sink.(CycleSink); wants {
		c.shared.Lock()
		defer c.shared.Unlock()
		sink.Cycle(Cycle{Trial: t.Index, Cycle: n, Of: of})
	}
}

// canLive refuses a run of lives where no runtime can be killed at a point.
func canLive(s scenarios.Spec) error {
	if !anyScenario(s, func(sc scenarios.Scenario) bool { return sc.Lives != nil }) {
		return nil
	}
	if err := killat.Supported(); err != nil {
		return &EnvError{Err: err}
	}
	return nil
}

func kernelRelease() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// specOf is what a life's tree of cgroups is made from.
func (v *life) specOf() cgroupjoin.Spec { return cgroupjoin.Spec{ID: v.name} }

package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/cgroupjoin/idle"
	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// A trial of a join starts no runtime. What is measured is one call of package join, or for a birth the
// start of a process, on a process that does nothing else.

// runJoins makes trials that each measure one join, in turn.
func (c *collector) runJoins(ctx context.Context, batch []scenarios.Trial) error {
	for _, t := range batch {
		rec, err := c.joinTrial(ctx, t)
		if err != nil {
			return wrapTrial(t, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.store(concluded{Record: rec}); err != nil {
			return err
		}
	}
	return nil
}

// joinTrial measures one join. An error is initbench's own; whatever becomes of the join is in the record.
func (c *collector) joinTrial(ctx context.Context, t scenarios.Trial) (results.Record, error) {
	rec := c.joinRecord(t)
	if why := senseless(t); why != nil {
		rec.Outcome, rec.Reason = results.Failed, why.Error()
		return rec, nil
	}
	j := &joining{prepared: &prepared{Trial: t, id: fmt.Sprintf("%s-%d", c.job.Run, t.Index)}}
	j.scope, j.dir = j.id, filepath.Join(c.dir, strconv.Itoa(t.Index))
	err := c.prepareJoin(ctx, j)
	if err == nil {
		j.measure(ctx, &rec)
	}
	err = errors.Join(err, c.concludeJoin(j, &rec)) // which adds to rec
	return rec, err
}

// senseless says why there is no such join; nil when there is.
func senseless(t scenarios.Trial) error {
	j := t.Join
	if err := join.Check(j.Mechanism, j.Cgroup, t.Driver == cgroupjoin.Systemd); err != nil {
		return err
	}
	switch {
	case j.Threads < 1 || j.Threads > idle.MaxThreads:
		return fmt.Errorf("join of a process of %d threads: it has 1 to %d", j.Threads, idle.MaxThreads)
	case j.Mechanism == join.ByBirth && j.Threads > 1:
		return errors.New("join birth: a process is born with one thread")
	case j.Siblings < 0 || j.Siblings == 0 && j.Busy:
		return fmt.Errorf("join among %d siblings: processes are moved between at least one", j.Siblings)
	}
	return nil
}

func (c *collector) joinRecord(t scenarios.Trial) results.Record {
	// No binary is behind this arm: its name is all there is of it.
	runtime := results.RuntimeID{Name: t.Arm}
	for _, r := range c.job.Spec.Runtimes {
		if r.Name == t.Arm {
			runtime.Ref = r.Ref
		}
	}
	return results.Record{Kind: "trial", Schema: results.Schema, Trial: t, Runtime: runtime, Environment: c.env.ID}
}

// measure makes the join. The figure is from right before its first call, which for a late cgroup is
// the one that makes it, to the last one's return, when the process is there. Of a birth it is
// all of a process's start, exec included, as any runtime has to pay for it: set beside a start without
// a join (BenchmarkJoin's fork), the difference is the join. Nothing is subtracted.
func (j *joining) measure(ctx context.Context, rec *results.Record) {
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	rec.StartNS = now()
	err := j.join(ctx)
	took := now() - rec.StartNS
	if err == nil {
		err = j.verify(ctx)
	}
	switch {
	case err == nil:
		rec.Outcome, rec.JoinNS = results.Started, &took
	case errors.Is(err, context.DeadlineExceeded):
		rec.Outcome, rec.Reason = results.TimedOut, err.Error()
	default:
		rec.Outcome, rec.Reason = results.Failed, err.Error()
	}
}

func (j *joining) join(ctx context.Context) error {
	if j.unready != nil {
		return j.unready
	}
	if j.Join.Mechanism == join.ByBirth {
		return j.joiner.Start(ctx, j.subject.Cmd)
	}
	return j.joiner.Join(ctx, j.subject.Pid())
}

// verify reads from the kernel that the process is there with each of its threads.
func (j *joining) verify(ctx context.Context) error {
	if j.Join.Mechanism == join.ByBirth {
		if err := j.subject.Ready(ctx); err != nil {
			return err
		}
	}
	return inCgroup(procRoot, j.subject.Pid(), j.Join.Threads, cgroupRoot, j.tree.LeafPath())
}

// concludeJoin ends the trial's processes and removes what it made, also after a cancelled or half-prepared one.
func (c *collector) concludeJoin(j *joining, rec *results.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if j.tree == nil {
		return errors.Join(j.close(), c.discard(j.prepared, nil))
	}
	// Ends a process that does not end with its stdin, and so the wait for it.
	stop := context.AfterFunc(ctx, func() { _ = j.tree.Kill() })
	defer stop()
	err := j.end(rec)
	joined, jerr := j.tree.RemoveJoined(ctx)
	rest, rerr := j.tree.Remove(ctx)
	rec.Leaks = append(joined, rest...)
	return errors.Join(err, c.discard(j.prepared, errors.Join(jerr, rerr)))
}

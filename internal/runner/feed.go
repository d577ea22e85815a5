package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/initbench/initbench/scenarios"
)

// Group is a set of trials that are made before the next group is asked for.
type Group struct {
	Trials []scenarios.Trial `json:"trials"`
	// Together lets as many trials run at once as there are CPUs, for figures that need no quiet machine. Otherwise
	// they run one after another (but for those of a concurrent batch).
	Together bool `json:"together,omitempty"`
}

// Feed says what is to be made next. Next is asked again when every record of the group before has gone to the
// sink; ok is false when the run is over. A plan that is settled beforehand is a feed as well as a director that looks at records.
type Feed interface {
	Next(ctx context.Context) (g Group, ok bool, err error)
}

// Planned is the feed of what is left of a job's plan, a batch at a time, or of what of it the budget lets begin. Call
// stop when nothing more is asked of it.
func Planned(j Job) (feed Feed, stop func()) {
	next, stop := iter.Pull(j.batches)
	return &planned{next: next, budget: j.Budget, block: -1, now: time.Now}, stop
}

type planned struct {
	next   func() ([]scenarios.Trial, bool)
	budget time.Duration
	now    func() time.Time
	began  time.Time
	block  int
}

// Next finishes a block that has begun, whatever the budget: arms are compared within it.
func (p *planned) Next(ctx context.Context) (Group, bool, error) {
	if err := ctx.Err(); err != nil {
		return Group{}, false, err
	}
	if p.began.IsZero() {
		p.began = p.now()
	}
	batch, ok := p.next()
	if !ok || batch[0].Block != p.block && p.budget > 0 && p.now().Sub(p.began) >= p.budget {
		return Group{}, false, nil
	}
	p.block = batch[0].Block
	return Group{Trials: batch}, true, nil
}

// check refuses a group that cannot be made: it may have come from another process.
func (g Group) check(arms func(string) bool) error {
	if len(g.Trials) == 0 {
		return errors.New("a group of no trials: nothing would ever be recorded of it")
	}
	seen := make(map[int]bool, len(g.Trials))
	for _, t := range g.Trials {
		switch {
		case seen[t.Index]:
			return fmt.Errorf("trial %d is in a group twice", t.Index)
		case !arms(t.Arm):
			return fmt.Errorf("trial %d: the job has no runtime %q", t.Index, t.Arm)
		case t.HugePages != g.Trials[0].HugePages:
			return fmt.Errorf("trial %d: a group's trials all get huge pages, or none does", t.Index)
		case t.Timeout <= 0:
			return fmt.Errorf("trial %d has no timeout", t.Index)
		case g.Together && t.Concurrent:
			return fmt.Errorf("trial %d: a concurrent batch is made alone, since what its containers do to each other is measured", t.Index)
		case g.Together && t.Cycles > 0:
			return fmt.Errorf("trial %d: a session is made alone, since what it counts is the machine's", t.Index)
		case g.Together && t.Network:
			return fmt.Errorf("trial %d: a container with a network starts alone or with its concurrent batch, since the network's steps are timed", t.Index)
		case g.Together && t.Lives > 0:
			return fmt.Errorf("trial %d: lives are lived beside each other already", t.Index)
		case g.Together && t.Join != (scenarios.Join{}):
			return fmt.Errorf("trial %d: a join is made alone, since its time is all that is measured", t.Index)
		}
		seen[t.Index] = true
	}
	return nil
}

// batches are the group's trials as they run when it is not made together.
func (g Group) batches(yield func([]scenarios.Trial) bool) {
	for from := 0; from < len(g.Trials); {
		to := from + 1
		for to < len(g.Trials) && g.Trials[to].Batch == g.Trials[from].Batch {
			to++
		}
		if !yield(g.Trials[from:to]) {
			return
		}
		from = to
	}
}

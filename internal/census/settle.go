package census

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Looks are spaced from firstLook to lastLook: what a runtime leaves to systemd is gone within tens of milliseconds,
// a dying cgroup within seconds, and a look costs tens of milliseconds on a slow machine.
const (
	firstLook = 10 * time.Millisecond
	lastLook  = time.Second
)

// Settled is what a machine came back to.
type Settled struct {
	// Last is the census after which no more was taken.
	Last Census
	// Late are the kinds that had more at first and not at last, with how long after the first look that was seen. The
	// time is at most one interval between two looks too long.
	Late map[Kind]time.Duration
	// Kept are the kinds that still have more.
	Kept []Kind
	// Waited is the time from the first look to the last.
	Waited time.Duration
}

// Settle takes censuses until no kind has more than before, for bound at most: what is then left was not released.
// A kind counts as back from the look since which it never had more. The time is polled for, because the kernel
// announces none of it: a cgroup that stops dying, a key that is collected, a unit that is forgotten.
func Settle(ctx context.Context, before Census, take func(context.Context) (Census, error), bound time.Duration) (Settled, error) {
	began := time.Now()
	since := map[Kind]time.Duration{}
	at, last, err := look(ctx, began, take)
	if err != nil {
		return Settled{}, err
	}
	first := at
	kept := more(before, last)
	for pause := firstLook; len(kept) > 0 && at-first < bound; pause = min(pause*3/2, lastLook) {
		if err := wait(ctx, min(pause, bound-(at-first))); err != nil {
			return Settled{}, err
		}
		if at, last, err = look(ctx, began, take); err != nil {
			return Settled{}, err
		}
		now := more(before, last)
		note(since, kept, now, at-first)
		kept = now
	}
	return Settled{Last: last, Late: since, Kept: kept, Waited: at - first}, nil
}

// look takes a census and says when it was begun: what is gone in it may have gone while it was taken.
func look(ctx context.Context, began time.Time, take func(context.Context) (Census, error)) (time.Duration, Census, error) {
	at := time.Since(began)
	c, err := take(ctx)
	return at, c, err
}

// note remembers when a kind came back, and forgets it when it rose again.
func note(since map[Kind]time.Duration, before, now []Kind, at time.Duration) {
	for _, k := range before {
		if !slices.Contains(now, k) {
			since[k] = at
		}
	}
	maps.DeleteFunc(since, func(k Kind, _ time.Duration) bool { return slices.Contains(now, k) })
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

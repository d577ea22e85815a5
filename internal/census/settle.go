package census

import (
	"context"
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
	// Waited is the time from the first look to the last.
	Waited time.Duration
}

// Settle takes censuses until no kind has more than before, for bound at most: what is then left was not released.
// When each came back those know who take the censuses. The time is polled for, because the kernel
// announces none of it: a cgroup that stops dying, a key that is collected, a unit that is forgotten.
func Settle(ctx context.Context, before Census, take func(context.Context) (Census, error), bound time.Duration) (Settled, error) {
	began := time.Now()
	at, last, err := look(ctx, began, take)
	if err != nil {
		return Settled{}, err
	}
	first := at
	for pause := firstLook; len(more(before, last)) > 0 && at-first < bound; pause = min(pause*3/2, lastLook) {
		if err := wait(ctx, min(pause, bound-(at-first))); err != nil {
			return Settled{}, err
		}
		if at, last, err = look(ctx, began, take); err != nil {
			return Settled{}, err
		}
	}
	return Settled{Last: last, Waited: at - first}, nil
}

// look takes a census and says when it was begun: what is gone in it may have gone while it was taken.
func look(ctx context.Context, began time.Time, take func(context.Context) (Census, error)) (time.Duration, Census, error) {
	at := time.Since(began)
	c, err := take(ctx)
	return at, c, err
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

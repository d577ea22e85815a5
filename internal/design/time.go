package design

import (
	"time"

	"github.com/initbench/initbench/scenarios"
)

// timekeeper keeps the run's time, from when the first trials are given: setting up, such as a guest's boot, is
// not in it.
type timekeeper struct {
	now   func() time.Time
	most  time.Duration // 0: no bound
	began time.Time
	// given are the trials under way.
	given time.Time
	under int
	alone bool
	// took is what trials made alone have taken so far, in all.
	took time.Duration
	made int
}

func (t *timekeeper) spent() time.Duration {
	if t.began.IsZero() {
		return 0
	}
	return t.now().Sub(t.began)
}

func (t *timekeeper) over() bool { return t.most > 0 && t.spent() >= t.most }

// left is what is left of it; where there is no bound, as much as anybody asks for.
func (t *timekeeper) left() time.Duration {
	if t.most == 0 {
		return 1<<63 - 1
	}
	return t.most - t.spent()
}

// share is that of the time in which trials are made, where a second guest has to be booted in it.
func (t *timekeeper) share(part float64) time.Duration {
	return time.Duration(part * float64(max(0, t.most-Boot)))
}

func (t *timekeeper) gave(trials int, together bool) {
	t.given, t.under, t.alone = t.now(), trials, !together
	if t.began.IsZero() {
		t.began = t.given
	}
}

// returned notes that what was given has been made.
func (t *timekeeper) returned() {
	if t.under > 0 && t.alone {
		t.took += t.now().Sub(t.given)
		t.made += t.under
	}
	t.under = 0
}

// each is about what a trial takes that is made alone.
func (t *timekeeper) each() time.Duration {
	if t.made == 0 {
		return scenarios.AssumedTrialCost
	}
	return t.took / time.Duration(t.made)
}

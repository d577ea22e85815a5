package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/initbench/initbench/internal/runner"
)

// settingUp is what a collector may take beside its trials before it says anything: it checks its
// scales, loads the observer and removes what is left, on a machine that may be emulated and busy.
const settingUp = 10 * time.Minute

// patience is how long a guest may say nothing. A batch whose containers run at once says
// something when all have ended; any other after each trial.
func patience(job runner.Job) time.Duration {
	longest := time.Duration(0)
	for _, sc := range job.Spec.Scenarios {
		longest = max(longest, sc.Timeout)
	}
	return settingUp + 2*longest
}

// heard gives up on a guest that hangs: an emulated kernel can, with all its
// processors busy, so that neither QEMU nor the connection ends.
type heard struct {
	limit  time.Duration
	timer  *time.Timer
	giveUp func(error)

	mu      sync.Mutex
	waiting bool // for us: the guest has nothing to say
}

// listen returns a context that ends, with the reason as its cause, when nothing was heard for so long.
func listen(ctx context.Context, limit time.Duration) (context.Context, *heard, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	h := &heard{limit: limit, giveUp: cancel}
	h.timer = time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("the guest has said nothing for %v and is given up: what it recorded is kept, go on with --resume", limit))
	})
	return ctx, h, func() {
		h.timer.Stop()
		cancel(nil)
	}
}

// wind starts the clock anew, but not while the guest waits for us.
func (h *heard) wind() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.waiting {
		h.timer.Reset(h.limit)
	}
}

// thinks stops the clock while it is we who take time, and starts it anew then.
func (h *heard) thinks(on bool) {
	h.mu.Lock()
	h.waiting = on
	if on {
		h.timer.Stop()
	}
	h.mu.Unlock()
	h.wind()
}

// from passes on what the guest says.
func (h *heard) from(w io.Writer) io.Writer { return &ear{h, w} }

type ear struct {
	*heard
	w io.Writer
}

func (e *ear) Write(b []byte) (int, error) {
	e.wind()
	return e.w.Write(b)
}

package vm

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Catches a guest of a busy machine that is given up although it never had a CPU, one that is never given up, and one whose error does
// not say that the machine is busy.
func TestGiveUp(t *testing.T) {
	for _, c := range []struct {
		starved func(since time.Duration) time.Duration
		after   time.Duration
		says    string
	}{
		{func(time.Duration) time.Duration { return 0 }, time.Minute, "no answer within 1m0s"},
		{func(since time.Duration) time.Duration { return since / 2 }, 2 * time.Minute, "not counting 1m0s in which it got no CPU"},
		{func(since time.Duration) time.Duration { return since }, mostLimits * time.Minute, "not counting 9m0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			ctx, cancel := context.WithCancelCause(t.Context())
			go giveUp(ctx, cancel, time.Minute, func() time.Duration { return c.starved(time.Since(began)) })
			<-ctx.Done()
			if took := (time.Since(began)).Round(time.Second); took != c.after {
				t.Errorf("given up after %v, want %v", took, c.after)
			}
			if err := context.Cause(ctx); !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

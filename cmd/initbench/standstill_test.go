package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/scenarios"
)

// Catches a run that waits for ever for a guest that hangs, and one that gives up on a guest that speaks.
func TestGuestThatHangsIsGivenUp(t *testing.T) {
	ctx, _, cancel := listen(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if why := context.Cause(ctx).Error(); !strings.Contains(why, "nothing for 1ms") || !strings.Contains(why, "--resume") {
		t.Errorf("given up because %q", why)
	}
	ctx, h, cancel := listen(t.Context(), time.Hour)
	h.timer.Stop() // as if an hour had almost passed
	if _, err := io.WriteString(h.from(io.Discard), "a line"); err != nil {
		t.Fatal(err)
	}
	if !h.timer.Stop() {
		t.Error("what the guest says does not wind the clock up again")
	}
	cancel()
	if ctx.Err() == nil || context.Cause(ctx) != context.Canceled {
		t.Errorf("in the end: %v", context.Cause(ctx))
	}
}

// Catches a guest that is given up while the trial it makes is within its own timeout.
func TestPatienceOutlastsEveryTrial(t *testing.T) {
	job := runner.Job{Spec: scenarios.Spec{Scenarios: []scenarios.Scenario{{Timeout: time.Hour}, {Timeout: time.Minute}}}}
	if got := patience(job); got <= time.Hour {
		t.Errorf("%v, with a trial that may take an hour", got)
	}
}

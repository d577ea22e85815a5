package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// cycles is a sink that hears of them.
type cycles struct {
	direct
	heard []runner.Cycle
}

func (c *cycles) Cycle(at runner.Cycle) { c.heard = append(c.heard, at) }

// Catches a guest's cycles that are taken for lines of the run, are not passed on, or pass for a record of one that says nothing of them; and a
// sink that is told though it does not want to know.
func TestCyclesOfAGuestAreToldAndNotStored(t *testing.T) {
	var out bytes.Buffer
	guest := lineSink{&out}
	want := []runner.Cycle{{Trial: 3, Cycle: 1, Of: 20}, {Trial: 3, Cycle: 2, Of: 20}}
	for _, c := range want {
		guest.Cycle(c)
	}
	if err := guest.Record(results.Record{Kind: "trial", Schema: results.Schema, Outcome: results.Started, Trial: scenarios.Trial{Index: 3, Scenario: "s", Arm: "a", Driver: cgroupjoin.Cgroupfs, BatchSize: 1, Timeout: time.Second}}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	c := &cycles{direct: direct{&script{}}}
	if err := storeLines(strings.NewReader(text), newSender(c), c); err == nil || !strings.Contains(err.Error(), "record of trial 3") {
		t.Errorf("%v; want that the record, and no line before, is refused", err)
	}
	if !slices.Equal(c.heard, want) {
		t.Errorf("told of %v, want %v", c.heard, want)
	}
	if err := tellCycle([]byte(strings.SplitAfter(text, "\n")[0]), direct{&script{}}); err != nil {
		t.Errorf("a sink that does not want to know: %v", err)
	}
	if err := tellCycle([]byte(`{"kind":"cycle","of":"many"}`), c); err == nil || errors.Is(err, errNoCycle) {
		t.Errorf("a cycle that is none: %v", err)
	}
}

// Catches a session of minutes without a sign of life, one with a line a cycle, and a cycle that is still told when its trial is over.
func TestProgressTellsCycles(t *testing.T) {
	var out bytes.Buffer
	at := time.Unix(0, 0)
	p := newProgress(&measureFlags{progress: "plain"}, &out, 8, nil)
	p.now = func() time.Time { return at }
	p.last = at
	for n := range 30 {
		at = at.Add(time.Second)
		p.cycled(runner.Cycle{Cycle: n + 1, Of: 100})
	}
	if got, want := out.String(), "trial 0 of 8, cycle 10 of 100 of the next, setting up\ntrial 0 of 8, cycle 20 of 100 of the next, setting up\ntrial 0 of 8, cycle 30 of 100 of the next, setting up\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.recorded(results.Record{Outcome: results.Started})
	if got := p.line(); got != "trial 1 of 8, 1 started" {
		t.Errorf("when it is over: %q", got)
	}
}

// Catches --watch that does not reach the scenarios of sessions, that reaches others, which nothing reads there, and a name that is none.
func TestWatchIsOfSessions(t *testing.T) {
	f := &measureFlags{watch: []string{"containerd.service"}}
	for cycles, want := range map[int][]string{0: nil, 100: {"felix", "containerd.service"}} {
		s := scenarios.Scenario{Cycles: cycles}
		if cycles > 0 {
			s.Watch = []string{"felix"}
		}
		got, err := f.override(s)
		if err != nil || !slices.Equal(got.Watch, want) {
			t.Errorf("%d cycles: watch %q, %v; want %q", cycles, got.Watch, err, want)
		}
	}
	if err := f.checkWatch([]scenarios.Scenario{{Name: "startup"}}); err == nil || !strings.Contains(err.Error(), "no scenario of this run has sessions") {
		t.Errorf("without a session: %v", err)
	}
	if err := (&measureFlags{watch: []string{"a/b"}}).checkWatch([]scenarios.Scenario{{Cycles: 20}}); err == nil || !strings.Contains(err.Error(), "--watch") {
		t.Errorf("no name: %v", err)
	}
}

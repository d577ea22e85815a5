package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// script is a director whose groups are settled: the indices of their trials.
type script struct {
	groups [][]int
	added  []int
	// asked has, for each group, how many records had been added when it was asked for.
	asked []int
	fails int // of the records, the one of this index is refused
	then  func()
	err   error // it has, once it was asked for as many groups as there are
}

func (*script) Environment(results.Environment) {}

func (s *script) Err() error {
	if len(s.asked) > len(s.groups) {
		return s.err
	}
	return nil
}

func (*script) GaveUp() []string { return nil }

func (*script) Session() (scenarios.Clock, bool) { return scenarios.RunsClock, true }

func (s *script) Add(r results.Record) error {
	if s.fails != 0 && r.Index == s.fails {
		return errors.New("cannot be judged")
	}
	s.added = append(s.added, r.Index)
	return nil
}

func (s *script) Next() (trials []scenarios.Trial, together, ok bool) {
	s.asked = append(s.asked, len(s.added))
	if s.then != nil {
		s.then()
	}
	if len(s.asked) > len(s.groups) {
		return nil, false, false
	}
	for _, i := range s.groups[len(s.asked)-1] {
		trials = append(trials, scenarios.Trial{Index: i, Arm: "a", Timeout: time.Second})
	}
	return trials, true, true
}

// direct is a sink that has the director know each record, as tee does.
type direct struct{ *script }

func (direct) Environment(results.Environment) error { return nil }
func (direct) Timeline(int, sequence.Timeline) error { return nil }
func (d direct) Record(r results.Record) error       { return d.script.Add(r) }
func (s *script) feed() runner.Feed                  { return &directed{director: s, said: func() {}} }

func (s *script) run(ctx context.Context, g guest) error {
	return runCollector(ctx, g, runner.Job{Run: "r"}, s.feed(), direct{s}, io.Discard)
}

// guest collects as the real one does, but makes nothing of a trial other than its record.
type guest struct {
	// dies is what becomes of it before it records this trial; 0: of none.
	dies int
	code int
	says string // its last words
	// odd are records besides those asked for, before the first.
	odd []int
}

func (g guest) Run(ctx context.Context, cmd vm.Cmd) (int, error) {
	in := &io.LimitedReader{R: cmd.Stdin, N: maxJob}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	var job runner.Job
	if err := dec.Decode(&job); err != nil || !job.Live {
		return exitUsage, err
	}
	sink := lineSink{cmd.Stdout}
	if err := sink.Environment(results.Environment{Kind: "environment", Schema: results.Schema, ID: "e"}); err != nil {
		return exitEnvironment, err
	}
	for feed := readGroups(ctx, dec, in); ; {
		group, ok, err := feed.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return exitInterrupted, nil
		case err != nil:
			return exitUsage, err
		case !ok:
			return exitPass, nil
		}
		for _, i := range g.odd {
			_ = sink.Record(recordOf(i)) // who refuses it hangs up
		}
		for _, t := range group.Trials {
			if g.dies != 0 && t.Index == g.dies {
				_, _ = io.WriteString(cmd.Stderr, g.says)
				return g.code, nil
			}
			if err := sink.Record(recordOf(t.Index)); err != nil {
				<-ctx.Done()
				return exitInterrupted, nil
			}
		}
	}
}

func recordOf(trial int) results.Record {
	return results.Record{Kind: "trial", Schema: results.Schema, Environment: "e", Outcome: results.Started,
		Trial: scenarios.Trial{Index: trial, Scenario: "s", Arm: "a", Driver: "cgroupfs", Order: sequence.Natural, BatchSize: 1, Timeout: time.Second}}
}

// Catches a group that is asked for or sent before all records of the one before have been added, a record that is
// lost, and a run that does not end with its director.
func TestDirectorIsAskedWhenAllIsAdded(t *testing.T) {
	s := &script{groups: [][]int{{1}, {2, 3, 4}, {5, 6}}}
	if err := s.run(t.Context(), guest{}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.asked, s.added); got != "[0 1 4 6] [1 2 3 4 5 6]" {
		t.Errorf("asked and added %v", got)
	}
}

// Catches either side waiting for the other when a run cannot go on, an end that hides its reason, and one that
// passes for the run's own.
func TestLiveRunThatCannotGoOn(t *testing.T) {
	groups := [][]int{{1, 2}, {3, 4}}
	for want, test := range map[string]struct {
		script script
		guest  guest
	}{
		"the disk is full":                 {guest: guest{dies: 4, code: exitEnvironment, says: "initbench: the disk is full\n"}},
		"ended the run before it was over": {guest: guest{dies: 3, code: exitPass}},
		"cannot be judged":                 {script: script{fails: 3}},
		"trial 9, which it was not to":     {guest: guest{odd: []int{9}}},
		"trial 1, which it was not to":     {guest: guest{odd: []int{1}}},
		"no verdict can be made":           {script: script{groups: groups, err: errors.New("no verdict can be made")}},
		"a group of no trials":             {script: script{groups: [][]int{{1}, {}}}},
	} {
		t.Run(want, func(t *testing.T) {
			if test.script.groups == nil {
				test.script.groups = groups
			}
			if err := test.script.run(t.Context(), test.guest); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// Catches an interruption that is not heard while the guest waits for trials, or while what comes next is thought about.
func TestLiveRunIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{groups: [][]int{{1, 2}, {3}}}
	s.then = func() {
		if len(s.asked) == 2 {
			cancel()
		}
	}
	err := s.run(ctx, guest{})
	var code *codeError
	if !errors.As(err, &code) || code.code != exitInterrupted {
		t.Errorf("%v, want the guest's own end, interrupted", err)
	}
	if fmt.Sprint(s.added) != "[1 2]" {
		t.Errorf("added %v, want what was recorded before", s.added)
	}
}

// Catches groups that are read past their end, half of one taken for the end of the run, and fields that the other side does not know.
func TestGroupsOnStdin(t *testing.T) {
	const one = `{"trials":[{"trial":7,"arm":"a"}],"together":true}` + "\n"
	for text, want := range map[string]string{
		"":                          "",
		one + one:                   "",
		one + `{"trials":[`:         "unexpected EOF",
		`{"trials":[],"max":1}`:     "unknown field",
		one + "these are no groups": "invalid character",
	} {
		in := &io.LimitedReader{R: strings.NewReader(text)}
		dec := json.NewDecoder(in)
		dec.DisallowUnknownFields()
		feed := readGroups(t.Context(), dec, in)
		n, ok, err := 0, true, error(nil)
		for ok && err == nil {
			var g runner.Group
			if g, ok, err = feed.Next(t.Context()); ok && err == nil {
				n++
				if !g.Together || len(g.Trials) != 1 || g.Trials[0].Index != 7 {
					t.Errorf("%q: group %+v", text, g)
				}
			}
		}
		if n != strings.Count(text, one) || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %d groups, %v; want %q", text, n, err, want)
		}
	}
}

// Catches a guest given up because we took long to say what it is to do.
func TestGuestMayWaitForUs(t *testing.T) {
	ctx, h, cancel := listen(t.Context(), time.Hour)
	defer cancel()
	h.thinks(true)
	if h.timer.Stop() {
		t.Error("the clock goes on while we think")
	}
	if _, err := h.from(io.Discard).Write([]byte("a note")); err != nil {
		t.Fatal(err)
	}
	if h.timer.Stop() {
		t.Error("what the guest says meanwhile winds the clock up")
	}
	h.thinks(false)
	if !h.timer.Stop() {
		t.Error("the clock stands still once the guest is at work")
	}
	if ctx.Err() != nil {
		t.Error(context.Cause(ctx))
	}
}

// Catches an adaptive run that shows a number of trials it cannot know, hides what is open, or is silent at its end.
func TestProgressOfAnAdaptiveRun(t *testing.T) {
	var out bytes.Buffer
	p := newOpenProgress(&measureFlags{progress: "plain"}, &out, time.Hour, map[results.Outcome]int{results.Started: 3})
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	p.begins()
	now = now.Add(90 * time.Second)
	p.say(&script{}) // has nothing to say
	p.recorded(results.Record{Outcome: results.Started})
	p.say(talker{&script{}})
	p.recorded(results.Record{Outcome: results.InitOOMKilled})
	p.stop()
	if got, want := out.String(), "trial 5, 4 started, 1 init-oom-killed, 3 of 14 cells open, 1m30s elapsed, at most 58m30s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type talker struct{ *script }

func (talker) Status() string { return "3 of 14 cells open" }

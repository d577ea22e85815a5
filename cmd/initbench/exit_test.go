package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// ends is the exit code of an error, and what is printed of it.
func ends(err error) (code int, stderr string) {
	var b strings.Builder
	code = exitCode(context.Background(), err, &b)
	return code, b.String()
}

// Catches an error that is joined of several and printed over as many lines, of which a script reads the last.
func TestErrorsArePrintedInOneLine(t *testing.T) {
	code, said := ends(errors.Join(errors.New("trial 3: cgroup: busy"), errors.New("observer: closed\n")))
	if code != exitEnvironment || said != "initbench: trial 3: cgroup: busy; observer: closed\n" {
		t.Errorf("%d, %q", code, said)
	}
}

// Catches a trace that ends like a good one though its order did not come about, is not known, or nothing was started;
// and an OOM kill, which is what a trace is often made for, that ends like a failure.
func TestTraceEnds(t *testing.T) {
	record := func(outcome results.Outcome, order sequence.Order, imposed sequence.Imposed, found sequence.Found) results.Record {
		r := results.Record{Outcome: outcome, Reason: "the reason", Found: &sequence.Finding{Order: found, Why: "3 events were lost"}}
		r.Arm, r.Order = "runc", order
		if imposed != "" {
			r.Enforcement = &sequence.Enforcement{Outcome: imposed, Why: "the deadline passed"}
		}
		return r
	}
	const natural, join = sequence.Natural, sequence.JoinBeforeClone
	good := record(results.Started, natural, "", sequence.FoundOverlapping)
	couldNot := record(results.Started, join, sequence.OrderCouldNot, sequence.FoundOverlapping)
	failed := record(results.Failed, join, sequence.OrderCouldNot, sequence.FoundUnknown)
	unwatched := good
	unwatched.Found = nil
	for name, tt := range map[string]struct {
		records []results.Record
		code    int
		said    string
	}{
		"natural":         {[]results.Record{good}, exitPass, ""},
		"imposed":         {[]results.Record{record(results.Started, join, sequence.OrderImposed, sequence.FoundJoinBeforeClone)}, exitPass, ""},
		"not applicable":  {[]results.Record{record(results.Started, join, sequence.OrderNotApplicable, sequence.FoundNoClone)}, exitPass, ""},
		"killed":          {[]results.Record{record(results.InitOOMKilled, join, sequence.OrderImposed, sequence.FoundJoinBeforeClone)}, exitPass, ""},
		"payload killed":  {[]results.Record{record(results.PayloadOOMKilled, natural, "", sequence.FoundNoClone)}, exitPass, ""},
		"could not":       {[]results.Record{couldNot}, exitInconclusive, "runc was not started in the order join-before-clone: the deadline passed"},
		"another order":   {[]results.Record{record(results.Started, join, sequence.OrderImposed, sequence.FoundOverlapping)}, exitInconclusive, "the order found was overlapping"},
		"lost events":     {[]results.Record{record(results.Started, natural, "", sequence.FoundUnknown)}, exitInconclusive, "the order of clone and join is not known: 3 events were lost"},
		"killed, unknown": {[]results.Record{record(results.InitOOMKilled, join, sequence.OrderNotApplicable, sequence.FoundUnknown)}, exitInconclusive, "is not known"},
		"unwatched":       {[]results.Record{unwatched}, exitInconclusive, "no observer watched"},
		"failed":          {[]results.Record{failed}, exitEnvironment, "runc failed: the reason"},
		"timed out":       {[]results.Record{record(results.TimedOut, natural, "", sequence.FoundNoClone)}, exitEnvironment, "runc timed-out: the reason"},
		"the second":      {[]results.Record{good, couldNot}, exitInconclusive, "the deadline passed"},
		"the worst":       {[]results.Record{couldNot, failed}, exitEnvironment, "runc failed"},
	} {
		code, said := ends(traced(tt.records))
		if code != tt.code || !strings.Contains(said, tt.said) || (said == "") != (code == exitPass) || strings.Count(said, "\n") > 1 {
			t.Errorf("%s: %d %q, want %d and %q", name, code, said, tt.code, tt.said)
		}
	}
}

// Catches a run that ends well and of which no trial is in any cell.
func TestRunOfNothingThatCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		trials   verdict.Trials
		couldNot int
		code     int
	}{
		"nothing recorded":      {verdict.Trials{}, 0, exitPass},
		"all count":             {verdict.Trials{Recorded: 4}, 0, exitPass},
		"some count":            {verdict.Trials{Recorded: 4, NotCounted: 3}, 3, exitPass},
		"none could be imposed": {verdict.Trials{Recorded: 4, NotCounted: 4}, 4, exitInconclusive},
		"none was confirmed":    {verdict.Trials{Recorded: 4, NotCounted: 4}, 0, exitEnvironment},
		"all failed":            {verdict.Trials{Recorded: 4, NotCounted: 4, Failed: 4}, 4, exitEnvironment},
		"all failed and count":  {verdict.Trials{Recorded: 4, Failed: 4}, 0, exitEnvironment},
	} {
		s := verdict.Summary{Trials: tt.trials, Cells: []verdict.CellSummary{{Imposing: verdict.ImposingSummary{CouldNot: tt.couldNot}}}}
		code, said := ends(worthless(s, "results-x"))
		if code != tt.code || (said == "") != (code == exitPass) || code != exitPass && !strings.Contains(said, "results-x") {
			t.Errorf("%s: %d %q, want %d", name, code, said, tt.code)
		}
	}
}

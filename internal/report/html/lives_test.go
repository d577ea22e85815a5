package html

import (
	"bytes"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/verdict"
)

// Catches a page that says that nothing remained where no session lived anything.
func TestPageOfLivesThatWereNotLived(t *testing.T) {
	const nothing = "After no sequence did anything remain"
	of := func(l verdict.Leftovers) string {
		m := verdict.Metric{Scenario: "lifecycle", Why: "no session of the candidate could live its sequences (no room)", Left: &l}
		return (&drawer{}).lives(verdict.Verdict{Metrics: []verdict.Metric{m}}).Missing
	}
	if got := of(verdict.Leftovers{}); strings.Contains(got, nothing) || !strings.Contains(got, "(no room)") {
		t.Error(got)
	}
	if got := of(verdict.Leftovers{Sequences: 27}); !strings.Contains(got, nothing) {
		t.Error(got)
	}
}

// Catches a page of a run that says nothing of its lives, or that has the section without any, and a row for what went by itself.
func TestPageOfARunOfLives(t *testing.T) {
	s := verdict.Summary{ID: "r", Confidence: 0.95}
	page := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := Write(&out, Input{Summary: &s}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if strings.Contains(page(), "What lives leave") {
		t.Error("a run without lives tells what they left")
	}
	s.Lives = []verdict.LivesSummary{{Scenario: "lifecycle", Runtime: "a", Driver: cgroupjoin.Systemd, Settle: "2s", Sequences: 9, Missed: 1, Clean: 4, Passing: 2, Kinds: []verdict.LeftSummary{
		{Kind: lifecycle.Processes, Sequences: map[lifecycle.Freed]int{lifecycle.ByDelete: 2}, Shortest: "create,start,delete", Lives: 3, Of: 9},
		{Kind: lifecycle.Mounts, Sequences: map[lifecycle.Freed]int{lifecycle.ByTime: 2}},
	}}}
	got := page()
	for _, want := range []string{"of 9 sequences 4 left nothing, 2 only what went by itself within 2s, 2 what did not; 1 say nothing", `data-key="lives.0.kinds.0.sequences.delete"`, "create,start,delete (3 of 9 lives)"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(got, "lives.0.kinds.1.") {
		t.Error("what went by itself has a row")
	}
}

package html

import (
	"strings"
	"testing"

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

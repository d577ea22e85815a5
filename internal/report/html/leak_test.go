package html

import (
	"bytes"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// Catches a run of sessions whose page has no picture of what rose, a picture for each kind that did not, and a page of a run
// without sessions that has the section all the same.
func TestPageOfSessions(t *testing.T) {
	of := verdict.SessionSummary{Scenario: "handle-leak", Driver: cgroupjoin.Systemd, Order: sequence.Natural, Cycles: 4}
	flat, rising, quiet := of, of, of
	flat.Runtime, flat.Kind, flat.Growth = "a", "bpf-programs", verdict.Growth{Mean: make([]float64, 5), Kept: []int64{0}}
	flat.Quiet = true
	rising.Runtime, rising.Kind, rising.Growth = "b", "bpf-programs", verdict.Growth{Mean: []float64{0, 2, 4, 6, 8}, Settled: 8, Kept: []int64{6}}
	rising.Slope = verdict.Arm{N: 1, Center: 2}
	quiet.Runtime, quiet.Kind, quiet.Quiet, quiet.Growth = "a", "mounts", true, verdict.Growth{Mean: make([]float64, 5)}
	s := verdict.Summary{ID: "r", Confidence: 0.95, Runtimes: []results.RuntimeID{{Name: "a"}, {Name: "b"}}}
	page := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := Write(&out, Input{Summary: &s}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if strings.Contains(page(), "What is left behind") {
		t.Error("a run without sessions tells what they left")
	}
	s.Sessions = []verdict.SessionSummary{flat, quiet}
	if got := page(); !strings.Contains(got, noLeak) || strings.Contains(got, "bpf-programs, systemd") {
		t.Errorf("of a run in which nothing rose: %s", got)
	}
	unread, handed := of, of
	unread.Runtime, unread.Kind, unread.Unread = "a", "units", "no answer from systemd"
	handed.Runtime, handed.Growth = "b", verdict.Growth{Kept: []int64{1}, Names: []string{"fd 6: /sys/fs/cgroup"}}
	s.Sessions = []verdict.SessionSummary{unread, handed, quiet}
	if got := page(); strings.Contains(got, noLeak) || !strings.Contains(got, "not counted: no answer from systemd") || !strings.Contains(got, "fd 6: /sys/fs/cgroup") {
		t.Errorf("what could not be counted and what a payload was handed are not told: %s", got)
	}
	s.Sessions = []verdict.SessionSummary{flat, rising, quiet}
	got := page()
	if strings.Count(got, `count against cycle: bpf-programs, systemd, handle-leak`) != 1 || strings.Contains(got, "mounts, systemd") {
		t.Error("not one picture of what rose")
	}
	if figure := got[strings.Index(got, "count against cycle"):]; strings.Count(figure[:strings.Index(figure, "</figure>")], `class="curve arm`) != 2 {
		t.Error("the picture does not have both runtimes' curves")
	}
}

package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

func sessionsOfARun() verdict.Summary {
	of := verdict.SessionSummary{Scenario: "handle-leak", Runtime: "builtin@v1.5.1", Driver: cgroupjoin.Systemd, Order: sequence.Natural, Cycles: 4}
	leak, quiet, unread, handed := of, of, of, of
	leak.Kind, leak.Process = "fd:bpf-prog", "embedder"
	leak.Growth = verdict.Growth{Before: 3, Mean: []float64{0, 2, 4, 6, 8}, Settled: 8, Kept: []int64{6}, Names: []string{"fd 9: bpf-prog 41"}}
	leak.Slope = verdict.Arm{N: 1, Center: 2, Lo: 2, Hi: 2}
	quiet.Kind, quiet.Quiet, quiet.Growth, quiet.Slope = "mounts", true, verdict.Growth{Mean: make([]float64, 5), Kept: []int64{0}}, verdict.Arm{N: 1}
	unread.Kind, unread.Unread = "units", "no answer from systemd"
	unread.Before, unread.Settled, unread.Slope = math.NaN(), math.NaN(), verdict.Arm{Center: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	handed.Quiet, handed.Kept, handed.Before, handed.Settled = true, []int64{0}, math.NaN(), math.NaN()
	handed.Slope = verdict.Arm{N: 1, Lo: math.Inf(-1), Hi: math.Inf(1)}
	return verdict.Summary{
		ID: "r", Confidence: 0.95, Sessions: []verdict.SessionSummary{leak, quiet, unread, handed},
		Cells: []verdict.CellSummary{{Scenario: of.Scenario, Runtime: of.Runtime, Driver: of.Driver, Order: of.Order}},
	}
}

// Catches a run of sessions that prints latencies and not what they were made for, a kind that never changed and fills a line of the
// table, and a count that was not taken and looks like a zero.
func TestSummaryShowsSessions(t *testing.T) {
	s := sessionsOfARun()
	for name, text := range map[string]string{"table": summaryTable(s, Options{}), "markdown": summaryMarkdown(s)} {
		for _, want := range []string{"sessions of 4 cycles", "descriptors of the kind bpf-prog of embedder", "2 [2, 2]", "fd 9: bpf-prog 41", "not counted: no answer from systemd", "2 kinds: mounts, descriptors handed to the payload"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, text)
			}
		}
	}
	text, err := summaryJSON(s)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Sessions []struct {
			Kind, Unread string
			Quiet        bool
			Growth       struct{ Mean []float64 }
			Slope        struct{ Center *float64 }
		}
	}
	if err := json.Unmarshal(text, &back); err != nil || len(back.Sessions) != 4 {
		t.Fatalf("%v, %+v", err, back)
	}
	if got := back.Sessions[0]; got.Kind != "fd:bpf-prog" || len(got.Growth.Mean) != 5 || got.Slope.Center == nil || *got.Slope.Center != 2 {
		t.Errorf("%+v", got)
	}
	if got := back.Sessions[2]; got.Unread == "" || got.Slope.Center != nil {
		t.Errorf("what was not counted: %+v", got)
	}
	var metrics bytes.Buffer
	if err := summaryOpenMetrics(&metrics, s); err != nil {
		t.Fatal(err)
	}
	if want := `process="embedder"`; !strings.Contains(metrics.String(), want) || strings.Contains(metrics.String(), "leak_units") {
		t.Errorf("no %s, or units that were not counted:\n%s", want, metrics.String())
	}
}

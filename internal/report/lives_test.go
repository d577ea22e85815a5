package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

func livesOfARun() verdict.Summary {
	const again = "initbench lifecycle --runtime runc@v1.1.15 --driver systemd --sequence create,start,delete"
	of := verdict.LivesSummary{Scenario: "lifecycle", Runtime: "runc@v1.1.15", Driver: cgroupjoin.Systemd, Settle: "2s"}
	left, silent := of, of
	left.Sequences, left.Missed, left.Clean, left.Passing = 40, 1, 30, 4
	left.Kinds = []verdict.LeftSummary{
		{Kind: lifecycle.Processes, Sequences: map[lifecycle.Freed]int{lifecycle.ByTime: 3, lifecycle.ByDelete: 5}, Shortest: "create,start,delete", Name: "init in the container's cgroup", Lives: 1, Of: 1, Command: again},
		{Kind: lifecycle.Cgroups, Sequences: map[lifecycle.Freed]int{lifecycle.ByDelete: 4}, Shortest: "create,start,delete", Lives: 1, Of: 1, Command: again},
		{Kind: lifecycle.Units, Sequences: map[lifecycle.Freed]int{lifecycle.Never: 1}, Shortest: "kill9@create:join", Name: "ID.scope", Lives: 3, Of: 9, Command: "initbench lifecycle x --times 9"},
		{Kind: lifecycle.Mounts, Sequences: map[lifecycle.Freed]int{}},
		{Kind: lifecycle.NetNamespaces, Sequences: map[lifecycle.Freed]int{lifecycle.ByTime: 2}},
	}
	silent.Runtime, silent.Sequences, silent.Missed, silent.Kinds = "crun", 2, 2, []verdict.LeftSummary{{Kind: lifecycle.Mounts}}
	return verdict.Summary{
		ID: "r", Confidence: 0.95, Lives: []verdict.LivesSummary{left, silent},
		Cells: []verdict.CellSummary{{Scenario: of.Scenario, Runtime: of.Runtime, Driver: of.Driver, Order: sequence.Natural, Start: verdict.Spread{Median: math.NaN()}}},
	}
}

// Catches a run of lives that prints latencies and not what was left, a kind that was never left and fills a line of the table, one that went by itself and looks like
// one that was not there, and a runtime of which no life says anything that is said to leave nothing.
func TestSummaryShowsLives(t *testing.T) {
	s := livesOfARun()
	for name, text := range map[string]string{"table": summaryTable(s, Options{}), "markdown": summaryMarkdown(s)} {
		for _, want := range []string{"within 2s", "init in the container's cgroup", "(3 of 9 lives)", "nothing left of: mount (", "went by itself: netns (", "process, cgroup: ", "--times 9"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, text)
			}
		}
		for _, title := range []string{"start latency", "memory peaks"} {
			if strings.Contains(text, title) {
				t.Errorf("%s has a table of nothing that was measured, %s:\n%s", name, title, text)
			}
		}
		if strings.Contains(text, "(crun, lifecycle, systemd)") {
			t.Errorf("%s: nothing is known of crun:\n%s", name, text)
		}
	}
	text, err := summaryJSON(s)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Lives []struct {
			Sequences, Missed, Clean, Passing int
			Kinds                             []struct {
				Sequences         map[string]int
				Shortest, Command string
			}
		}
	}
	if err := json.Unmarshal(text, &back); err != nil || len(back.Lives) != 2 || len(back.Lives[0].Kinds) != 5 {
		t.Fatalf("%v, %+v", err, back)
	}
	if got := back.Lives[0]; got.Sequences != 40 || got.Missed != 1 || got.Clean != 30 || got.Passing != 4 || got.Kinds[2].Sequences["never"] != 1 || got.Kinds[2].Shortest != "kill9@create:join" || got.Kinds[2].Command == "" {
		t.Errorf("%+v", got)
	}
	var metrics bytes.Buffer
	if err := summaryOpenMetrics(&metrics, s); err != nil {
		t.Fatal(err)
	}
	openMetrics(t, metrics.Bytes())
	for _, want := range []string{
		`initbench_leftover_process{runtime="runc@v1.1.15",scenario="lifecycle",driver="systemd",freed_by="delete"} 5`,
		`initbench_sequences{runtime="runc@v1.1.15",scenario="lifecycle",driver="systemd",state="passing"} 4`,
	} {
		if !strings.Contains(metrics.String(), want+"\n") || strings.Contains(metrics.String(), `initbench_leftover_mount{runtime="crun"`) {
			t.Errorf("no %s, or leftovers of lives that say nothing:\n%s", want, metrics.String())
		}
	}
}

package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// ceilinged judges the made-up gate by a policy with ceilings: one that is held, one that is passed by and only told, one in the
// worst order that is passed by.
func ceilinged(t *testing.T) verdict.Verdict {
	t.Helper()
	v, err := verdict.Judge(load(t, "gate"), verdict.Options{
		Severities: map[string]verdict.Severity{scenarios.StartSyscalls: verdict.Warn, scenarios.StartPageFaults: verdict.Warn},
		Ceilings: []verdict.Ceiling{
			{Metric: scenarios.StartThreshold, Driver: cgroupjoin.Systemd, AtMost: 12 << 20, Severity: verdict.Fail, Text: "start.threshold <= 12MiB"},
			{Metric: scenarios.StartLatency, Driver: cgroupjoin.Cgroupfs, AtMost: 700e6, Severity: verdict.Warn, Text: "start.latency <= 700ms"},
			{Metric: scenarios.StartThreshold, Driver: cgroupjoin.Systemd, Order: verdict.WorstOrder, AtMost: 12 << 20, Severity: verdict.Fail, Text: "start.threshold <= 12MiB in worst order"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Ceilings) != 3 || v.Ceilings[0].Ruling != verdict.Pass || v.Ceilings[1].Ruling != verdict.Regressed || v.Ceilings[2].Ruling != verdict.Regressed {
		t.Fatalf("the ceilings came out as %+v", v.Ceilings)
	}
	return v
}

// Catches any change of what people and programs read of ceilings and of rows that are only told.
func TestGoldenCeilings(t *testing.T) {
	v := ceilinged(t)
	for _, format := range []string{Table, JUnit, Markdown, OpenMetrics} {
		golden(t, "ceilings."+format, drawn(t, format, v, Options{}))
	}
}

// Catches a ceiling that a format leaves out or shows with another number.
func TestEveryFormatHasTheSameCeilings(t *testing.T) {
	v := ceilinged(t)
	var got struct {
		Ceilings []struct {
			Text, Verdict, Severity, Order string
			AtMost                         float64 `json:"at_most"`
			Value                          float64
			Lo, Hi                         *float64
		}
	}
	if err := json.Unmarshal(drawn(t, JSON, v, Options{}), &got); err != nil {
		t.Fatal(err)
	}
	var r junitReport
	if err := xml.Unmarshal(drawn(t, JUnit, v, Options{}), &r); err != nil {
		t.Fatal(err)
	}
	exposed := openMetrics(t, drawn(t, OpenMetrics, v, Options{}))
	for i, c := range got.Ceilings {
		h := v.Ceilings[i]
		if c.Text != h.Text || c.Verdict != string(h.Ruling) || c.Severity != string(h.Severity) || c.AtMost != h.AtMost || c.Value != h.Value {
			t.Errorf("JSON has %+v of %+v", c, h)
		}
		found := junitNamed(r, heldName(h))
		if found == nil {
			t.Fatalf("JUnit has no case %q", heldName(h))
		}
		if red, want := found.Failure != nil, h.Ruling == verdict.Regressed && h.Severity == verdict.Fail; red != want {
			t.Errorf("JUnit: %q is red: %v, want %v", found.Name, red, want)
		}
		if told, want := found.Skipped != nil, h.Ruling == verdict.Regressed && h.Severity == verdict.Warn; told != want {
			t.Errorf("JUnit: %q is skipped: %v, want %v", found.Name, told, want)
		}
		scale, seen := 1.0, 0
		if h.Metric == scenarios.StartLatency {
			scale = 1e9
		}
		for series, x := range exposed {
			if strings.Contains(series, `ceiling="`+h.Text+`"`) && (strings.Contains(series, "initbench_ceiling_bytes") || strings.Contains(series, "initbench_ceiling_seconds")) {
				seen++
				if math.Abs(x*scale-h.AtMost) > 1 {
					t.Errorf("OpenMetrics: %s is %v, want %v", series, x*scale, h.AtMost)
				}
			}
		}
		if seen != 1 {
			t.Errorf("OpenMetrics has %d bounds of %q, want 1", seen, h.Text)
		}
		for format, cell := range map[string]func(string) string{
			Table: func(s string) string { return "\n" + s + "  " }, Markdown: func(s string) string { return "\n| " + strings.ReplaceAll(s, "<", "&lt;") + " |" },
		} {
			if text := string(drawn(t, format, v, Options{})); !strings.Contains(text, cell(h.Text)) || !strings.Contains(text, heldValue(h)) {
				t.Errorf("%s does not show %s of %q", format, heldValue(h), h.Text)
			}
		}
	}
}

// Catches ceilings over payloads that enumerate, of which no reader can tell which is which; Prometheus refuses a series that is there twice.
func TestCeilingsOverEnumerationsAreToldApart(t *testing.T) {
	v := cases(t)[verdict.Pass]
	for _, bits := range []int{4, 32} {
		h := verdict.Held{Ceiling: verdict.Ceiling{Metric: scenarios.ContainerMemoryPeak, Text: "container.memory.peak <= 64MiB", AtMost: 64 << 20, Severity: verdict.Fail}, Value: 1 << 20, Lo: 1 << 20, Hi: 1 << 20, Ruling: verdict.Pass}
		h.Cell = verdict.Metric{Scenario: "address-pool", Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural, Unit: verdict.Bytes, Enumerate: scenarios.Enumeration{Bits: bits, How: scenarios.Eager, RecordBytes: 80}}
		v.Ceilings = append(v.Ceilings, h)
	}
	openMetrics(t, drawn(t, OpenMetrics, v, Options{}))
	var got struct {
		Ceilings []struct{ Enumerate scenarios.Enumeration }
	}
	if err := json.Unmarshal(drawn(t, JSON, v, Options{}), &got); err != nil {
		t.Fatal(err)
	}
	var r junitReport
	if err := xml.Unmarshal(drawn(t, JUnit, v, Options{}), &r); err != nil {
		t.Fatal(err)
	}
	for i, h := range v.Ceilings {
		if got.Ceilings[i].Enumerate != h.Cell.Enumerate {
			t.Errorf("JSON has %+v of %+v", got.Ceilings[i], h.Cell.Enumerate)
		}
		want := h.Cell.Enumerate.String()
		if name := heldName(h); !strings.Contains(name, want) || junitNamed(r, name) == nil {
			t.Errorf("JUnit has no case of %s", want)
		}
		for _, format := range []string{Table, Markdown} {
			if text := string(drawn(t, format, v, Options{})); !strings.Contains(text, want) {
				t.Errorf("%s says nothing of %s", format, want)
			}
		}
	}
}

func junitNamed(r junitReport, name string) *junitCase {
	for _, s := range r.Suites {
		for i, c := range s.Cases {
			if c.Name == name {
				return &s.Cases[i]
			}
		}
	}
	return nil
}

// Catches a row that rules over nothing and turns a build red, or that nobody is told of.
func TestWhatRulesOverNothingIsToldAndNotRed(t *testing.T) {
	v := cases(t)[verdict.Pass]
	v.Metrics[0].Severity, v.Metrics[0].Ruling = verdict.Warn, verdict.Regressed
	v.Metrics[1].Open, v.Metrics[1].Ruling = true, verdict.Inconclusive
	var r junitReport
	if err := xml.Unmarshal(drawn(t, JUnit, v, Options{}), &r); err != nil {
		t.Fatal(err)
	}
	if r.Failures+r.Errors != 0 || r.Skipped != 2 {
		t.Errorf("%d failures, %d errors, %d skipped; want the two of them skipped", r.Failures, r.Errors, r.Skipped)
	}
	for i, want := range []string{"regressed, by its severity only told: ", "inconclusive, left open by a noisy clock: "} {
		if c := junitNamed(r, metricName(v.Metrics[i])); c.Skipped == nil || !strings.HasPrefix(c.Skipped.Message, want) {
			t.Errorf("JUnit: %+v, want %q", c, want)
		}
	}
	for format, want := range map[string][]string{
		Table: {"  regressed (warn)\n", "  inconclusive (open)\n"}, Markdown: {"**regressed (warn)**", "**inconclusive (open)**"},
		JSON: {"\"severity\": \"warn\"", "\"open\": true", "\"open\": 1"},
	} {
		for _, text := range want {
			if !strings.Contains(string(drawn(t, format, v, Options{})), text) {
				t.Errorf("%s does not say %q", format, text)
			}
		}
	}
	rules := 0.0
	for series, x := range openMetrics(t, drawn(t, OpenMetrics, v, Options{})) {
		if strings.Contains(series, "initbench_rules") {
			rules += x
		}
	}
	if want := float64(len(v.Metrics) - 2); rules != want {
		t.Errorf("OpenMetrics: %v rows rule, want %v", rules, want)
	}
}

// Catches an explanation that leaves out a number, is of other rows too, or does not end as a table does.
func TestExplainHasEveryNumber(t *testing.T) {
	v := ceilinged(t)
	v.Metrics[0].Looks.At, v.Metrics[0].Looks.Most, v.Metrics[0].Looks.Level, v.Metrics[0].Looks.P = []int{4, 6}, 20, 0.0125, 0.0004
	explained := func(metric string) string {
		var b bytes.Buffer
		if err := Explain(&b, v, metric, Options{}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(b.String(), "\nverdict: "+v.Headline()+" (exit 1)\n") {
			t.Errorf("the end is %q", b.String()[max(0, b.Len()-60):])
		}
		return b.String()
	}
	latency, m := explained(scenarios.StartLatency), v.Metrics[0]
	for _, want := range []string{
		arm(m, m.Baseline, " ") + ", of 12 values", arm(m, m.Candidate, " "), change(m, " "), "interval at 98.75 %", "margin     2 %", "after 4, 6 of at most 20 blocks",
		"may err with 0.0125", "4e-04 at this look", verdict.FormatP(m.PHolm) + " after Holm", m.Why, m.Trace, "ceiling start.latency <= 700ms", v.Ceilings[1].Reason,
	} {
		if !strings.Contains(latency, want) {
			t.Errorf("no %q in:\n%s", want, latency)
		}
	}
	if strings.Contains(latency, "oom.rate") || strings.Count(latency, "start.latency (startup, ") != 2 {
		t.Errorf("rows of other metrics, or not both drivers':\n%s", latency)
	}
	threshold := explained(scenarios.StartThreshold)
	for _, s := range v.Searches {
		if !strings.Contains(threshold, s.Runtime+": "+edgeText(s)+"; started, by limit: "+triedText(s)) {
			t.Errorf("no search of %s, %s, %s in:\n%s", s.Runtime, s.Driver, s.Order, threshold)
		}
	}
	if text := explained(scenarios.JoinLatency); !strings.HasPrefix(text, "join.latency has no row: ") {
		t.Errorf("of a metric without rows: %s", text)
	}
	if err := Explain(fullDisk{}, v, scenarios.StartLatency, Options{}); err == nil {
		t.Error("an explanation to a full disk: no error")
	}
}

// Catches a threshold that is rounded, or that reads as one though none was shown.
func TestEdgeText(t *testing.T) {
	for want, change := range map[string]func(*verdict.Sought){
		"12.25 MiB (12, 12.25], 41 starts, sharp":        func(*verdict.Sought) {},
		"12.25 MiB (11.5, 12.75], 41 starts":             func(s *verdict.Sought) { s.Edge.Sharp, s.Edge.Lo, s.Edge.Hi = false, 23<<19, 51<<18 },
		"<= 12.25 MiB, 41 starts, sharp":                 func(s *verdict.Sought) { s.Edge.Lo = 0 },
		"12.25 MiB (> 12), 41 starts, sharp":             func(s *verdict.Sought) { s.Edge.Hi = 0 },
		"> 12 MiB, 41 starts, sharp, ended early":        func(s *verdict.Sought) { s.Edge.Threshold, s.Edge.Done = 0, false },
		"not settled up to 64 MiB, 1 start, ended early": func(s *verdict.Sought) { s.Edge, s.Trials = verdict.Sought{}.Edge, 1 },
		"not measured": func(s *verdict.Sought) { s.Trials = 0 },
		"12.25 MiB (12, 12.25], 41 starts, sharp, 2 failed, 3 not counted": func(s *verdict.Sought) { s.Failed, s.NotCounted = 2, 3 },
		"12.25 MiB (12, 12.25], as by itself: order not applicable, 3 starts": func(s *verdict.Sought) {
			s.NotApplicable, s.Trials, s.Order = 3, 3, sequence.JoinBeforeClone
		},
	} {
		s := verdict.Sought{Search: scenarios.DefaultSearch(), Trials: 41}
		s.Edge.Threshold, s.Edge.Lo, s.Edge.Hi, s.Edge.Sharp, s.Edge.Done, s.Edge.Starts = 49<<18, 12<<20, 49<<18, true, true, 41
		change(&s)
		if got := edgeText(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Catches an adaptive run that reads as one that was ended before its plan, and a table of searches that were not begun.
func TestAnAdaptiveRunIsToldFromAPlan(t *testing.T) {
	v := cases(t)[verdict.Pass]
	for _, word := range []string{" of 24 planned trials", "medians with intervals at 95 %"} {
		if text := string(drawn(t, Table, v, Options{})); !strings.Contains(text, word) {
			t.Errorf("of a plan: no %q in %s", word, text)
		}
	}
	v.Metrics[0].Looks.Most = 20
	v.Searches = []verdict.Sought{{Scenario: "thresholds", Driver: cgroupjoin.Cgroupfs, Runtime: "baseline"}}
	text := string(drawn(t, Table, v, Options{}))
	for _, word := range []string{" of 24 trials at most", "at the level of its row's last look"} {
		if !strings.Contains(text, word) {
			t.Errorf("of an adaptive run: no %q in %s", word, text)
		}
	}
	if strings.Contains(text, "thresholds") {
		t.Errorf("a table of no starts: %s", text)
	}
}

// Catches a column of dashes, a key column that goes with them, and a long name that makes a table too wide.
func TestGridsWithoutValues(t *testing.T) {
	g := &grid{keys: 2, header: []string{"runtime", "order", "who pays", "median"}}
	g.add("builtin-parent-memfd-thp-pad64mib-birth-early", "-", "not measured", "3 ms")
	g.add("runc", "-", "-", "-")
	m := g.measured()
	if strings.Join(m.header, ",") != "runtime,order,median" || strings.Join(m.rows[1], ",") != "runc,-,-" {
		t.Errorf("%q %q", m.header, m.rows)
	}
	name := m.tall().rows[0][0]
	if want := "builtin-parent-memfd-\nthp-pad64mib-birth-\nearly"; name != want {
		t.Errorf("%q, want %q", name, want)
	}
}

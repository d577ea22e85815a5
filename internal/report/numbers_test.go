package report

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	prometheus "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// figures of a row, by the names that the JSON has for them; what is null there is not among them.
type figures map[string]float64

// readRow is one row as the JSON has it.
type readRow struct {
	Name, Scenario, Driver, Order string
	Unit                          verdict.Unit
	Relative                      bool
	Verdict                       string
	Limit                         *int64 `json:"limit_bytes"`
	Place                         string `json:"limit_place"`
	Baseline, Candidate           readArm
	Change, P, Margin             *float64
	ChangeLo                      *float64 `json:"change_lo"`
	ChangeHi                      *float64 `json:"change_hi"`
	PHolm                         *float64 `json:"p_holm"`
}

type readArm struct {
	N              int
	Center, Lo, Hi *float64
	Events         *int
}

func readRows(t *testing.T, v verdict.Verdict) []readRow {
	t.Helper()
	var got struct{ Metrics []readRow }
	if err := json.Unmarshal(drawn(t, JSON, v, Options{}), &got); err != nil {
		t.Fatal(err)
	}
	return got.Metrics
}

func (r readRow) figures() figures {
	all := figures{"baseline.n": float64(r.Baseline.N), "candidate.n": float64(r.Candidate.N)}
	for name, value := range map[string]*float64{
		"baseline.center": r.Baseline.Center, "baseline.lo": r.Baseline.Lo, "baseline.hi": r.Baseline.Hi,
		"candidate.center": r.Candidate.Center, "candidate.lo": r.Candidate.Lo, "candidate.hi": r.Candidate.Hi,
		"change": r.Change, "change_lo": r.ChangeLo, "change_hi": r.ChangeHi, "margin": r.Margin, "p": r.P, "p_holm": r.PHolm,
	} {
		if value != nil {
			all[name] = *value
		}
	}
	return all
}

// Catches two formats of one verdict that show different numbers, a number that one of them keeps to itself, and one that it makes up.
func TestEveryFormatHasTheSameNumbers(t *testing.T) {
	for ruling, v := range cases(t) {
		rows := readRows(t, v)
		if len(rows) != len(v.Metrics) {
			t.Fatalf("%s: %d rows in JSON, want %d", ruling, len(rows), len(v.Metrics))
		}
		for format, read := range map[string]func(*testing.T, []byte) func(readRow) figures{JUnit: fromJUnit, OpenMetrics: fromOpenMetrics} {
			read := read(t, drawn(t, format, v, Options{}))
			for _, row := range rows {
				sameFigures(t, fmt.Sprintf("%s of %s: %s %s %s", format, ruling, row.Name, row.Driver, row.Order), row.figures(), read(row))
			}
		}
		for format, part := range map[string]*regexp.Regexp{Table: regexp.MustCompile(` {2,}`), Markdown: regexp.MustCompile(` ?\| ?`)} {
			lines := tableLines(string(drawn(t, format, v, Options{})), part)
			for _, row := range rows {
				if want := row.cells(); !slices.Contains(lines, want) {
					t.Errorf("%s of %s has no line %q", format, ruling, want)
				}
			}
		}
	}
}

func sameFigures(t *testing.T, what string, want, got figures) {
	t.Helper()
	for name, x := range want {
		if y, ok := got[name]; !ok || math.Abs(y-x) > 1e-11*math.Abs(x) {
			t.Errorf("%s: %s is %v (%v), want %v", what, name, y, ok, x)
		}
	}
	for name, y := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is %v, want none", what, name, y)
		}
	}
}

func fromJUnit(t *testing.T, text []byte) func(readRow) figures {
	t.Helper()
	var r junitReport
	if err := xml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return func(row readRow) figures { return r.figures(t, row) }
}

func (r junitReport) figures(t *testing.T, row readRow) figures {
	t.Helper()
	all := figures{}
	for _, s := range r.Suites {
		for _, c := range s.Cases {
			if c.Class != row.Scenario+"."+row.Driver || c.Name != row.metric().String() {
				continue
			}
			for _, p := range c.Properties.Properties {
				if x, err := strconv.ParseFloat(p.Value, 64); err == nil {
					all[p.Name] = x
				} else if p.Name == "unit" && p.Value != string(row.Unit) {
					t.Errorf("JUnit: unit %s of %s, want %s", p.Value, row.Name, row.Unit)
				}
			}
		}
	}
	return all
}

// words is how text names a row.
type words string

func (w words) String() string { return string(w) }

func (r readRow) metric() words {
	name := r.Name
	if r.Limit != nil {
		name += " at " + limit(*r.Limit)
	}
	if r.Order != "natural" {
		name += ", " + r.Order
	}
	return words(name)
}

func fromOpenMetrics(t *testing.T, text []byte) func(readRow) figures {
	t.Helper()
	read := openMetrics(t, text)
	return func(row readRow) figures { return read.figures(t, row) }
}

func (read exposed) figures(t *testing.T, row readRow) figures {
	t.Helper()
	all := figures{}
	unit, in := baseUnit(row.Unit)
	get := func(figure, name, unit string, in float64, more ...string) {
		of := append(more, prometheus.MetricNameLabel, "initbench_"+name+phrase.After("_", unit), "scenario", row.Scenario, "driver", row.Driver, "order", row.Order)
		if row.Place != "" {
			of = append(of, "limit_place", row.Place)
		}
		if row.Limit != nil {
			of = append(of, "limit_bytes", strconv.FormatInt(*row.Limit, 10))
		}
		if x, ok := read[labels.FromStrings(of...).String()]; ok {
			all[figure] = x * in
		}
	}
	for _, arm := range []string{"baseline", "candidate"} {
		get(arm+".n", "sample_size", "", 1, "arm", arm, "metric", row.Name)
		for figure, end := range map[string]string{"center": "", "lo": "_lower", "hi": "_upper"} {
			get(arm+"."+figure, promName(row.Name)+end, unit, in, "arm", arm)
		}
	}
	name, of, scale := "difference", unit, in
	if row.Relative {
		name, of, scale = "change", "ratio", 1
	}
	for figure, end := range map[string]string{"change": "", "change_lo": "_lower", "change_hi": "_upper", "margin": "_margin"} {
		get(figure, name+end, of, scale, "metric", row.Name)
	}
	get("p", "p_value", "", 1, "metric", row.Name)
	get("p_holm", "p_value_holm", "", 1, "metric", row.Name)
	ruled := figures{}
	for _, r := range verdict.Rulings() {
		get("ruling", "ruling", "", 1, "metric", row.Name, "ruling", string(r))
		if x, ok := all["ruling"]; ok {
			ruled[string(r)] = x
		}
		delete(all, "ruling")
	}
	if len(ruled) != 4 || ruled[row.Verdict] != 1 || ruled["pass"]+ruled["improved"]+ruled["regressed"]+ruled["inconclusive"] != 1 {
		t.Errorf("openmetrics: %s is ruled %v, want %s", row.Name, ruled, row.Verdict)
	}
	return all
}

// tableLines are a table's lines, each as its cells with bars between them.
func tableLines(text string, part *regexp.Regexp) []string {
	var all []string
	for line := range strings.Lines(text) {
		cells := part.Split(strings.Trim(strings.TrimSpace(line), "| "), -1)
		if len(cells) >= 8 {
			all = append(all, strings.Join(cells[:8], "|"))
		}
	}
	return all
}

// cells are what a table must show of a row, of the JSON's numbers.
func (r readRow) cells() string {
	m := verdict.Metric{Name: r.Name, Unit: r.Unit, Relative: r.Relative, Margin: orNaN(r.Margin)}
	short := func(x float64) string { return strings.TrimSuffix(m.FormatChange(x), " points") }
	changed, marginText := m.FormatChange(orNaN(r.Change)), m.FormatMargin()
	switch {
	case r.ChangeLo != nil && r.ChangeHi == nil:
		changed = "[" + short(*r.ChangeLo) + ", +inf]"
	case r.ChangeLo != nil:
		changed += phrase.Bracket(short, *r.ChangeLo, *r.ChangeHi)
	case r.Change != nil && r.Name != verdict.LeakCount:
		changed += "[no interval]"
	}
	if r.Name == verdict.LeakCount {
		marginText = "-"
	}
	changed = strings.ReplaceAll(changed, "[", " [")
	return strings.Join([]string{
		string(r.metric()), r.Scenario, r.Baseline.cell(r), r.Candidate.cell(r), changed, marginText, verdict.FormatP(orNaN(r.P)), r.Verdict,
	}, "|")
}

func (a readArm) cell(r readRow) string {
	switch {
	case a.N == 0:
		return "not measured"
	case r.Name == verdict.LeakCount:
		return fmt.Sprintf("%d in %d", *a.Events, a.N)
	}
	if r.Name == "start.threshold" {
		mib := func(x *float64) string { return fmt.Sprint(orNaN(x) / (1 << 20)) }
		switch {
		case a.Center == nil:
			return "> " + mib(a.Lo) + " MiB"
		case *a.Lo == 0:
			return mib(a.Center) + " MiB (<= " + mib(a.Hi) + ")"
		}
		return mib(a.Center) + " MiB (" + mib(a.Lo) + ", " + mib(a.Hi) + "]"
	}
	text := r.Unit.Format(orNaN(a.Center))
	if r.Unit == verdict.Fraction {
		text = fmt.Sprintf("%d/%d", *a.Events, a.N)
	}
	if a.Lo == nil || a.Hi == nil {
		return text
	}
	return text + " " + phrase.Bracket(r.Unit.Format, *a.Lo, *a.Hi)
}

// orNaN is NaN for null.
func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// Catches text that benchstat skips, arms that it does not hold against each other, and medians that are not the verdict's.
func TestBenchstatComparesTheArms(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	path := filepath.Join(t.TempDir(), "gate.txt")
	if err := os.WriteFile(path, drawn(t, Benchfmt, v, Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "benchstat", "-col", "arm", "-format", "csv", path).Output()
	if err != nil {
		t.Fatalf("benchstat: %v", err)
	}
	medians := map[string][2]string{}
	for _, table := range strings.Split(string(out), "\n\n") {
		lines := strings.Split(table, "\n")
		for i, line := range lines {
			if line == ",baseline,,candidate,,," {
				rows, err := csv.NewReader(strings.NewReader(strings.Join(lines[i+1:], "\n"))).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					medians[row[0]] = [2]string{row[1], row[3]}
				}
			}
		}
	}
	for _, row := range readRows(t, v) {
		name := benchName(row.Name, row.Scenario, row.Driver, row.Order, verdict.Metric{}.Build, "", 0)
		for i, a := range []readArm{row.Baseline, row.Candidate} {
			if a.N == 0 {
				t.Errorf("no %s was made up: benchstat has nothing to compare", row.Name)
			}
			want := orNaN(a.Center)
			if row.Unit == verdict.Nanoseconds {
				want /= 1e9
			}
			if got, err := strconv.ParseFloat(medians[name][i], 64); err != nil || math.Abs(got-want) > 1e-11*math.Abs(want) {
				t.Errorf("benchstat shows %q of %s, want %v", medians[name], name, want)
			}
		}
	}
}

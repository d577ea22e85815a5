package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

var update = flag.Bool("update", false, "write testdata anew: the stored runs and what is expected of them")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

func load(t *testing.T, name string) verdict.Run {
	t.Helper()
	r, err := results.Load(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	run := verdict.Stored(r)
	run.Name = name // a path would differ from system to system
	return run
}

// changed passes each record through f; false drops it.
func changed(r verdict.Run, f func(*results.Record) bool) verdict.Run {
	all := r.Records
	r.Records = func(yield func(results.Record, error) bool) {
		for rec, err := range all {
			if err == nil && !f(&rec) {
				continue
			}
			if !yield(rec, err) {
				return
			}
		}
	}
	return r
}

func swap(rec *results.Record) bool {
	rec.Arm = map[string]string{"baseline": "candidate", "candidate": "baseline"}[rec.Arm]
	return true
}

// cases has a verdict of every kind, all from one stored gate.
func cases(t *testing.T) map[verdict.Ruling]verdict.Verdict {
	t.Helper()
	gate := func() verdict.Run { return load(t, "gate") }
	out := map[verdict.Ruling]verdict.Verdict{}
	for want, run := range map[verdict.Ruling]verdict.Run{
		verdict.Regressed: gate(),
		verdict.Improved:  changed(gate(), swap),
		verdict.Pass: changed(gate(), func(r *results.Record) bool {
			return r.Scenario == "startup" && (r.Driver == "cgroupfs" || r.Warmup) && same(r)
		}),
		verdict.Inconclusive: changed(gate(), func(r *results.Record) bool { return r.Index < 8 }),
		verdict.Invalid:      changed(gate(), func(*results.Record) bool { return false }),
	} {
		if want == verdict.Pass {
			run.Header.Spec.Scenarios = []scenarios.Scenario{startup(12)}
			run.Header.Spec.Scenarios[0].Drivers = run.Header.Spec.Scenarios[0].Drivers[:1]
		}
		v, err := verdict.Judge(run, verdict.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out[want] = v
	}
	return out
}

// same makes both arms' figures alike, with a fiftieth of their noise.
func same(r *results.Record) bool {
	around := func(x *int64, from, to int64) { *x = to + (*x-from)*to/from/50 }
	if r.Arm == "candidate" {
		around(r.Latency.Started, 760e6, 520e6)
		around(r.ContainerPeak, 11e6, 1.9e6)
	} else {
		around(r.Latency.Started, 520e6, 520e6)
		around(r.ContainerPeak, 1.9e6, 1.9e6)
	}
	around(r.RuntimePeak, 9.4e6, 9.4e6)
	return true
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it anew:\n%s", name, diff)
	}
}

func drawn(t *testing.T, format string, v verdict.Verdict, opts Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, v, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Catches any change of what people and programs read: every format of a
// regression and of a run, the table of every verdict and at every width.
func TestGolden(t *testing.T) {
	if *update {
		fabricate(t)
	}
	for ruling, v := range cases(t) {
		if want := map[verdict.Ruling]verdict.Ruling{verdict.Improved: verdict.Pass}[ruling]; v.Ruling != ruling && v.Ruling != want {
			t.Errorf("%s: the fabricated gate came out %s: %v", ruling, v.Ruling, v.Reasons)
		}
		golden(t, string(ruling)+".table", drawn(t, Table, v, Options{}))
		golden(t, string(ruling)+".junit", drawn(t, JUnit, v, Options{}))
	}
	regressed := cases(t)[verdict.Regressed]
	for _, format := range []string{JSON, Markdown, Benchfmt, OpenMetrics, SVG} {
		golden(t, "regressed."+format, drawn(t, format, regressed, Options{}))
	}
	golden(t, "regressed-40.table", drawn(t, Table, regressed, Options{Width: 40}))
	golden(t, "regressed-80.table", drawn(t, Table, regressed, Options{Width: 80}))
	golden(t, "regressed-130.table", drawn(t, Table, regressed, Options{Width: 130}))
	golden(t, "regressed-color.table", drawn(t, Table, regressed, Options{Width: 180, Color: true}))

	s, err := verdict.Summarize(load(t, "run"), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := WriteSummary(&b, format, s, Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, "run."+format, b.Bytes())
	}
}

// Catches "1 rows" at the end of the first line.
func TestTheFirstLineCountsRows(t *testing.T) {
	rows := []verdict.Metric{{Ruling: verdict.Pass}, {Ruling: verdict.Regressed}}
	for n, want := range []string{"regressed\n", "regressed; 1 row: 1 pass\n", "regressed; 2 rows: 1 regressed, 1 pass\n"} {
		if line := openingLine(verdict.Verdict{Ruling: verdict.Regressed, Metrics: rows[:n]}, Options{}); !strings.HasSuffix(line, ": "+want) {
			t.Errorf("%d rows: %q, want %q at its end", n, line, want)
		}
	}
}

// Catches a line longer than the terminal, which then breaks in the middle of a figure.
func TestTablesKeepToTheWidth(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	for _, width := range []int{40, 60, 80, 100, 124, 125, 140, 164, 165, 200} {
		for i, line := range strings.Split(string(drawn(t, Table, v, Options{Width: width})), "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("width %d: line %d has %d columns: %q", width, i+1, n, line)
			}
		}
	}
}

// Catches colours in a pipe, and a coloured table whose text differs from the plain one.
func TestColorIsOnlyColor(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	plain, colored := string(drawn(t, Table, v, Options{})), string(drawn(t, Table, v, Options{Color: true}))
	if strings.Contains(plain, "\x1b") {
		t.Error("a plain table has escape sequences")
	}
	for _, code := range []string{"\x1b[31;1m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
		colored = strings.ReplaceAll(colored, code, "")
	}
	if diff := cmp.Diff(plain, colored); diff != "" {
		t.Errorf("without its colours the table differs:\n%s", diff)
	}
}

// Catches options for a terminal being given to a file.
func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read by nobody
	if opts := ForTerminal(f); opts != (Options{}) {
		t.Errorf("options %+v for a file", opts)
	}
}

// Catches a table that does not begin with the verdict and its reasons, or ends with anything but the verdict.
func TestTheVerdictComesFirstAndLast(t *testing.T) {
	for ruling, v := range cases(t) {
		text := string(drawn(t, Table, v, Options{}))
		lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
		want := map[verdict.Ruling]string{
			verdict.Pass: "pass (exit 0)", verdict.Improved: "pass (exit 0)", verdict.Regressed: "regressed (exit 1)",
			verdict.Inconclusive: "inconclusive (exit 3)", verdict.Invalid: "invalid (exit 4)",
		}[ruling]
		if got := lines[len(lines)-1]; got != "verdict: "+want {
			t.Errorf("%s: last line %q, want %q", ruling, got, want)
		}
		of := v.Candidate.Ref + " against " + v.Baseline.Ref
		if ruling == verdict.Invalid {
			of = "a runtime that is not recorded against a runtime that is not recorded"
		}
		word, _, _ := strings.Cut(want, " ")
		if !strings.HasPrefix(lines[0], of+": "+word) {
			t.Errorf("%s: first line %q, want %q", ruling, lines[0], of+": "+word)
		}
		answer, _, _ := strings.Cut(text, "\nmetric ")
		answer = strings.Join(strings.Fields(answer), " ")
		for _, f := range paragraphs(v) {
			for _, reason := range append(f.Texts, f.Command) {
				if !strings.Contains(answer, reason) {
					t.Errorf("%s: the reason %q is not above the tables", ruling, reason)
				}
			}
		}
	}
}

// Catches a pass that is longer than it need be: a row's line says all there is.
func TestAPassNeedsNoWords(t *testing.T) {
	v := cases(t)[verdict.Pass]
	answer, _, _ := strings.Cut(string(drawn(t, Table, v, Options{})), "\nbaseline ")
	if want := 1 + 1 + 3 + len(v.Metrics); strings.Count(answer, "\n") != want {
		t.Errorf("the answer takes %d lines, want %d:\n%s", strings.Count(answer, "\n"), want, answer)
	}
}

// Catches a key of the contract that is missing, renamed or null where a list
// belongs, and infinities, which are no JSON.
func TestJSONKeepsTheContract(t *testing.T) {
	for ruling, v := range cases(t) {
		var got map[string]any
		if err := json.Unmarshal(drawn(t, JSON, v, Options{}), &got); err != nil {
			t.Fatal(err)
		}
		if got["schema"] != 1.0 || got["verdict"] != string(v.Ruling) {
			t.Errorf("%s: schema %v, verdict %v", ruling, got["schema"], got["verdict"])
		}
		if _, ok := got["environment"].(map[string]any); !ok {
			t.Errorf("%s: environment is %T", ruling, got["environment"])
		}
		for _, key := range []string{"metrics", "warnings", "reasons", "findings", "ladders", "notes", "searches", "ceilings"} {
			if _, ok := got[key].([]any); !ok {
				t.Errorf("%s: %s is %T, want a list", ruling, key, got[key])
			}
		}
		for _, m := range got["metrics"].([]any) {
			for _, key := range []string{"name", "unit", "driver", "order", "limit_bytes", "baseline", "candidate", "change", "p", "verdict", "reason"} {
				if _, ok := m.(map[string]any)[key]; !ok {
					t.Errorf("%s: a metric has no %s", ruling, key)
				}
			}
			for _, key := range []string{"n", "center", "lo", "hi"} {
				if _, ok := m.(map[string]any)["baseline"].(map[string]any)[key]; !ok {
					t.Errorf("%s: an arm has no %s", ruling, key)
				}
			}
		}
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if text, err := json.Marshal(number(x)); err != nil || string(text) != "null" {
			t.Errorf("%v became %s, %v", x, text, err)
		}
	}
}

// Catches benchfmt that benchstat would skip: it is parsed back, and each arm's
// values must be those of the verdict.
func TestBenchfmtIsReadBack(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	m := v.Metrics[0]
	want := map[string][]float64{"baseline": m.Baseline.Values, "candidate": m.Candidate.Values}
	got := map[string][]float64{}
	r := benchfmt.NewReader(bytes.NewReader(drawn(t, Benchfmt, v, Options{})), "out")
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(rec)
		case *benchfmt.Result:
			if string(rec.Name) == "StartLatency/scenario=startup/driver=cgroupfs/order=natural" {
				seconds, ok := rec.Value("sec/op")
				if !ok {
					t.Fatalf("units %v", rec.Values)
				}
				got[rec.GetConfig("arm")] = append(got[rec.GetConfig("arm")], math.Round(seconds*1e9))
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values read back differ:\n%s", diff)
	}
	if r.Units().GetBetter("fraction") != -1 {
		t.Error("benchstat would not know that fewer OOM kills are better")
	}
}

// Catches counts that do not match the cases, and a regression that CI would show green.
func TestJUnitCounts(t *testing.T) {
	for ruling, v := range cases(t) {
		var r junitReport
		if err := xml.Unmarshal(drawn(t, JUnit, v, Options{}), &r); err != nil {
			t.Fatal(err)
		}
		failures, errs, tests, skipped := 0, 0, 0, 0
		for _, s := range r.Suites {
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil {
					failures++
				}
				if c.Error != nil {
					errs++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
		}
		if r.Tests != tests || r.Failures != failures || r.Errors != errs || r.Skipped != skipped {
			t.Errorf("%s: %d/%d/%d/%d in the head, %d/%d/%d/%d cases", ruling, r.Tests, r.Failures, r.Errors, r.Skipped, tests, failures, errs, skipped)
		}
		if red := failures+errs > 0; red != (v.ExitCode() != 0) {
			t.Errorf("%s: %d failures and %d errors, exit %d", ruling, failures, errs, v.ExitCode())
		}
	}
}

// Catches markup of a runtime's own words, which end up in a pull request.
func TestMarkdownEscapes(t *testing.T) {
	const words = "<img src=x> *b* [l](u) | c\n# h"
	v := verdict.Verdict{
		Ruling: verdict.Invalid, Reasons: []string{words}, Metrics: []verdict.Metric{{Name: "start.latency", Driver: cgroupjoin.Cgroupfs, Why: words}},
		Ceilings: []verdict.Held{{Ceiling: verdict.Ceiling{Text: "start.latency <img> | 1s"}}}, // a policy knows no other marks
	}
	text := string(drawn(t, Markdown, v, Options{}))
	if strings.Contains(text, "img> | 1s") || strings.Count(text, "(u) | c") != 1 {
		t.Errorf("a bar parts a table's cell: %s", text)
	}
	for _, markup := range []string{"<img", "*b*", "\n# h"} {
		if strings.Contains(text, markup) && !strings.Contains(text, "\\"+markup) {
			t.Errorf("%q came through: %s", markup, text)
		}
	}
}

// Catches a reference such as runc@v1.1.15 that GitHub makes an address to write to, and a command that cannot be copied.
func TestMarkdownHasReferencesAsCode(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	text := string(drawn(t, Markdown, v, Options{}))
	if trace := "`" + v.Metrics[0].Trace + "`"; !strings.Contains(text, trace) {
		t.Errorf("no %s in %s", trace, text)
	}
	for _, text := range []string{text, string(summaryIn(t, Markdown, summaryOf(t, "../../docs/runs/builtin-and-runc-1.5.2"), Options{}))} {
		bare := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
		if strings.Contains(bare, "@") || !strings.Contains(text, "@v1.") {
			t.Errorf("a reference outside of code: %s", bare)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Catches a report that was not written passing for one that was, and a format nobody knows.
func TestWriteErrors(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	for _, format := range Formats() {
		if err := CheckFormat(format); err != nil {
			t.Error(err)
		}
		if err := Write(fullDisk{}, format, v, Options{}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s to a full disk: %v", format, err)
		}
		if err := WriteSummary(fullDisk{}, format, verdict.Summary{}, Options{}); err == nil && format != Benchfmt {
			t.Errorf("%s of a summary to a full disk: no error", format)
		}
	}
	err := Write(&bytes.Buffer{}, "yaml", v, Options{})
	if err == nil || err.Error() != `format "yaml" is not one of table, json, junit, markdown, benchfmt, openmetrics, svg` {
		t.Errorf("format yaml: %v", err)
	}
}

// Catches a finding, a note or a warning that one format keeps to itself.
func TestEveryFormatSaysWhatTheOrdersShowed(t *testing.T) {
	v := cases(t)[verdict.Regressed]
	if len(v.Findings) == 0 || len(v.Notes) == 0 || len(v.Warnings) == 0 {
		t.Fatalf("findings %v, notes %v, warnings %v: the fabricated gate has lost them", v.Findings, v.Notes, v.Warnings)
	}
	plain := strings.NewReplacer("\\", "", "&#xA;", "\n", "&lt;", "<", "&#39;", "'").Replace
	for _, format := range []string{Table, JSON, JUnit, Markdown} {
		text := plain(string(drawn(t, format, v, Options{})))
		for _, want := range append(append([]string{v.Findings[0].Text}, v.Notes...), v.Warnings...) {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
}

// Catches a pass that reads as a plain one though the candidate starts by luck alone, in any format.
func TestAPassNamesItsFindings(t *testing.T) {
	v := cases(t)[verdict.Pass]
	orders := []verdict.OrderedLadder{{Order: sequence.Natural}, {Order: sequence.JoinBeforeClone}}
	for _, driver := range []cgroupjoin.Driver{cgroupjoin.Cgroupfs, cgroupjoin.Systemd} {
		v.Ladders = append(v.Ladders, verdict.Ladder{Scenario: "oom-limits", Driver: driver, Runtime: "candidate", Orders: orders})
	}
	v.Findings = []verdict.Finding{{
		Kind: verdict.SafeByRace, Scenario: "oom-limits", Driver: cgroupjoin.Systemd, Runtime: "candidate", Order: sequence.JoinBeforeClone,
		Limit: 12 << 20, Natural: verdict.Count{Started: 8}, Imposed: verdict.Count{OOMKilled: 8}, Text: "the whole sentence",
	}}
	const line = "pass, with 1 finding: candidate starts at 12MiB under systemd only by winning a race"
	for format, want := range map[string]string{
		Table: "\nverdict: " + line + " (exit 0)\n", Markdown: "### initbench: " + line + " (exit 0)\n",
		Benchfmt: "\nverdict: " + line + "\n", JSON: "\"the whole sentence\"", JUnit: "<skipped message=\"the whole sentence\">",
	} {
		if text := string(drawn(t, format, v, Options{})); strings.Count(text, want) != 1 {
			t.Errorf("%s does not say %q once: %s", format, want, text)
		}
	}
	var r junitReport
	if err := xml.Unmarshal(drawn(t, JUnit, v, Options{}), &r); err != nil {
		t.Fatal(err)
	}
	last := r.Suites[len(r.Suites)-1]
	if last.Name != "oom-limits" || len(last.Cases) != 2 || last.Cases[0].Skipped != nil || last.Cases[1].Skipped == nil || r.Failures+r.Errors > 0 {
		t.Errorf("suite %s: %+v; want a case for each driver, systemd's skipped, and nothing red", last.Name, last.Cases)
	}
	narrow := string(drawn(t, Table, v, Options{Width: 40, Color: true}))
	if !strings.Contains(narrow, "\nverdict: \x1b[") || !strings.Contains(narrow, "runc@v1.1.14: \x1b[") || !strings.Contains(narrow, "\n  winning a race (exit 0)\n") {
		t.Errorf("a narrow terminal gets an unwrapped or colourless line: %q", narrow[len(narrow)-200:])
	}
}

// Catches the worst order hidden behind the natural one, and a threshold that is not beside its ladder.
func TestLaddersShowTheWorstOrderBesideTheNaturalOne(t *testing.T) {
	text := string(drawn(t, Table, cases(t)[verdict.Regressed], Options{}))
	for _, want := range []string{
		"limit            baseline  baseline, worst order       candidate  candidate, worst order",
		"16MiB            8/8       8/8 (order not applicable)  8/8        0/8 (8 OOM-killed), join-before-clone",
		"start.threshold  <= 12MiB  <= 12MiB                    <= 12MiB   (16MiB, 20MiB]",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

// Catches a run of nothing but failures that shows no reason in a format.
func TestASummaryOfFailuresSaysWhy(t *testing.T) {
	s, err := verdict.Summarize(changed(load(t, "run"), func(r *results.Record) bool {
		r.Outcome, r.Reason, r.Output = results.Failed, "create exited with 1", "runc: no such <thing>\nmore\n"
		return true
	}), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{Table, JSON, JUnit, Markdown} {
		var b bytes.Buffer
		if err := WriteSummary(&b, format, s, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"failed: create exited with 1; it printed: runc: no such ", "hundred", "order-matrix"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
}

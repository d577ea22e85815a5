package html

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Catches anything that a browser would fetch or run besides what is in the page, and a link that leads nowhere.
func TestPageStandsAlone(t *testing.T) {
	for name, in := range pages(t) {
		ids, links, scripts := map[string]int{}, map[string]bool{}, 0
		for _, e := range elements(t, drawn(t, in)) {
			for key, value := range e.attributes {
				switch {
				case key == "id":
					ids[value]++
				case key == "href" && value == "data:,":
				case key == "href" && strings.HasPrefix(value, "#"):
					links[value[1:]] = true
				case key == "href", key == "src", key == "srcset", key == "style", key == "data", key == "action", strings.HasPrefix(key, "on"):
					t.Errorf("%s: <%s %s=%q>", name, e.Data, key, value)
				}
			}
			switch e.Data {
			case "script":
				scripts++
			case "img", "iframe", "object", "embed", "form", "base", "audio", "video", "use", "image", "foreignObject":
				t.Errorf("%s: has a <%s>", name, e.Data)
			}
		}
		if scripts != 1 {
			t.Errorf("%s: %d scripts, want one", name, scripts)
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("%s: id %q is given %d times", name, id, n)
			}
		}
		for id := range links {
			if ids[id] == 0 {
				t.Errorf("%s: a link leads to #%s, which is not there", name, id)
			}
		}
	}
}

// Catches a style or script that the page's own policy forbids, for it was changed on its way into the page.
func TestPolicyAllowsTheOwnStyleAndScript(t *testing.T) {
	var policy string
	var parts []string
	for _, e := range elements(t, drawn(t, input(t, gateRun))) {
		switch {
		case e.attributes["http-equiv"] == "Content-Security-Policy":
			policy = e.attributes["content"]
		case e.Data == "style" || e.Data == "script":
			parts = append(parts, e.text())
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q, want one that begins with nothing and allows nothing unsafe", policy)
	}
	for _, text := range parts {
		if !strings.Contains(policy, "'"+hash(text)+"'") {
			t.Errorf("policy %q has not the hash %s of %.40q", policy, hash(text), text)
		}
	}
	if len(parts) != 2 {
		t.Errorf("%d styles and scripts, want one of each", len(parts))
	}
}

// flat has every number of a JSON document by its path; null is NaN.
func flat(path string, v any, into map[string]float64) {
	join := func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }
	switch x := v.(type) {
	case map[string]any:
		for key, value := range x {
			flat(join(key), value, into)
		}
	case []any:
		for i, value := range x {
			flat(join(strconv.Itoa(i)), value, into)
		}
	case float64:
		into[path] = x
	case nil:
		into[path] = math.NaN()
	}
}

// jsonNumbers is what --format json says of the same value.
func jsonNumbers(t *testing.T, in Input) map[string]float64 {
	t.Helper()
	var out bytes.Buffer
	err := errors.New("nothing to show")
	if in.Verdict != nil {
		err = report.Write(&out, report.JSON, *in.Verdict, report.Options{})
	} else if in.Summary != nil {
		err = report.WriteSummary(&out, report.JSON, *in.Summary, report.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	numbers := map[string]float64{}
	flat("", v, numbers)
	return numbers
}

// checkNumber holds one number of a page to the JSON's.
func checkNumber(numbers map[string]float64, key, value, text string) error {
	want, known := numbers[key]
	got := math.NaN()
	if value != "null" {
		var err error
		if got, err = strconv.ParseFloat(value, 64); err != nil {
			return fmt.Errorf("%s: %q is no number", key, value)
		}
	}
	switch {
	case !known:
		return fmt.Errorf("%s: the JSON has no such number", key)
	case !(got == want || math.IsNaN(got) && math.IsNaN(want)):
		return fmt.Errorf("%s: %v on the page, %v in the JSON", key, got, want)
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s: nothing is shown", key)
	case math.IsNaN(want) && strings.Trim(text, "0. %") == "":
		return fmt.Errorf("%s: shown as %q, and there is no such number", key, text)
	}
	return nil
}

// Catches a number on the page that is another one than the JSON's, and a row whose numbers are not on the page.
func TestNumbersAreTheJSONs(t *testing.T) {
	for name, in := range pages(t) {
		numbers, seen := jsonNumbers(t, in), map[string]bool{}
		for _, e := range elements(t, drawn(t, in)) {
			key, is := e.attributes["data-key"]
			if !is {
				continue
			}
			seen[key] = true
			if err := checkNumber(numbers, key, e.attributes["data-value"], e.text()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if in.Verdict == nil {
			continue
		}
		for i, m := range in.Verdict.Metrics {
			for _, field := range []string{"margin", "p_holm", "change", "baseline.center", "candidate.center"} {
				arm := strings.HasSuffix(field, ".center") && (m.Unit == verdict.Fraction || m.Unit == verdict.Counted && !m.Relative)
				if key := fmt.Sprintf("metrics.%d.%s", i, field); !seen[key] && !arm {
					t.Errorf("%s: %s (%s) is not on the page", name, key, m.Name)
				}
			}
		}
	}
}

// hostile is what a runtime or a user could call something.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' onload='x' </style></title></svg>` + "\x00\x1b[31m\u202e"

// Catches a name, a reason or a policy that becomes an element or an attribute of the page.
func TestHostileTextStaysText(t *testing.T) {
	in := input(t, watched(t))
	v := in.Verdict
	v.Baseline.Ref, v.Candidate.Version, v.Environment.Kernel, v.Environment.Observer = hostile, hostile, hostile, hostile
	v.Reasons, v.Warnings, v.Notes = append(v.Reasons, hostile), []string{hostile}, []string{hostile}
	v.Findings = append(v.Findings, verdict.Finding{Text: hostile})
	v.Ceilings = []verdict.Held{{Ceiling: verdict.Ceiling{Text: hostile}, Reason: hostile, Ruling: verdict.Regressed, Paragraph: hostile, Trace: hostile}}
	for i := range v.Metrics {
		v.Metrics[i].Scenario, v.Metrics[i].Why, v.Metrics[i].Paragraph = hostile, hostile, hostile
		v.Metrics[i].Driver = cgroupjoin.Driver(hostile)
	}
	for i := range v.Ladders {
		v.Ladders[i].Scenario, v.Ladders[i].Runtime = hostile, hostile
	}
	for i := range v.Matrices {
		v.Matrices[i].Scenario = hostile
	}
	in.Run.Header.Policy = hostile
	g, err := gather(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.starts {
		for k := range g.starts[i].timeline.Events {
			e := &g.starts[i].timeline.Events[k]
			e.Comm, e.Detail, e.Step = hostile, hostile, sequence.Step(hostile)
		}
	}
	for _, group := range g.groups {
		for i := range group.records {
			group.records[i].Reason, group.records[i].Leaks = hostile, []string{hostile}
		}
	}
	var out bytes.Buffer
	if err := page.Execute(&out, newView(in, g)); err != nil {
		t.Fatal(err)
	}
	scripts, shown := 0, 0
	for _, e := range elements(t, out.Bytes()) {
		for key := range e.attributes {
			if strings.HasPrefix(key, "on") || key == "src" {
				t.Errorf("<%s> has an attribute %s", e.Data, key)
			}
		}
		switch e.Data {
		case "script":
			scripts++
		case "img":
			t.Error("there is an image")
		case "p", "dd", "pre", "h1", "code":
			if strings.Contains(e.text(), "<script>alert(1)</script>") {
				shown++
			}
		}
	}
	if scripts != 1 || shown < 6 {
		t.Errorf("%d scripts, want the page's own; the text is shown in %d places, want 6 or more", scripts, shown)
	}
}

// Catches what was not measured shown as 0, or not at all.
func TestAbsentIsNotZero(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	none := verdict.Arm{Center: nan, Lo: nan, Hi: nan}
	few := verdict.Arm{N: 2, Center: 5e6, Lo: -inf, Hi: inf}
	v := verdict.Verdict{Ruling: verdict.Inconclusive, Confidence: 0.95, Metrics: []verdict.Metric{
		{Scenario: "startup", Name: scenarios.StartLatency, Unit: verdict.Nanoseconds, Relative: true, Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural, Baseline: none, Candidate: none, Change: nan, ChangeLo: nan, ChangeHi: nan, Margin: nan, P: nan, PHolm: nan, Ruling: verdict.Inconclusive},
		{Scenario: "startup", Name: scenarios.StartLatency, Unit: verdict.Nanoseconds, Relative: true, Driver: cgroupjoin.Systemd, Order: sequence.Natural, Baseline: few, Candidate: few, Change: 0.1, ChangeLo: -inf, ChangeHi: inf, Margin: 0.1, P: nan, PHolm: nan, Ruling: verdict.Inconclusive},
		{Scenario: "thresholds", Name: verdict.StartThreshold, Unit: verdict.Bytes, Driver: cgroupjoin.Systemd, Order: sequence.Natural, Baseline: verdict.Arm{N: 3, Center: nan, Lo: 1 << 20, Hi: inf}, Candidate: few, Change: nan, ChangeLo: 1 << 20, ChangeHi: inf, Margin: 1 << 19, P: nan, PHolm: nan, Ruling: verdict.Inconclusive},
	}}
	in := Input{Verdict: &v}
	numbers := jsonNumbers(t, in)
	words := map[string]string{
		"metrics.0.baseline.center": "not measured", "metrics.0.change": "-", "metrics.0.p_holm": "-", "metrics.0.margin": "no margin",
		"metrics.1.change_lo": "no interval", "metrics.2.baseline.center": "> 1 MiB", "metrics.2.change": "-", "metrics.2.change_hi": "+inf",
	}
	for _, e := range elements(t, drawn(t, in)) {
		key, is := e.attributes["data-key"]
		if !is {
			continue
		}
		if err := checkNumber(numbers, key, e.attributes["data-value"], e.text()); err != nil {
			t.Error(err)
		}
		if want, asked := words[key]; asked {
			if got := strings.ReplaceAll(e.text(), "\u00a0", " "); got != want || e.attributes["data-value"] != "null" {
				t.Errorf("%s: %q (%s), want %q (null)", key, got, e.attributes["data-value"], want)
			}
			delete(words, key)
		}
	}
	for key := range words {
		t.Errorf("%s is not on the page", key)
	}
}

// Catches a page without its verdict: of a run that holds nothing, one arm alone, or what cannot be compared.
func TestEveryRulingIsShownFirst(t *testing.T) {
	keep := func(what func(*results.Record) bool) Input {
		in := input(t, gateRun)
		run := verdict.Stored(in.Run)
		all := run.Records
		run.Records = func(yield func(results.Record, error) bool) {
			for r, err := range all {
				if (err != nil || what(&r)) && !yield(r, err) {
					return
				}
			}
		}
		v, err := verdict.Judge(run, verdict.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return Input{Verdict: &v}
	}
	for name, tt := range map[string]struct {
		in   Input
		want verdict.Ruling
	}{
		"gate":    {input(t, gateRun), verdict.Regressed},
		"one arm": {keep(func(r *results.Record) bool { return r.Arm == "baseline" }), verdict.Inconclusive},
		"few":     {keep(func(r *results.Record) bool { return r.Index < 8 }), verdict.Inconclusive},
		"empty":   {keep(func(*results.Record) bool { return false }), verdict.Invalid},
	} {
		if tt.in.Verdict.Ruling != tt.want {
			t.Errorf("%s: judged %s, want %s", name, tt.in.Verdict.Ruling, tt.want)
		}
		said := 0
		for _, e := range elements(t, drawn(t, tt.in)) {
			if e.attributes["id"] != "verdict" {
				continue
			}
			for _, m := range tt.in.Verdict.Metrics {
				text := verdict.WithoutCommand(m.Paragraph, m.Trace)
				if !strings.Contains(e.text(), text) {
					t.Errorf("%s: the verdict does not say %q", name, text)
				}
			}
			if len(tt.in.Verdict.Metrics) == 0 && !strings.Contains(e.text(), tt.in.Verdict.Reasons[0]) {
				t.Errorf("%s: the verdict does not say why: %s", name, tt.in.Verdict.Reasons[0])
			}
			if strings.HasPrefix(strings.TrimSpace(e.text()), string(tt.want)) {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%s: the verdict section does not begin with %s", name, tt.want)
		}
	}
}

// Catches a point without its record: all trials of a gate of ordinary size are in the page, each once, and each figure leads to some.
func TestEveryPointLeadsToItsRecord(t *testing.T) {
	in := input(t, watched(t))
	rows, links := map[string]bool{}, map[string]int{}
	for _, e := range elements(t, drawn(t, in)) {
		if id := e.attributes["id"]; e.Data == "tr" && strings.HasPrefix(id, "trial-") {
			rows[id] = true
		}
		if href := e.attributes["href"]; e.Data == "a" && strings.HasPrefix(href, "#trial-") {
			links[href[1:]]++
		}
	}
	if len(rows) != in.Verdict.Trials.Recorded {
		t.Errorf("%d records are in the page, %d were made", len(rows), in.Verdict.Trials.Recorded)
	}
	want := 0
	for _, m := range in.Verdict.Metrics {
		if m.Name == scenarios.StartLatency {
			want += m.Baseline.N + m.Candidate.N
		}
	}
	if len(links) != want {
		t.Errorf("%d trials are points of the latency curves, want %d", len(links), want)
	}
}

// Catches a page that grows with the run, a failed trial lost in the crowd, and a choice of records that is another each time.
func TestRecordsAreThinned(t *testing.T) {
	sampled := func() []*group {
		s := sampler{known: map[conditions]*group{}, stride: 1}
		for i := range 100_000 {
			r := results.Record{Trial: scenarios.Trial{Index: i, Scenario: fmt.Sprint(i % 5), Arm: "baseline"}, Outcome: results.Started, Output: hostile}
			if i == 77_777 {
				r.Outcome = results.Failed
			}
			s.add(r)
		}
		return s.finish()
	}
	a, b := sampled(), sampled()
	n, seen, failed := 0, 0, false
	for i, g := range a {
		n, seen = n+len(g.records), seen+g.seen
		if len(g.records) < mostRecords/20 {
			t.Errorf("group %d has %d records of %d", i, len(g.records), mostRecords)
		}
		for k, r := range g.records {
			failed = failed || r.Index == 77_777
			if b[i].records[k].Index != r.Index {
				t.Fatalf("trial %d the first time, %d the second", r.Index, b[i].records[k].Index)
			}
		}
	}
	if n > mostRecords || seen != 100_000 || !failed {
		t.Errorf("%d records of %d seen, want at most %d of 100000; the failed one kept: %v", n, seen, mostRecords, failed)
	}
}

// Catches a size that a mail or a pull request cannot carry.
func TestPagesAreSmall(t *testing.T) {
	for name, in := range pages(t) {
		if size := len(drawn(t, in)); size > 1_500_000 {
			t.Errorf("%s: %d bytes", name, size)
		}
	}
}

// Catches a waterfall that does not end at what the container was charged, and steps that only one arm has on another's line.
func TestWaterfallEndsAtTheCharge(t *testing.T) {
	g, err := gather(input(t, watched(t)))
	if err != nil {
		t.Fatal(err)
	}
	groups := byDriver(g.starts)
	if len(groups) != 2 || len(groups[0]) != 2 {
		t.Fatalf("%d groups of starts, want both arms of two drivers", len(groups))
	}
	steps := stepsOf(groups[0], sequence.Container)
	events := untilExec(groups[0][0].timeline.Steps())
	want := events[len(events)-1].Container.Bytes
	at := [2]int64{}
	for _, s := range steps {
		for i, b := range s.bars {
			if b == nil {
				continue
			}
			if b.from != at[i] {
				t.Errorf("%s: begins at %d, the step before ended at %d", s.name, b.from, at[i])
			}
			at[i] = b.to
		}
	}
	if at[0] != want || at[1] != want || want == 0 {
		t.Errorf("the bars end at %v, the container was charged %d", at, want)
	}
}

// Catches a command that a shell takes apart, or that shows another start than the record's.
func TestTraceCommand(t *testing.T) {
	build := scenarios.Build{Clone: "init", Strategy: "memfd", BinaryBytes: 16 << 20}
	for want, got := range map[string]string{
		"initbench trace --runtime runc@v1.1.15 --driver cgroupfs": traceCommand([]string{"runc@v1.1.15"}, build, "cgroupfs", sequence.Natural, "", 0),
		`initbench trace --runtime './my $(runc)'\''s' --driver systemd --order join-before-clone --limit 7936KiB --limit-place ancestor`: traceCommand([]string{"./my $(runc)'s"}, scenarios.Build{}, "systemd",
			sequence.JoinBeforeClone, cgroupjoin.OnAncestor, 7936<<10),
		"initbench trace --runtime builtin:join=birth,clone=init,strategy=memfd,size=16MiB --driver systemd --limit 12MiB": traceCommand([]string{"builtin:clone=parent,join=birth,pad=1MiB"}, build, "systemd", "", cgroupjoin.OnContainer, 12<<20),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Catches ticks that are no round numbers, too many, or outside the axis; and a value drawn outside it.
func TestAxes(t *testing.T) {
	for _, tt := range []struct{ lo, hi, base float64 }{{5e8, 9e8, 10}, {2e8, 1.3e9, 10}, {1, 1e12, 10}, {1 << 20, 64 << 20, 2}, {12 << 20, 20 << 20, 2}, {7, 7, 10}, {0, 0, 10}} {
		a := span(tt.lo, tt.hi, 44, 426)
		ticks := a.ticks(6, tt.base)
		if len(ticks) == 0 || len(ticks) > 14 {
			t.Errorf("%v: %d ticks: %v", tt, len(ticks), ticks)
		}
		for _, x := range append(ticks, tt.lo, tt.hi) {
			if at := a.at(x); at < 44 || at > 426 || math.IsNaN(at) {
				t.Errorf("%v: %v is drawn at %v", tt, x, at)
			}
		}
	}
	if a := span(1, 2, 44, 426); a.at(math.NaN()) != 44 || a.at(math.Inf(1)) != 426 || a.at(-5) != 44 {
		t.Error("what is no number, or beyond an end, is drawn outside the axis")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Catches a report that ends well without a page.
func TestWriteErrors(t *testing.T) {
	if err := Write(fullDisk{}, input(t, gateRun)); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("a full disk: %v", err)
	}
	if err := Write(&bytes.Buffer{}, Input{}); err == nil {
		t.Error("a page of nothing was written")
	}
	run := load(t, gateRun)
	run.Dir = filepath.Join(t.TempDir(), "gone")
	write(t, run.Dir, []byte("no directory"))
	if err := Write(&bytes.Buffer{}, Input{Verdict: &verdict.Verdict{}, Run: run}); err == nil {
		t.Error("records that cannot be read: no error")
	}
}

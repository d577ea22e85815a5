package policy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Catches a default that stands in two places, and a default policy that judges what it does not measure.
func TestTheDefaultPolicyIsTheVerdictsDefault(t *testing.T) {
	p := Default()
	if !reflect.DeepEqual(p.Margins, verdict.DefaultMargins()) {
		t.Errorf("margins %v, want %v", p.Margins, verdict.DefaultMargins())
	}
	for name, s := range p.Severities {
		if s != verdict.DefaultSeverity(name) {
			t.Errorf("%s: %s", name, s)
		}
	}
	for _, name := range verdict.MetricNames() {
		if p.severity(name) != verdict.DefaultSeverity(name) {
			t.Errorf("%s: %s", name, p.severity(name))
		}
	}
	if p.Alpha != 0.05 || p.NoisyClock != verdict.Warn || p.MaxTime != 6*time.Minute || len(p.Ceilings) != 0 || p.File != "" {
		t.Errorf("%+v", p)
	}
	for _, name := range p.Scenarios {
		sc, err := scenarios.Load(name)
		if err != nil {
			t.Error(err)
		}
		if _, err := p.Apply(sc); err != nil {
			t.Error(err)
		}
	}
	again, err := Parse("default", []byte(DefaultText()))
	if err != nil || !reflect.DeepEqual(again.Options(), p.Options()) {
		t.Errorf("what init writes is another policy: %v", err)
	}
	empty, err := Parse("empty", []byte("alpha: 0.05\n"))
	if err != nil || !reflect.DeepEqual(empty.Options(), p.Options()) || !slices.Equal(empty.Scenarios, p.Scenarios) {
		t.Errorf("what a file leaves out is not the default: %v", err)
	}
}

const full = `scenarios: [startup, ./mine.yaml]
drivers: [systemd]
limits: [8MiB, 16 MiB]
max_time: 90s
alpha: 0.01
noisy_clock: fail
metrics:
  start.latency: {margin: 5 %, severity: warn}
  start.syscalls: {margin: "5 %, at least 100"}
  start.threshold: {margin: 1MiB}
  start.forks: {margin: 3, severity: ignore}
  oom.rate: {margin: 10 points}
  leak.count: {severity: warn}
ceilings:
  - start.threshold <= 12 MiB
  - start.threshold <= 20MiB in worst order under cgroupfs
  - oom.rate at 16 MiB = 0
  - oom.rate at 16MiB <= 10 % of oom-limits in join-before-clone order
  - start.latency <= 1.5s under systemd
  - {metric: container.memory.peak, driver: systemd, at_most: 16MiB, severity: warn}
  - {at_most: 0, metric: leak.count}
  - {metric: start.syscalls, at_most: 4000, order: natural, scenario: charges}
`

// Catches a key that is read and dropped.
func TestEveryKeyIsRead(t *testing.T) {
	p, err := Parse("p.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Scenarios, []string{"startup", "./mine.yaml"}) || !slices.Equal(p.Drivers, []cgroupjoin.Driver{cgroupjoin.Systemd}) ||
		!slices.Equal(p.Limits, []int64{8 << 20, 16 << 20}) || p.MaxTime != 90*time.Second || p.Alpha != 0.01 || p.NoisyClock != verdict.Fail || p.Text != full {
		t.Errorf("%+v", p)
	}
	for name, want := range map[string]verdict.Margin{
		"start.latency": {Fraction: 0.05}, "start.syscalls": {Fraction: 0.05, AtLeast: 100}, "start.threshold": {AtLeast: 1 << 20},
		"start.forks": {AtLeast: 3}, "oom.rate": {Fraction: 0.1}, "create.latency": verdict.DefaultMargins()["create.latency"],
	} {
		if got := p.Margins[name]; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for name, want := range map[string]verdict.Severity{"start.latency": verdict.Warn, "start.forks": verdict.Ignore, "leak.count": verdict.Warn, "oom.rate": verdict.Fail} {
		if got := p.Severities[name]; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	want := []verdict.Ceiling{
		{Metric: "start.threshold", AtMost: 12 << 20, Text: "start.threshold <= 12MiB"},
		{Metric: "start.threshold", AtMost: 20 << 20, Order: verdict.WorstOrder, Driver: cgroupjoin.Cgroupfs, Text: "start.threshold <= 20MiB in worst order under cgroupfs"},
		{Metric: "oom.rate", Limit: 16 << 20, Text: "oom.rate at 16MiB = 0"},
		{Metric: "oom.rate", Limit: 16 << 20, AtMost: 0.1, Scenario: "oom-limits", Order: sequence.JoinBeforeClone, Text: "oom.rate at 16MiB <= 10 % in join-before-clone order of oom-limits"},
		{Metric: "start.latency", AtMost: 1.5e9, Driver: cgroupjoin.Systemd, Text: "start.latency <= 1.5s under systemd"},
		{Metric: "container.memory.peak", AtMost: 16 << 20, Driver: cgroupjoin.Systemd, Severity: verdict.Warn, Text: "container.memory.peak <= 16MiB under systemd"},
		{Metric: "leak.count", Text: "leak.count = 0"},
		{Metric: "start.syscalls", AtMost: 4000, Order: sequence.Natural, Scenario: "charges", Text: "start.syscalls <= 4000 of charges"},
	}
	for i, c := range p.Ceilings {
		if want[i].Severity == "" {
			want[i].Severity = verdict.Fail
		}
		if c != want[i] {
			t.Errorf("ceiling %d: %+v, want %+v", i, c, want[i])
		}
	}
	if len(p.Ceilings) != len(want) {
		t.Errorf("%d ceilings, want %d", len(p.Ceilings), len(want))
	}
}

// Catches a mistake that is passed over, and an error without its place or without what would be right.
func TestEveryMistakeIsOneClearLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "p.yaml:1:1: the file is empty: leave --policy out",
		"# nothing\n":                    "p.yaml:1:1: the file is empty",
		"[]":                             "p.yaml:1:1: the file is a sequence, not a mapping",
		"alpha: 0.05\nalhpa: 1":          `p.yaml:2:1: unknown key "alhpa": did you mean alpha? else a policy has scenarios, drivers,`,
		"alpha: 0.05\nalpha: 0.01":       `p.yaml:2:1: key "alpha" a second time: keep one (the first is on line 1)`,
		"alpha: 5 %":                     `p.yaml:1:8: alpha "5 %": write a number from`,
		"alpha: 0":                       `p.yaml:1:8: alpha "0": write a number from`,
		"alpha: NaN":                     `alpha "NaN": write a number from`,
		"alpha: .nan":                    `alpha ".nan": write a number from`,
		"alpha:":                         "p.yaml:1:1: alpha without a value",
		"drivers: [cgroupsf]":            `p.yaml:1:11: drivers[0] "cgroupsf": did you mean cgroupfs? else write cgroupfs, systemd`,
		"drivers: []":                    "p.yaml:1:10: drivers is an empty list",
		"drivers: [systemd, systemd]":    `p.yaml:1:20: drivers[1] "systemd" a second time`,
		"drivers: systemd":               `p.yaml:1:10: drivers "systemd" is text, not a list`,
		"scenarios: [1]":                 `p.yaml:1:13: scenarios[0] "1" is a number, not text`,
		"limits: [16MiB, 8MiB]":          "limits do not rise",
		"limits: [1KiB]":                 `limits[0] "1KiB": the least is 64KiB`,
		"limits: [16MB]":                 `limits[0] "16MB" is not a size: write 16MiB (powers of 1024)`,
		"max_time: 1s":                   `max_time "1s": write 10s to 24h0m0s, or none`,
		"max_time: 5":                    `max_time "5" is not a duration`,
		"max_time: -5m":                  `max_time "-5m": write 10s to 24h0m0s`,
		"noisy_clock: ignore":            `noisy_clock "ignore": write warn, fail`,
		"metrics: [start.latency]":       "p.yaml:1:10: metrics is a sequence, not a mapping",
		"metrics:\n  start.latancy: {}":  `p.yaml:2:3: unknown metric "start.latancy": did you mean start.latency? else write one of start.latency, `,
		"metrics:\n  start.latency: 5 %": `p.yaml:2:18: metrics.start.latency "5 %" is text, not a mapping`,
		"metrics:\n  start.latency: {margin: -5%}":                                                        `p.yaml:2:27: metrics.start.latency.margin "-5%": a margin is not negative`,
		"metrics:\n  start.latency: {margin: \"-5 %\"}":                                                   `metrics.start.latency.margin "-5 %": a margin is not negative`,
		"metrics:\n  start.threshold: {margin: -1MiB}":                                                    `metrics.start.threshold.margin "-1MiB": a margin is not negative`,
		"metrics:\n  start.latency: {margin: 5}":                                                          `metrics.start.latency.margin "5" is no margin of a metric in time`,
		"metrics:\n  leak.count: {margin: 5 %}":                                                           `metrics.leak.count.margin "5 %": leak.count has none`,
		"metrics:\n  start.latency: {severity: warning}":                                                  `metrics.start.latency.severity "warning": write fail, warn, ignore`,
		"metrics:\n  start.latency: {severty: warn}":                                                      `unknown key "severty": did you mean severity?`,
		"metrics:\n  start.latency:":                                                                      "p.yaml:2:3: metrics.start.latency without a value",
		"ceilings: [start.threshold]":                                                                     `p.yaml:1:12: ceilings[0] "start.threshold" is no ceiling: write METRIC [at SIZE] <= VALUE`,
		"ceilings: [start.treshold <= 12MiB]":                                                             `unknown metric "start.treshold": did you mean start.threshold?`,
		"ceilings: [start.threshold >= 12MiB]":                                                            "is no ceiling",
		"ceilings: [start.threshold <= 12]":                                                               `"12" is no bound of start.threshold: write a size of more than 0 with its unit`,
		"ceilings: [start.threshold <= 12MB]":                                                             `ceilings[0] "12MB" is no bound of start.threshold: write a size of more than 0 with its unit`,
		"ceilings: [start.threshold <= -12MiB]":                                                           `is no bound of start.threshold`,
		"ceilings: [start.threshold <= ]":                                                                 `ceilings[0] "" is no bound of start.threshold`,
		"ceilings: [start.threshold = 12MiB]":                                                             "only 0 can be written with =",
		"ceilings: [start.threshold <= 12MiB in wrost order]":                                             `order "wrost": did you mean worst?`,
		"ceilings: [start.threshold <= 12MiB under systemd under systemd]":                                "without a word, or twice",
		"ceilings: [start.threshold <= 12MiB under]":                                                      "without a word, or twice",
		"ceilings: [start.threshold at 16MiB <= 12MiB]":                                                   "start.threshold at a limit: leave the limit out",
		"ceilings: [oom.rate = 0]":                                                                        "oom.rate without a limit: write `oom.rate at SIZE`",
		"ceilings: [oom.rate at 16MiB <= 100 %]":                                                          "write 0, or a share below 1",
		"ceilings: [oom.rate at 16MiB <= NaN]":                                                            "write 0, or a share below 1",
		"ceilings: [start.latency <= 5]":                                                                  "write a duration of more than 0",
		"ceilings: [start.syscalls <= 1e3]":                                                               "write a whole number",
		"ceilings: [start.latency <= 1s in worst order]":                                                  "only start.threshold and oom.rate say which order is worst",
		"ceilings: [leak.count = 0, leak.count = 0]":                                                      "ceilings[1] a second time",
		"ceilings: [start.threshold <= 12MiB, {metric: start.threshold, at_most: 12MiB, severity: warn}]": "ceilings[1] a second time",
		"ceilings: [start.threshold <= 12MiB, start.threshold <= 12MiB in natural order]":                 "ceilings[1] a second time",
		"ceilings: [start.failures at 16MiB = 0]":                                                         "ceilings[0]: start.failures at a limit: leave the limit out",
		"ceilings: [leak.count at 16MiB = 0]":                                                             "leak.count at a limit",
		"ceilings: [oom.rate at 16MiB = -0]":                                                              "write 0, or a share below 1",
		"ceilings: [oom.rate at 16MiB <= 0x1p-3]":                                                         "write 0, or a share below 1",
		"alpha: 0x1p-5": "write a number from",
		"metrics: {start.latency: {margin: 0x10%}}":          `metrics.start.latency.margin "0x10%" is no percentage: write one such as 5%`,
		"ceilings: [{metric: leak.count}]":                   "ceilings[0] without at_most: add at_most",
		"ceilings: [{at_most: 0}]":                           "ceilings[0] without metric: add metric",
		"ceilings: [{metric: leak.count, at_most: 0, x: 1}]": `unknown key "x"`,
		"ceilings: [5]":                                      "is a number: write METRIC",
		"a: &x 1":                                            "an anchor (&) is not read here",
		"a: *x":                                              "an alias (*) is not read here",
		"alpha: 0.05\n---\nalpha: 0.01":                      "a second YAML document",
		"alpha:\t0.05":                                       "p.yaml:1:7: a tab: write spaces",
		"alpha: \x1b[31m":                                    "the unprintable character U+001B",
		"a: \xff":                                            "byte 0xff is not UTF-8",
		"a: [[[[[[[[[[":                                      "more than 8 levels",
		"a: [":                                               "p.yaml:1:4: not YAML (",
	} {
		_, err := Parse("p.yaml", []byte(in))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if _, err := Parse("p.yaml", bytes.Repeat([]byte("#"), MaxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "the file is too large: the most is 64 KiB") {
		t.Errorf("a huge file: %v", err)
	}
	long := "limits: [" + strings.Repeat("1MiB,", maxItems+1) + "]"
	if _, err := Parse("p.yaml", []byte(long)); err == nil || !strings.Contains(err.Error(), "257 items: the most is 256") {
		t.Errorf("a long list: %v", err)
	}
}

// Catches a policy whose gates could only ever be inconclusive.
func TestAPolicyByWhichNothingRulesIsRefused(t *testing.T) {
	all, err := scenarios.Load("startup")
	if err != nil {
		t.Fatal(err)
	}
	told := "metrics:\n"
	for _, name := range verdict.MetricNames() {
		told += "  " + name + ": {severity: warn}\n"
	}
	for text, want := range map[string]bool{told: false, told + "ceilings: [start.latency <= 1s]\n": true, "alpha: 0.05\n": true} {
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check([]scenarios.Scenario{all}); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "p.yaml: no metric of its scenarios and no ceiling has the severity fail") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Catches a severity of all kinds that takes the place of one kind's own, of which alone a gate can fail or none can.
func TestTheSpecificSeverityRules(t *testing.T) {
	leaks, err := scenarios.Load("handle-leak")
	if err != nil {
		t.Fatal(err)
	}
	each := "metrics:\n"
	for _, name := range verdict.MetricNames() {
		each += "  " + name + ": {severity: warn}\n"
	}
	for text, want := range map[string]bool{
		"metrics: {leak.*: {severity: warn}}":                                  false,
		"metrics: {leak.*: {severity: warn}, leak.mounts: {severity: fail}}":   true,
		"metrics: {leak.*: {severity: ignore}, leak.mounts: {severity: fail}}": true,
		"metrics: {leak.mounts: {severity: warn}}":                             true,
		each + "  leak.*: {severity: fail}\n":                                  false,
	} {
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check([]scenarios.Scenario{leaks}); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Catches a path that is waited for, or an error that does not name it.
func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none.yaml")} {
		if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v", path, err)
		}
	}
	file := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(file, []byte(full), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file); err != nil || p.File != file || p.Alpha != 0.01 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Catches a ceiling that nothing measures and that would be found out after the run.
func TestACeilingThatNothingMeasuresIsRefused(t *testing.T) {
	startup, err := scenarios.Load("startup")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("p.yaml", []byte("ceilings:\n  - leak.count = 0\n  - start.threshold <= 12MiB\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Check([]scenarios.Scenario{startup})
	want := `p.yaml:3:5: ceiling "start.threshold <= 12MiB": none of the scenarios startup measures it: add a scenario that does, or leave the ceiling out (pod-thresholds and thresholds measure it)`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	thresholds, err := scenarios.Load("thresholds")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check([]scenarios.Scenario{startup, thresholds}); err != nil {
		t.Error(err)
	}
}

// Catches a policy that does not narrow what is measured, or widens it.
func TestAPolicyNarrowsScenarios(t *testing.T) {
	p, err := Parse("p.yaml", []byte("drivers: [systemd]\nlimits: [10MiB]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, limits := range map[string][]int64{"oom-limits": {10 << 20}, "startup": nil} {
		sc, err := scenarios.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		sc, err = p.Apply(sc)
		if err != nil || !slices.Equal(sc.Drivers, p.Drivers) || !slices.Equal(sc.Limits, limits) || sc.Validate() != nil {
			t.Errorf("%s: %v %v, %v", name, sc.Drivers, sc.Limits, err)
		}
	}
	if _, err := p.Apply(scenarios.Scenario{Name: "mine", Drivers: []cgroupjoin.Driver{cgroupjoin.Cgroupfs}}); err == nil || !strings.Contains(err.Error(), "p.yaml:1:10: scenario mine has none of the drivers systemd: it has cgroupfs: name") {
		t.Errorf("%v", err)
	}
}

// Catches a schema that editors would refuse good policies by, or take bad ones.
func TestTheSchemaTakesWhatTheParserTakes(t *testing.T) {
	schema := compile(t)
	for name, text := range map[string]string{"default": DefaultText(), "full": full, "uncommented": uncommented()} {
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Parse(name, []byte(text)); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{
		"alhpa: 1", "alpha: 0", "drivers: [cgroupsf]", "drivers: []", "metrics: {start.latancy: {severity: warn}}", "metrics: {leak.count: {margin: 5}}",
		"metrics: {start.latency: {severity: warning}}", "noisy_clock: ignore", "ceilings: [5]", "ceilings: [{metric: leak.count}]", "max_time: 5",
		"ceilings: [{metric: start.threshold, at_most: 12MiB, order: wrost}]", "limits: [16MB]",
	} {
		if err := schema.Validate(asJSON(t, text)); err == nil {
			t.Errorf("the schema takes %q", text)
		}
		if _, err := Parse("p.yaml", []byte(text)); err == nil {
			t.Errorf("the parser takes %q", text)
		}
	}
}

// uncommented is the default policy with its examples taken for keys.
func uncommented() string {
	text := DefaultText()
	for _, key := range []string{"limits:", "ceilings:", "  - "} {
		text = strings.ReplaceAll(text, "\n# "+key, "\n"+key)
	}
	return text
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Catches a published schema or document that is not the one in force.
func TestTheDocumentsAreThePolicys(t *testing.T) {
	published, err := os.ReadFile("../../docs/policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, Schema()) {
		t.Error("docs/policy.schema.json is another one: initbench policy schema > docs/policy.schema.json writes it anew")
	}
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range slices.Concat(keys, metricKeys, ceilingKeys) {
		if row := "| `" + k.name + "` | " + k.doc + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/policy.md has no line %s", row)
		}
	}
	for i, block := range strings.Split(string(text), "```") {
		if yaml, is := strings.CutPrefix(block, "yaml\n"); i%2 == 1 && is {
			if _, err := Parse("docs/policy.md", []byte(yaml)); err != nil {
				t.Errorf("an example of docs/policy.md: %v", err)
			}
		}
	}
}

// Catches a ceiling whose text is not the one that is read.
func TestACeilingsTextIsACeiling(t *testing.T) {
	p, err := Parse("p.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Ceilings {
		again, err := Parse("p.yaml", []byte("ceilings: [\""+c.Text+"\"]"))
		if err != nil {
			t.Error(err)
			continue
		}
		got := again.Ceilings[0]
		got.Severity, c.Severity = "", ""
		if got.Order == "" && c.Order == sequence.Natural {
			got.Order = c.Order
		}
		if got != c {
			t.Errorf("%+v, then %+v", c, got)
		}
	}
}

// Catches a parser that hangs, panics, or takes a policy that cannot be judged by.
func FuzzParse(f *testing.F) {
	for _, text := range []string{full, DefaultText(), "ceilings: [start.threshold <= 12MiB in worst order]", "metrics: {oom.rate: {margin: 1e1%}}", "a: [[[", "- - - -", "alpha: 1e-3\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		if !(p.Alpha > 0 && p.Alpha <= mostAlpha) || len(p.Scenarios) == 0 || len(p.Drivers) == 0 || len(p.Ceilings) != len(p.at) {
			t.Errorf("%+v", p)
		}
		for name, m := range p.Margins {
			if !(m.Fraction >= 0) || !(m.AtLeast >= 0) {
				t.Errorf("%s: %+v", name, m)
			}
		}
	})
}

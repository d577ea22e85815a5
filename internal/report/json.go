package report

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// schema is the version of the JSON of gate, compare and run. Fields are added
// without changing it; none is renamed, removed or given another meaning.
const schema = 1

// number is null where there is none: JSON has neither NaN nor infinity, and an
// open end of an interval must not read as a large number.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	// Twelve digits are more than any figure has, and the same on processors that
	// round a multiply-and-add once (arm64) or twice (amd64).
	return strconv.AppendFloat(nil, x, 'g', 12, 64), nil
}

type jsonVerdict struct {
	Schema      int                          `json:"schema"`
	Verdict     verdict.Ruling               `json:"verdict"`
	ExitCode    int                          `json:"exit_code"`
	Reasons     []string                     `json:"reasons"`
	Metrics     []jsonMetric                 `json:"metrics"`
	Ladders     []jsonLadder                 `json:"ladders"`
	Matrices    []jsonMatrix                 `json:"matrices"`
	Searches    []jsonSought                 `json:"searches"`
	Ceilings    []jsonHeld                   `json:"ceilings"`
	Open        int                          `json:"open"`
	Findings    []jsonFinding                `json:"findings"`
	Warnings    []string                     `json:"warnings"`
	Notes       []string                     `json:"notes"`
	Runtimes    map[string]results.RuntimeID `json:"runtimes"`
	Trials      jsonTrials                   `json:"trials"`
	Interleaved bool                         `json:"interleaved"`
	Confidence  number                       `json:"confidence"`
	Environment results.Environment          `json:"environment"`
	// Environments has one a clock.
	Environments []results.Environment `json:"environments"`
}

// jsonMetric: docs/verdict.md defines every field of these types, and a test holds the two together.
type jsonMetric struct {
	Name      string                 `json:"name"`
	Unit      verdict.Unit           `json:"unit"`
	Driver    string                 `json:"driver"`
	Order     string                 `json:"order"`
	Build     *scenarios.Build       `json:"build,omitempty"`
	Place     cgroupjoin.Place       `json:"limit_place,omitempty"`
	Limit     *int64                 `json:"limit_bytes"`
	Enumerate *scenarios.Enumeration `json:"enumerate,omitempty"`
	Baseline  jsonArm                `json:"baseline"`
	Candidate jsonArm                `json:"candidate"`
	Change    number                 `json:"change"`
	P         number                 `json:"p"`
	Verdict   verdict.Ruling         `json:"verdict"`
	Reason    string                 `json:"reason"`
	Scenario  string                 `json:"scenario"`
	Process   string                 `json:"process,omitempty"`
	ChangeLo  number                 `json:"change_lo"`
	ChangeHi  number                 `json:"change_hi"`
	Margin    number                 `json:"margin"`
	PHolm     number                 `json:"p_holm"`
	Relative  bool                   `json:"relative"`
	Why       string                 `json:"why"`
	Ladder    []jsonRung             `json:"ladder,omitempty"`
	Severity  verdict.Severity       `json:"severity"`
	Open      bool                   `json:"open"`
	Stuck     bool                   `json:"stuck"`
	Family    int                    `json:"family"`
	Rank      int                    `json:"rank"`
	Looks     jsonLooks              `json:"looks"`
	Paragraph string                 `json:"paragraph,omitempty"`
	Trace     string                 `json:"trace,omitempty"`
	Leak      *jsonLeak              `json:"leak,omitempty"`
	Left      *jsonLeftovers         `json:"left,omitempty"`
}

// jsonLooks says how often a row was looked at.
type jsonLooks struct {
	Blocks int    `json:"blocks"`
	At     []int  `json:"at"`
	Most   int    `json:"most"`
	Level  number `json:"level"`
	P      number `json:"p"`
}

type jsonArm struct {
	N      int    `json:"n"`
	Center number `json:"center"`
	Lo     number `json:"lo"`
	Hi     number `json:"hi"`
	Events *int   `json:"events,omitempty"`
	// Of a sum of two sides.
	Container *number `json:"container_center,omitempty"`
	Runtime   *number `json:"runtime_center,omitempty"`
}

type jsonRung struct {
	Limit     *int64    `json:"limit_bytes"`
	Baseline  jsonCount `json:"baseline"`
	Candidate jsonCount `json:"candidate"`
}

type jsonCount struct {
	Started   int `json:"started"`
	OOMKilled int `json:"oom_killed"`
	Failed    int `json:"failed"`
	// NotApplicable of them all.
	NotApplicable int `json:"order_not_applicable"`
}

type jsonTrials struct {
	Planned  int `json:"planned"`
	Recorded int `json:"recorded"`
	Failed   int `json:"failed"`
	Leaking  int `json:"leaking"`
	// NotCounted trials are in no row.
	NotCounted int `json:"not_counted"`
}

func verdictJSON(v verdict.Verdict) ([]byte, error) {
	out := jsonVerdict{
		Schema: schema, Verdict: v.Ruling, ExitCode: v.ExitCode(), Reasons: list(v.Reasons), Warnings: list(v.Warnings),
		Metrics: []jsonMetric{}, Environment: v.Environment, Environments: append([]results.Environment{}, v.Environments...),
		Runtimes: map[string]results.RuntimeID{"baseline": v.Baseline, "candidate": v.Candidate},
		Trials:   jsonTrials(v.Trials), Interleaved: v.Interleaved, Confidence: number(v.Confidence),
		Ladders: laddersJSON(v.Ladders), Matrices: matricesJSON(v.Matrices), Findings: findingsJSON(v.Findings), Notes: list(v.Notes),
		Searches: searchesJSON(v.Searches), Ceilings: heldJSON(v.Ceilings), Open: v.Open(),
	}
	for _, m := range v.Metrics {
		out.Metrics = append(out.Metrics, metricJSON(m))
	}
	return indented(out)
}

func metricJSON(m verdict.Metric) jsonMetric {
	out := jsonMetric{
		Name: m.Name, Unit: m.Unit, Driver: string(m.Driver), Order: string(m.Order), Build: buildJSON(m.Build), Place: m.Place, Limit: orNull(m.Limit), Enumerate: enumerationJSON(m.Enumerate),
		Baseline: armJSON(m, m.Baseline), Candidate: armJSON(m, m.Candidate),
		Change: number(m.Change), P: number(m.P), Verdict: m.Ruling, Reason: m.Reason, Scenario: m.Scenario, Process: m.Process, Leak: leakJSON(m.Leak), Left: leftoversJSON(m.Left),
		ChangeLo: number(m.ChangeLo), ChangeHi: number(m.ChangeHi), Margin: number(m.Margin), PHolm: number(m.PHolm),
		Relative: m.Relative, Why: m.Why, Severity: m.Severity, Open: m.Open, Stuck: m.Stuck, Family: m.Family, Rank: m.Rank, Paragraph: m.Paragraph, Trace: m.Trace,
		Looks: jsonLooks{Blocks: m.Looks.Blocks, At: append([]int{}, m.Looks.At...), Most: m.Looks.Most, Level: number(m.Looks.Level), P: number(m.Looks.P)},
	}
	for _, r := range m.Ladder {
		out.Ladder = append(out.Ladder, jsonRung{Limit: orNull(r.Limit), Baseline: jsonCount(r.Baseline), Candidate: jsonCount(r.Candidate)})
	}
	return out
}

func armJSON(m verdict.Metric, a verdict.Arm) jsonArm {
	out := medianJSON(a)
	if m.Unit == verdict.Fraction || phrase.Counts(m) {
		out.Events = &a.Events
	}
	if s := a.Sides; s != nil {
		container, runtime := number(s.Container), number(s.Runtime)
		out.Container, out.Runtime = &container, &runtime
	}
	return out
}

func medianJSON(a verdict.Arm) jsonArm {
	return jsonArm{N: a.N, Center: number(a.Center), Lo: number(a.Lo), Hi: number(a.Hi)}
}

// none is a number that there is not.
var none = number(math.NaN())

// orNull is null for no limit: 0 would be one.
func orNull(limit int64) *int64 {
	if limit == 0 {
		return nil
	}
	return &limit
}

// list is never null.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

func indented(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// exposition is OpenMetrics text 1.0. Every family is a gauge without a timestamp, so that the same file is also Prometheus'
// older text format, which is what node_exporter reads from *.prom: there are neither state sets nor infos in that.
type exposition struct {
	families []*family
	named    map[string]*family
}

// family is one name and all its samples, which the format wants next to each other.
type family struct {
	name, unit, help string
	samples          []string
}

// tag is the name of a label and its value; those without a value are left out.
type tag struct{ name, value string }

func newExposition() *exposition { return &exposition{named: map[string]*family{}} }

// add puts a sample into its family. What was not measured has none: a gap in a graph, never a 0.
func (x *exposition) add(name, unit, help string, value float64, tags ...tag) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	full := "initbench_" + name + phrase.After("_", unit)
	f := x.named[full]
	if f == nil {
		f = &family{name: full, unit: unit, help: help}
		x.families, x.named[full] = append(x.families, f), f
	}
	f.samples = append(f.samples, full+tagged(tags)+" "+strconv.FormatFloat(value, 'g', 12, 64))
}

var escapeLabel = strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n").Replace

func tagged(tags []tag) string {
	var parts []string
	for _, l := range tags {
		if l.value != "" {
			parts = append(parts, l.name+`="`+escapeLabel(l.value)+`"`)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (x *exposition) write(w io.Writer) error {
	var b strings.Builder
	for _, f := range x.families {
		fmt.Fprintf(&b, "# TYPE %s gauge\n", f.name)
		if f.unit != "" {
			fmt.Fprintf(&b, "# UNIT %s %s\n", f.name, f.unit)
		}
		fmt.Fprintf(&b, "# HELP %s %s\n", f.name, f.help)
		b.WriteString(strings.Join(f.samples, "\n") + "\n")
	}
	b.WriteString("# EOF\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// baseUnit is what Prometheus calls a unit, and how many of ours one is: it counts in seconds and in ratios.
func baseUnit(u verdict.Unit) (name string, in float64) {
	switch u {
	case verdict.Nanoseconds:
		return "seconds", 1e9
	case verdict.Bytes:
		return "bytes", 1
	case verdict.Fraction:
		return "ratio", 1
	}
	return "", 1
}

// promName is start_latency of start.latency. _count at the end is a histogram's.
func promName(metric string) string {
	if metric == verdict.LeakCount {
		return "leaks"
	}
	return strings.NewReplacer(".", "_", ":", "_", "-", "_").Replace(metric)
}

// conditionTags are those of a row, a cell or a search.
func conditionTags(scenario string, d cgroupjoin.Driver, order string, b scenarios.Build, place cgroupjoin.Place, limitBytes int64) []tag {
	size := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	return []tag{
		{"scenario", scenario}, {"driver", string(d)}, {"order", order}, {"clone", string(b.Clone)}, {"strategy", string(b.Strategy)},
		{"binary_bytes", size(b.BinaryBytes)}, {"limit_place", string(place)}, {"limit_bytes", size(limitBytes)},
	}
}

// estimate adds a figure and the ends of its interval, which are figures of their own: nobody adds up a centre and its ends.
func (x *exposition) estimate(name string, u verdict.Unit, what string, center, lo, hi float64, tags ...tag) {
	unit, in := baseUnit(u)
	x.add(name, unit, what, center/in, tags...)
	x.add(name+"_lower", unit, "Lower end of the interval of "+name+".", lo/in, tags...)
	x.add(name+"_upper", unit, "Upper end of the interval of "+name+".", hi/in, tags...)
}

// oneOf adds a gauge for each word of a closed set, 1 for the one that is so.
func (x *exposition) oneOf(name, help, of string, words []string, is string, tags ...tag) {
	for _, word := range words {
		x.add(name, "", help, one(word == is), append(tags[:len(tags):len(tags)], tag{of, word})...)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func rulings(all ...verdict.Ruling) (words []string) {
	for _, r := range all {
		words = append(words, string(r))
	}
	return words
}

func verdictOpenMetrics(w io.Writer, v verdict.Verdict) error {
	x := newExposition()
	x.oneOf("verdict", "The verdict on everything together: 1 for the one that was given.", "verdict",
		rulings(verdict.Pass, verdict.Regressed, verdict.Inconclusive, verdict.Invalid), string(v.Ruling))
	x.add("exit_code", "", "Exit code of the command that judged.", float64(v.ExitCode()))
	x.about(v.Environment, phrase.Clocks(v.Environment, v.Environments), append(idTags("baseline", v.Baseline), idTags("candidate", v.Candidate)...)...)
	x.trials(v.Trials)
	for _, m := range v.Metrics {
		x.row(m)
	}
	for _, h := range v.Ceilings {
		x.held(h)
	}
	x.searches(v.Searches)
	x.asides(v.Findings, v.Warnings)
	return x.write(w)
}

func idTags(name string, id results.RuntimeID) []tag {
	return []tag{{name, id.Ref}, {name + "_version", id.Version}, {name + "_sha256", id.SHA256}}
}

// about says what was measured and where, in the labels of a sample that is always 1.
func (x *exposition) about(e results.Environment, clocks string, what ...tag) {
	x.add("run_info", "", "What was measured and where, in the labels; always 1.", 1, append(what,
		tag{"kernel", e.Kernel}, tag{"arch", e.Arch}, tag{"cgroup", e.Cgroup}, tag{"systemd", e.Systemd}, tag{"where", e.Where},
		tag{"accelerator", e.Accelerator}, tag{"clock", clocks}, tag{"initbench", e.Initbench})...)
}

func (x *exposition) trials(t verdict.Trials) {
	for _, c := range []struct {
		state string
		n     int
	}{{"planned", t.Planned}, {"recorded", t.Recorded}, {"failed", t.Failed}, {"leaking", t.Leaking}, {"not_counted", t.NotCounted}} {
		x.add("trials", "", "Trials by what became of them; those recorded include the others.", float64(c.n), tag{"state", c.state})
	}
}

func (x *exposition) asides(findings []verdict.Finding, warnings []string) {
	of := map[string]int{}
	for _, f := range findings {
		of[f.Runtime]++
	}
	for _, f := range findings {
		if n := of[f.Runtime]; n > 0 {
			x.add("findings", "", "Findings of what imposed orders show.", float64(n), tag{"runtime", f.Runtime})
			of[f.Runtime] = 0
		}
	}
	x.add("warnings", "", "Warnings that lower the trust in the figures.", float64(len(warnings)))
}

// row adds both arms of a row, its change and what was ruled.
func (x *exposition) row(m verdict.Metric) {
	of := conditionTags(m.Scenario, m.Driver, string(m.Order), m.Build, m.Place, m.Limit)
	of = append(of, tag{"process", m.Process}, tag{"enumerate", m.Enumerate.String()})
	named := append([]tag{{"metric", m.Name}}, of...)
	for i, a := range []verdict.Arm{m.Baseline, m.Candidate} {
		arm := tag{"arm", []string{"baseline", "candidate"}[i]}
		x.add("sample_size", "", "Units of inference behind an arm's figure.", float64(a.N), append([]tag{arm}, named...)...)
		if a.N > 0 {
			x.estimate(promName(m.Name), m.Unit, "The arm's figure of "+m.Name+".", a.Center, a.Lo, a.Hi, append([]tag{arm}, of...)...)
		}
	}
	name, unit, help := "difference", m.Unit, "Difference between candidate and baseline, more than 0 for worse."
	if m.Relative {
		name, unit, help = "change", verdict.Fraction, "Change of the candidate against the baseline as a fraction of it, more than 0 for worse."
	}
	x.estimate(name, unit, help, m.Change, m.ChangeLo, m.ChangeHi, named...)
	base, in := baseUnit(unit)
	x.add(name+"_margin", base, "What the "+name+" may be before it counts.", m.Margin/in, named...)
	x.add("p_value", "", "Two-sided p value of nothing changed.", m.P, named...)
	x.add("p_value_holm", "", "The p value adjusted for the number of rows.", m.PHolm, named...)
	x.add("rules", "", "Whether a row rules over the whole: not one that is only told, or that a noisy clock leaves open.",
		one(m.Severity == verdict.Fail && !m.Open), named...)
	x.oneOf("ruling", "What was ruled of a row: 1 for the one that was given.", "ruling",
		rulings(verdict.Pass, verdict.Improved, verdict.Regressed, verdict.Inconclusive), string(m.Ruling), named...)
}

// searches adds what searches for the start threshold found.
func (x *exposition) searches(all []verdict.Sought) {
	bytes := func(name, help string, n int64, tags []tag) {
		if n != 0 {
			x.add("search_"+name, "bytes", help, float64(n), tags...)
		}
	}
	for _, s := range all {
		of := append([]tag{{"runtime", s.Runtime}}, conditionTags(s.Scenario, s.Driver, string(s.Order), s.Build, s.Place, 0)...)
		bytes("threshold", "Smallest limit that was shown to start.", s.Edge.Threshold, of)
		bytes("above", "The true threshold is more than this.", s.Edge.Lo, of)
		bytes("at_most", "The true threshold is at most this.", s.Edge.Hi, of)
		x.add("search_sharp", "", "Whether every start below the threshold failed and none from it on.", one(s.Edge.Sharp), of...)
		x.add("search_starts", "", "Starts that the search spent.", float64(s.Trials), of...)
		for _, p := range s.Points {
			for _, c := range []struct {
				outcome string
				n       int
			}{{"started", p.Started}, {"oom_killed", p.OOMKilled}, {"failed", p.Failed}} {
				x.add("search_tried", "", "Starts of a search under one limit, by how they ended.", float64(c.n),
					append(of[:len(of):len(of)], tag{"limit_bytes", strconv.FormatInt(p.Limit, 10)}, tag{"outcome", c.outcome})...)
			}
		}
	}
}

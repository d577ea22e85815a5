package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// limit names a memory limit; 0 is none.
func limit(bytes int64) string {
	if bytes == 0 {
		return "none"
	}
	return scenarios.FormatSize(bytes)
}

// after puts text behind a separator, or gives nothing where there is none.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// metricName adds the conditions that tell rows of one metric apart.
func metricName(m verdict.Metric) string {
	name := m.Name
	if m.Limit != 0 {
		name += " at " + verdict.PlacedLimit(m.Build, m.Place, m.Limit)
	}
	if m.Order != sequence.Natural {
		name += ", " + string(m.Order)
	}
	return name + after(", ", verdict.BuildText(m.Build))
}

// counts reports whether an arm's figure is a number of things among N, not a centre.
func counts(m verdict.Metric) bool { return m.Unit == verdict.Counted && !m.Relative }

// center is an arm's figure, a count of a count where it is one.
func center(m verdict.Metric, a verdict.Arm) string {
	switch {
	case a.N == 0:
		return "not measured"
	case m.Name == verdict.StartThreshold:
		return edgeCenter(a)
	case m.Unit == verdict.Fraction:
		return fmt.Sprintf("%d/%d", a.Events, a.N)
	case counts(m):
		return fmt.Sprintf("%d in %d", a.Events, a.N)
	}
	return m.Unit.Format(a.Center)
}

// edgeCenter is the start threshold of a search, or what it is above where none was shown.
func edgeCenter(a verdict.Arm) string {
	switch {
	case !math.IsNaN(a.Center):
		return fine(int64(a.Center))
	case a.Lo > 0:
		return "> " + fine(int64(a.Lo))
	}
	return "not shown"
}

// edgeSpread is where the threshold lies, for sure enough.
func edgeSpread(a verdict.Arm) string {
	switch {
	case a.N == 0 || math.IsNaN(a.Center):
		return ""
	case math.IsInf(a.Hi, 1):
		return "(> " + bare(int64(a.Lo)) + ")"
	case a.Lo <= 0:
		return "(<= " + bare(int64(a.Hi)) + ")"
	}
	return "(" + bare(int64(a.Lo)) + ", " + bare(int64(a.Hi)) + "]"
}

// spread is an arm's interval, empty where it is not bounded on both sides.
func spread(u verdict.Unit, a verdict.Arm) string {
	if a.N == 0 || math.IsInf(a.Lo, 0) || math.IsInf(a.Hi, 0) {
		return ""
	}
	return bracket(u.Format, a.Lo, a.Hi)
}

func bracket(format func(float64) string, lo, hi float64) string {
	return "[" + format(lo) + ", " + format(hi) + "]"
}

// change is the metric's change and its interval.
func change(m verdict.Metric, between string) string {
	bounded := !math.IsInf(m.ChangeLo, 0) || !math.IsInf(m.ChangeHi, 0)
	switch {
	case math.IsNaN(m.Change) && m.Name == verdict.StartThreshold && bounded:
		return bracket(m.FormatChange, m.ChangeLo, m.ChangeHi)
	case math.IsNaN(m.Change):
		return "-"
	case counts(m):
		return m.FormatChange(m.Change)
	case !bounded:
		return m.FormatChange(m.Change) + between + "[no interval]"
	}
	short := func(x float64) string { return strings.TrimSuffix(m.FormatChange(x), " points") }
	return m.FormatChange(m.Change) + between + bracket(short, m.ChangeLo, m.ChangeHi)
}

// margin is what the change may be before it counts.
func margin(m verdict.Metric) string {
	if math.IsNaN(m.Margin) || m.Name == verdict.LeakCount {
		return "-"
	}
	return m.FormatMargin()
}

// plain tells whether a row's numbers and its margin say all there is: it passes, for no reason but these.
func plain(m verdict.Metric) bool {
	return (m.Ruling == verdict.Pass || m.Ruling == verdict.Improved) && !strings.Contains(m.Why, "; ")
}

// Why a row that is worse, or not settled, rules over nothing.
const (
	leftOpen = "left open by a noisy clock"
	onlyTold = "by its severity only told"
)

// ruled is a ruling and, where it rules over nothing, that.
func ruled(opts Options, r verdict.Ruling, s verdict.Severity, open bool) string {
	switch {
	case r == verdict.Pass || r == verdict.Improved:
		return opts.ruling(r)
	case open:
		return opts.ruling(r) + " (open)"
	case s == verdict.Warn:
		return opts.ruling(r) + " (" + string(s) + ")"
	}
	return opts.ruling(r)
}

// paragraphs tell why the whole is ruled so: of each failure what changed, how sure that is, and the command that shows it. Of what is
// only not settled a line says enough, for it can be every row.
func paragraphs(v verdict.Verdict) (all []failure) {
	full := map[string]failure{}
	for _, m := range v.Metrics {
		full[m.Reason] = failure{m.Paragraph, m.Trace}
	}
	for _, h := range v.Ceilings {
		full[h.Reason] = failure{h.Paragraph, h.Trace}
	}
	for _, reason := range v.Reasons {
		p := full[reason]
		if p.text == "" || v.Ruling != verdict.Regressed {
			p = failure{text: reason}
		}
		all = append(all, p)
	}
	return all
}

// failure is what is said of one; command is a part of it.
type failure struct{ text, command string }

// openingLine is the verdict, on what, and how many rows it rests on.
func openingLine(v verdict.Verdict, opts Options) string {
	line := fmt.Sprintf("%s against %s: %s", named(v.Candidate), named(v.Baseline), v.Headline()) + after("; ", tally(v.Metrics))
	return opts.colored(opts.wrapped("", "  ", line), ": ", v.Ruling)
}

// colored gives the ruling behind a text its colour when the line has been wrapped: colours have no width.
func (o Options) colored(line, behind string, r verdict.Ruling) string {
	before, rest, found := strings.Cut(line, behind+string(r))
	if !found { // it begins a line of its own
		return line
	}
	return before + behind + o.ruling(r) + rest
}

func named(id results.RuntimeID) string {
	if id.Ref == "" {
		return "a runtime that is not recorded"
	}
	return id.Ref
}

// tally is "of 16 rows 9 regressed, 2 inconclusive, 5 pass".
func tally(rows []verdict.Metric) string {
	if len(rows) == 0 {
		return ""
	}
	count := map[verdict.Ruling]int{}
	for _, m := range rows {
		count[m.Ruling]++
	}
	var parts []string
	for _, r := range verdict.Rulings() {
		if n := count[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	return fmt.Sprintf("%d rows: %s", len(rows), strings.Join(parts, ", "))
}

// started is a rung's cell: how many containers started of how many, and what became of the others.
func started(c verdict.Count) string {
	if c.Trials() == 0 {
		return "-"
	}
	text := fmt.Sprintf("%d/%d", c.Started, c.Trials())
	var rest []string
	if c.OOMKilled > 0 {
		rest = append(rest, fmt.Sprintf("%d OOM-killed", c.OOMKilled))
	}
	if c.Failed > 0 {
		rest = append(rest, fmt.Sprintf("%d failed", c.Failed))
	}
	if c.Natural() {
		rest = append(rest, "order not applicable")
	}
	if len(rest) == 0 {
		return text
	}
	return text + " (" + strings.Join(rest, ", ") + ")"
}

// binary describes a runtime under test in one line.
func binary(id results.RuntimeID) string {
	if id == (results.RuntimeID{}) {
		return "not recorded"
	}
	parts := []string{id.Ref}
	if id.Version != "" {
		parts = append(parts, id.Version)
	}
	if id.Size > 0 {
		parts = append(parts, fmt.Sprintf("%s on %s", verdict.Bytes.Format(float64(id.Size)), id.Filesystem))
	}
	if len(id.SHA256) >= 12 {
		parts = append(parts, "sha256 "+id.SHA256[:12])
	}
	return strings.Join(parts, ", ")
}

// machine describes an environment in one line.
func machine(e results.Environment) string {
	if e.ID == "" && e.Kernel == "" {
		return "not recorded"
	}
	systemd := "no systemd"
	if e.Systemd != "" {
		systemd = "systemd " + e.Systemd
	}
	where := e.Where
	if e.Accelerator != "" && e.Accelerator != "none" {
		where += " (" + e.Accelerator + ")"
	}
	return fmt.Sprintf("Linux %s %s, %s, %s, %d x %s, in %s, clock: %s", e.Kernel, e.Arch, e.Cgroup, systemd, e.CPUs, e.CPU, where, e.Clock)
}

// counted is what the figures rest on.
func counted(t verdict.Trials) string {
	text := fmt.Sprintf("%d of %d planned trials, %d failed, %d left something behind", t.Recorded, t.Planned, t.Failed, t.Leaking)
	if t.NotCounted > 0 {
		text += fmt.Sprintf(", %d not counted", t.NotCounted)
	}
	return text
}

// adaptive tells whether a row was looked at more than when all was over.
func adaptive(v verdict.Verdict) bool {
	return slices.ContainsFunc(v.Metrics, func(m verdict.Metric) bool { return m.Looks.Most > 0 })
}

// restsOn is counted; an adaptive run's plan is the most that it may make.
func restsOn(v verdict.Verdict) string {
	text := counted(v.Trials)
	if adaptive(v) {
		text = strings.Replace(text, " planned trials", " trials at most", 1)
	}
	return text
}

// method says how the arms were compared.
func method(v verdict.Verdict) string {
	how := "two runs compared"
	if v.Interleaved {
		how = "arms interleaved in blocks"
	}
	if adaptive(v) {
		return how + fmt.Sprintf(", looked at as they grew; a change's interval is at the level of its row's last look, so that all looks together err as one at %.3g %%", v.Confidence*100)
	}
	return fmt.Sprintf("%s, medians with intervals at %.3g %%, those of rates stratified by limit", how, v.Confidence*100)
}

// finalLine is the last one.
func finalLine(v verdict.Verdict, opts Options) string {
	line := opts.wrapped("", "  ", fmt.Sprintf("verdict: %s (exit %d)", v.Headline(), v.ExitCode()))
	return opts.colored(line, "verdict: ", v.Ruling)
}

// texts of findings.
func texts(findings []verdict.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Text)
	}
	return out
}

package phrase

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Limit names a memory limit; 0 is none.
func Limit(bytes int64) string {
	if bytes == 0 {
		return "none"
	}
	return scenarios.FormatSize(bytes)
}

// After puts text behind a separator, or gives nothing where there is none.
func After(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// MetricName adds the conditions that tell rows of one metric apart.
func MetricName(m verdict.Metric) string {
	name := m.Name
	if m.Limit != 0 {
		name += " at " + verdict.PlacedLimit(m.Build, m.Place, m.Limit)
	}
	if m.Order != sequence.Natural {
		name += ", " + string(m.Order)
	}
	return name + After(", ", verdict.BuildText(m.Build))
}

// Counts reports whether an arm's figure is a number of things among N, not a centre.
func Counts(m verdict.Metric) bool { return m.Unit == verdict.Counted && !m.Relative }

// Center is an arm's figure, a count of a count where it is one.
func Center(m verdict.Metric, a verdict.Arm) string {
	switch {
	case a.N == 0:
		return "not measured"
	case m.Unit == verdict.Fraction:
		return fmt.Sprintf("%d/%d", a.Events, a.N)
	case Counts(m):
		return fmt.Sprintf("%d in %d", a.Events, a.N)
	}
	return m.Unit.Format(a.Center)
}

// Spread is an arm's interval, empty where it is not bounded on both sides.
func Spread(u verdict.Unit, a verdict.Arm) string {
	if a.N == 0 || math.IsInf(a.Lo, 0) || math.IsInf(a.Hi, 0) {
		return ""
	}
	return Bracket(u.Format, a.Lo, a.Hi)
}

// Bracket is an interval in brackets.
func Bracket(format func(float64) string, lo, hi float64) string {
	return "[" + format(lo) + ", " + format(hi) + "]"
}

// Change is the metric's change and its interval.
func Change(m verdict.Metric, between string) string {
	switch {
	case math.IsNaN(m.Change):
		return "-"
	case Counts(m):
		return m.FormatChange(m.Change)
	case math.IsInf(m.ChangeLo, 0) && math.IsInf(m.ChangeHi, 0):
		return m.FormatChange(m.Change) + between + "[no interval]"
	}
	short := func(x float64) string { return strings.TrimSuffix(m.FormatChange(x), " points") }
	return m.FormatChange(m.Change) + between + Bracket(short, m.ChangeLo, m.ChangeHi)
}

// Started is a rung's cell: how many containers started of how many, and what became of the others.
func Started(c verdict.Count) string {
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

// Binary describes a runtime under test in one line.
func Binary(id results.RuntimeID) string {
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

// Machine describes an environment in one line.
func Machine(e results.Environment) string {
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

// Counted is what the figures rest on.
func Counted(t verdict.Trials) string {
	text := fmt.Sprintf("%d of %d planned trials, %d failed, %d left something behind", t.Recorded, t.Planned, t.Failed, t.Leaking)
	if t.NotCounted > 0 {
		text += fmt.Sprintf(", %d not counted", t.NotCounted)
	}
	return text
}

// Method says how the arms were compared.
func Method(v verdict.Verdict) string {
	how := "two runs compared"
	if v.Interleaved {
		how = "arms interleaved in blocks"
	}
	return fmt.Sprintf("%s, medians with intervals at %.3g %%, those of rates stratified by limit", how, v.Confidence*100)
}

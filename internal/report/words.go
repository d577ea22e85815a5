package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// limit names a memory limit; 0 is none.
func limit(bytes int64) string {
	if bytes == 0 {
		return "none"
	}
	return scenarios.FormatSize(bytes)
}

// metricName adds the condition that tells rows of one metric apart.
func metricName(m verdict.Metric) string {
	if m.Limit == 0 {
		return m.Name
	}
	return m.Name + " at " + limit(m.Limit)
}

// center is an arm's figure, a count of a count where it is one.
func center(u verdict.Unit, a verdict.Arm) string {
	switch {
	case a.N == 0:
		return "not measured"
	case u == verdict.Fraction:
		return fmt.Sprintf("%d/%d", a.Events, a.N)
	case u == verdict.Counted:
		return fmt.Sprintf("%d in %d", a.Events, a.N)
	}
	return u.Format(a.Center)
}

// spread is an arm's interval, empty where it is not bounded on both sides or the figure is a count.
func spread(u verdict.Unit, a verdict.Arm) string {
	if a.N == 0 || u == verdict.Counted || math.IsInf(a.Lo, 0) || math.IsInf(a.Hi, 0) {
		return ""
	}
	if u == verdict.Fraction {
		return bracket(verdict.Percent, a.Lo, a.Hi)
	}
	return bracket(u.Format, a.Lo, a.Hi)
}

func bracket(format func(float64) string, lo, hi float64) string {
	return "[" + format(lo) + ", " + format(hi) + "]"
}

// change is the metric's change and its interval.
func change(m verdict.Metric, between string) string {
	if m.Unit == verdict.Counted {
		return m.Unit.FormatChange(m.Change)
	}
	if math.IsNaN(m.Change) {
		return "-"
	}
	if math.IsInf(m.ChangeLo, 0) && math.IsInf(m.ChangeHi, 0) {
		return m.Unit.FormatChange(m.Change) + between + "[no interval]"
	}
	short := func(x float64) string { return strings.TrimSuffix(m.Unit.FormatChange(x), " points") }
	return m.Unit.FormatChange(m.Change) + between + bracket(short, m.ChangeLo, m.ChangeHi)
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
	return fmt.Sprintf("%d of %d planned trials, %d failed, %d left something behind", t.Recorded, t.Planned, t.Failed, t.Leaking)
}

// method says how the arms were compared.
func method(v verdict.Verdict) string {
	how := "two runs compared"
	if v.Interleaved {
		how = "arms interleaved in blocks"
	}
	return fmt.Sprintf("%s, medians with intervals at %.3g %%", how, v.Confidence*100)
}

func finalLine(v verdict.Verdict, ruling string) string {
	return fmt.Sprintf("verdict: %s (exit %d)", ruling, v.ExitCode())
}

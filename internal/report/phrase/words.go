package phrase

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// After puts text behind a separator, or gives nothing where there is none.
func After(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// Rows is how many rows there are.
func Rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// Counts reports whether an arm's figure is a number of things among N, not a centre.
func Counts(m verdict.Metric) bool { return m.Name == verdict.LeakCount }

// Quiet reports whether a row passes for the reason that what it counts never changed: there is nothing to look at.
func Quiet(m verdict.Metric) bool { return m.Leak != nil && m.Leak.Quiet && m.Ruling == verdict.Pass }

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

// Method says how the arms were compared.
func Method(v verdict.Verdict) string {
	how := "two runs compared"
	if v.Interleaved {
		how = "arms interleaved in blocks"
	}
	if Adaptive(v) {
		return how + fmt.Sprintf(", looked at as they grew; a change's interval is at the level of its row's last look, so that all looks together err as one at %.3g %%", v.Confidence*100)
	}
	return fmt.Sprintf("%s, medians with intervals at %.3g %%, those of rates stratified by limit", how, v.Confidence*100)
}

// Adaptive tells whether a row was looked at more than when all was over.
func Adaptive(v verdict.Verdict) bool {
	return slices.ContainsFunc(v.Metrics, func(m verdict.Metric) bool { return m.Looks.Most > 0 })
}

// Machines is Machine of a run's first environment, and what is another in those of further clocks.
func Machines(first results.Environment, all []results.Environment) string {
	text := Machine(first)
	for _, e := range others(all) {
		text += fmt.Sprintf("; besides, %d x %s, in %s (%s), clock: %s", e.CPUs, e.CPU, e.Where, e.Accelerator, e.Clock)
	}
	return text
}

// Clocks names those of a run.
func Clocks(first results.Environment, all []results.Environment) string {
	text := first.Clock
	for _, e := range others(all) {
		text += " and " + e.Clock
	}
	return text
}

// others are all but the first.
func others(all []results.Environment) []results.Environment { return all[min(1, len(all)):] }

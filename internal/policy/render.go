package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

// Render writes a policy as a file that says all of it, the defaults too: judged by that, a run is judged the same by a
// later initbench, whose defaults may be others.
func Render(p Policy) string {
	var w strings.Builder
	w.WriteString("# All of what the run is judged by, defaults included.\n")
	fmt.Fprintf(&w, "scenarios: [%s]\n", inQuotes(p.Scenarios))
	fmt.Fprintf(&w, "drivers: [%s]\n", strings.Join(wordsOf(p.Drivers), ", "))
	if len(p.Limits) > 0 {
		var sizes []string
		for _, n := range p.Limits {
			sizes = append(sizes, scenarios.FormatSize(n))
		}
		fmt.Fprintf(&w, "limits: [%s]\n", strings.Join(sizes, ", "))
	}
	maxTime := "none"
	if p.MaxTime > 0 {
		maxTime = p.MaxTime.String()
	}
	fmt.Fprintf(&w, "max_time: %s\nalpha: %s\nnoisy_clock: %s\n", maxTime, strconv.FormatFloat(p.Alpha, 'f', -1, 64), p.NoisyClock)
	renderMetrics(&w, p)
	renderCeilings(&w, p.Ceilings)
	return w.String()
}

func inQuotes(words []string) string {
	var all []string
	for _, word := range words {
		all = append(all, strconv.Quote(word))
	}
	return strings.Join(all, ", ")
}

func renderMetrics(w *strings.Builder, p Policy) {
	w.WriteString("metrics:\n")
	all := p.severity(scenarios.AllLeaks)
	for _, name := range named(func(name string) bool { return p.severity(name) != all }) {
		severity := p.severity(name)
		fmt.Fprintf(w, "  %s: {", name)
		if m, has := p.Margins[name]; has {
			fmt.Fprintf(w, "margin: %q, ", m.Text(verdict.UnitOf(name)))
		}
		fmt.Fprintf(w, "severity: %s}\n", severity)
	}
}

// severity is that of a metric, or of all of sessions together.
func (p Policy) severity(name string) verdict.Severity {
	if s, known := p.Severities[name]; known {
		return s
	}
	if s, known := p.Severities[scenarios.AllLeaks]; known && scenarios.IsLeak(name) {
		return s
	}
	return verdict.DefaultSeverity(name)
}

func renderCeilings(w *strings.Builder, all []verdict.Ceiling) {
	if len(all) == 0 {
		return
	}
	w.WriteString("ceilings:\n")
	for _, c := range all {
		fmt.Fprintf(w, "  - {metric: %s, at_most: %q, severity: %s", c.Metric, boundText(c), c.Severity)
		if c.Limit != 0 {
			fmt.Fprintf(w, ", limit: %s", scenarios.FormatSize(c.Limit))
		}
		for _, of := range [][2]string{{"driver", string(c.Driver)}, {"order", string(c.Order)}, {"scenario", c.Scenario}} {
			if of[1] != "" {
				fmt.Fprintf(w, ", %s: %q", of[0], of[1])
			}
		}
		w.WriteString("}\n")
	}
}

// boundText is a ceiling's bound as the parser reads it.
func boundText(c verdict.Ceiling) string {
	return strings.TrimPrefix(strings.TrimPrefix(relation(c), "<= "), "= ")
}

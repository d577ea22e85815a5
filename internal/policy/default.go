package policy

import (
	_ "embed" // the default policy's text
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

// defaultTemplate is a policy but for its metrics, which are verdict's own: so each default stands in one place.
//
//go:embed default.yaml
var defaultTemplate string

// defaultMetric is a line of the default policy.
type defaultMetric struct {
	Name, Margin string
	Severity     verdict.Severity
}

// DefaultText is the default policy as a file.
func DefaultText() string {
	var all []defaultMetric
	margins := verdict.DefaultMargins()
	for _, name := range named(func(name string) bool { return verdict.DefaultSeverity(name) != verdict.Fail }) {
		m := defaultMetric{Name: name, Severity: verdict.DefaultSeverity(name)}
		if margin, has := margins[name]; has {
			m.Margin = margin.Text(verdict.UnitOf(name))
		}
		all = append(all, m)
	}
	var out strings.Builder
	if err := template.Must(template.New("policy").Parse(defaultTemplate)).Execute(&out, all); err != nil {
		panic(fmt.Sprintf("the default policy: %v", err)) // a mistake in the program, which every test would find
	}
	return out.String()
}

// named are the metrics by which a policy is written down: all, those of sessions by their common name and by their own where
// theirs differ from it. Sixty lines that say the same would bury what somebody changed.
func named(differs func(name string) bool) (names []string) {
	said := false
	for _, name := range verdict.MetricNames() {
		if !said && scenarios.IsLeak(name) {
			names, said = append(names, scenarios.AllLeaks), true
		}
		if !scenarios.IsLeak(name) || differs(name) {
			names = append(names, name)
		}
	}
	return names
}

// Default is the policy that a gate has without one. It is the caller's own.
func Default() Policy {
	p := parsedDefault()
	p.Scenarios, p.Drivers = slices.Clone(p.Scenarios), slices.Clone(p.Drivers)
	p.named, p.scenariosAt, p.driversAt = false, nil, scenarios.Position{} // by whoever takes the default
	p.Margins, p.Severities = maps.Clone(p.Margins), maps.Clone(p.Severities)
	return p
}

var parsedDefault = sync.OnceValue(func() Policy {
	p := Policy{Margins: map[string]verdict.Margin{}, Severities: map[string]verdict.Severity{}}
	if err := p.parse([]byte(DefaultText())); err != nil {
		panic(fmt.Sprintf("the default policy: %v", err)) // likewise
	}
	return p
})

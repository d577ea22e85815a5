package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

// Policy is what a gate measures and judges by.
type Policy struct {
	// File is where it was read, empty for the default one; Text is all of it.
	File, Text string
	// Scenarios are names of the catalogue or files.
	Scenarios []string
	Drivers   []cgroupjoin.Driver
	// Limits take the place of a ladder's; none leaves it to the scenario.
	Limits []int64
	// MaxTime is how long trials are made; 0 is no bound.
	MaxTime time.Duration
	Alpha   float64
	// NoisyClock is what becomes of a time that an emulated wall clock cannot settle: warn or fail.
	NoisyClock verdict.Severity
	Margins    map[string]verdict.Margin
	Severities map[string]verdict.Severity
	Ceilings   []verdict.Ceiling
	// at has the place of each ceiling in the file, scenariosAt of each scenario and driversAt of the drivers, where it names them.
	at, scenariosAt []scenarios.Position
	driversAt       scenarios.Position
	// named is true where the file has a list of scenarios.
	named bool
}

// Demands are what a run must have measured to pass by the policy: the scenarios that its file names, of all that it measures. A file that
// names none says how to judge what there is.
func (p Policy) Demands(all []scenarios.Scenario) (demands []verdict.Demand) {
	if !p.named {
		return nil
	}
	for _, sc := range all {
		for _, d := range sc.Drivers {
			demands = append(demands, verdict.Demand{Scenario: sc.Name, Driver: d})
		}
	}
	return demands
}

// MaxFileBytes bounds a policy: the default one has four thousand.
const MaxFileBytes = 64 << 10

// Load reads a file.
func Load(file string) (Policy, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return Policy{}, unreadable(file, err)
	case !info.Mode().IsRegular(): // a FIFO would be waited for, a directory has no text
		return Policy{}, &scenarios.Error{Pos: scenarios.Position{File: file}, Wrong: "no regular file", Right: "give a policy file"}
	case info.Size() > MaxFileBytes:
		return Policy{}, tooLarge(file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Policy{}, unreadable(file, err)
	}
	return Parse(file, data)
}

func unreadable(file string, err error) error {
	return &scenarios.Error{Pos: scenarios.Position{File: file}, Wrong: err.Error(), Right: "give a policy file (initbench policy init writes one)", Err: err}
}

func tooLarge(file string) *scenarios.Error {
	return &scenarios.Error{Pos: scenarios.Position{File: file}, Wrong: "the file is too large", Right: fmt.Sprintf("the most is %d KiB", MaxFileBytes>>10)}
}

// Stored is the policy that a run's header keeps; a run without one was judged by the default.
func Stored(run, text string) (Policy, error) {
	if text == "" {
		return Default(), nil
	}
	return Parse(run+"'s policy", []byte(text))
}

// Options are those that a verdict takes.
func (p Policy) Options() verdict.Options {
	return verdict.Options{
		Alpha: p.Alpha, Margins: maps.Clone(p.Margins), Severities: maps.Clone(p.Severities), Ceilings: slices.Clone(p.Ceilings),
		NoisyClock: p.NoisyClock,
	}
}

// Scenario loads one by the name that the policy has for it. What is wrong with the name, and stands in no line of another file, has the
// place of the name.
func (p Policy) Scenario(name string) (scenarios.Scenario, error) {
	sc, err := scenarios.Load(name)
	var e *scenarios.Error
	if i := slices.Index(p.Scenarios, name); i >= 0 && i < len(p.scenariosAt) && errors.As(err, &e) && e.Pos.Line == 0 {
		placed := *e
		if placed.Pos = p.scenariosAt[i]; e.Pos.File != "" {
			placed.Wrong = e.Pos.String() + ": " + e.Wrong
		}
		err = &placed
	}
	return sc, err
}

// Apply narrows a scenario to the policy's drivers, and gives a ladder the policy's limits.
func (p Policy) Apply(sc scenarios.Scenario) (scenarios.Scenario, error) {
	drivers := slices.DeleteFunc(slices.Clone(sc.Drivers), func(d cgroupjoin.Driver) bool { return !slices.Contains(p.Drivers, d) })
	if len(drivers) == 0 {
		return sc, &scenarios.Error{Pos: cmp.Or(p.driversAt, scenarios.Position{File: p.File}),
			Wrong: fmt.Sprintf("scenario %s has none of the drivers %s", sc.Name, strings.Join(wordsOf(p.Drivers), ", ")),
			Right: fmt.Sprintf("it has %s: name one of them, or leave the scenario out", strings.Join(wordsOf(sc.Drivers), ", "))}
	}
	sc.Drivers = drivers
	if len(p.Limits) > 0 && len(sc.Limits) > 0 {
		sc.Limits = p.Limits
	}
	return sc, nil
}

// Check refuses a ceiling that none of the scenarios measures, for it could never be held, and a policy of which nothing rules: its
// gates could never pass.
func (p Policy) Check(all []scenarios.Scenario) error {
	if !p.rules(all) {
		return &scenarios.Error{Pos: scenarios.Position{File: p.File}, Wrong: "no metric of its scenarios and no ceiling has the severity fail: nothing would rule",
			Right: "give one of them the severity fail"}
	}
	for i, c := range p.Ceilings {
		if c.Severity == verdict.Ignore {
			continue
		}
		if err := p.checkCeiling(c, p.at[i], all); err != nil {
			return err
		}
	}
	return nil
}

func (p Policy) checkCeiling(c verdict.Ceiling, at scenarios.Position, all []scenarios.Scenario) error {
	if !slices.ContainsFunc(all, c.Measures) {
		var names []string
		for _, sc := range all {
			names = append(names, sc.Name)
		}
		return &scenarios.Error{Pos: at, Wrong: fmt.Sprintf("ceiling %q: none of the scenarios %s measures it", c.Text, strings.Join(names, ", ")),
			Right: "add a scenario that does, or leave the ceiling out" + measuredBy(c)}
	}
	for _, sc := range all {
		if left, most, ok := p.Options().SearchedRate(c, sc); ok && left > most {
			return &scenarios.Error{Pos: at, Wrong: fmt.Sprintf("ceiling %q: scenario %s can only leave it open: its search shows where %s are killed at most, and %s may be",
				c.Text, sc.Name, verdict.Percent(left), verdict.Percent(most)),
				Right: fmt.Sprintf("allow %s, or write `of SCENARIO` of one whose limits have %s", verdict.Percent(left), scenarios.FormatSize(c.Limit))}
		}
	}
	return nil
}

// Notes say of ceilings that are held by what a search concludes what that is: the limit itself need not be tried.
func (p Policy) Notes(all []scenarios.Scenario) (notes []string) {
	for _, c := range p.Ceilings {
		for _, sc := range all {
			if left, _, ok := p.Options().SearchedRate(c, sc); ok && c.Severity != verdict.Ignore {
				notes = append(notes, fmt.Sprintf("ceiling %s: scenario %s searches, and may start nothing at %[3]s itself: it holds where the search shows that no more than %[4]s are killed with %[3]s or less; "+
					"a scenario whose limits have %[3]s makes starts there", c.Text, sc.Name, scenarios.FormatSize(c.Limit), verdict.Percent(left)))
			}
		}
	}
	return notes
}

// rules reports whether anything that is measured can fail a gate. A metric is asked by its own name, also where the scenario
// judges it as one of all.
func (p Policy) rules(all []scenarios.Scenario) bool {
	fails := func(sc scenarios.Scenario) bool {
		return slices.ContainsFunc(verdict.MetricNames(), func(name string) bool { return sc.Judges(name) && p.severity(name) == verdict.Fail })
	}
	return slices.ContainsFunc(p.Ceilings, func(c verdict.Ceiling) bool { return c.Severity == verdict.Fail }) || slices.ContainsFunc(all, fails)
}

// measuredBy names the catalogue's scenarios that measure a ceiling.
func measuredBy(c verdict.Ceiling) string {
	var names []string
	all, err := scenarios.Catalogue()
	if err != nil {
		return "" // it is tested, and this only a hint
	}
	for _, sc := range all {
		if c.Measures(sc) {
			names = append(names, sc.Name)
		}
	}
	switch last := len(names) - 1; last {
	case -1:
		return ""
	case 0:
		return fmt.Sprintf(" (%s measures it)", names[0])
	default:
		return fmt.Sprintf(" (%s and %s measure it)", strings.Join(names[:last], ", "), names[last])
	}
}

package verdict

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/scenarios"
)

// overall is the gravest of all: nothing can be said, something is worse, something
// is open or was not measured, nothing is worse.
func overall(invalid, unmeasured []string, v Verdict) (Ruling, []string) {
	if len(invalid) > 0 {
		return Invalid, invalid
	}
	all := v.said()
	ruling := slices.DeleteFunc(slices.Clone(all), func(s said) bool { return !s.rules })
	if len(ruling) == 0 {
		return nothingRules(all)
	}
	if worse := reasonsOf(ruling, Regressed); len(worse) > 0 {
		return Regressed, append(worse, unmeasured...)
	}
	if open := append(reasonsOf(ruling, Inconclusive), unmeasured...); len(open) > 0 {
		return Inconclusive, open
	}
	return Pass, reasonsOf(all, Improved)
}

// unmeasured says what the policy judges by and a run does not have: no row tells of it.
func (j *judge) unmeasured() (missing []string) {
	for _, d := range j.opts.Demands {
		has := func(sc scenarios.Scenario) bool {
			return sc.Name == d.Scenario && slices.Contains(sc.Drivers, d.Driver)
		}
		if !slices.ContainsFunc(j.planned[baseline].Scenarios, has) || !slices.ContainsFunc(j.planned[candidate].Scenarios, has) {
			missing = append(missing, fmt.Sprintf("the policy judges by %s under %s, which was not measured", d.Scenario, d.Driver))
		}
	}
	return missing
}

// said is what a row or a ceiling contributes to the whole.
type said struct {
	ruling Ruling
	reason string
	rules  bool
}

func (v Verdict) said() (all []said) {
	for _, m := range v.Metrics {
		all = append(all, said{m.Ruling, m.Reason, m.Severity == Fail && !m.Open})
	}
	for _, h := range v.Ceilings {
		all = append(all, said{h.Ruling, h.Reason, h.Severity == Fail})
	}
	return all
}

// nothingRules is never a pass: rows that are only told, or that the clock leaves open, exclude nothing.
func nothingRules(all []said) (Ruling, []string) {
	if len(all) == 0 {
		return Inconclusive, []string{"no scenario of the run names a metric to judge"}
	}
	if open := reasonsOf(all, Inconclusive); len(open) > 0 {
		return Inconclusive, open
	}
	return Inconclusive, []string{"no metric of the run has the severity fail: there is nothing to rule by"}
}

func reasonsOf(all []said, ruling Ruling) []string {
	var out []string
	for _, s := range all {
		if s.ruling == ruling {
			out = append(out, s.reason)
		}
	}
	return out
}

// told are the rows and ceilings that are worse than they may be, and by their severity only told.
func (v Verdict) told() []string {
	var out []string
	for _, m := range v.Metrics {
		if m.Severity == Warn && m.Ruling == Regressed {
			out = append(out, "regressed, and by its severity only told: "+m.Reason)
		}
	}
	for _, h := range v.Ceilings {
		if h.Severity == Warn && h.Ruling == Regressed {
			out = append(out, "beyond its ceiling, and by its severity only told: "+h.Reason)
		}
	}
	return out
}

// heeded are the metrics that the policy does not ignore.
func (j *judge) heeded(all []metric) []metric {
	return slices.DeleteFunc(slices.Clone(all), func(m metric) bool { return j.opts.severity(m.name) == Ignore })
}

// forgives reports whether a time that is not settled is left open: on the wall clock of an emulated CPU it follows what else
// the host does. The counters and the instruction clock are what such a machine decides on.
func (j *judge) forgives(scenario string) bool {
	return onNoisyClock(j.envOf(scenario)) && j.opts.NoisyClock != Fail
}

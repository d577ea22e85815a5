package verdict

import "slices"

// overall is the gravest of all: nothing can be said, something is worse, something
// is open, nothing is worse.
func overall(invalid []string, v Verdict) (Ruling, []string) {
	if len(invalid) > 0 {
		return Invalid, invalid
	}
	all := v.said()
	ruling := slices.DeleteFunc(slices.Clone(all), func(s said) bool { return !s.rules })
	if len(ruling) == 0 {
		return nothingRules(all)
	}
	for _, r := range []Ruling{Regressed, Inconclusive} {
		if reasons := reasonsOf(ruling, r); len(reasons) > 0 {
			return r, reasons
		}
	}
	return Pass, reasonsOf(all, Improved)
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

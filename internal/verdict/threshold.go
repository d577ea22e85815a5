package verdict

import (
	"fmt"
	"math"
	"slices"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
)

// threshold compares the brackets of both arms. There is no p value: an edge holds what it claims whenever its search
// stops, and the difference of two brackets holds the true one unless one of the two is wrong.
func (j *judge) threshold(sc scenarios.Scenario, k key, m metric) row {
	r := newRow(k, m)
	r.Place, r.per = soughtPlace(sc), "start"
	// Either bracket may be wrong, and with it the difference.
	r.Looks = Looks{Level: min(1, 2*(1-sc.Search.Confidence)), P: math.NaN()}
	c := j.at(k)
	r.watched(c)
	for i := range r.sought {
		r.sought[i] = j.sought(k, i)
	}
	r.Baseline, r.Candidate = r.sought[baseline].arm(), r.sought[candidate].arm()
	r.change = edgeChange(r.sought)
	r.Change, r.ChangeLo, r.ChangeHi = r.change.Center, r.change.Lo, r.change.Hi
	r.margin, r.resolution = j.opts.ThresholdMargin(*sc.Search, min(r.sought[baseline].Edge.Threshold, r.sought[candidate].Edge.Threshold))
	r.Margin = r.margin
	r.taken = r.cannotSeek() + r.bottomText()
	r.unfit, r.few = r.unsought(c)
	return r
}

func (s Sought) arm() Arm {
	a := Arm{N: s.Edge.Starts, Center: math.NaN(), Lo: float64(s.Edge.Lo), Hi: math.Inf(1)}
	if s.Edge.Threshold > 0 {
		a.Center = float64(s.Edge.Threshold)
	}
	if s.Edge.Hi > 0 {
		a.Hi = float64(s.Edge.Hi)
	}
	if a.N == 0 {
		a.Lo = math.Inf(-1)
	}
	return a
}

// edgeChange is the interval arithmetic of two brackets. An upper end that was not shown is open. The lower one of a threshold that may lie at the
// bottom of the grid is a step below it: on this grid nothing can be worse than what starts there, and what lies deeper is not looked for.
func edgeChange(s [arms]Sought) stats.Interval {
	b, c := s[baseline].Edge, s[candidate].Edge
	open := func(hi int64) float64 {
		if hi == 0 {
			return math.Inf(1)
		}
		return float64(hi)
	}
	iv := stats.Interval{Center: math.NaN(), Lo: s[candidate].lowest() - open(b.Hi), Hi: open(c.Hi) - s[baseline].lowest()}
	if b.Threshold > 0 && c.Threshold > 0 {
		iv.Center = float64(c.Threshold - b.Threshold)
	}
	if b.Starts == 0 || c.Starts == 0 {
		iv.Lo, iv.Hi = math.Inf(-1), math.Inf(1)
	}
	return iv
}

// lowest is the lower end of the bracket as the grid has it.
func (s Sought) lowest() float64 { return float64(max(s.Edge.Lo, s.Search.From-s.Search.Step)) }

// atBottom reports whether the search could go no lower.
func (s Sought) atBottom() bool { return s.Edge.Hi > 0 && s.Edge.Hi == s.Search.From }

// bottomText says of edges at the bottom of the grid that they are its.
func (r *row) bottomText() string {
	for i, s := range r.sought {
		if s.atBottom() {
			who := "the " + armNames[i] + " starts"
			if i == baseline && r.sought[candidate].atBottom() {
				who = "both start"
			}
			return fmt.Sprintf("; %s at %s, the lowest limit of the search, and what lies more than a step below it is not looked for", who, exactSize(s.Edge.Hi))
		}
	}
	return ""
}

// ThresholdMargin is that of start.threshold, in bytes: of a search, with the smaller threshold of both arms, 0 as long as one is not
// known. It says why it is not the policy's, where it is not.
func (o Options) ThresholdMargin(q scenarios.Search, smaller int64) (bytes float64, why string) {
	m := o.margin(StartThreshold)
	bytes = math.Max(m.AtLeast, m.Fraction*float64(smaller))
	if steps := float64(searchSteps * q.Step); steps > bytes {
		return steps, " (two steps of the search)"
	}
	return bytes, ""
}

// cannotSeek is cannotTake of a search.
func (r *row) cannotSeek() string {
	switch b, c := r.sought[baseline].Natural(), r.sought[candidate].Natural(); {
	case b && c:
		return "; neither runtime can take the order, these are the edges of their natural starts"
	case b:
		return "; the baseline cannot take the order, its edge is that of its natural starts"
	case c:
		return "; the candidate cannot take the order, its edge is that of its natural starts"
	}
	return ""
}

// unsought says why there is nothing to compare, and whether that is for want of starts alone.
func (r *row) unsought(c *cell) (why string, few bool) {
	for i, s := range r.sought {
		switch {
		case s.mostlyLost():
			// Those that took the order are no sample of its starts, but of what made it possible.
			return fmt.Sprintf("%d of %s of the %s %s", s.NotCounted, plural(s.Trials, "start"), armNames[i], c[i].lostFor()), true
		case s.Edge.Starts > 0:
			continue
		case s.Trials == 0:
			return fmt.Sprintf("no start of the %s was made", armNames[i]), true
		case c[i].failure != "":
			return fmt.Sprintf("no start of the %s showed anything (%s)", armNames[i], c[i].failure), false
		}
		if s.Natural() {
			return fmt.Sprintf("the order does not apply to the %s, and where its natural starts have their edge was not found", armNames[i]), false
		}
		return fmt.Sprintf("no start of the %s could be brought into the order: %s", armNames[i], c[i].why), false
	}
	return "", false
}

// mostlyLost is mostNotCounted of a search; one of which no start was counted has its own words.
func (s Sought) mostlyLost() bool { return 2*s.NotCounted > s.Trials && s.NotCounted < s.Trials }

func (s *side) lostFor() string {
	if s.why == "" {
		return "said that the order does not apply, others took it"
	}
	return "could not be brought into the order: " + s.why
}

// ruleThreshold needs no bounded interval: of a candidate that starts nowhere it is known how much more it takes at least.
func (r *row) ruleThreshold() (Ruling, string) {
	switch {
	case r.change.Lo > r.margin:
		return Regressed, "even the smallest difference of both brackets is beyond " + r.marginText()
	case r.change.Hi < -r.margin:
		return Improved, "even the smallest difference of both brackets is better by more than " + r.marginText()
	case r.change.Hi <= r.margin:
		return Pass, "not worse by more than " + r.marginText()
	}
	return Inconclusive, "the difference of both brackets straddles " + r.marginText() + r.searchesEnded()
}

// atTop reports whether nothing starts at the largest limit there is to try.
func (s Sought) atTop() bool { return s.Edge.Lo == s.Search.To }

// searchesEnded says of searches that are not done that more starts would narrow their brackets, and where both have
// nothing to narrow.
func (r *row) searchesEnded() string {
	if b := r.sought[baseline]; b.atTop() && r.sought[candidate].atTop() {
		return fmt.Sprintf("; neither runtime starts at %s, the largest limit of the search, and what lies above it is not looked for", exactSize(b.Search.To))
	}
	var open []string
	for i, s := range r.sought {
		if !s.Edge.Done {
			open = append(open, fmt.Sprintf("of the %s after %s", armNames[i], plural(s.Trials, "start")))
		}
	}
	switch len(open) {
	case 0:
		return "; both searches are over, and the edges no sharper than that"
	case 1:
		return "; the search " + open[0] + " was ended before it was done"
	}
	return "; the searches " + open[0] + " and " + open[1] + " were ended before they were done"
}

// sought finds the search of an arm; a cell without a record has an empty one.
func (j *judge) sought(k key, arm int) Sought {
	for _, s := range j.searches {
		if s.key() == k && s.Runtime == armNames[arm] {
			return s
		}
	}
	return Sought{}
}

func (s Sought) key() key {
	return key{scenario: s.Scenario, driver: s.Driver, order: s.Order, build: s.Build}
}

// seek replays all searches of both arms.
func (j *judge) seek() {
	for _, sc := range j.planned[baseline].Scenarios {
		if sc.Search != nil {
			j.searches = append(j.searches, j.replays.searched(sc, j.layout(sc).groups, armNames[:], func(k key, i int) []try {
				return slices.Clone(j.at(k)[i].tries)
			})...)
		}
	}
}

// moved says in words where the edge was and where it is.
func (r *row) moved() string {
	b, c := r.sought[baseline], r.sought[candidate]
	if math.IsNaN(r.Change) {
		return fmt.Sprintf("is %s, then %s%s", b.lies(), c.lies(), r.span())
	}
	share := r.Change / r.Baseline.Center
	return fmt.Sprintf("went from %s to %s, %s (%s)%s", exactSize(b.Edge.Threshold), exactSize(c.Edge.Threshold),
		r.FormatChange(r.Change), signed(share, Percent(share)), r.span())
}

// span is the interval of the change, as far as it has an end.
func (r *row) span() string {
	if math.IsInf(r.ChangeLo, -1) && math.IsInf(r.ChangeHi, 1) {
		return ""
	}
	return fmt.Sprintf(" [%s, %s]", r.FormatChange(r.ChangeLo), r.FormatChange(r.ChangeHi))
}

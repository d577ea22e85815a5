package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// FindingKind is what an imposed order shows of a runtime. It is a closed set.
type FindingKind string

const (
	// SafeByRace: containers are killed in an order that the runtime does not exclude and
	// by itself happens to avoid.
	SafeByRace FindingKind = "safe-by-race"
	// KilledByOrder: containers that are killed by themselves start in another order.
	KilledByOrder FindingKind = "killed-by-order"
)

// FindingKinds lists the closed set.
func FindingKinds() []FindingKind { return []FindingKind{SafeByRace, KilledByOrder} }

// Finding is a difference, within one runtime, between its natural order and an imposed one.
type Finding struct {
	Kind     FindingKind
	Scenario string
	Driver   cgroupjoin.Driver
	Build    scenarios.Build
	Place    cgroupjoin.Place // of the limits
	Runtime  string           // the arm
	Order    sequence.Order
	// Limit is where the difference is plainest, the lowest of several; AlsoAt are the others.
	Limit  int64
	AlsoAt []int64
	// Natural and Imposed are the counts at Limit, PHolm their p value.
	Natural, Imposed Count
	PHolm            float64
	// NaturalEdge and ImposedEdge are what searches found in both orders; nil where the finding is a ladder's. Limit is then the
	// natural threshold, the counts are those of all limits from there up to the imposed one, and there is no p value.
	NaturalEdge, ImposedEdge *stats.Edge
	Text                     string
}

// contrast is one rung of a ladder in two orders.
type contrast struct {
	ladder           Ladder
	order            sequence.Order
	limit            int64
	natural, imposed Count
	p                float64
}

// kind of what the contrast shows, if it shows anything.
func (c contrast) kind() FindingKind {
	if float64(c.imposed.OOMKilled)/float64(c.imposed.shows()) > float64(c.natural.OOMKilled)/float64(c.natural.shows()) {
		return SafeByRace
	}
	return KilledByOrder
}

// findings holds every imposed order against the natural one, rung by rung, with Fisher's exact test and
// Holm over all of them.
//
// The arithmetic: 8 of 8 starts against 0 of 8 has p = 2/C(16,8) = 1.6e-4, which survives 310 contrasts;
// the 20 of oom-limits in a gate (5 limits, 2 drivers, 2 arms, one imposed order) leave 0.05/20 =
// 2.5e-3, so that 7 of 8 against 0 of 8 (2*8/11440 = 1.4e-3) is one too and 6 of 8 (7e-3) is not.
func findings(ladders []Ladder, alpha float64) []Finding {
	var all []contrast
	for _, l := range ladders {
		all = append(all, contrasts(l)...)
	}
	p := make([]float64, len(all))
	for i, c := range all {
		p[i] = c.p
	}
	var out []Finding
	for i, adjusted := range stats.Holm(p) {
		if adjusted < alpha {
			out = found(out, all[i], adjusted)
		}
	}
	for i := range out {
		out[i].Text = out[i].sentence()
	}
	return out
}

// contrasts of one ladder. A start for which the order is not applicable was a natural one, and contrasts with nothing.
func contrasts(l Ladder) []contrast {
	if l.concurrent || len(l.Orders) < 2 || l.Orders[0].Order != natural {
		return nil
	}
	var all []contrast
	for _, o := range l.Orders[1:] {
		for i, limit := range l.Limits {
			own, imposed := l.Orders[0].Counts[i], o.Counts[i]
			if own.shows() == 0 || imposed.shows() == 0 || imposed.Natural() {
				continue
			}
			p := stats.ExactP([]stats.Stratum{{Base: kills(own), Cand: kills(imposed)}})
			all = append(all, contrast{l, o.Order, limit, own, imposed, p})
		}
	}
	return all
}

func kills(c Count) stats.Count {
	x, n := oomKills(c)
	return stats.Count{X: float64(x), N: float64(n)}
}

// found adds a contrast to the finding it belongs to, or begins one. Limits come rising.
func found(list []Finding, c contrast, adjusted float64) []Finding {
	next := Finding{
		Kind: c.kind(), Scenario: c.ladder.Scenario, Driver: c.ladder.Driver, Build: c.ladder.Build, Place: c.ladder.Place,
		Runtime: c.ladder.Runtime, Order: c.order,
		Limit: c.limit, Natural: c.natural, Imposed: c.imposed, PHolm: adjusted,
	}
	for i := range list {
		f := &list[i]
		if !f.alike(next) {
			continue
		}
		if next.PHolm < f.PHolm {
			next.AlsoAt = append(f.AlsoAt, f.Limit)
			*f = next
		} else {
			f.AlsoAt = append(f.AlsoAt, next.Limit)
		}
		return list
	}
	return append(list, next)
}

// alike tells whether two findings differ in their limits alone.
func (f Finding) alike(g Finding) bool {
	return f.Kind == g.Kind && f.Scenario == g.Scenario && f.Driver == g.Driver && f.Build == g.Build && f.Place == g.Place &&
		f.Runtime == g.Runtime && f.Order == g.Order
}

func (f Finding) sentence() string {
	var also string
	if len(f.AlsoAt) > 0 {
		also = ", likewise at " + sizes(f.AlsoAt)
	}
	return fmt.Sprintf("%s%s starts at %s under %s %d of %d times by itself, %d of %d when %s%s (%s): %s",
		f.Runtime, aside(f.Build), PlacedLimit(f.Build, f.Place, f.Limit), f.Driver, f.Natural.Started, f.Natural.shows(),
		f.Imposed.Started, f.Imposed.shows(), comesFirst(f.Order), also, f.Scenario, f.meaning())
}

// brief is the finding in a clause, for a line that has more to say. In it "as does the baseline" fits at the end.
func (f Finding) brief() string {
	if f.NaturalEdge != nil {
		return f.soughtBrief()
	}
	limits := append([]int64{f.Limit}, f.AlsoAt...)
	slices.Sort(limits)
	who, where := f.Runtime+aside(f.Build), fmt.Sprintf("at %s under %s", sizes(limits), f.Driver)
	switch {
	case f.Kind == KilledByOrder:
		return fmt.Sprintf("%s dies %s only for the order of its steps", who, where)
	case f.Natural.OOMKilled > 0:
		return fmt.Sprintf("%s starts %s as often as it wins a race", who, where)
	}
	return fmt.Sprintf("%s starts %s only by winning a race", who, where)
}

func sizes(limits []int64) string {
	texts := make([]string, len(limits))
	for i, limit := range limits {
		texts[i] = scenarios.FormatSize(limit)
	}
	return strings.Join(texts, ", ")
}

func (f Finding) meaning() string {
	switch {
	case f.Kind == KilledByOrder:
		return "it is killed for the order of its steps, not for what it needs"
	case f.Natural.OOMKilled > 0:
		return "a race decides how often it starts"
	}
	return "it is safe only by winning a race"
}

func comesFirst(o sequence.Order) string {
	if o == sequence.CloneBeforeJoin {
		return "the clone comes first"
	}
	return "the join comes first"
}

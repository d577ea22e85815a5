package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/sequence"
)

// classed is how the trials of both arms in one cell fall into classes.
type classed struct {
	what  string // "orders found" or "outcomes"
	key   key
	names []string
	count [arms][]int
	p     float64
}

// classes says where the orders that were found, or the outcomes, differ between the arms as a whole: by the exact test of classes,
// with Holm over all cells. Rows judge the one class that matters, order.join_first and oom.rate; this is what else there is to know.
func (j *judge) classes() (notes []string) {
	var all []classed
	for _, sc := range j.planned[baseline].Scenarios {
		if sc.Search != nil || sc.Concurrent {
			continue // limits that follow from outcomes, trials that kill each other
		}
		plan := j.layout(sc)
		for _, group := range plan.groups {
			for _, k := range plan.in(group) {
				all = append(all, j.outcomesOf(k))
				if k.order == natural && sc.Observe {
					all = append(all, j.ordersOf(k))
				}
			}
		}
	}
	p := make([]float64, len(all))
	for i, c := range all {
		p[i] = c.p
	}
	for i, adjusted := range stats.Holm(p) {
		if adjusted < j.opts.alpha() {
			notes = append(notes, all[i].note(adjusted))
		}
	}
	return notes
}

func (j *judge) outcomesOf(k key) classed {
	c := classed{what: "outcomes", key: k, names: []string{"started", "OOM-killed", "failed"}}
	for i, s := range j.at(k) {
		c.count[i] = []int{s.count.Started, s.count.OOMKilled, s.count.Failed}
	}
	c.p = stats.ExactClasses(c.count[baseline], c.count[candidate])
	return c
}

// ordersOf leaves out the starts of which the order is not known.
func (j *judge) ordersOf(k key) classed {
	c := classed{what: "orders found", key: k}
	at := j.at(k)
	found := map[sequence.Found]bool{}
	for _, s := range at {
		for f := range s.found {
			if f != sequence.FoundUnknown {
				found[f] = true
			}
		}
	}
	for _, f := range slices.Sorted(maps.Keys(found)) {
		c.names = append(c.names, string(f))
		for i, s := range at {
			c.count[i] = append(c.count[i], s.found[f])
		}
	}
	c.p = stats.ExactClasses(c.count[baseline], c.count[candidate])
	return c
}

func (c classed) note(adjusted float64) string {
	return fmt.Sprintf("%s differ (%s): baseline %s; candidate %s (%s by the exact test of classes, after Holm)", c.what, cellText(c.key),
		c.text(baseline), c.text(candidate), withSign(adjusted))
}

// text is "36 join-before-clone, 4 overlapping".
func (c classed) text(arm int) string {
	var parts []string
	for i, n := range c.count[arm] {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.names[i]))
		}
	}
	return strings.Join(parts, ", ")
}

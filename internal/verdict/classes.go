package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/sequence"
)

// foundOrders is how the starts of both arms in one cell fall into classes by the order that was found.
type foundOrders struct {
	key   key
	names []sequence.Found
	count [arms][]int
	p     float64
}

// classes says where the orders that were found differ between the arms as a whole: by the exact test of classes, with Holm over all
// cells. order.join_first judges the one class that harms; this is what else there is to know. Outcomes are classes too, and
// are judged as such: oom.rate and start.failures have a row wherever they are not all starts.
func (j *judge) classes() (notes []string) {
	var all []foundOrders
	for _, sc := range j.planned[baseline].Scenarios {
		plan := j.layout(sc)
		for _, group := range plan.groups {
			for _, k := range plan.in(group) {
				if k.order == natural && sc.Observe && sc.Search == nil {
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

// ordersOf leaves out the starts of which the order is not known.
func (j *judge) ordersOf(k key) foundOrders {
	c := foundOrders{key: k}
	at := j.at(k)
	found := map[sequence.Found]bool{}
	for _, s := range at {
		for f := range s.found {
			if f != sequence.FoundUnknown {
				found[f] = true
			}
		}
	}
	c.names = slices.Sorted(maps.Keys(found))
	for _, f := range c.names {
		for i, s := range at {
			c.count[i] = append(c.count[i], s.found[f])
		}
	}
	c.p = stats.ExactClasses(c.count[baseline], c.count[candidate])
	return c
}

func (c foundOrders) note(adjusted float64) string {
	return fmt.Sprintf("orders found differ (%s): baseline %s; candidate %s (%s by the exact test of classes, after Holm)", cellText(c.key),
		c.text(baseline), c.text(candidate), withSign(adjusted))
}

// text is "36 join-before-clone, 4 overlapping".
func (c foundOrders) text(arm int) string {
	var parts []string
	for i, n := range c.count[arm] {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.names[i]))
		}
	}
	return strings.Join(parts, ", ")
}

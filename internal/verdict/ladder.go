package verdict

import (
	"cmp"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// StartThreshold names the smallest memory.max at which a container starts. Where a search looked for it it has a row; over
// a ladder it has none, for oom.rate judges the same trials and names it in its reason.
const StartThreshold = scenarios.StartThreshold

// Threshold is what a ladder shows of start.threshold: it lies above Above, where a start was
// OOM-killed, and is at most AtMost, from where on every counted trial started. 0 is an end that was not
// measured. What lies between two rungs, or beyond the last, is never guessed.
type Threshold struct{ Above, AtMost int64 }

// String is "<= 12MiB", "(16MiB, 20MiB]" or "> 32MiB".
func (t Threshold) String() string {
	switch {
	case t == Threshold{}:
		return "not measured"
	case t.Above == 0:
		return "<= " + scenarios.FormatSize(t.AtMost)
	case t.AtMost == 0:
		return "> " + scenarios.FormatSize(t.Above)
	}
	return "(" + scenarios.FormatSize(t.Above) + ", " + scenarios.FormatSize(t.AtMost) + "]"
}

// thresholdOf goes down from the highest limit to the first kill, or to the first trial that failed: from there
// on it is not true that every trial started, and nothing is said of the limits below. A rung without a trial
// contradicts nothing, and the bracket spans it.
func thresholdOf(limits []int64, counts []Count) (t Threshold) {
	for i, c := range slices.Backward(counts) {
		switch {
		case c.OOMKilled > 0:
			t.Above = limits[i]
			return t
		case c.Failed > 0:
			return t
		case c.Started > 0:
			t.AtMost = limits[i]
		}
	}
	return t
}

// Ladder is one runtime's starts under each of a scenario's limits, in each of its orders.
type Ladder struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Build    scenarios.Build
	Place    cgroupjoin.Place
	Runtime  string // the arm
	Limits   []int64
	Orders   []OrderedLadder // natural first, where it is among them
	// concurrent starts kill each other: no trial of theirs is evidence by itself.
	concurrent bool
}

// key is the ladder's, without order and limit.
func (l Ladder) key() key {
	return key{scenario: l.Scenario, driver: l.Driver, build: l.Build, place: l.Place}
}

// OrderedLadder has one count a limit.
type OrderedLadder struct {
	Order     sequence.Order
	Counts    []Count
	Threshold Threshold
}

// Natural reports whether the runtime took the order in none of the trials.
func (o OrderedLadder) Natural() bool {
	var all Count
	for _, c := range o.Counts {
		all.plus(c)
	}
	return all.Natural()
}

// Worst is, for each limit, the count of the order in which the greatest share of containers did not start, among
// those the runtime can take, and which order that is: natural where none is worse. One that fails or hangs in an
// order is no better off than one that is killed. It is nil where one order alone was asked for.
func (l Ladder) Worst() (counts []Count, orders []sequence.Order) {
	if len(l.Orders) < 2 {
		return nil, nil
	}
	for i := range l.Limits {
		order, count := l.worstAt(i)
		orders, counts = append(orders, order), append(counts, count)
	}
	return counts, orders
}

func (l Ladder) worstAt(i int) (order sequence.Order, count Count) {
	order, highest := natural, -1.0
	for _, o := range l.Orders {
		c := o.Counts[i]
		if c.Trials() == 0 || o.Order != natural && c.Natural() {
			continue
		}
		if share := float64(c.OOMKilled+c.Failed) / float64(c.Trials()); share > highest {
			highest, order, count = share, o.Order, c
		}
	}
	return order, count
}

// WorstThreshold is start.threshold in the worst order: the smallest limit that suffices in whichever order.
func (l Ladder) WorstThreshold() Threshold {
	counts, _ := l.Worst()
	return thresholdOf(l.Limits, counts)
}

// TakesNone reports whether orders were asked for and the runtime can take none of them: its clone
// and its join cannot be parted, or it has not both.
func (l Ladder) TakesNone() bool {
	imposed := slices.DeleteFunc(slices.Clone(l.Orders), func(o OrderedLadder) bool { return o.Order == natural })
	return len(imposed) > 0 && !slices.ContainsFunc(imposed, func(o OrderedLadder) bool { return !o.Natural() })
}

// climb makes the ladders of a scenario, for each driver, build and place one a runtime.
func climb(sc scenarios.Scenario, plan layout, runtimes []string, count func(k key, runtime int) Count) []Ladder {
	if sc.Enumerate != nil {
		return nil // what is killed there is a payload, and says nothing of the limit at which a container starts
	}
	orders := slices.Clone(sc.AllOrders())
	slices.SortStableFunc(orders, func(a, b sequence.Order) int {
		return cmp.Compare(slices.Index(sequence.Orders(), a), slices.Index(sequence.Orders(), b))
	})
	var all []Ladder
	for _, first := range plan.ladders() {
		for i, name := range runtimes {
			l := Ladder{
				Scenario: sc.Name, Driver: first.driver, Build: first.build, Place: first.place, Runtime: name,
				Limits: plan.limits[first], concurrent: sc.Concurrent,
			}
			for _, order := range orders {
				group := first
				group.order = order
				if plan.limits[group] != nil {
					l.Orders = append(l.Orders, climbIn(l.Limits, group, func(k key) Count { return count(k, i) }))
				}
			}
			all = append(all, l)
		}
	}
	return all
}

func climbIn(limits []int64, group key, count func(key) Count) OrderedLadder {
	o := OrderedLadder{Order: group.order}
	for _, limit := range limits {
		group.limit = limit
		o.Counts = append(o.Counts, count(group))
	}
	o.Threshold = thresholdOf(limits, o.Counts)
	return o
}

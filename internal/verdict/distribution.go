package verdict

import (
	"cmp"
	"math"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Distribution is all that one runtime showed of start.latency in one cell, for drawing: the values that the row's median is of.
type Distribution struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place // of the limit
	Limit    int64
	// Enumerate is what the payloads did.
	Enumerate scenarios.Enumeration
	Runtime   string // the arm
	Unit      Unit
	Values    []Valued // rising
	// Median with its interval, at Confidence.
	Median     Arm
	Confidence float64
	// Steps are those of the empirical distribution function, thinned where there are many, with the band that holds the
	// whole true one at Confidence. Band is half the height of it.
	Steps []stats.ECDFPoint
	Band  float64
}

// Valued is one unit of inference: a batch by its median. Trial is the index of the record that it is the value of; -1 where no records are at hand.
type Valued struct {
	Value float64
	Trial int
}

// Share is the fraction of the values that are at most the i-th, counted from 0.
func (d Distribution) Share(i int) float64 { return float64(i+1) / float64(len(d.Values)) }

// Quantile is nearest-rank: a value that was measured; NaN where there is none.
func (d Distribution) Quantile(q float64) float64 {
	if len(d.Values) == 0 {
		return math.NaN()
	}
	// 0.95*20 is 19.000000000000004 in binary: shave that off before rounding up.
	rank := int(math.Ceil(q*float64(len(d.Values)) - 1e-9))
	return d.Values[max(rank, 1)-1].Value
}

// Distributions collects the values of start.latency, one record at a time: of timed trials in their natural order, as
// the metric has them.
type Distributions struct {
	observes observing
	points   map[cellKey][]tracedPoint
	order    []cellKey
}

// tracedPoint is one trial's value.
type tracedPoint struct {
	batch, trial int
	value        int64
}

// NewDistributions collects for the scenarios of one plan.
func NewDistributions(spec scenarios.Spec) *Distributions {
	d := &Distributions{observes: observing{}, points: map[cellKey][]tracedPoint{}}
	d.observes.plan(spec)
	return d
}

// Add takes in one record; those that are in no figure of latency are passed over.
func (d *Distributions) Add(r *results.Record) {
	if r.Warmup || r.Together || r.Outcome != results.Started || d.observes.lane(r) != Timed {
		return
	}
	ns, ok := startLatency(r)
	if !ok {
		return
	}
	k := cellKey{keyOf(r), r.Arm}
	if d.points[k] == nil {
		d.order = append(d.order, k)
	}
	d.points[k] = append(d.points[k], tracedPoint{r.Batch, r.Index, ns})
}

// All are the distributions in the order in which their cells were first met.
func (d *Distributions) All(confidence float64) []Distribution {
	var all []Distribution
	for _, k := range d.order {
		out := Distribution{
			Scenario: k.scenario, Driver: k.driver, Order: k.order, Build: k.build, Place: k.place, Limit: k.limit, Enumerate: k.enumerate, Runtime: k.runtime,
			Unit: Nanoseconds, Values: units(d.points[k]),
		}
		all = append(all, out.described(confidence))
	}
	return all
}

// DistributionsOf are those that a verdict's own rows hold, where no records are at hand to trace a value to.
func DistributionsOf(v Verdict) []Distribution {
	var all []Distribution
	for _, m := range v.Metrics {
		if !IsStartLatency(m.Name) {
			continue
		}
		for i, arm := range []Arm{m.Baseline, m.Candidate} {
			out := Distribution{
				Scenario: m.Scenario, Driver: m.Driver, Order: m.Order, Build: m.Build, Place: m.Place, Limit: m.Limit, Enumerate: m.Enumerate,
				Runtime: armNames[i], Unit: m.Unit,
			}
			for _, value := range slices.Sorted(slices.Values(arm.Values)) {
				out.Values = append(out.Values, Valued{value, -1})
			}
			if len(out.Values) > 0 {
				all = append(all, out.described(v.Confidence))
			}
		}
	}
	return all
}

// IsStartLatency tells whether a metric is the latency of a start, by whatever clock.
func IsStartLatency(name string) bool {
	m, known := scenarios.MetricNamed(name)
	return known && m.Measured() == scenarios.StartLatency
}

// units reduces batches to their medians, as stats.Units does, and keeps which record stands in the middle: the lower of two.
func units(points []tracedPoint) []Valued {
	slices.SortFunc(points, func(a, b tracedPoint) int {
		return cmp.Or(cmp.Compare(a.batch, b.batch), cmp.Compare(a.value, b.value), cmp.Compare(a.trial, b.trial))
	})
	var out []Valued
	for len(points) > 0 {
		n := 1
		for n < len(points) && points[n].batch == points[0].batch {
			n++
		}
		low, high := points[(n-1)/2], points[n/2]
		out = append(out, Valued{max(1, float64(low.value+high.value)/2), low.trial})
		points = points[n:]
	}
	slices.SortFunc(out, func(a, b Valued) int { return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Trial, b.Trial)) })
	return out
}

func (d Distribution) described(confidence float64) Distribution {
	values := make([]float64, len(d.Values))
	for i, v := range d.Values {
		values[i] = v.Value
	}
	m := stats.Median(values, confidence)
	d.Median = Arm{N: len(values), Center: m.Center, Lo: m.Lo, Hi: m.Hi}
	d.Confidence, d.Steps = confidence, stats.ECDF(values, confidence)
	if n := len(d.Steps); n > 0 {
		d.Band = d.Steps[n-1].F - d.Steps[n-1].Lo // nothing cuts it there
	}
	return d
}

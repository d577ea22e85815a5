package html

import (
	"cmp"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Bounds of what the page holds, whatever the run's size.
const (
	mostRecords = 2400 // of which some 130 bytes each are in the page
	mostFaults  = 200  // of those that failed or left something behind, kept before any other
	mostPoints  = 240  // on one curve
	mostCells   = 400
)

// conditions tell the groups of records apart: a group is repeated by one command.
type conditions struct {
	scenario, arm string
	driver        cgroupjoin.Driver
	order         sequence.Order
	build         scenarios.Build
	join          scenarios.Join
	place         cgroupjoin.Place
	limit         int64
	observe       bool
	enumerate     scenarios.Enumeration
}

func conditionsOf(r *results.Record) conditions {
	c := conditions{r.Scenario, r.Arm, r.Driver, r.Order, r.Build, r.Join, r.Place, r.Limit, r.Observe, r.Enumerate}
	if c.order == "" {
		c.order = sequence.Natural // a record from before there were orders
	}
	if c.limit == 0 {
		c.place = ""
	}
	return c
}

// gathered is what one reading of the records gives.
type gathered struct {
	distributions []verdict.Distribution
	groups        []*group
	recorded      int
	kept          map[int]bool // trials that are in the page
	starts        []start
}

// group has the records of one cell and arm that are kept.
type group struct {
	conditions
	id      int // from 0
	seen    int
	runtime results.RuntimeID
	records []results.Record
}

// start is one observed start, drawn whole.
type start struct {
	conditions
	record   results.Record
	timeline sequence.Timeline
}

// gather reads the run once, and of its timelines as far as those that are drawn.
func gather(in Input) (*gathered, error) {
	g := &gathered{kept: map[int]bool{}}
	if in.Run == nil {
		if in.Verdict != nil {
			g.distributions = verdict.DistributionsOf(*in.Verdict)
		}
		return g, nil
	}
	d := verdict.NewDistributions(in.Run.Header.Spec)
	s := sampler{known: map[conditions]*group{}, stride: 1}
	for r, err := range in.Run.Records() {
		if err != nil {
			return nil, err
		}
		if r.Warmup {
			continue
		}
		g.recorded++
		d.Add(&r)
		s.add(r)
	}
	g.distributions = d.All(confidence(in))
	g.groups = s.finish()
	for _, group := range g.groups {
		for _, r := range group.records {
			g.kept[r.Index] = true
		}
	}
	return g, g.readStarts(in.Run)
}

func confidence(in Input) float64 {
	if in.Verdict != nil {
		return in.Verdict.Confidence
	}
	return in.Summary.Confidence
}

// sampler keeps every stride-th record of each group, and doubles the stride when there are too many: which ones stay
// depends on nothing but the order of the records.
type sampler struct {
	known  map[conditions]*group
	groups []*group
	stride int
	kept   int
	faults int
}

func (s *sampler) add(r results.Record) {
	c := conditionsOf(&r)
	g := s.known[c]
	if g == nil {
		if len(s.groups) == mostCells {
			return
		}
		g = &group{conditions: c, id: len(s.groups), runtime: r.Runtime}
		s.known[c], s.groups = g, append(s.groups, g)
	}
	ordinal := g.seen
	g.seen++
	fault := faulty(&r) && s.faults < mostFaults
	switch {
	case fault:
		s.faults++
	case ordinal%s.stride != 0:
		return
	}
	r.Output, r.Census = "", nil // of the page's fields none needs them, and they may be long
	g.records = append(g.records, r)
	s.kept++
	if s.kept > 2*mostRecords {
		s.thin()
	}
}

// faulty trials are the first that a reader looks for.
func faulty(r *results.Record) bool {
	return r.Outcome == results.Failed || r.Outcome == results.TimedOut || len(r.Leaks) > 0
}

// thin drops every other of the records that are no faults.
func (s *sampler) thin() {
	s.stride *= 2
	s.kept = 0
	for _, g := range s.groups {
		n := 0
		g.records = slices.DeleteFunc(g.records, func(r results.Record) bool {
			n++
			return !faulty(&r) && n%2 == 0
		})
		s.kept += len(g.records)
	}
}

// finish brings what is left within bounds: the records of one group stand in the order of their trials.
func (s *sampler) finish() []*group {
	for s.kept > mostRecords && s.stride < 1<<30 {
		s.thin()
	}
	for _, g := range s.groups {
		slices.SortFunc(g.records, func(a, b results.Record) int { return cmp.Compare(a.Index, b.Index) })
	}
	return s.groups
}

// readStarts finds the starts to draw: of each runtime and driver the observed one whose charge is the median.
func (g *gathered) readStarts(run *results.Run) error {
	wanted := map[int]start{}
	for _, group := range g.observed() {
		if r, ok := middle(group.records); ok {
			wanted[r.Index] = start{conditions: group.conditions, record: r}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	for t, err := range run.Timelines() {
		if err != nil {
			return err
		}
		s, is := wanted[t.Trial]
		if !is {
			continue
		}
		s.timeline = t.Timeline
		g.starts = append(g.starts, s)
		if delete(wanted, t.Trial); len(wanted) == 0 {
			break
		}
	}
	rank := map[string]int{}
	for i, rt := range run.Header.Spec.Runtimes {
		rank[rt.Name] = i
	}
	slices.SortStableFunc(g.starts, func(a, b start) int {
		return cmp.Or(cmp.Compare(a.driver, b.driver), cmp.Compare(rank[a.arm], rank[b.arm]))
	})
	return nil
}

// observed are the groups to take a start from, one for each runtime and driver: in the natural order, and with the widest limit or, better, none.
func (g *gathered) observed() []*group {
	type whose struct {
		arm    string
		driver cgroupjoin.Driver
	}
	best := map[whose]*group{}
	var all []*group
	for _, c := range g.groups {
		if !c.observe || c.order != sequence.Natural || c.build != (scenarios.Build{}) {
			continue
		}
		w := whose{c.arm, c.driver}
		if b := best[w]; b == nil || b.limit != 0 && (c.limit == 0 || c.limit > b.limit) {
			best[w] = c
		}
	}
	for _, c := range g.groups {
		if best[whose{c.arm, c.driver}] == c {
			all = append(all, c)
		}
	}
	return all[:min(len(all), 12)]
}

// middle is the started record whose charge at exec is the median of all that are kept, the first of several alike.
func middle(records []results.Record) (results.Record, bool) {
	records = slices.DeleteFunc(slices.Clone(records), func(r results.Record) bool {
		return r.Outcome != results.Started || r.Found == nil || r.Found.ChargedAtExec == nil || r.LostEvents > 0
	})
	if len(records) == 0 {
		return results.Record{}, false
	}
	slices.SortStableFunc(records, func(a, b results.Record) int {
		return cmp.Compare(*a.Found.ChargedAtExec, *b.Found.ChargedAtExec)
	})
	return records[(len(records)-1)/2], true
}

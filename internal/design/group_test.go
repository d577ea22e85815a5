package design

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// randomEdge is a machine on which a start is certain from 11 MiB on, and chance from 7.
func randomEdge(seed uint64) *machine {
	m := newMachine()
	m.rng = rand.New(rand.NewPCG(seed, 0))
	m.edge = func(scenarios.Trial) int64 { return (7 + m.rng.Int64N(5)) << 20 }
	return m
}

// interrupted are the records of a run that was ended in the midst of a group, and which of them are of a search's starts that were not all recorded.
func interrupted(t *testing.T, h results.Header, seed uint64) (records []results.Record, cut []int) {
	t.Helper()
	m, after := randomEdge(seed), 2+int(seed%7)
	groups, records := m.play(t, direct(t, h, m), func(group) bool { after--; return after == 0 })
	last := m.makeAll(groups[len(groups)-1])
	m.rng.Shuffle(len(last), func(i, j int) { last[i], last[j] = last[j], last[i] })
	records = append(records, last[:1+m.rng.IntN(len(last)-1)]...)
	for i, r := range records {
		recorded := 0
		for _, o := range records {
			recorded += one(o.Arm == r.Arm && o.Index-o.InGroup == r.Index-r.InGroup)
		}
		if recorded < r.Group {
			cut = append(cut, i)
		}
	}
	return records, cut
}

// resumed goes on from records to the end, and gives all of them and what the searches under way found.
func resumed(t *testing.T, h results.Header, records []results.Record) (all []results.Record, found []stats.Edge) {
	t.Helper()
	m := randomEdge(99)
	d := direct(t, h, m)
	for _, r := range records {
		if err := d.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	_, more := m.play(t, d, nil)
	for _, q := range d.scenes[0].searches {
		found = append(found, q.edge.Found())
	}
	return slices.Concat(records, more), found
}

// replayed is what a verdict finds of the stored records.
func replayed(t *testing.T, h results.Header, records []results.Record) (found []stats.Edge) {
	t.Helper()
	v, err := verdict.Judge(verdict.Run{Name: "run", Header: h, Environments: []results.Environment{guest()}, Records: func(yield func(results.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}, loose())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Searches {
		found = append(found, s.Edge)
	}
	return found
}

// Catches a search that takes in what was quickest of a group that was cut short, a replay that does where the search under way did not, and one that
// leaves out what is whole.
func TestAGroupCutShortIsLeftOut(t *testing.T) {
	sc := load(t, "thresholds")
	sc[0].Drivers, sc[0].Orders = sc[0].Drivers[:1], sc[0].Orders[:1]
	h := gateOf(t, 0, sc...)
	cuts := 0
	for seed := range uint64(8) {
		records, cut := interrupted(t, h, seed)
		cuts += len(cut)
		all, found := resumed(t, h, records)
		if got := replayed(t, h, all); !slices.Equal(got, found) {
			t.Errorf("seed %d: replayed %+v, the searches under way found %+v", seed, got, found)
		}
		starts, measured := found[0].Starts+found[1].Starts, 0
		for _, r := range all {
			measured += one(!r.Warmup)
		}
		if starts != measured-len(cut) {
			t.Errorf("seed %d: %d outcomes of %d starts, of which %d were of groups cut short", seed, starts, measured, len(cut))
		}
		for _, i := range cut {
			records[i].Outcome = map[results.Outcome]results.Outcome{results.Started: results.InitOOMKilled, results.InitOOMKilled: results.Started}[records[i].Outcome]
		}
		if _, other := resumed(t, h, records); !slices.Equal(found, other) {
			t.Errorf("seed %d: other outcomes of a group that was cut short change %+v to %+v", seed, found, other)
		}
	}
	if cuts == 0 {
		t.Error("no group was cut short")
	}
}

// Catches records of a time before groups were recorded that are left out, and starts of two groups of one size that are taken for one group.
func TestGroups(t *testing.T) {
	at := func(index, group, in int) scenarios.Trial {
		return scenarios.Trial{Index: index, Group: group, InGroup: in}
	}
	for name, c := range map[string]struct{ all, want []scenarios.Trial }{
		"none":        {},
		"not told":    {[]scenarios.Trial{at(0, 0, 0), at(7, 0, 0)}, []scenarios.Trial{at(0, 0, 0), at(7, 0, 0)}},
		"whole":       {[]scenarios.Trial{at(3, 2, 0), at(6, 2, 3)}, []scenarios.Trial{at(3, 2, 0), at(6, 2, 3)}},
		"cut short":   {[]scenarios.Trial{at(0, 0, 0), at(6, 2, 3), at(7, 2, 0), at(8, 2, 1)}, []scenarios.Trial{at(0, 0, 0), at(7, 2, 0), at(8, 2, 1)}},
		"the last is": {[]scenarios.Trial{at(3, 2, 0), at(4, 2, 1), at(5, 3, 0), at(7, 3, 2)}, []scenarios.Trial{at(3, 2, 0), at(4, 2, 1)}},
	} {
		got := verdict.Whole(c.all, func(t scenarios.Trial) verdict.Group { return verdict.GroupOf(&t) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

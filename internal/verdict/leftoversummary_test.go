package verdict

import (
	"slices"
	"testing"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/results"
)

// Catches a run whose lives are told to nobody, what went by itself counted as what lasted, a sequence counted with each of its lives, one that says nothing taken for
// one that left nothing, a shortest sequence that left only what is easy to free, and a command that shows one life where it takes several.
func TestSummaryTellsLives(t *testing.T) {
	never := [arms]float64{}
	c := chances{"create,delete": {0, 1}, "create,start,delete": never, "create": never, "create,stop": never, "delete": never}
	run := c.run(1, func(r *results.Record) {
		if r.Arm != "candidate" {
			return
		}
		again := 0
		for i := range r.Lived.Lives {
			switch l := &r.Lived.Lives[i]; {
			case l.Sequence == "create,delete":
				if again++; r.Trial.Lives > 1 && again > 1 { // the first time, and once of eight
					l.Left = nil
					continue
				}
				l.Left = append(l.Left, results.Leftover{Kind: lifecycle.Units, FreedBy: lifecycle.ByDelete, Count: 1, Name: "ID.scope"})
			case l.Sequence == "create,start,delete":
				l.Left = []results.Leftover{
					{Kind: lifecycle.Processes, FreedBy: lifecycle.Never, Count: 1, Name: "init of a hand's breadth"},
					{Kind: lifecycle.Cgroups, FreedBy: lifecycle.ByTime, Count: 1},
				}
			case l.Sequence == "create,stop":
				l.Left = []results.Leftover{{Kind: lifecycle.Cgroups, FreedBy: lifecycle.ByTime, Count: 1}}
			case l.Sequence == "delete":
				l.Missed = true
			}
		}
	})
	s, err := Summarize(run, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Lives) != 2 {
		t.Fatalf("%d runtimes are told of: %+v", len(s.Lives), s.Lives)
	}
	of := func(l LivesSummary, kind lifecycle.Kind) LeftSummary {
		t.Helper()
		i := slices.IndexFunc(l.Kinds, func(k LeftSummary) bool { return k.Kind == kind })
		if i < 0 {
			t.Fatalf("%s of %s is not told", kind, l.Runtime)
		}
		return l.Kinds[i]
	}
	base, cand := s.Lives[0], s.Lives[1]
	if base.Runtime != "baseline" || base.Sequences != 5 || base.Clean != 5 || base.Missed+base.Passing+base.Lasting() != 0 || of(base, lifecycle.Processes).Shortest != "" {
		t.Errorf("the baseline left nothing: %+v", base)
	}
	if cand.Sequences != 5 || cand.Missed != 1 || cand.Clean != 1 || cand.Passing != 1 || cand.Lasting() != 2 || cand.Settle != "2s" {
		t.Errorf("the candidate: %+v", cand)
	}
	if p := of(cand, lifecycle.Processes); p.Sequences[lifecycle.ByDelete] != 1 || p.Sequences[lifecycle.Never] != 1 || p.Shortest != "create,start,delete" || p.Name != "init of a hand's breadth" ||
		p.Share() != "" || p.Command != "initbench lifecycle --runtime candidate --driver systemd --sequence create,start,delete" {
		t.Errorf("processes: %+v", p)
	}
	if u := of(cand, lifecycle.Units); u.Share() != " (2 of 9 lives)" || u.Command != "initbench lifecycle --runtime candidate --driver systemd --sequence create,delete --times 9" {
		t.Errorf("a unit now and then: %+v", u)
	}
	if g := of(cand, lifecycle.Cgroups); g.Sequences[lifecycle.ByTime] != 2 || g.Shortest != "" || g.Command != "" {
		t.Errorf("cgroups that went by themselves: %+v", g)
	}
	if slices.ContainsFunc(cand.Kinds, func(k LeftSummary) bool { return k.Kind.OfNetwork() }) {
		t.Error("leases of lives that had no network")
	}
}

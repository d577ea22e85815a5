package results_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// lived is a record of a session of lives with all that one may have.
func lived() results.Record {
	r := records1[0]
	r.Lives = 1
	r.Lived = &results.Lived{Lives: []results.Life{
		{Sequence: "create,start,stop,delete"},
		{Sequence: "kill9@create:join", Missed: true},
		{Sequence: "create,start,delete", Left: []results.Leftover{
			{Kind: lifecycle.Processes, FreedBy: lifecycle.ByDelete, Count: 2, Name: "payload in the container's cgroup", AfterNS: 12e6},
			{Kind: lifecycle.Cgroups, FreedBy: lifecycle.Never, Count: 1, Name: "ID"},
		}},
	}}
	return r
}

// Catches a record of lives that no session makes and that a reader would take for one.
func TestLivesAreRefused(t *testing.T) {
	for want, spoil := range map[string]func(*results.Record){
		"lives of a trial that has none":               func(r *results.Record) { r.Lives = 0 },
		`step "creat": did you mean create?`:           func(r *results.Record) { r.Lived.Lives[0].Sequence = "creat" },
		"life create,start,delete: 0 of process":       func(r *results.Record) { r.Lived.Lives[2].Left[0].Count = 0 },
		`"processes" freed by "delete" is no leftover`: func(r *results.Record) { r.Lived.Lives[2].Left[0].Kind = "processes" },
		`"process" freed by "luck" is no leftover`:     func(r *results.Record) { r.Lived.Lives[2].Left[0].FreedBy = "luck" },
		"process freed by delete twice": func(r *results.Record) {
			r.Lived.Lives[2].Left = slices.Repeat(r.Lived.Lives[2].Left[:1], 2)
		},
		"1 of cgroup after -1 ns": func(r *results.Record) { r.Lived.Lives[2].Left[1].AfterNS = -1 },
	} {
		r := lived()
		spoil(&r)
		if _, err := results.DecodeLine(mustMarshal(t, r)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := results.DecodeLine(mustMarshal(t, lived())); err != nil {
		t.Error(err)
	}
}

// Catches a record of as many lives as a session may have that no reader has room for.
func TestALineHoldsASessionsLives(t *testing.T) {
	r := lived()
	all := results.Leftover{Kind: lifecycle.Processes, FreedBy: lifecycle.ByDelete, Count: 1, Name: strings.Repeat("x", 60), AfterNS: 2e9}
	r.Lived.Lives = nil
	for i := range scenarios.MaxLives / 2 {
		name := fmt.Sprintf("create,start,kill9@delete-force:cgroup-remove#%d,delete-pressed", i+1)
		r.Lived.Lives = append(r.Lived.Lives, results.Life{Sequence: name, Left: []results.Leftover{all, {Kind: lifecycle.Cgroups, FreedBy: lifecycle.ByDelete, Count: 1, Name: "ID", AfterNS: 2e9}}})
		r.Lived.Lives = append(r.Lived.Lives, results.Life{Sequence: name})
	}
	if n := len(mustMarshal(t, r)); n > results.MaxLine {
		t.Errorf("%d bytes, and a line has at most %d", n, results.MaxLine)
	}
}

// Catches leftovers that are added up wrongly, and an hour's wait that hides behind a shorter one.
func TestLifeOf(t *testing.T) {
	s, err := lifecycle.Parse("create,start,delete")
	if err != nil {
		t.Fatal(err)
	}
	got := results.LifeOf(lifecycle.Record{Sequence: s, Left: []lifecycle.Left{
		{Kind: lifecycle.Cgroups, Name: "ID", FreedBy: lifecycle.ByTime, AfterNS: 5},
		{Kind: lifecycle.Processes, Name: "a", FreedBy: lifecycle.ByDelete, AfterNS: 7},
		{Kind: lifecycle.Processes, Name: "b", FreedBy: lifecycle.ByDelete, AfterNS: 9},
		{Kind: lifecycle.Processes, Name: "c", FreedBy: lifecycle.Never},
	}})
	want := []results.Leftover{
		{Kind: lifecycle.Processes, FreedBy: lifecycle.ByDelete, Count: 2, Name: "a", AfterNS: 9},
		{Kind: lifecycle.Processes, FreedBy: lifecycle.Never, Count: 1, Name: "c"},
		{Kind: lifecycle.Cgroups, FreedBy: lifecycle.ByTime, Count: 1, Name: "ID", AfterNS: 5},
	}
	if !slices.Equal(got.Left, want) || got.Worst(lifecycle.Processes) != 3 || got.Worst(lifecycle.Cgroups) != 0 {
		t.Errorf("got %+v", got)
	}
}

// Catches a difference that is not lived again, one between what goes by itself that is, and two runtimes that have little in common
// and of which everything is.
func TestAgain(t *testing.T) {
	left := func(by lifecycle.Freed) []results.Leftover {
		return []results.Leftover{{Kind: lifecycle.Processes, FreedBy: by, Count: 1}}
	}
	a := results.Lived{Lives: []results.Life{
		{Sequence: "create,start,stop,delete", Left: left(lifecycle.ByDelete)}, {Sequence: "create,delete"}, {Sequence: "delete", Missed: true},
		{Sequence: "create,start,delete", Left: left(lifecycle.ByTime)}, {Sequence: "create,start,exit,delete", Left: left(lifecycle.ByClean)},
	}}
	b := results.Lived{Lives: []results.Life{
		{Sequence: "create,start,delete"}, {Sequence: "delete", Left: left(lifecycle.Never)}, {Sequence: "create,delete", Left: left(lifecycle.Never)},
		{Sequence: "create,start,stop,delete", Left: left(lifecycle.ByDelete)}, {Sequence: "create,start,exit,delete", Left: left(lifecycle.ByDelete)},
	}}
	if got, want := results.Again(a, b), []string{"create,delete", "create,start,exit,delete"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var many, none results.Lived
	for i := range 50 {
		name := fmt.Sprintf("kill9@create:join#%d", i+1)
		many.Lives = append(many.Lives, results.Life{Sequence: name, Left: left(lifecycle.ByDelete)})
		none.Lives = append(none.Lives, results.Life{Sequence: name})
	}
	if got := results.Again(many, none); len(got) != 6 {
		t.Errorf("%d of 50 are lived again", len(got))
	}
}

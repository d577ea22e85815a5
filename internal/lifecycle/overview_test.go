package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func lived(t *testing.T, runtime, name string, left ...Left) Record {
	t.Helper()
	s, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return Record{Runtime: Runtime{Name: runtime, Ref: runtime}, Driver: "systemd", Where: InGuest, Sequence: s, Left: left}
}

// Catches a leftover of two runtimes that stands twice, one that is told of without the runtime that has it, a count of things where
// sequences are meant, and a command that lives something else than the shortest.
func TestLeftoversOfSeveralTables(t *testing.T) {
	process, unit := Left{Kind: Processes, FreedBy: ByDelete}, Left{Kind: FailedUnits, FreedBy: ByClean}
	soon := Left{Kind: Processes, FreedBy: ByTime}
	tables := Tables([]Record{
		lived(t, "a", "create,start,delete", process, process, soon),
		lived(t, "b", "create,start,oom,delete", unit),
		lived(t, "b", "create,delete", process),
		lived(t, "b", "create,start,stop,delete", soon),
	})
	all := Leftovers(tables)
	if len(all) != 2 || all[0].Words() != "process: delete" || all[1].Words() != "failed-unit: clean" {
		t.Fatalf("%+v", all)
	}
	if in := all[0].In; len(in) != 2 || in[0].Setting.Runtime.Name != "a" || in[1].Sequences != 1 {
		t.Errorf("in %+v", in)
	}
	if want := "initbench lifecycle --in vm --runtime b --driver systemd --settle 0s --sequence create,delete"; all[0].Command != want {
		t.Errorf("%q, want %q", all[0].Command, want)
	}
	if a, b := tables[0].Left.Words(Processes), tables[1].Left.Words(Processes); a != "1 delete" || b != "1 time, 1 delete" || tables[1].Lived != 3 {
		t.Errorf("processes: %q and %q; %d lived", a, b, tables[1].Lived)
	}
}

// Catches a sequence that counts as often as it was lived, an outcome of it that is lost or is told as if it came each time, a command
// that lives it too seldom to show it, and a pair that takes a later life for the first.
func TestSequenceLivedSeveralTimes(t *testing.T) {
	process, soon, unit := Left{Kind: Processes, FreedBy: ByDelete}, Left{Kind: Processes, FreedBy: ByTime}, Left{Kind: FailedUnits, FreedBy: ByClean}
	var records []Record
	for i, left := range [][]Left{nil, {process}, {process, soon}, {unit}, {process}} {
		r := lived(t, "a", "create,start,delete", left...)
		if i > 0 {
			r.Life = i + 1
		}
		records = append(records, r)
	}
	missed := lived(t, "a", "kill9@create:join")
	missed.Steps = []Done{{Step: "kill9@create:join", Missed: true}}
	again := missed
	again.Life = 2
	records = append(records, missed, again, lived(t, "a", "create,start,stop,delete"))
	tables := Tables(records)
	if n := len(tables); n != 1 {
		t.Fatalf("%d tables", n)
	}
	tab := tables[0]
	if tab.Lived != 3 || tab.Clean != 2 || tab.Lasting != 1 || tab.Left.Words(Processes) != "1 delete" || tab.Missed != 1 || tab.Lives != 8 || tab.LivesMissed != 2 || len(tab.Pairs) != 0 || tab.Same != 1 {
		t.Errorf("%+v", tab)
	}
	var rows []string
	for _, r := range tab.Rows {
		rows = append(rows, fmt.Sprint(r.Lives, "/", r.Of, " ", r.Cells[Processes], r.Cells[FailedUnits]))
	}
	if want := []string{"2/5 delete", "1/5 time, delete", "1/5 clean"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	all := Leftovers(tables)
	const command = "initbench lifecycle --in vm --runtime a --driver systemd --settle 0s --sequence create,start,delete --times 5"
	if len(all) != 2 || all[0].Lives != 3 || all[0].Of != 5 || all[0].In[0].Sequences != 1 || all[1].Lives != 1 || all[0].Command != command || all[1].Command != command {
		t.Errorf("%+v", all)
	}
	// Another runtime leaves the unit in a greater share of fewer lives.
	often := lived(t, "b", "create,start,delete", unit)
	often.Life = 2
	all = Leftovers(Tables(append(records, lived(t, "b", "create,start,delete"), often)))
	if got := all[1]; got.Lives != 1 || got.Of != 2 || got.Command != "initbench lifecycle --in vm --runtime b --driver systemd --settle 0s --sequence create,start,delete --times 2" || all[0].Of != 5 {
		t.Errorf("%+v", all)
	}
}

// Catches a difference of two runtimes that stands twice, and one that they do not share and stands once.
func TestDifferencesOfSeveralTables(t *testing.T) {
	process := Left{Kind: Processes, FreedBy: ByDelete}
	var records []Record
	for _, runtime := range []string{"a", "b", "c"} {
		direct := []Left{process}
		if runtime == "c" {
			direct = append(direct, process)
		}
		records = append(records, lived(t, runtime, "create,start,delete", direct...), lived(t, runtime, "create,start,stop,delete"))
	}
	var found []string
	for _, d := range Differences(Tables(records)) {
		word := d.Direct.String() + " " + d.Left + " " + d.Stopped
		for _, in := range d.In {
			word += " " + in.Setting.Runtime.Name
		}
		found = append(found, word)
	}
	if want := []string{"create,start,delete process: delete nothing a b", "create,start,delete process: 2 delete nothing c"}; !slices.Equal(found, want) {
		t.Errorf("%q, want %q", found, want)
	}
}

// Catches a command that lives something in another setting than it was lived in, or on another machine.
func TestCommandsHaveTheSetting(t *testing.T) {
	s := Setting{Runtime: Runtime{Name: "a", Ref: "a"}, Driver: "systemd", Where: InGuest, Settle: DefaultSettle}
	if want := "initbench lifecycle --in vm --runtime a --driver systemd --sequence "; s.Again() != want {
		t.Errorf("%q, want %q", s.Again(), want)
	}
	s.Where, s.Settle = OnHost, 5*time.Second
	if want := "initbench lifecycle --in host --runtime a --driver systemd --settle 5s --sequence "; s.Again() != want {
		t.Errorf("%q, want %q", s.Again(), want)
	}
}

// Catches a fault that is not counted.
func TestFaults(t *testing.T) {
	for name, want := range map[string]int{"create,start,stop,delete-late": 0, "create,stop,delete-pressed": 1, "kill9@create:join,create,kill9@delete:exit,delete": 2} {
		s, err := Parse(name)
		if err != nil || s.Faults() != want {
			t.Errorf("%s: %d faults, want %d (%v)", name, s.Faults(), want, err)
		}
	}
}

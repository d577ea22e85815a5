package lifecycle

import (
	"slices"
	"testing"
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
	if want := "initbench lifecycle --in vm --runtime b --driver systemd --sequence create,delete"; all[0].Command != want {
		t.Errorf("%q, want %q", all[0].Command, want)
	}
	if a, b := tables[0].Left.Words(Processes), tables[1].Left.Words(Processes); a != "1 delete" || b != "1 time, 1 delete" || tables[1].Lived() != 3 {
		t.Errorf("processes: %q and %q; %d lived", a, b, tables[1].Lived())
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

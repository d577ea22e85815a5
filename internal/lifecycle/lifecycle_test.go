package lifecycle

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/sequence"
)

var small = Space{Faults: 1, Points: Points{Create: {"join", "fork"}, Start: {"fifo-open"}, Delete: {"cgroup-remove", "state-remove"}}}

func collect(t testing.TB, s Space, length int) []string {
	t.Helper()
	all, err := s.All(length)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for seq := range all {
		names = append(names, seq.String())
	}
	return names
}

// Catches a count that is not the number of what comes, a sequence that comes twice, and one that is longer than asked.
func TestCountIsWhatComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Space{Faults: rapid.IntRange(0, 2).Draw(t, "faults"), Points: Points{}}
		for _, v := range Kills() {
			for i := range rapid.IntRange(0, 2).Draw(t, string(v)) {
				s.Points[v] = append(s.Points[v], PointOf("join", i+1))
			}
		}
		length := rapid.IntRange(1, 4).Draw(t, "length")
		n, err := s.Count(length)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.All(length)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for seq := range all {
			name := seq.String()
			if seen[name] || len(seq) > length {
				t.Fatalf("%s: twice, or longer than %d", name, length)
			}
			seen[name] = true
			if strings.Count(name, killed)+strings.Count(name, string(PressedDelete)) > s.Faults {
				t.Fatalf("%s: more than %d faults", name, s.Faults)
			}
			back, err := Parse(name)
			if err != nil || back.String() != name {
				t.Fatalf("%s parses back to %v: %v", name, back, err)
			}
		}
		if n.Cmp(big.NewInt(int64(len(seen)))) != 0 {
			t.Fatalf("counted %v, and %d came", n, len(seen))
		}
	})
}

// Catches a machine that forgets one of the lives that incidents were made of, or admits one that nobody lives.
func TestWhatIsEnumerated(t *testing.T) {
	names := collect(t, small, 4)
	for _, want := range []string{
		"delete", "delete-force", "create,delete", "create,start,exit,delete", "create,start,stop,delete-late", "create,start,delete-force",
		"kill9@create:join,delete-force", "create,kill9@start:fifo-open,delete", "create,start,oom,delete", "create,stop,delete,delete",
		"create,stop,delete-pressed", "create,start,delete,delete-force", "create,start,stop,kill9@delete:cgroup-remove", "create,delete,create,delete",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not enumerated", want)
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, "start") || strings.Count(name, "kill9@") > 1 || strings.HasPrefix(name, "start") {
			t.Errorf("%s is enumerated", name)
		}
	}
}

// Catches a direct delete that stands apart from the same life with a stop before it.
func TestTwinsStandSideBySide(t *testing.T) {
	names, pairs := collect(t, small, 4), 0
	for i, name := range names {
		seq, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		twin, ok := seq.Stopped()
		if !ok || len(twin) > 4 {
			continue
		}
		pairs++
		if i+1 == len(names) || names[i+1] != twin.String() {
			t.Errorf("%s does not come right behind %s", twin, name)
		}
	}
	if pairs < 4 {
		t.Errorf("only %d pairs", pairs)
	}
}

// Catches an enumeration that goes on when nobody wants more, and so one that makes all before it gives the first.
func TestLazy(t *testing.T) {
	s := Space{Faults: 2, Points: Points{Create: {"a", "b", "c"}}}
	all, err := s.All(8)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range all {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d sequences came of a loop that was left after 3", n)
	}
}

// Catches an enumeration that begins although nobody could live to see its end, and a refusal without the number.
func TestTooMany(t *testing.T) {
	s := Space{Faults: 8, Points: Points{}}
	for _, v := range Kills() {
		for i := range 30 {
			s.Points[v] = append(s.Points[v], PointOf("join", i+1))
		}
	}
	n, err := s.Count(MaxLength)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.All(MaxLength); err == nil || !strings.Contains(err.Error(), n.String()) {
		t.Errorf("%v sequences: %v", n, err)
	}
	for _, length := range []int{0, -1, MaxLength + 1} {
		if _, err := s.Count(length); err == nil {
			t.Errorf("length %d is counted", length)
		}
	}
}

// Catches an exit status that is told as the place in memory where it lies, and a step of no runtime told as one of a runtime that succeeded.
func TestHowAStepEnded(t *testing.T) {
	exit := func(n int) *int { return &n }
	for want, d := range map[string]Done{"exit 0": {Exit: exit(0)}, "exit 1": {Exit: exit(1)}, "SIGKILL": {Signal: "SIGKILL"}, "": {Step: "oom"}} {
		if got := d.Ended(); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
}

// Catches a name that is misread, or refused without the words that mend it.
func TestParseRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"": "empty", "create,": `step "" is not one of`, "creat,start": `step "creat": did you mean create? else write one of create, start, delete`,
		"kill,start":              "stop, oom, kill9@VERB:POINT",
		"create,kill9@strat:join": `step "strat": did you mean start? else write one of create, start, stop`, "start": "cannot follow nothing", "create,exit": "the container is created then",
		"kill9@create": "VERB:POINT", "kill9@oom:join": "not one of create, start", "kill9@create:Join": "a-z", "kill9@create:join#0": "#2",
		strings.Repeat("create,delete,", 9): "the most are 16",
	} {
		if _, err := Parse(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// Catches points that are not in the order of the timeline, come twice, or cannot be written in a sequence.
func TestPointsOf(t *testing.T) {
	var tl sequence.Timeline
	for _, s := range []sequence.Step{sequence.Fork, sequence.CloneSealed, sequence.Fork, sequence.Join, "???"} {
		tl.Events = append(tl.Events, sequence.Event{Step: s})
	}
	if got := PointsOf(tl); !slices.Equal(got, []Point{"fork", "clone-sealed", "join"}) {
		t.Errorf("%q", got)
	}
}

// Catches a record that says other than what was stored, and one that is taken though it contradicts itself.
func TestRecord(t *testing.T) {
	good := `{"kind":"lifecycle","schema":2,"run":"r","runtime":{"name":"runc","ref":"runc","sha256":"ab"},"driver":"systemd","kernel":"6.1","where":"guest","settle_ns":5,"sequence":"create,delete",` +
		`"steps":[{"step":"create","ns":5,"exit":0},{"step":"delete","ns":6,"exit":1}],"left":[{"kind":"unit","name":"x.scope","freed_by":"clean","after_ns":7}]}`
	r, err := Decode([]byte(good))
	if err != nil || r.Key() != `"runc" "runc" ab systemd "6.1" guest 5 create,delete` || r.Left[0].FreedBy != ByClean || r.Missed() {
		t.Fatalf("%+v: %v", r, err)
	}
	if r, err := Decode([]byte(strings.Replace(good, `"steps"`, `"life":3,"steps"`, 1))); err != nil || r.Key() != `"runc" "runc" ab systemd "6.1" guest 5 create,delete #3` {
		t.Errorf("its third life: %+v: %v", r, err)
	}
	for _, change := range [][2]string{{`"schema":2`, `"schema":1`}, {`"guest"`, `"moon"`}, {`"settle_ns":5`, `"settle_ns":-5`}, {`"clean"`, `"luck"`}, {`"kind":"unit"`, `"kind":"hope"`}, {`"run":`, `"walk":`},
		{`"steps"`, `"life":1,"steps"`}, {`"steps"`, `"life":-2,"steps"`}, {`"steps"`, `"life":100001,"steps"`}, {`"step":"delete"`, `"step":"start"`}, {`"create,delete"`, `"delete"`}, {`"after_ns":7`, `"after_ns":-7`}, {`"kind":"lifecycle"`, `"kind":"trial"`}, {`]}`, `]}{}`}} {
		if _, err := Decode([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s for %s is taken", change[1], change[0])
		}
	}
}

// Catches a record of lives with a network that is refused or loses its pools, one that has what only a network leaves without it, and a
// network that could not have been made.
func TestRecordWithANetwork(t *testing.T) {
	good := `{"kind":"lifecycle","schema":2,"run":"r","runtime":{"name":"n","ref":"n"},"driver":"systemd","kernel":"k","where":"guest","settle_ns":0,` +
		`"network":{"pools":[{"base":"fd0d::/48","size":64},{"base":"10.0.0.0/8","size":24}]},"sequence":"create,delete","steps":[],` +
		`"left":[{"kind":"veth","name":"on the bridge NET","freed_by":"delete"},{"kind":"lease","name":"an address of 10.0.0.0/8","freed_by":"clean"}]}`
	r, err := Decode([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	const words = `[{"base":"fd0d::/48","size":64},{"base":"10.0.0.0/8","size":24}]`
	if r.Setting().Network != words || Lasting(r) != "veth: delete; lease: clean" {
		t.Errorf("network %s left %s", r.Setting().Network, Lasting(r))
	}
	again, err := pool.ParseChecked("argument", []byte(words))
	if err != nil || NetworkOf(again).String() != words || NetworkOf(nil).String() != "" {
		t.Errorf("%v: %v", again, err)
	}
	if want := "initbench lifecycle --in vm --runtime n --driver systemd --network '" + words + "' --settle 0s --sequence create,delete"; Tables([]Record{r})[0].Command(r.Sequence) != want {
		t.Errorf("%s, want %s", Tables([]Record{r})[0].Command(r.Sequence), want)
	}
	for _, change := range [][2]string{{`"network":{"pools":[{"base":"fd0d::/48","size":64},{"base":"10.0.0.0/8","size":24}]},`, ""},
		{`{"base":"fd0d::/48","size":64},{"base":"10.0.0.0/8","size":24}`, ""}, {`"size":64`, `"size":80`}, {`10.0.0.0/8","s`, `fd0d::/32","s`}, {`"pools"`, `"pool"`}} {
		if _, err := Decode([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s for %s is taken", change[1], change[0])
		}
	}
}

// Catches a sequence that was not lived and is counted as one that was, and one that is said not to have been lived and has steps.
func TestNotLived(t *testing.T) {
	line := `{"kind":"lifecycle","schema":2,"run":"r","runtime":{"name":"n","ref":"n"},"driver":"d","kernel":"k","where":"host","settle_ns":0,` +
		`"sequence":"kill9@create:join,delete","steps":[],"left":[],"behind":"kill9@create:join"}`
	r, err := Decode([]byte(line))
	if err != nil || !r.Missed() {
		t.Fatalf("%+v: %v", r, err)
	}
	missed := r
	missed.Sequence, missed.Behind, missed.Steps = r.Sequence[:1], "", []Done{{Step: "kill9@create:join", Missed: true}}
	if tables := Tables([]Record{missed, r}); len(tables) != 1 || tables[0].Lived != 1 || tables[0].Missed != 1 || tables[0].Unlived != 1 || tables[0].Clean != 0 {
		t.Errorf("%+v", tables)
	}
	for _, change := range [][2]string{{`"steps":[]`, `"steps":[{"step":"kill9@create:join","ns":1}]`}, {`"behind":"kill9@create:join"`, `"behind":"create"`},
		{`"left":[]`, `"left":[{"kind":"unit","name":"x.scope","freed_by":"clean"}]`}} {
		if _, err := Decode([]byte(strings.Replace(line, change[0], change[1], 1))); err == nil {
			t.Errorf("%s for %s is taken", change[1], change[0])
		}
	}
}

// Catches what was lived in another setting and is taken for lived in this one, or is put in one table with it.
func TestSettingsStayApart(t *testing.T) {
	base := Record{Runtime: Runtime{Name: "n", Ref: "/r", Version: "1", SHA256: "ab"}, Driver: "systemd", Kernel: "6.1", Where: OnHost, SettleNS: 1, Sequence: Sequence{{Verb: Delete}}}
	network := func(size int) *Network { return &Network{Pools: []pool.Written{{Base: "10.0.0.0/8", Size: size}}} }
	networked := base
	networked.Network = network(24)
	longer := base
	longer.Sequence = Sequence{{Verb: Delete}, {Verb: Delete}}
	records := []Record{base, longer}
	for what, change := range map[string]func(*Record){
		"name": func(r *Record) { r.Runtime.Name = "m" }, "ref": func(r *Record) { r.Runtime.Ref = "/s" }, "binary": func(r *Record) { r.Runtime.SHA256 = "cd" },
		"driver": func(r *Record) { r.Driver = "cgroupfs" }, "kernel": func(r *Record) { r.Kernel = "6.12" }, "where": func(r *Record) { r.Where = InGuest },
		"settle": func(r *Record) { r.SettleNS = 2 }, "network": func(r *Record) { r.Network = network(24) }, "pool": func(r *Record) { r.Network = network(25) },
	} {
		other := base
		change(&other)
		if other.Key() == base.Key() || what == "pool" && other.Key() == networked.Key() {
			t.Errorf("another %s has the same key %s", what, other.Key())
		}
		records = append(records, other)
	}
	tables := Tables(records)
	if len(tables) != len(records)-1 || tables[0].Clean != 2 {
		t.Errorf("%d tables of %d settings: %+v", len(tables), len(records)-1, tables)
	}
	for i, tab := range tables {
		if want := records[i+1]; tab.Setting != want.Setting() || i > 0 && tab.Clean != 1 {
			t.Errorf("table %d: %+v, want that of %+v", i, tab, want)
		}
	}
}

// Catches a name that panics the parser, or is read as a sequence that is called something else.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"delete", "create,start,stop,delete", "kill9@create:join#2,delete-force", "create,kill9@start:fifo-open,start,delete-late"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if s, err := Parse(name); err == nil && s.String() != name {
			t.Errorf("%q is read as %q", name, s)
		}
	})
}

// Catches a line that panics the decoder, or is taken with a sequence that cannot be written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"kind":"lifecycle","schema":2,"run":"r","runtime":{"name":"n","ref":"n"},"driver":"d","kernel":"k","where":"host","settle_ns":0,"sequence":"delete","steps":[],"left":[]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Decode(line)
		if err != nil {
			return
		}
		if _, err := Parse(r.Sequence.String()); err != nil {
			t.Error(err)
		}
	})
}

// Catches sequences that left the same and stand apart, some that did not and stand together, and a group whose shortest is not.
func TestGroups(t *testing.T) {
	record := func(name string, left ...Left) Record {
		s, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		return Record{Sequence: s, Left: left}
	}
	process := Left{Kind: Processes, FreedBy: ByDelete}
	tables := Tables([]Record{
		record("create,start,delete", process, process, Left{Kind: Cgroups, FreedBy: ByTime}),
		record("create,delete", process),
		record("create,start,stop,delete", Left{Kind: Cgroups, FreedBy: ByTime}),
		record("create,start,exit,delete", Left{Kind: Processes, FreedBy: Never}),
		record("delete"),
	})
	g := tables[0].Groups
	if len(g) != 2 || g[0].Sequences != 2 || g[0].Shortest.String() != "create,delete" || g[0].Cells[Processes] != "delete" || g[1].Cells[Processes] != "never" {
		t.Errorf("groups %+v", g)
	}
	if !slices.Equal(tables[0].Lasts, []Kind{Processes}) {
		t.Errorf("kinds %q", tables[0].Lasts)
	}
}

package scenarios

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	cgjoin "github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// Catches an axis that is read into the wrong field.
func TestParseReadsTheAxesOfBuilds(t *testing.T) {
	got, err := Parse("f.yaml", []byte(base+`limits: [none, 12MiB]
clones: [init, parent]
strategies: [memfd, overlayfs]
sizes: [8MiB, 16777216]
headroom: [none, -1MiB, 0, 2MiB]
places: [ancestor, container]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "mine", Drivers: cgroupjoin.Drivers(), Limits: []int64{12 << 20}, Unlimited: true, Place: cgroupjoin.OnContainer,
		Trials: 2, Warmup: 1, Containers: 1, Timeout: DefaultTimeout, Judge: []string{OOMRate},
		Clones: []memfdclone.Where{memfdclone.InInit, memfdclone.InParent}, Strategies: []memfdclone.Strategy{memfdclone.Memfd, memfdclone.Overlayfs},
		Sizes: []int64{8 << 20, 16 << 20}, Headroom: &Headroom{None: true, Bytes: []int64{-1 << 20, 0, 2 << 20}},
		Places: []cgroupjoin.Place{cgroupjoin.OnAncestor, cgroupjoin.OnContainer},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const joinsBase = "name: mine\ntrials: 2\njudge: [join.latency]\n"

// Catches the same for joins, and a default that moved.
func TestParseReadsJoins(t *testing.T) {
	for text, want := range map[string]Joins{
		"joins: {mechanisms: [unit], cgroup: [late], siblings: [1, 2000], threads: [16], busy: [true, false]}\n": {
			[]cgroupjoin.Mechanism{cgroupjoin.ByUnit}, []cgroupjoin.When{cgroupjoin.Late}, []int{1, 2000}, []int{16}, []bool{true, false}},
		"joins: {siblings: [3]}\n": {cgroupjoin.Mechanisms(), []cgroupjoin.When{cgroupjoin.Late, cgroupjoin.Early}, []int{3}, []int{1}, []bool{false}},
	} {
		got, err := Parse("f.yaml", []byte(joinsBase+text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got.Joins); diff != "" {
			t.Errorf("%s%s", text, diff)
		}
	}
}

// Catches a bad value of an axis that is let in, that has no place in the file, or that does not say what would be right.
func TestParseRefusesBadAxes(t *testing.T) {
	const (
		places  = "places: [container, ancestor]\nsizes: [8MiB]\n"
		wheres  = "write parent, init, once or none"
		rising  = "write sizes from small to large, each once"
		starts  = "no container is started there: leave "
		joining = "joins: {siblings: [1]}\n"
	)
	for _, test := range []struct{ text, want string }{
		{base + "clones: [parent, kernel]\n", `f.yaml:4:18: clone "kernel": ` + wheres},
		{base + "clones: [init, init]\n", "f.yaml:4:16: clone init a second time: name each once"},
		{base + "clones: []\n", "f.yaml:4:9: clones is an empty list: name at least one, or leave the key out"},
		{base + "strategies: [sendfile]\n", `f.yaml:4:14: strategy "sendfile": write memfd, memfd-copy, memfd-mmap, memfd-thp, memfd-hugetlb, tmpfile, overlayfs, bind or none`},
		{base + "sizes: [16MiB, 8MiB]\n", "f.yaml:4:16: size 8MiB after 16MiB: " + rising},
		{base + "sizes: [2GiB]\n", "f.yaml:4:9: size 2GiB: write 1 to 1GiB"},
		{base + "sizes: [8MB]\n", `f.yaml:4:9: sizes[0] "8MB" is not a size: write 8MiB (powers of 1024) or plain bytes`},
		{base + "sizes: [-8MiB]\n", `f.yaml:4:9: sizes[0] "-8MiB" is not a size: a size is not negative`},
		{base + "headroom: [1MiB]\n", "f.yaml:4:11: headroom without sizes: it is what a limit leaves beside the binary: add sizes, such as sizes: [8MiB, 16MiB]"},
		{base + "sizes: [8MiB]\nheadroom: [none, 2MiB, 1MiB]\n", "f.yaml:5:24: headroom 1MiB after 2MiB: write it from small to large, each once"},
		{base + "sizes: [8MiB]\nheadroom: [2MiB, none]\n", "f.yaml:5:18: headroom[1] none after others: write none first, and once"},
		{base + "sizes: [8MiB]\nheadroom: [-2GiB]\n", "f.yaml:5:12: headroom -2GiB: write -1GiB to 8388607GiB"},
		{base + "sizes: [8MiB]\nheadroom: [-2parsec]\n", `f.yaml:5:12: headroom[0] "-2parsec" is not a size: write digits and KiB, MiB or GiB, such as 16MiB`},
		{base + "limits: [none, none]\n", "f.yaml:4:16: limits[1] none after others: write none first, and once"},
		{base + places, "f.yaml:4:9: places without headroom: they are those of its limits: for limits write place"},
		{base + places + "headroom: [1MiB]\nstrategies: {}\n", "f.yaml:7:13: strategies is a mapping, not a sequence: write a list, as in [a, b]"},
		{base + "sizes: [8MiB]\nheadroom: [1MiB]\nplaces: [pod]\n", `f.yaml:6:10: place "pod": write container or ancestor`},
		{base + joining, "f.yaml:3:9: metric oom.rate where joins are measured: write join.latency"},
		{joinsBase, "f.yaml:3:9: metric join.latency without joins: only a join measured alone has it: add joins"},
		{joinsBase + joining + "limits: [12MiB]\n", "f.yaml:5:9: limits where joins are measured: " + starts + "limits out"},
		{joinsBase + joining + "sizes: [12MiB]\n", "f.yaml:5:8: sizes where joins are measured: " + starts + "sizes out"},
		{joinsBase + joining + "runtimes: [{name: x, ref: crun}]\n", "f.yaml:5:11: runtimes where joins are measured: " + starts + "runtimes out"},
		{joinsBase + "joins: {mechanisms: [fork]}\n", `f.yaml:4:22: mechanism "fork": write procs, birth, unit or attach`},
		{joinsBase + "joins: {cgroup: [soon]}\n", `f.yaml:4:18: cgroup "soon": write early or late`},
		{joinsBase + "joins: {siblings: [1, 20001]}\n", "f.yaml:4:23: siblings 20001: write 0 to 20000"},
		{joinsBase + "joins: {threads: [0]}\n", "f.yaml:4:19: threads 0: write 1 to 1024"},
		{joinsBase + "joins: {threads: [2, 2]}\n", "f.yaml:4:22: threads 2 a second time: name each once"},
		{joinsBase + "joins: {busy: [true, true]}\n", "f.yaml:4:15: joins.busy has one value twice: name each once"},
		{joinsBase + "joins: {busy: [1]}\n", `f.yaml:4:16: joins.busy[0] "1" is a number, not true or false: write true or false`},
		{joinsBase + "joins: {forks: 1}\n", `f.yaml:4:9: unknown key "forks": joins has mechanisms, cgroup, siblings, threads, busy`},
	} {
		_, err := Parse("f.yaml", []byte(test.text))
		var e *Error
		if !errors.As(err, &e) || err.Error() != test.want {
			t.Errorf("%q\ngot  %v\nwant %s", test.text, err, test.want)
		}
	}
}

func built(order sequence.Order, clone memfdclone.Where, strategy memfdclone.Strategy, size int64, place cgroupjoin.Place, limit int64) Cell {
	return Cell{cgroupjoin.Cgroupfs, order, place, limit, Build{clone, strategy, size}, Join{}, Enumeration{}}
}

// Catches a cell that is measured although it is another under a second name, or cannot be had at all; and one that is left out
// although it makes sense.
func TestSenselessCells(t *testing.T) {
	const natural, cloneFirst, joinFirst = sequence.Natural, sequence.CloneBeforeJoin, sequence.JoinBeforeClone
	for _, test := range []struct {
		cell Cell
		want string // empty: it makes sense
	}{
		{Cell{Driver: cgroupjoin.Cgroupfs, Order: joinFirst, Limit: 12 << 20}, ""},
		{built(joinFirst, memfdclone.InInit, memfdclone.Memfd, 8<<20, "", 0), ""},
		{built(natural, memfdclone.InInit, memfdclone.MemfdTHP, 8<<20, "", 0), "as runc 1.1.15 does"},
		{built(natural, memfdclone.InInit, "", 8<<20, "", 0), ""},
		{built(joinFirst, "", memfdclone.Overlayfs, 8<<20, "", 0), ""},
		{built(natural, memfdclone.Nowhere, memfdclone.None, 8<<20, "", 0), ""},
		{built(natural, memfdclone.Nowhere, memfdclone.Memfd, 8<<20, "", 0), "clone=none makes no copy"},
		{built(cloneFirst, memfdclone.Nowhere, memfdclone.None, 8<<20, "", 0), "has no copy that could come before or after"},
		{built(natural, memfdclone.InParent, memfdclone.None, 8<<20, "", 0), "that is clone=none"},
		{built(natural, memfdclone.InParent, memfdclone.Bind, 8<<20, "", 0), ""},
		{built(cloneFirst, memfdclone.InParent, memfdclone.Memfd, 8<<20, "", 0), "clone-before-join is its natural order"},
		{built(joinFirst, memfdclone.InParent, memfdclone.Memfd, 8<<20, "", 0), "no join can come before it"},
		{built(joinFirst, memfdclone.Once, memfdclone.Memfd, 8<<20, "", 0), "no join can come before it"},
		{built(natural, memfdclone.Once, memfdclone.MemfdTHP, 8<<20, "", 0), ""},
		{built(natural, memfdclone.Once, memfdclone.Tmpfile, 8<<20, "", 0), "needs a sealed memfd"},
		{built(natural, memfdclone.Once, memfdclone.MemfdHugetlb, 8<<20, "", 0), "cannot be executed"},
		{built(natural, memfdclone.InInit, memfdclone.Memfd, 1<<20, "", 0), "own binary has 7046448 bytes, and padding only adds"},
		{built(natural, memfdclone.InInit, memfdclone.Memfd, 7046448, "", 0), ""},
		{built(natural, memfdclone.InInit, memfdclone.Memfd, 8<<20, cgroupjoin.OnContainer, MinLimit-1), "the limit would be below 64KiB"},
		{built(natural, memfdclone.InInit, memfdclone.Memfd, 8<<20, cgroupjoin.OnContainer, MinLimit), ""},
	} {
		got := test.cell.Senseless(7046448)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.cell, got, test.want)
		}
	}
	if why := built(natural, memfdclone.InInit, memfdclone.Memfd, 1<<20, "", 0).Senseless(0); !strings.Contains(why, "more than 4MiB") {
		t.Errorf("1 MiB of a binary of unknown size: %q", why)
	}
}

// Catches a join that the package which makes it refuses, and would be a trial that always fails; and one that it makes and
// that is never measured.
func TestJoinsThatArePlannedCanBeMade(t *testing.T) {
	s, err := Load("join-latency")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := NewSpec([]Scenario{s}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]bool{}
	for c, why := range spec.Cells(s, spec.Runtimes[0]) {
		if why != "" {
			continue
		}
		ways[fmt.Sprint(c.Driver, c.Join.Mechanism, c.Join.Cgroup)] = true
		if err := cgjoin.Check(c.Join.Mechanism, c.Join.Cgroup, c.Driver == cgroupjoin.Systemd); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, d := range cgroupjoin.Drivers() {
		for _, m := range cgroupjoin.Mechanisms() {
			for _, w := range cgroupjoin.Whens() {
				if (cgjoin.Check(m, w, d == cgroupjoin.Systemd) == nil) != ways[fmt.Sprint(d, m, w)] {
					t.Errorf("%s, %s, %s: planned is %v", d, m, w, ways[fmt.Sprint(d, m, w)])
				}
			}
		}
	}
	for _, j := range []Join{
		{Mechanism: cgroupjoin.ByUnit, Cgroup: cgroupjoin.Early, Threads: 1}, {Mechanism: cgroupjoin.ByBirth, Cgroup: cgroupjoin.Early, Threads: 16},
		{Mechanism: cgroupjoin.ByProcs, Cgroup: cgroupjoin.Late, Threads: 1, Busy: true},
	} {
		if (Cell{Driver: cgroupjoin.Systemd, Join: j}).Senseless(0) == "" {
			t.Errorf("%+v makes sense", j)
		}
	}
}

// Catches a run without a runtime that does not take the built-in one, arms that a scenario has no use for, and an option that
// would be overruled without a word.
func TestArmsOfBuildsAndJoins(t *testing.T) {
	matrix, latency := mustLoad(t, "order-matrix"), mustLoad(t, "join-latency")
	for _, test := range []struct {
		all  []Scenario
		arms []Runtime
		want string // an error, or = and the arms' references
	}{
		{[]Scenario{valid("a")}, nil, "=builtin"},
		{[]Scenario{matrix}, []Runtime{{Name: "x", Ref: "crun"}}, "=crun"},
		{[]Scenario{matrix}, []Runtime{{Name: "x", Ref: "builtin:join=birth,cgroup=early"}}, "=builtin:join=birth,cgroup=early"},
		{[]Scenario{latency}, nil, "=join:"},
		{[]Scenario{latency}, []Runtime{{Name: "crun", Ref: "crun"}},
			"scenario join-latency measures joins alone and starts no runtime: leave crun out, as in initbench run join-latency"},
		{[]Scenario{valid("a"), latency}, nil, "scenario a starts containers beside one that measures joins alone: run them one after the other"},
		{[]Scenario{matrix}, []Runtime{{Name: "x", Ref: "builtin:clone=init"}},
			`runtime x fixes clone, which scenario order-matrix varies: leave clone out of "builtin:clone=init", or choose with --clone`},
		{[]Scenario{matrix}, []Runtime{{Name: "x", Ref: "builtin:join=procs,pad=1MiB"}},
			`runtime x fixes pad, which scenario order-matrix varies: leave pad out of "builtin:join=procs,pad=1MiB", or choose with --size`},
		{[]Scenario{valid("a")}, []Runtime{{Name: "x", Ref: "builtin:clone=init"}}, "=builtin:clone=init"},
	} {
		spec, err := NewSpec(test.all, test.arms, 1)
		got := "="
		if err != nil {
			got = err.Error()
		} else {
			for _, r := range spec.Runtimes {
				got += r.Ref
			}
		}
		if got != test.want {
			t.Errorf("\ngot  %s\nwant %s", got, test.want)
		}
	}
}

func mustLoad(t *testing.T, name string) Scenario {
	t.Helper()
	s, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Catches a run of nothing that ends well, and does not say why there is nothing to do.
func TestArmWithoutACellIsRefused(t *testing.T) {
	s := mustLoad(t, "order-matrix")
	s.Sizes = []int64{1 << 20, 6 << 20}
	spec, err := NewSpec([]Scenario{s}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	spec.BuiltinBytes = 7 << 20
	want := "no cell of scenario order-matrix makes sense for runtime builtin: the built-in runtime's own binary has 7340032 bytes, and padding only adds"
	if err := spec.Validate(); err == nil || !strings.HasPrefix(err.Error(), "no cell of scenario order-matrix makes sense for runtime builtin: ") {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	j := mustLoad(t, "join-latency")
	j.Drivers, j.Joins.Mechanisms = j.Drivers[:1], []cgroupjoin.Mechanism{cgroupjoin.ByUnit}
	_, err = NewSpec([]Scenario{j}, nil, 1)
	want = "no cell of scenario join-latency makes sense for runtime join: join unit: only the systemd driver has units"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

// Catches axes that are multiplied out before they are counted, and a product that is not explained.
func TestSizeOfAxesIsKnownBeforeTheyAreMultiplied(t *testing.T) {
	s := valid("wide")
	s.Drivers, s.Clones, s.Strategies, s.Headroom = cgroupjoin.Drivers(), memfdclone.Wheres(), memfdclone.Strategies(), &Headroom{}
	for i := range int64(MaxLimits) {
		s.Sizes, s.Headroom.Bytes = append(s.Sizes, 8<<20+i), append(s.Headroom.Bytes, i)
	}
	s.Places = []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor}
	_, err := NewSpec([]Scenario{s}, nil, 1)
	want := "scenario wide: 2 drivers x 4 clones x 9 strategies x 1024 sizes x 2048 limits make 150994944 cells: a run holds at most 100000"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	j := Joins{Mechanisms: cgroupjoin.Mechanisms(), Cgroup: []cgroupjoin.When{cgroupjoin.Late}, Busy: []bool{false}}
	for i := range MaxLimits {
		j.Siblings, j.Threads = append(j.Siblings, i), append(j.Threads, i+1)
	}
	s = valid("joins")
	s.Judge, s.Joins = []string{JoinLatency}, &j
	_, err = NewSpec([]Scenario{s}, nil, 1)
	want = "scenario joins: 4 mechanisms x 1024 siblings x 1024 threads make 4194304 cells: a run holds at most 100000"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	matrix := mustLoad(t, "order-matrix")
	matrix.Trials = 1000
	_, err = NewSpec([]Scenario{matrix}, nil, 1)
	want = "scenario order-matrix: 450 cells of arms that make sense x 1000 trials make 450000 container starts: a run holds at most 100000"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

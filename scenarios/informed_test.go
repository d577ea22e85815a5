package scenarios

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// drawBuilt makes a Spec with axes of the built-in runtime, small enough to write out, in which some cells make no sense.
func drawBuilt(t *rapid.T) Spec {
	s := drawScenario(t, "built")
	s.Warmup, s.Trials = rapid.IntRange(0, 2).Draw(t, "warmups"), rapid.IntRange(1, 6).Draw(t, "rounds")
	s.Clones = memfdclone.Wheres()[:rapid.IntRange(2, 4).Draw(t, "clones")]
	s.Strategies = slices.Clone(rapid.SampledFrom([][]memfdclone.Strategy{nil, {memfdclone.Memfd}, {memfdclone.Memfd, memfdclone.Tmpfile, memfdclone.None}}).Draw(t, "strategies"))
	if rapid.Bool().Draw(t, "sized") {
		s.Sizes = []int64{1 << 20, 8 << 20, 16 << 20}
		s.Headroom = &Headroom{None: rapid.Bool().Draw(t, "none"), Bytes: []int64{-8 << 20, 2 << 20}}
	}
	spec := Spec{Scenarios: []Scenario{s}, Seed: rapid.Uint64().Draw(t, "seed"), BuiltinBytes: rapid.SampledFrom([]int64{0, 7 << 20, 8 << 20}).Draw(t, "bytes")}
	for i, ref := range rapid.SampledFrom([][]string{{"builtin"}, {"builtin", "builtin:join=birth"}, {"builtin", "crun"}, {"a", "builtin", "b", "c"}}).Draw(t, "arms") {
		spec.Runtimes = append(spec.Runtimes, Runtime{Name: fmt.Sprintf("arm%d", i), Ref: ref})
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	return spec
}

// Catches a Size that promises another number of trials than the plan has, a gap in the numbering that resuming goes
// by, an arm with too few or too many trials in a cell, and one that is in a cell of others or in one that makes no sense.
func TestInformedPlanIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawBuilt(t)
		size, err := spec.Size()
		if err != nil {
			t.Fatal(err)
		}
		sc := spec.Scenarios[0]
		type key struct {
			arm string
			Cell
		}
		got, want := map[key]int{}, map[key]int{}
		for _, r := range spec.Runtimes {
			for c, why := range spec.Cells(sc, r) {
				if why == "" {
					want[key{r.Name, c}] = sc.Trials * sc.Containers
				}
			}
		}
		next := 0
		for trial := range spec.Trials() {
			if trial.Index != next {
				t.Fatalf("trial %d comes where %d should", trial.Index, next)
			}
			next++
			if !trial.Warmup {
				got[key{trial.Arm, trial.Cell()}]++
			}
		}
		if int64(next) != size {
			t.Fatalf("%d trials, Size says %d", next, size)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Catches a block that is not what inference takes it for, a plan that is another one the second time, and a build that
// is measured before anything has warmed it up.
func TestInformedPlanHoldsWhatPlansDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawBuilt(t)
		for _, block := range blocks(spec.Trials(), false) {
			letters := batchArms(t, block)
			if n := len(unique(letters)); len(letters) != n && (n != 2 || letters[0] != letters[3] || letters[1] != letters[2]) {
				t.Fatalf("block of %v", letters)
			}
		}
		if !slices.Equal(slices.Collect(spec.Trials()), slices.Collect(spec.Trials())) {
			t.Fatal("a second iteration gives another plan")
		}
		warm := map[string]bool{}
		for trial := range spec.Trials() {
			key := fmt.Sprint(trial.Arm, trial.Driver, trial.Build.Clone, trial.Build.Strategy)
			if warm[key] = warm[key] || trial.Warmup; !warm[key] && spec.Scenarios[0].Warmup > 0 || trial.Warmup && trial.Limit != 0 {
				t.Fatalf("%+v", trial)
			}
		}
	})
}

// Catches a core that five minutes have no room for at a second a trial, or that does not hold the
// question of the scenario: who pays for the copy in init, at two sizes, in each order, and who does not.
func TestFiveMinutesOfTheOrderMatrix(t *testing.T) {
	spec, err := NewSpec([]Scenario{mustLoad(t, "order-matrix")}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	spec.BuiltinBytes = 7 << 20
	had, spent := map[Cell]int{}, time.Duration(0)
	for trial := range spec.Trials() {
		if spent += time.Second; spent > 5*time.Minute {
			break
		}
		if !trial.Warmup {
			had[trial.Cell()]++
		}
		// 24 cells without a limit and 8 warm-ups.
		if trial.Index < 32 && trial.Limit != 0 || trial.Index == 31 && len(had) != 24 {
			t.Errorf("trial %d with a limit of %d: %d cells before it", trial.Index, trial.Limit, len(had))
		}
	}
	const memfd = memfdclone.Memfd
	for _, driver := range cgroupjoin.Drivers() {
		for _, size := range []int64{8 << 20, 16 << 20} {
			cells := []Cell{
				{Driver: driver, Order: sequence.Natural, Build: Build{memfdclone.InParent, memfd, size}},
				{Driver: driver, Order: sequence.Natural, Build: Build{memfdclone.InParent, memfdclone.Overlayfs, size}},
				{Driver: driver, Order: sequence.Natural, Build: Build{memfdclone.Nowhere, memfdclone.None, size}},
			}
			for _, order := range sequence.Orders() {
				c := Cell{Driver: driver, Order: order, Build: Build{memfdclone.InInit, memfd, size}}
				cells = append(cells, c)
				for _, room := range []int64{2 << 20, 12 << 20} {
					for _, place := range []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor} {
						c.Place, c.Limit = place, size+room
						cells = append(cells, c)
					}
				}
			}
			for _, c := range cells {
				if had[c] < 3 {
					t.Errorf("%+v has %d trials", c, had[c])
				}
			}
		}
	}
	if len(had) < 100 {
		t.Errorf("%d cells have a trial: nothing but the core", len(had))
	}
}

// Catches a plan that comes to some value of an axis only at its end: once the core is done every two values that a cell has
// together are to meet before sixty more have had their first trial. All would be 366.
func TestPairsMeetSoon(t *testing.T) {
	spec, err := NewSpec([]Scenario{mustLoad(t, "order-matrix")}, nil, 7)
	if err != nil {
		t.Fatal(err)
	}
	all := spec.slots(spec.Scenarios[0])
	var core, others []slot
	want, met := map[pair]bool{}, map[pair]bool{}
	for _, s := range all {
		meet(want, s)
		if s.core {
			core = append(core, s)
			meet(met, s)
		} else {
			others = append(others, s)
		}
	}
	sorted := cover(core, others)
	n := 0
	for ; len(met) < len(want); n++ {
		if gain(met, sorted[n]) == 0 {
			t.Fatalf("number %d of %d brings no pair, and %d are still to meet", n, len(sorted), len(want)-len(met))
		}
		meet(met, sorted[n])
	}
	if n > 60 {
		t.Errorf("all pairs have met after %d of %d cells", n, len(sorted))
	}
	if len(sorted) != len(others) {
		t.Errorf("%d of %d cells are left", len(sorted), len(others))
	}
}

// Catches axes of the built-in runtime that change what another one is asked, and with it the meaning of stored runs.
func TestOtherRuntimesHaveNoBuilds(t *testing.T) {
	with := mustLoad(t, "order-matrix")
	without := with
	without.Clones, without.Strategies, without.Sizes, without.Headroom, without.Places = nil, nil, nil, nil, nil
	arms := []Runtime{{Name: "runc", Ref: "runc@v1.1.15"}}
	got := Spec{Scenarios: []Scenario{with}, Runtimes: arms, Seed: 3}
	want := Spec{Scenarios: []Scenario{without}, Runtimes: arms, Seed: 3}
	if diff := cmp.Diff(slices.Collect(want.Trials()), slices.Collect(got.Trials())); diff != "" {
		t.Error(diff)
	}
	// 2 drivers x 3 orders x 3 limits x 20 trials, and a warm-up under each driver.
	if n, err := got.Size(); n != 362 || err != nil {
		t.Errorf("%d trials, %v", n, err)
	}
}

// Catches a change of the informed plan for a seed that stored runs rely on to be resumed.
func TestInformedPlanOfSeedOneIsPinned(t *testing.T) {
	spec, err := NewSpec([]Scenario{mustLoad(t, "order-matrix")}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for trial := range spec.Trials() {
		if line := fmt.Sprintf("%d %s %s %s %s %s %s %s", trial.Index, trial.Driver, trial.Order, trial.Build.Clone, trial.Build.Strategy,
			FormatSize(trial.Build.BinaryBytes), FormatSize(trial.Limit), trial.Place); trial.Index < 6 || trial.Index >= 260 && trial.Index < 264 {
			got = append(got, line)
		}
	}
	want := []string{
		"0 systemd natural init memfd 16MiB 0 ",
		"1 systemd natural init memfd 16MiB 0 ",
		"2 cgroupfs natural init memfd 8MiB 0 ",
		"3 cgroupfs natural init memfd 8MiB 0 ",
		"4 systemd natural parent overlayfs 8MiB 0 ",
		"5 systemd natural parent overlayfs 8MiB 0 ",
		"260 systemd natural once memfd-mmap 64MiB 0 ",
		"261 systemd natural once memfd-mmap 64MiB 76MiB ancestor",
		"262 cgroupfs natural once memfd-copy 64MiB 0 ",
		"263 cgroupfs natural once memfd-copy 64MiB 66MiB container",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Catches a plan of joins that starts a container to warm up, or does not begin with the mechanism it is about to measure.
func TestPlanOfJoins(t *testing.T) {
	spec, err := NewSpec([]Scenario{mustLoad(t, "join-latency")}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	warm, measured := 0, map[Cell]int{}
	for trial := range spec.Trials() {
		if trial.Join == (Join{}) || trial.Arm != "join" || trial.Order != sequence.Natural || trial.Observe {
			t.Fatalf("%+v", trial)
		}
		if trial.Warmup {
			warm++
		} else {
			measured[trial.Cell()]++
		}
	}
	if warm != 6 || len(measured) != 108 {
		t.Errorf("%d warm-ups, %d cells", warm, len(measured))
	}
	for c, n := range measured {
		if n != 20 {
			t.Errorf("%+v has %d trials", c, n)
		}
	}
}

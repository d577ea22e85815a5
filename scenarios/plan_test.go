package scenarios

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// drawSpec makes a Spec that Validate accepts, small enough to write out.
func drawSpec(t *rapid.T) Spec {
	spec := Spec{Seed: rapid.Uint64().Draw(t, "seed")}
	for i := range rapid.IntRange(1, 3).Draw(t, "scenarios") {
		spec.Scenarios = append(spec.Scenarios, drawScenario(t, fmt.Sprintf("s%d", i)))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "arms") {
		spec.Runtimes = append(spec.Runtimes, Runtime{Name: fmt.Sprintf("arm%d", i), Ref: "runc"})
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	return spec
}

func drawScenario(t *rapid.T, name string) Scenario {
	s := Scenario{
		Name:       name,
		Drivers:    cgroupjoin.Drivers()[:rapid.IntRange(1, 2).Draw(t, "drivers")],
		Trials:     rapid.IntRange(1, 7).Draw(t, "trials"),
		Warmup:     rapid.IntRange(0, 2).Draw(t, "warmup"),
		Containers: rapid.IntRange(1, 4).Draw(t, "containers"),
		Timeout:    time.Minute,
		Judge:      []string{OOMRate},
	}
	s.Concurrent = s.Containers > 1 && rapid.Bool().Draw(t, "concurrent")
	s.Orders = slices.Clone(rapid.SampledFrom([][]sequence.Order{
		nil, sequence.Orders()[:1], sequence.Orders()[1:2], sequence.Orders()[:2], sequence.Orders(),
	}).Draw(t, "orders"))
	s.Observe = rapid.Bool().Draw(t, "observe")
	for i := range rapid.IntRange(0, 4).Draw(t, "limits") {
		s.Limits, s.Place = append(s.Limits, int64(i+8)<<20), cgroupjoin.OnAncestor
	}
	return s
}

// blocks groups what is measured (or not) by block number, in plan order.
func blocks(trials iter.Seq[Trial], warmup bool) [][]Trial {
	var all [][]Trial
	for t := range trials {
		if t.Warmup != warmup {
			continue
		}
		if n := len(all); n == 0 || all[n-1][0].Block != t.Block {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], t)
	}
	return all
}

// Catches a Size that promises another number of trials than the plan has, and a gap
// or a repetition in the numbering that resuming goes by.
func TestPlanIsAsLargeAsSizeSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		size, err := spec.Size()
		if err != nil {
			t.Fatal(err)
		}
		next, block, batch := 0, 0, 0
		for trial := range spec.Trials() {
			if trial.Index != next {
				t.Fatalf("trial %d comes where %d should", trial.Index, next)
			}
			if trial.Block < block || trial.Block > block+1 || trial.Batch < batch || trial.Batch > batch+1 {
				t.Fatalf("after block %d batch %d comes block %d batch %d", block, batch, trial.Block, trial.Batch)
			}
			next, block, batch = next+1, trial.Block, trial.Batch
		}
		if int64(next) != size {
			t.Fatalf("%d trials, Size says %d", next, size)
		}
	})
}

// Catches an arm that is measured more often than another in some cell, which
// would give the comparison a side.
func TestEveryArmHasItsTrialsInEveryCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		type key struct {
			scenario, arm string
			cell          Cell
			warmup        bool
		}
		got, want := map[key]int{}, map[key]int{}
		for trial := range spec.Trials() {
			got[key{trial.Scenario, trial.Arm, trial.Cell(), trial.Warmup}]++
		}
		for _, s := range spec.Scenarios {
			for _, r := range spec.Runtimes {
				for c := range spec.Cells(s, r) {
					want[key{s.Name, r.Name, c, false}] = s.Trials * s.Containers
				}
				for _, d := range s.Drivers {
					if s.Warmup > 0 {
						want[key{s.Name, r.Name, Cell{Driver: d, Order: sequence.Natural}, true}] = s.Warmup
					}
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Catches a trial that is timed although something watches or delays it, an order imposed that nobody
// watches, and a warm-up that does more than start the runtime.
func TestTrialsStayInTheirLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		of := map[string]Scenario{}
		for _, s := range spec.Scenarios {
			of[s.Name] = s
		}
		for trial := range spec.Trials() {
			s := of[trial.Scenario]
			want := !trial.Warmup && (s.Observe || trial.Order != sequence.Natural)
			if trial.Observe != want || trial.Warmup && trial.Order != sequence.Natural {
				t.Fatalf("%+v in a scenario with observe %v and orders %v", trial, s.Observe, s.Orders)
			}
			if trial.Observe && !s.Observes() || trial.Order != sequence.Natural && !s.Imposes() {
				t.Fatalf("%+v: the scenario says it observes %v, imposes %v", trial, s.Observes(), s.Imposes())
			}
		}
	})
}

// Catches a plan that changed for stored runs from before there were orders: their trials'
// numbers must mean the same starts.
func TestNaturalOrderWrittenOutIsTheSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		for i := range spec.Scenarios {
			spec.Scenarios[i].Orders = nil
		}
		want := slices.Collect(spec.Trials())
		for i := range spec.Scenarios {
			spec.Scenarios[i].Orders = []sequence.Order{sequence.Natural}
		}
		if diff := cmp.Diff(want, slices.Collect(spec.Trials())); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Catches blocks that are not what inference takes them for: one cell, the arms side by side,
// ABBA with two of them.
func TestBlocksHoldTheArmsSideBySide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		for _, block := range blocks(spec.Trials(), false) {
			letters := batchArms(t, block)
			checkLetters(t, spec, block[0].Scenario, letters)
		}
		for _, block := range blocks(spec.Trials(), true) {
			if letters := batchArms(t, block); len(letters) != len(spec.Runtimes) || len(unique(letters)) != len(letters) {
				t.Fatalf("warm-up block of %v", letters)
			}
		}
	})
}

// batchArms returns the arm of each batch of a block, having checked that all of its
// trials share their conditions and that batches are whole.
func batchArms(t *rapid.T, block []Trial) (arms []string) {
	for i, trial := range block {
		if trial.InBatch == 0 {
			arms = append(arms, trial.Arm)
		} else if trial.Arm != block[i-1].Arm || trial.Batch != block[i-1].Batch || trial.InBatch != block[i-1].InBatch+1 {
			t.Fatalf("batch broken at %+v", trial)
		}
		same := block[0]
		same.Index, same.Batch, same.InBatch, same.Arm = trial.Index, trial.Batch, trial.InBatch, trial.Arm
		if trial != same {
			t.Fatalf("%+v in a block with %+v", trial, block[0])
		}
	}
	if len(block) != len(arms)*block[0].BatchSize {
		t.Fatalf("%d trials in %d batches of %d", len(block), len(arms), block[0].BatchSize)
	}
	return arms
}

func checkLetters(t *rapid.T, spec Spec, scenario string, letters []string) {
	odd := spec.Scenarios[slices.IndexFunc(spec.Scenarios, func(s Scenario) bool { return s.Name == scenario })].Trials%2 == 1
	if len(spec.Runtimes) == 2 && len(letters) == 4 {
		if letters[0] != letters[3] || letters[1] != letters[2] || letters[0] == letters[1] {
			t.Fatalf("not ABBA: %v", letters)
		}
		return
	}
	if len(spec.Runtimes) == 2 && !odd {
		t.Fatalf("half a block although the trials are even: %v", letters)
	}
	if len(letters) != len(spec.Runtimes) || len(unique(letters)) != len(letters) {
		t.Fatalf("not each arm once: %v", letters)
	}
}

func unique(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// Catches a cell that is measured in one stretch, where a drift of the machine would
// look like an effect of the limit.
func TestEveryRoundVisitsEveryCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		spec.Scenarios = spec.Scenarios[:1]
		cells := 0
		for range spec.Cells(spec.Scenarios[0], spec.Runtimes[0]) {
			cells++
		}
		for round := range slices.Chunk(blocks(spec.Trials(), false), cells) {
			visited := map[Cell]bool{}
			for _, block := range round {
				visited[block[0].Cell()] = true
			}
			if len(visited) != cells {
				t.Fatalf("a round visits %d of %d cells", len(visited), cells)
			}
		}
	})
}

// Catches a warm-up that comes after what it was to warm, or that cannot start for its limit.
func TestWarmupsComeFirstAndWithoutLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		measured := map[string]bool{}
		for trial := range drawSpec(t).Trials() {
			if trial.Warmup && (measured[trial.Scenario] || trial.Limit != 0 || trial.BatchSize != 1) {
				t.Fatalf("warm-up %+v", trial)
			}
			measured[trial.Scenario] = measured[trial.Scenario] || !trial.Warmup
		}
	})
}

// Catches a plan that depends on anything but the Spec: on an earlier iteration, on where this one
// stopped, on a map's order.
func TestPlanIsTheSameEveryTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		whole := slices.Collect(spec.Trials())
		stop := rapid.IntRange(0, len(whole)).Draw(t, "stop")
		done := map[int]bool{}
		for trial := range spec.Trials() {
			if trial.Index == stop {
				break
			}
			done[trial.Index] = true
		}
		// Now resume as a run does: iterate again and skip what is done.
		var rest []Trial
		for trial := range spec.Trials() {
			if !done[trial.Index] {
				rest = append(rest, trial)
			}
		}
		if !slices.Equal(whole[stop:], rest) {
			t.Fatalf("resumed after %d trials: %v", stop, cmp.Diff(whole[stop:], rest))
		}
	})
}

// Catches a scenario whose order changes with what else is in the run.
func TestScenariosArePlannedIndependently(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		alone := spec
		alone.Scenarios = spec.Scenarios[len(spec.Scenarios)-1:]
		among := armsOf(spec, alone.Scenarios[0].Name)
		if diff := cmp.Diff(armsOf(alone, alone.Scenarios[0].Name), among); diff != "" {
			t.Fatal(diff)
		}
	})
}

func armsOf(spec Spec, scenario string) (all []string) {
	for trial := range spec.Trials() {
		if trial.Scenario == scenario {
			all = append(all, fmt.Sprint(trial.Arm, trial.Driver, trial.Order, trial.Limit, trial.Warmup))
		}
	}
	return all
}

// Catches a first letter that is not random: always the same, alternating, or
// tied to the block before through seeds that are close together. With 2000 fair
// coins, 1000 are heads and 1000 pairs differ, each give or take 22; 110 is five standard deviations.
func TestFirstLettersAreFairCoins(t *testing.T) {
	s := valid("coins")
	s.Trials = 4000
	for _, seed := range []uint64{0, 1, 2, 1 << 63} {
		heads, changes, last := 0, 0, ""
		for _, block := range blocks(Spec{Scenarios: []Scenario{s}, Runtimes: twoArms(), Seed: seed}.Trials(), false) {
			if block[0].Arm == "baseline" {
				heads++
			}
			if block[0].Arm != last {
				changes++
			}
			last = block[0].Arm
		}
		if heads < 890 || heads > 1110 || changes < 890 || changes > 1110 {
			t.Errorf("seed %d: baseline first in %d of 2000 blocks, %d changes", seed, heads, changes)
		}
	}
}

// Catches a seed that is not used.
func TestSeedsGiveDifferentPlans(t *testing.T) {
	s := valid("seeds")
	s.Trials = 64
	spec := Spec{Scenarios: []Scenario{s}, Runtimes: twoArms(), Seed: 1}
	one := armsOf(spec, "seeds")
	spec.Seed = 2
	if slices.Equal(one, armsOf(spec, "seeds")) {
		t.Error("seeds 1 and 2 give the same plan")
	}
}

// Catches a plan that is built before its first trial is had: the largest one
// allowed has 100 000, and the first few need only some.
func TestPlanIsLazy(t *testing.T) {
	s := valid("large")
	s.Trials = MaxTrials / 2
	spec := Spec{Scenarios: []Scenario{s}, Runtimes: twoArms()}
	if size, err := spec.Size(); err != nil || size != MaxTrials {
		t.Fatalf("size %d, %v", size, err)
	}
	allocations := testing.AllocsPerRun(10, func() {
		for trial := range spec.Trials() {
			if trial.Index == 10 {
				break
			}
		}
	})
	if allocations > 500 {
		t.Errorf("%.0f allocations for ten trials", allocations)
	}
}

// Catches a change of the plan for a seed that stored runs rely on to be resumed: of this
// package, or of math/rand/v2 in a new Go.
func TestPlanOfSeedOneIsPinned(t *testing.T) {
	s := valid("pinned")
	s.Drivers, s.Limits, s.Place, s.Warmup = cgroupjoin.Drivers(), []int64{12 << 20, 16 << 20}, cgroupjoin.OnAncestor, 1
	spec, err := NewSpec([]Scenario{s}, twoArms(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for trial := range spec.Trials() {
		if trial.Index < 12 {
			got = append(got, fmt.Sprintf("%s %s %s", trial.Driver, FormatSize(trial.Limit), trial.Arm))
		}
		if trial.Order != sequence.Natural {
			t.Fatalf("trial %d asks for order %s", trial.Index, trial.Order)
		}
	}
	want := []string{
		"cgroupfs 0 candidate", "cgroupfs 0 baseline",
		"systemd 0 baseline", "systemd 0 candidate",
		"cgroupfs 16MiB baseline", "cgroupfs 16MiB candidate",
		"cgroupfs 16MiB candidate", "cgroupfs 16MiB baseline",
		"systemd 16MiB baseline", "systemd 16MiB candidate",
		"systemd 16MiB candidate", "systemd 16MiB baseline",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Catches the same for a plan with orders, which multiply the cells between drivers and limits.
func TestPlanWithOrdersIsPinned(t *testing.T) {
	s := valid("pinned")
	s.Limits, s.Place, s.Orders, s.Judge = []int64{12 << 20, 16 << 20}, cgroupjoin.OnContainer, sequence.Orders(), []string{OOMRate}
	spec, err := NewSpec([]Scenario{s}, []Runtime{{Name: "runc", Ref: "runc"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for trial := range spec.Trials() {
		got = append(got, fmt.Sprintf("%d %s %s %v", trial.Block, FormatSize(trial.Limit), trial.Order, trial.Observe))
	}
	want := []string{
		"0 12MiB clone-before-join true", "1 16MiB clone-before-join true", "2 16MiB natural false",
		"3 12MiB join-before-clone true", "4 12MiB natural false", "5 16MiB join-before-clone true",
		"6 16MiB clone-before-join true", "7 12MiB join-before-clone true", "8 16MiB join-before-clone true",
		"9 16MiB natural false", "10 12MiB natural false", "11 12MiB clone-before-join true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

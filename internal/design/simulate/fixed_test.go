package simulate

import (
	"testing"
	"time"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// errors are what a design gets wrong: rows of a runtime against itself that stay open, and gates that do not see a start which
// takes 5 % longer.
type errorRates struct{ open, missed float64 }

func ratesOf(same, slower []Played) (e errorRates) {
	var open, rows, missed int
	for _, p := range same {
		for _, m := range p.Verdict.Metrics {
			if m.Relative && m.Baseline.N > 0 && !m.Open {
				rows++
				open += one(m.Ruling != verdict.Pass && m.Ruling != verdict.Improved)
			}
		}
	}
	for _, p := range slower {
		missed += one(!isFound(p.Verdict, scenarios.StartLatency))
	}
	return errorRates{float64(open) / float64(rows), float64(missed) / float64(len(slower))}
}

func startsOf(all []Played) (mean int) {
	for _, p := range all {
		mean += p.Starts
	}
	return mean / len(all)
}

// ladderStarts is a ladder's of both arms: 29 starts under each limit, which is what shows a probability of 0.9 at 95 %. It is favoured: its
// rungs are as far apart as the margin of start.threshold is wide, and it tells the edge no closer than that.
func ladderStarts(h results.Header, sc scenarios.Scenario) int {
	const each = 29
	rung := int64(verdict.DefaultMargins()[scenarios.StartThreshold].AtLeast)
	q := sc.Search
	return each * (int((q.To-q.From)/rung) + 1) * len(h.Spec.Slots(sc)) * len(h.Spec.Runtimes)
}

// Catches an adaptive design whose blocks take more than two thirds of the starts of a fixed one's with the same errors, and one that
// takes more than a third of them with thresholds. The fixed one has as many blocks in each cell as it needs to leave no more rows open and miss no more plants, and a ladder in the place of the searches.
func TestStartsAgainstAFixedDesign(t *testing.T) {
	gates := 20
	if testing.Short() {
		gates = 4
	}
	for _, name := range []string{"instructions", "wall"} {
		w, h := world(t, name)
		searches, sought := world(t, "thresholds")
		w.Searches(searches)
		blocks := adaptive(h, 6*time.Minute)
		same, slower := inParallel(t, w, blocks, gates, untold(), nil), inParallel(t, w, blocks, gates, untold(), Slower(0.05))
		want := ratesOf(same, slower)

		fixed := h
		fixed.Design = nil
		var need errorRates
		var starts, n int
		for _, n = range []int{10, 20, 30, 45, 60, 80, 100} {
			for i, sc := range h.Spec.Scenarios {
				fixed.Spec.Scenarios[i] = sc.AtMost(2 * n)
			}
			plain := inParallel(t, w, fixed, gates, untold(), nil)
			need, starts = ratesOf(plain, inParallel(t, w, fixed, gates, untold(), Slower(0.05))), startsOf(plain)
			if need.open <= want.open && need.missed <= want.missed {
				break
			}
		}
		whole := blocks
		whole.Spec.Scenarios = append(whole.Spec.Scenarios[:len(whole.Spec.Scenarios):len(whole.Spec.Scenarios)], sought.Spec.Scenarios[0])
		whole.Design.MaxTime = 0
		gate := startsOf(inParallel(t, w, whole, max(2, gates/5), untold(), nil))
		ladder := ladderStarts(whole, sought.Spec.Scenarios[0])

		// A ladder is what nobody needs to be better than by much: the blocks alone are held to the blocks alone.
		if 3*startsOf(same) > 2*starts {
			t.Errorf("%s: the blocks of an adaptive gate take %d starts, those of a fixed one with its errors %d", name, startsOf(same), starts)
		}
		t.Logf("%s clock           starts   rows left open   5 %% missed", name)
		t.Logf("adaptive, blocks    %6d   %14.3f   %10.2f", startsOf(same), want.open, want.missed)
		t.Logf("fixed, %3d blocks   %6d   %14.3f   %10.2f", n, starts, need.open, need.missed)
		t.Logf("adaptive, with thresholds           %6d", gate)
		t.Logf("fixed, with a ladder                %6d", starts+ladder)
		share := func(a, b int) float64 { return float64(a) / float64(b) }
		t.Logf("adaptive by fixed: blocks %.2f, searches %.3f, whole %.3f", share(startsOf(same), starts), share(gate-startsOf(same), ladder), share(gate, starts+ladder))
		if 3*gate > starts+ladder {
			t.Errorf("%s: an adaptive gate takes %d starts, a fixed one with its errors %d", name, gate, starts+ladder)
		}
	}
}

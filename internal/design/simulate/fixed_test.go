package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// errorRates are what a design gets wrong: gates of a runtime against itself that are regressed, rows of those that stay open, and gates that do not see a
// start which takes 5 % longer.
type errorRates struct{ alarms, open, missed float64 }

func (e errorRates) within(o errorRates) bool {
	return e.alarms <= o.alarms && e.open <= o.open && e.missed <= o.missed
}

func ratesOf(same, slower []Played) (e errorRates) {
	var alarms, open, rows, missed int
	for _, p := range same {
		alarms += one(p.Verdict.Ruling == verdict.Regressed)
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
	return errorRates{share(alarms, len(same)), share(open, rows), share(missed, len(slower))}
}

func share(a, b int) float64 { return float64(a) / float64(b) }

// fixedDesign has so many blocks in each cell, whatever comes of them.
type fixedDesign struct {
	blocks, starts int
	rates          errorRates
	// enough: no error of it is more frequent than wanted; otherwise the design that is so takes more starts.
	enough bool
}

// fixedWith is the smallest fixed design with errors that are no more frequent than those of another, or else the largest there is.
func fixedWith(t *testing.T, w *World, h results.Header, gates int, want errorRates) (f fixedDesign) {
	t.Helper()
	h.Design = nil
	for _, f.blocks = range []int{10, 20, 30, 45, 60, 80, 100, 140} {
		h.Spec.Scenarios = slices.Clone(h.Spec.Scenarios)
		for i, sc := range h.Spec.Scenarios {
			h.Spec.Scenarios[i] = sc.AtMost(2 * f.blocks)
		}
		same := inParallel(t, w, h, gates, untold(), nil)
		f.starts, f.rates = startsOf(same), ratesOf(same, inParallel(t, w, h, gates, untold(), Slower(0.05)))
		if f.enough = f.rates.within(want); f.enough {
			break
		}
	}
	return f
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
// takes more than a third of them with thresholds. The fixed one has as many blocks in each cell as it needs to accuse no more runtimes that are their own baseline,
// leave no more rows open and miss no more plants, and a ladder in the place of the searches.
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
		same := inParallel(t, w, blocks, gates, untold(), nil)
		starts, rates := startsOf(same), ratesOf(same, inParallel(t, w, blocks, gates, untold(), Slower(0.05)))
		fixed := fixedWith(t, w, h, gates, rates)

		whole := blocks
		whole.Spec.Scenarios = append(slices.Clone(whole.Spec.Scenarios), sought.Spec.Scenarios[0])
		whole.Design.MaxTime = 0
		gate := startsOf(inParallel(t, w, whole, max(2, gates/5), untold(), nil))
		ladder := ladderStarts(whole, sought.Spec.Scenarios[0])

		t.Logf("%s clock            starts   false alarms   rows left open   5 %% missed", name)
		t.Logf("adaptive, blocks     %6d   %12.2f   %14.3f   %9.2f", starts, rates.alarms, rates.open, rates.missed)
		t.Logf("fixed, %3d blocks    %6d   %12.2f   %14.3f   %9.2f   errors no more frequent: %v", fixed.blocks, fixed.starts, fixed.rates.alarms, fixed.rates.open, fixed.rates.missed, fixed.enough)
		t.Logf("adaptive, with thresholds           %6d", gate)
		t.Logf("fixed, with a ladder                %6d", fixed.starts+ladder)
		t.Logf("adaptive by fixed: blocks %.2f, searches %.3f, whole %.3f", share(starts, fixed.starts), share(gate-starts, ladder), share(gate, fixed.starts+ladder))
		// A ladder is what nobody needs to be better than by much: the blocks alone are held to the blocks alone.
		if 3*starts > 2*fixed.starts {
			t.Errorf("%s: the blocks of an adaptive gate take %d starts, those of a fixed one with its errors %d", name, starts, fixed.starts)
		}
		if 3*gate > fixed.starts+ladder {
			t.Errorf("%s: an adaptive gate takes %d starts, a fixed one with its errors %d", name, gate, fixed.starts+ladder)
		}
	}
}

package verdict

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/initbench/initbench/results"
)

// swapped is the same run with its arms exchanged.
func swapped(records []results.Record) []results.Record {
	other := map[string]string{"baseline": "candidate", "candidate": "baseline"}
	out := slices.Clone(records)
	for i := range out {
		out[i].Arm = other[out[i].Arm]
		out[i].Runtime.Name = out[i].Arm
	}
	return out
}

// near allows for rounding on the scale of the decision.
func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(a))
}

func logOf(m Metric, x float64) float64 {
	if m.Relative && !math.IsInf(x, 0) {
		return math.Log1p(x)
	}
	return x
}

// Catches a sign, a margin or a look that knows which arm is called baseline: with its arms exchanged a gate says the mirror image,
// but for what regressed and mirrors to a pass.
func TestSwappingTheArmsMirrorsEveryRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		looks := rapid.SampledFrom([][]int{{40}, {10, 20, 40}}).Draw(t, "looks")
		blocks := rapid.SampledFrom([]int{7, 10, 13, 20}).Draw(t, "blocks")
		sc := latencyOnly()
		sc.Judge = append(sc.Judge, "container.memory.peak")
		ladder := oomLimits(2)
		whole, made := looking(blocks, looks, sc, ladder)
		m := model{
			cv: rapid.Float64Range(0.005, 0.2).Draw(t, "cv"), seed: rapid.Uint64().Draw(t, "seed"),
			factor: map[string]float64{"start.latency": rapid.Float64Range(0.7, 1.4).Draw(t, "latency"), "container.memory.peak": rapid.Float64Range(0.5, 2).Draw(t, "peak")},
			killed: [arms]func(int64) bool{below(rapid.Int64Range(8, 24).Draw(t, "base")), below(rapid.Int64Range(8, 24).Draw(t, "cand"))},
		}
		records := m.all(made)
		there, err := Judge(runOf(whole, records), roomy())
		back, err2 := Judge(runOf(whole, swapped(records)), roomy())
		if err != nil || err2 != nil || len(there.Metrics) != len(back.Metrics) {
			t.Fatal(err, err2, len(there.Metrics), len(back.Metrics))
		}
		for i, a := range there.Metrics {
			b := back.Metrics[i]
			if a.Looks.Blocks != b.Looks.Blocks { // a pass is settled earlier than its mirror, which is open
				continue
			}
			if !near(logOf(a, a.Change), -logOf(b, b.Change)) || !near(logOf(a, a.ChangeLo), -logOf(b, b.ChangeHi)) || !near(a.P, b.P) || !near(a.Margin, b.Margin) {
				t.Fatalf("%s\n%s: no mirror images", a.Reason, b.Reason)
			}
			if len(looks) > 1 {
				continue // the family has other looks
			}
			if !near(a.PHolm, b.PHolm) {
				t.Fatalf("%s\n%s: no mirror images after Holm", a.Reason, b.Reason)
			}
			// A pass excludes a change for the worse alone: its mirror may be anything but a regression that is one both ways.
			if (a.Ruling == Regressed) != (b.Ruling == Improved) || (a.Ruling == Improved) != (b.Ruling == Regressed) {
				t.Fatalf("%s: %s, and with the arms exchanged %s: %s", a.Ruling, a.Reason, b.Ruling, b.Reason)
			}
		}
	})
}

// Catches the same of brackets.
func TestSwappingTheArmsMirrorsThresholds(t *testing.T) {
	sc := thresholds(natural)
	for _, at := range [][2]int64{{7 * mib, 9 * mib}, {7 * mib, 7*mib + mib/2}, {7 * mib, 100 * mib}, {8 * mib, 8 * mib}} {
		records := sharpAt(at[0], at[1]).search(1, sc, nil)
		there, back := mustJudge(t, runOf(gateOf(sc), records)).Metrics, mustJudge(t, runOf(gateOf(sc), swapped(records))).Metrics
		for i, a := range there {
			b := back[i]
			if !near(a.Change, -b.Change) || !near(a.ChangeLo, -b.ChangeHi) || a.Margin != b.Margin ||
				(a.Ruling == Regressed) != (b.Ruling == Improved) || (a.Ruling == Improved) != (b.Ruling == Regressed) {
				t.Errorf("%s: %s\n%s: %s", a.Ruling, a.Reason, b.Ruling, b.Reason)
			}
		}
	}
}

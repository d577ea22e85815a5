package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// curve is the probability of a start under a limit.
type curve func(limit float64) float64

func sharp(edge float64) curve { return func(x float64) float64 { return atLeast(x, edge) } }

func logisticAt(edge, width float64) curve {
	return func(x float64) float64 { return 1 / (1 + math.Exp(-(x-edge)/width)) }
}

// racing starts never below from, half of the time up to to, more often from there on, and always where no race can be lost.
func racing(from, to, sure float64) curve {
	return func(x float64) float64 {
		return math.Max(math.Max(0.5*atLeast(x, from), 0.85*atLeast(x, to)), atLeast(x, sure))
	}
}

// answer is what two brackets say, in the words of a ruling.
func (r Rivals) answer() string {
	bLo, bHi := r.Baseline.ends()
	cLo, cHi := r.Candidate.ends()
	d := r.beyond()
	switch {
	case bHi < r.Baseline.limits && cLo-bHi >= d:
		return "regressed"
	case cHi < r.Candidate.limits && bLo-cHi >= d:
		return "improved"
	case cHi < r.Candidate.limits && cHi-bLo < d:
		return "pass"
	}
	return "inconclusive"
}

// contest plays both searches to their end.
func contest(t *testing.T, r *rand.Rand, n int, base, cand curve) Rivals {
	t.Helper()
	rivals := Rivals{Baseline: NewSearch(gateSearch), Candidate: NewSearch(gateSearch), Margin: 1 * mib}
	for group := rivals.Next(n); len(group) > 0; group = rivals.Next(n) {
		for _, start := range group {
			at := base
			if start.Of == rivals.Candidate {
				at = cand
			}
			if err := start.Of.Add(start.Limit, r.Float64() < at(float64(start.Limit))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rivals
}

// Catches brackets and answers that are wrong more often than they say when limits are chosen by what the other arm's starts showed: two edges of one family, as far
// apart as chance has them, most of them near each other.
func TestRivalsHoldTheTruth(t *testing.T) {
	const seed = 20251203
	t.Logf("seed %d", seed)
	held, brackets, right, answers := 0, 0, 0, 0
	for _, f := range families() {
		r := rand.New(rand.NewPCG(seed, uint64(len(f.name))))
		for round := range max(1, *rounds/24) {
			base := f.make(r)
			by := (r.Float64() - 0.5) * 8 * mib
			cand := func(x float64) float64 { return base(x - by) }
			rivals := contest(t, r, []int{2, 4, 8}[round%3], base, cand)
			var truth [2]int
			for i, s := range []*Search{rivals.Baseline, rivals.Candidate} {
				truth[i] = s.truth([]curve{base, cand}[i])
				lo, hi := s.ends()
				held += count(lo < truth[i] && truth[i] <= hi)
				brackets++
			}
			answers++
			right += count(rivals.holds(truth[1] - truth[0]))
		}
	}
	t.Logf("%d of %d brackets hold the truth, %d of %d answers", held, brackets, right, answers)
	if !allowed(held, brackets, gateSearch.Confidence) || !allowed(right, answers, 2*gateSearch.Confidence-1) {
		t.Errorf("%d of %d brackets hold the truth, %d of %d answers", held, brackets, right, answers)
	}
}

// holds tells whether the answer is true of thresholds so many steps apart. A bracket's ends are limits of the grid, and what lies beyond it is a step away.
func (r Rivals) holds(steps int) bool {
	switch r.answer() {
	case "regressed":
		return steps >= r.beyond()
	case "improved":
		return -steps >= r.beyond()
	case "pass":
		return steps < r.beyond()
	}
	return true
}

// Catches rows that take more starts than a gate has for them, answers that are wrong, and none where the difference is megabytes.
func TestRivalsAnswerWithFewStarts(t *testing.T) {
	const seed = 20251202
	t.Logf("seed %d, %d pairs each, 2, 4 and 8 starts at once in turn", seed, *rounds)
	low := logisticAt(2.36*mib, 100*kib) // 0.2 at 2.25 MiB, 0.8 at 2.5, 0.98 at 2.75: runc 1.1.14
	one := sharp(13.5 * mib)
	late, early, wide := racing(5*mib, 7*mib, 13.5*mib), logisticAt(8*mib, 1*mib), logisticAt(10*mib, 1*mib)
	for _, c := range []struct {
		name       string
		base, cand curve
		want       string
		most       int
	}{
		{"(random 2.5, random 2.5)", low, low, "pass", 120},
		{"(random 2.5, stairs 5 to 13.5)", low, late, "regressed", 90},
		{"(random 2.5, logistic 8)", low, early, "regressed", 90},
		{"(random 2.5, logistic 10)", low, wide, "regressed", 90},
		{"(random 2.5, sharp 13.5)", low, one, "regressed", 90},
		{"(stairs 5 to 13.5, random 2.5)", late, low, "improved", 90},
		{"(logistic 8, random 2.5)", early, low, "improved", 90},
		{"(sharp 13.5, random 2.5)", one, low, "improved", 90},
		{"(sharp 13.5, sharp 13.5)", one, one, "pass", 120},
		{"(sharp 7, sharp 9)", sharp(7 * mib), sharp(9 * mib), "regressed", 90},
		{"(sharp 100, sharp 7)", sharp(100 * mib), sharp(7 * mib), "improved", 90},
		{"(sharp 7, sharp 100)", sharp(7 * mib), sharp(100 * mib), "regressed", 90},
	} {
		r := rand.New(rand.NewPCG(seed, uint64(len(c.name))))
		got := map[string]int{}
		var starts []int
		for round := range *rounds {
			rivals := contest(t, r, []int{2, 4, 8}[round%3], c.base, c.cand)
			got[rivals.answer()]++
			starts = append(starts, rivals.Baseline.starts+rivals.Candidate.starts)
		}
		slices.Sort(starts)
		t.Logf("%-34s %v, starts of both: median %3d, 90 %% %3d, most %3d", c.name, got, starts[*rounds/2], starts[*rounds*9/10], starts[*rounds-1])
		if starts[*rounds/2] > c.most || got[c.want] < *rounds*9/10 {
			t.Errorf("%s: %v after %d starts in the median, want %s after %d", c.name, got, starts[*rounds/2], c.want, c.most)
		}
	}
}

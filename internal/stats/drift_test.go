package stats

import (
	"math/rand/v2"
	"testing"
)

// Catches an upper end that somebody who stops when it looks best beats more often than it says, also where what comes next is chosen by what was seen,
// and one that never comes near the truth.
func TestMeanBelowHoldsAtEveryLook(t *testing.T) {
	const runs, values, alpha = 500, 100, 0.05
	r := rand.New(rand.NewPCG(7, 1))
	wrong := 0
	for range runs {
		var d Drift
		truth, missed := 0.0, false
		for range values {
			up, down := 0.02, 0.02
			if d.Sum < 0 {
				up = 0.3 // another cell's turn
			}
			x := 0.0
			switch u := r.Float64(); {
			case u < up:
				x = 1
			case u < up+down:
				x = -0.5
			}
			truth += up - 0.5*down
			d.Add(x)
			missed = missed || d.MeanBelow(alpha) < truth/d.N
		}
		if missed {
			wrong++
		}
	}
	t.Logf("seed 7, 1: the mean is above the end at some look in %d of %d runs", wrong, runs)
	if wrong > runs*alpha {
		t.Errorf("the mean is above the end at some look in %d of %d runs", wrong, runs)
	}
	for _, c := range []struct{ n, least, most float64 }{{0, 1, 1}, {1, 1, 1}, {40, 0.08, 0.2}, {400, 0.008, 0.02}} {
		if got := (Drift{N: c.n}).MeanBelow(alpha / 2); got < c.least || got > c.most {
			t.Errorf("%v times no change: below %v, want %v to %v", c.n, got, c.least, c.most)
		}
	}
	if once, twice := (Drift{N: 20, Sum: 2, Squares: 2}), (Drift{N: 40, Sum: 4, Squares: 4}); once.Times(2) != twice {
		t.Errorf("%v times 2 is %v", once, once.Times(2))
	}
}

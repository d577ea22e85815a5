package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Catches a lower end that is wrong more often than it may be where one looks after every trial, and one that never comes near the truth.
func TestRateAboveHoldsAtEveryLook(t *testing.T) {
	const runs, trials, alpha = 400, 80, 0.05
	r := rand.New(rand.NewPCG(5, 1))
	for _, rate := range []float64{0.03, 0.2, 0.6} {
		wrong := 0
		for range runs {
			c, missed := Count{}, false
			for range trials {
				if c.N++; r.Float64() < rate {
					c.X++
					missed = missed || odds(c, rate) >= math.Log(1/alpha)
				}
			}
			if missed {
				wrong++
			}
		}
		t.Logf("rate %v: wrong at some look in %d of %d runs", rate, wrong, runs)
		if wrong > runs*alpha*3/2 {
			t.Errorf("rate %v: wrong in %d of %d runs", rate, wrong, runs)
		}
	}
	if got := RateAbove(Count{X: 1, N: 2}, 0.025); got > 0.03 {
		t.Errorf("1 of 2: more than %v", got)
	}
	if got := RateAbove(Count{X: 60, N: 100}, 0.025); got < 0.4 || got > 0.55 {
		t.Errorf("60 of 100: more than %v", got)
	}
	if got := RateAbove(Count{X: 5, N: 5}, 0.025); got < 0.2 || got > 0.6 {
		t.Errorf("5 of 5: more than %v", got)
	}
	if RateAbove(Count{}, 0.05) != 0 || RateAbove(Count{N: 9}, 0.05) != 0 {
		t.Error("no event")
	}
}

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Catches a p value that is wrong more often than it says where one looks after every sign, and one that never gets small.
func TestSignsPHoldsAtEveryLook(t *testing.T) {
	const runs, signs, alpha = 2000, 200, 0.05
	r := rand.New(rand.NewPCG(6, 1))
	wrong := 0
	for range runs {
		up, claimed := 0, false
		for n := 1; n <= signs; n++ {
			up += r.IntN(2)
			claimed = claimed || SignsP(up, n-up) <= alpha
		}
		if claimed {
			wrong++
		}
	}
	t.Logf("seed 6, 1: %d of %d runs claim a side at some look", wrong, runs)
	if wrong > runs*alpha {
		t.Errorf("%d of %d runs claim a side at some look", wrong, runs)
	}
	for _, c := range []struct {
		up, down int
		p        float64
	}{{0, 0, 1}, {1, 0, 1}, {3, 3, 1}, {5, 0, 6.0 / 32}, {0, 10, 11.0 / 1024}, {60, 0, 61 * math.Exp2(-60)}} {
		if got := SignsP(c.up, c.down); math.Abs(got-c.p) > 1e-9*c.p {
			t.Errorf("%d and %d: %v, want %v", c.up, c.down, got, c.p)
		}
	}
}

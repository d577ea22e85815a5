package stats

import "math"

// evidence is a family of test martingales, one a limit, for the hypothesis that what counts as a win there has no
// more than a given probability. Each is the wealth of someone who bets on wins at fair odds: if the hypothesis is true
// it exceeds 1/alpha at any time at all with a probability of at most alpha (Ville 1939; as a test: Robbins 1970; Shafer et al.
// 2011). So one may look after each start, choose limits by what was seen, and stop for any reason.
type evidence struct {
	enough float64 // 1/alpha
	win    [strategies]float64
	limits []wealth
	shown  []bool
}

const (
	strategies = 3
	restarts   = 5
)

// losses are what the strategies keep of their stake when a bet is lost. Each is best against one truth: with wins at
// 0.9 or less to be refuted, the first if they come always, the others at 0.98 and 0.95.
var losses = [strategies]float64{0.005, 0.2, 0.5}

// shares of the capital: the mixture over strategies (Robbins's) costs a sharp edge two starts, the one over restarts another two.
var shares = [strategies]float64{0.8, 0.15, 0.05}

// wealth is the capital of each strategy times that of when it began: at once, or after the first, second, ... bet was lost.
// Those who begin later have lost nothing at limits that turned out to be too low (or too high).
type wealth struct {
	capital [restarts][strategies]float64
	lost    int
}

// restartShare is the part of the capital that begins after so many lost bets.
func restartShare(lost int) float64 { return 0.85 * math.Pow(0.15, float64(lost)) }

func newEvidence(limits int, win, alpha float64) *evidence {
	e := &evidence{enough: 1 / alpha, limits: make([]wealth, limits), shown: make([]bool, limits)}
	for k, kept := range losses {
		e.win[k] = (1 - kept*(1-win)) / win // fair: win*e.win + (1-win)*kept = 1
	}
	for i := range e.limits {
		for j := range restarts {
			for k := range strategies {
				e.limits[i].capital[j][k] = restartShare(j) * shares[k]
			}
		}
	}
	return e
}

// bet places and settles one on each limit of from..to-1. What was shown once stays so.
func (e *evidence) bet(from, to int, won bool) {
	factor := losses
	if won {
		factor = e.win
	}
	for i := from; i < to; i++ {
		w := &e.limits[i]
		w.grow(factor)
		if !won {
			w.lost++
		}
		if w.total() >= e.enough {
			e.shown[i] = true
		}
	}
}

// total is the whole capital, also of those that have not begun.
func (w *wealth) total() float64 {
	sum := 0.0
	for j := range w.capital {
		for _, c := range w.capital[j] {
			sum += c
		}
	}
	return sum
}

// wins are the bets that must be won in a row for the capital to be enough.
func (e *evidence) wins(w wealth) (bets int) {
	for w.total() < e.enough && bets < unreachable {
		w.grow(e.win)
		bets++
	}
	return bets
}

// unreachable is a number of bets that no search has.
const unreachable = 1000

func (w *wealth) grow(factor [strategies]float64) {
	for j := range min(w.lost+1, restarts) {
		for k := range strategies {
			w.capital[j][k] *= factor[k]
		}
	}
}

// needed is by which factor the poorest limit of from..to-1 that is not shown yet must grow, as a logarithm, and how many
// bets that takes if every one is won.
func (e *evidence) needed(from, to int) (growth float64, bets int) {
	poorest, least := -1, math.Inf(1)
	for i := from; i < to; i++ {
		if have := e.limits[i].total(); !e.shown[i] && have < least {
			poorest, least = i, have
		}
	}
	if poorest < 0 {
		return 0, 0
	}
	return math.Log(e.enough / least), e.wins(e.limits[poorest])
}

// pace is the mean growth of the logarithm by a bet, of the strategy that does best, if wins have this probability; 0 if
// none grows.
func (e *evidence) pace(win float64) float64 {
	best := 0.0
	for k, kept := range losses {
		best = math.Max(best, win*math.Log(e.win[k])+(1-win)*math.Log(kept))
	}
	return best
}

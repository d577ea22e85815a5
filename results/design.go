package results

import (
	"time"

	"github.com/initbench/initbench/scenarios"
)

// Design is that of an adaptive run: a scenario's Trials are then the most an arm gets in a cell, and a cell ends
// when its metrics are settled. It is fixed before the first trial, for whoever judges the records again
// has to know after how many blocks they were looked at.
type Design struct {
	// Alpha is the chance of a false claim, over all looks of a metric.
	Alpha float64 `json:"alpha"`
	// Looks are the numbers of blocks of a cell, rising, after which its metrics are judged. The last is the most.
	Looks []int `json:"looks"`
	// MaxTime is how long trials are made; what is not settled by then is inconclusive. 0 is no bound.
	MaxTime time.Duration `json:"max_time_ns,omitempty"`
}

// ClockOf is the clock that a scenario of the run waits for: its own, or none where the whole run is made by that one.
func (h Header) ClockOf(sc scenarios.Scenario) scenarios.Clock {
	if h.Place != nil && h.Place.GuestClock == string(sc.Clock) {
		return scenarios.RunsClock
	}
	return sc.Clock
}

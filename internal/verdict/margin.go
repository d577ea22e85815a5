package verdict

import (
	"math"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Margin is how much worse the candidate may be before anybody would care: the larger of its parts.
type Margin struct {
	// Fraction of the smaller arm's centre, or points of a rate: 0.1 is 10 % or 10 points.
	Fraction float64
	// AtLeast is in the metric's unit. A rate has none.
	AtLeast float64
}

const (
	// chargeBatch is what the kernel charges a cgroup ahead for each CPU: 64 pages
	// (MEMCG_CHARGE_BATCH, mm/memcontrol.c). Peaks closer than that can be the same.
	chargeBatch = 64
	// hugePage is what a fault takes at once where huge pages are always used and pages
	// are of 4 KiB. Whether it does depends on where the allocator's memory comes to lie: peaks of one
	// runc in one guest were 3.6, 5.6, 7.6 and 9.5 MiB. Such noise is in the interval and needs no margin;
	// where single starts are foretold there is no interval.
	hugePage = 2 << 20
	// searchSteps of a search's grid are what two brackets of one and the same sharp edge are apart at the most, for each
	// is one step wide.
	searchSteps = 2
)

// DefaultMargins is one table, for every choice to be seen beside the others. Why they are so, and how many blocks
// each needs, is in docs/adr/0013-set-margins-where-noise-ends.md.
//
// The deviations named are those of a block's log ratio, runc 1.2.6 against itself, 30 blocks in an emulated guest.
func DefaultMargins() map[string]Margin {
	return map[string]Margin{
		// A start that takes 5 % longer has to be found. On a wall clock (0.11 to 0.14) that takes some hundred blocks,
		// on a clock that counts instructions a dozen.
		scenarios.StartLatency:  {Fraction: 0.02},
		scenarios.CreateLatency: {Fraction: 0.02},
		scenarios.BatchTotal:    {Fraction: 0.02},
		scenarios.StartCPU:      {Fraction: 0.02},
		scenarios.JoinLatency:   {Fraction: 0.02},
		// 0.04 to 0.09 and 0.01: what else the host does is not in them.
		scenarios.StartLatencyInstructions: {Fraction: 0.02},
		scenarios.StartCPUInstructions:     {Fraction: 0.02},
		// 0.15 to 0.19, by huge pages. 1 MiB more beside a peak of 6 is 15 %: half of that, so that a hundred blocks tell
		// it from nothing in either direction.
		scenarios.ContainerMemoryPeak:    {Fraction: 0.08},
		scenarios.RuntimeMemoryPeak:      {Fraction: 0.08},
		scenarios.ContainerChargedAtExec: {Fraction: 0.08},
		// Without the calls that wait, what is left follows the work, within 0.02. 200 more have to be found. The 130 that runc 1.2.6
		// makes beside 1.1.15, which takes a fifth longer and charges 7 MiB more, are no reason to refuse it.
		scenarios.StartSyscalls: {Fraction: 0.02, AtLeast: 150},
		// 0.05. Half of the pages of 1 MiB, which has to be found.
		scenarios.StartPageFaults: {Fraction: 0.03, AtLeast: 128},
		// Go's runtime makes a thread when it finds none idle: 0.05, in steps of one.
		scenarios.StartForks: {Fraction: 0.10, AtLeast: 3},
		// A copy is made or it is not.
		scenarios.StartBytesCopied: {Fraction: 0.01, AtLeast: 64 << 10},
		// Four processes are started one after the other: no quieter than a start. Their memory is a Go program's of its own.
		scenarios.NetworkLatency:    {Fraction: 0.05},
		scenarios.NetworkMemoryPeak: {Fraction: 0.08},
		// Limits are set in whole MiB, and each of two brackets may be two steps wide.
		scenarios.StartThreshold: {AtLeast: 1 << 20},
		// One rung of a ladder of five. 0 of 18 against 0 of 18 excludes 18 points; a
		// rung that flips as a whole is found on its own (see rungs).
		scenarios.OOMRate:        {Fraction: 0.20},
		scenarios.OrderJoinFirst: {Fraction: 0.20},
		StartFailures:            {Fraction: 0.20},
		// LeakCount has none: whatever is left behind stays until the machine is booted again.
	}
}

// floor is the smallest difference that means anything, in the metric's unit, and why.
func (m metric) floor(e results.Environment) (float64, string) {
	switch m.name {
	case scenarios.ContainerMemoryPeak, scenarios.RuntimeMemoryPeak, scenarios.ContainerChargedAtExec:
		return float64(chargeBatch * pageSizeOf(e)), "what the kernel charges ahead"
	}
	return 0, ""
}

func pageSizeOf(e results.Environment) int {
	if e.PageSize == 0 {
		return 4096
	}
	return e.PageSize
}

// peakStep is by how much the kernel may round a single peak up, and why.
func peakStep(e results.Environment) (float64, string) {
	if e.THP == "always" && pageSizeOf(e) == 4096 {
		return hugePage, "one huge page"
	}
	return float64(chargeBatch * pageSizeOf(e)), "what the kernel charges ahead"
}

// relative is the margin as a fraction of the smaller of two centres, and at least so many units: measured so,
// swapping the arms gives the mirror image of the same margin.
func (m Margin) relative(a, b, atLeast float64) float64 {
	smaller := math.Min(a, b)
	if !(smaller > 0) { // NaN too: an arm without a sample
		return m.Fraction
	}
	return math.Max(m.Fraction, atLeast/smaller)
}

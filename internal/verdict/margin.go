package verdict

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Margin is how much worse the candidate may be before anybody would care.
type Margin struct {
	// Fraction of the smaller arm's centre, or points of a rate: 0.1 is 10 % or 10 points.
	Fraction float64
	// Memory has a resolution below which no fraction reaches.
	Memory bool
}

const (
	// chargeBatch is what the kernel charges a cgroup ahead for each CPU: 64 pages
	// (MEMCG_CHARGE_BATCH, mm/memcontrol.c). Peaks closer than that can be the same.
	chargeBatch = 64
	// hugePage is what a fault takes at once where huge pages are always used and pages
	// are of 4 KiB. Whether it does depends on where the allocator's memory comes to lie: peaks of one
	// runc in one guest were 3.6, 5.6, 7.6 and 9.5 MiB.
	hugePage = 2 << 20
)

// DefaultMargins is one table, for every choice to be seen beside the others.
// docs/adr/0003-judge-by-non-inferiority.md shows how many trials each needs.
func DefaultMargins() map[string]Margin {
	return map[string]Margin{
		// The repair of runc#4427 proposed in #4439 made 100 starts 36 % slower, which upstream
		// thought too much. 20 trials an arm exclude a fifth where values vary by 10 %.
		scenarios.StartLatency:  {Fraction: 0.20},
		scenarios.CreateLatency: {Fraction: 0.20},
		scenarios.BatchTotal:    {Fraction: 0.20},
		scenarios.StartCPU:      {Fraction: 0.20},
		scenarios.JoinLatency:   {Fraction: 0.20},
		// A container's limit is rarely chosen closer than a tenth.
		scenarios.ContainerMemoryPeak: {Fraction: 0.10, Memory: true},
		scenarios.RuntimeMemoryPeak:   {Fraction: 0.10, Memory: true},
		// A container's share of a clone is charged at exec or it is not: 9.7 MiB against 1 or 2.
		scenarios.ContainerChargedAtExec: {Fraction: 0.10, Memory: true},
		// 36 starts of runc 1.1 in an emulated guest on a busy machine: the logarithms of page faults had a standard
		// deviation of 0.01 to 0.03, those of system calls of 0.12, for the Go runtime sleeps, polls and
		// preempts by the clock, and every call is counted: a start that takes longer makes more of those. Six blocks pass against themselves, in
		// two rows and 95 of 100 gates, up to 2.6 such deviations: 8 % and 37 %. With half of that noise 30 % will do.
		scenarios.StartSyscalls:    {Fraction: 0.30},
		scenarios.StartPageFaults:  {Fraction: 0.10},
		scenarios.StartForks:       {Fraction: 0.30},
		scenarios.StartBytesCopied: {Fraction: 0.10},
		scenarios.StartThreshold:   {Fraction: 0.10},
		scenarios.OrderJoinFirst:   {Fraction: 0.20},
		// One rung of a ladder of five. 0 of 18 against 0 of 18 excludes 18 points; a
		// rung that flips as a whole is found on its own (see rungs).
		scenarios.OOMRate: {Fraction: 0.20},
		StartFailures:     {Fraction: 0.20},
		// LeakCount has none: whatever is left behind stays until the machine is booted again.
	}
}

// maxMargin is beyond any use: a start ten times as slow.
const maxMargin = 10

// ParseMargin reads METRIC=PERCENT% as the command line gives it. For a fraction
// such as oom.rate the percentage counts points.
func ParseMargin(s string) (name string, m Margin, err error) {
	name, text, found := strings.Cut(s, "=")
	if !found {
		return "", m, fmt.Errorf("margin %q: write METRIC=PERCENT%%, such as start.latency=5%%", s)
	}
	m, known := DefaultMargins()[name]
	switch {
	case name == LeakCount:
		return "", m, fmt.Errorf("margin %q: %s has none: anything left behind counts", s, name)
	case !known:
		return "", m, fmt.Errorf("margin %q: unknown metric %q: write one of %s", s, name, strings.Join(withMargin(), ", "))
	}
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil || !percent || math.IsNaN(x):
		return "", m, fmt.Errorf("margin %q: %q is no percentage: write one such as 5%%", s, text)
	case x < 0:
		return "", m, fmt.Errorf("margin %q: a margin is not negative", s)
	case x > maxMargin*100:
		return "", m, fmt.Errorf("margin %q: the most is %d%%", s, maxMargin*100)
	}
	// The kernel's resolution stays: no flag makes memory.peak finer.
	m.Fraction = x / 100
	return name, m, nil
}

func withMargin() []string {
	return slices.DeleteFunc(MetricNames(), func(name string) bool { return name == LeakCount })
}

// resolution is the smallest difference that means anything, in the metric's unit, and why.
func (m Margin) resolution(e results.Environment) (float64, string) {
	pageSize := e.PageSize
	if pageSize == 0 {
		pageSize = 4096
	}
	switch {
	case !m.Memory:
		return 0, ""
	case e.THP == "always" && pageSize == 4096:
		return hugePage, "one huge page"
	}
	return float64(chargeBatch * pageSize), "what the kernel charges ahead"
}

// relative is the margin as a fraction of the smaller of two centres: measured so,
// swapping the arms gives the mirror image of the same margin.
func (m Margin) relative(a, b, resolution float64) float64 {
	smaller := math.Min(a, b)
	if !(smaller > 0) { // NaN too: an arm without a sample
		return m.Fraction
	}
	return math.Max(m.Fraction, resolution/smaller)
}

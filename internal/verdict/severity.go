package verdict

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// Severity says what becomes of a row that is worse than it may be. It is a closed set.
type Severity string

const (
	Fail   Severity = "fail"   // it rules over the whole
	Warn   Severity = "warn"   // it is shown and told, and rules over nothing
	Ignore Severity = "ignore" // it is not judged and has no row
)

// Ceiling is an absolute bound that a policy sets on the candidate, whatever the baseline does.
type Ceiling struct {
	Metric string
	// Driver, Limit and Scenario narrow it; empty and 0 are all there are.
	Driver   cgroupjoin.Driver
	Limit    int64
	Scenario string
	// Order is natural, an imposed one, or WorstOrder; empty is natural.
	Order    sequence.Order
	AtMost   float64 // in the metric's unit
	Severity Severity
	// Text is as the policy says it, such as "start.threshold <= 12MiB".
	Text string
}

// WorstOrder stands in a Ceiling for the order in which most containers do not start.
const WorstOrder sequence.Order = "worst"

package scenarios

import (
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
)

const (
	leftoverPrefix = "leftover."
	// AllLeftovers stands in a list of metrics for all of them that lives have.
	AllLeftovers = leftoverPrefix + "*"
)

// LeftoverMetric is the name of the metric of a kind of what lives leave.
func LeftoverMetric(kind lifecycle.Kind) string { return leftoverPrefix + string(kind) }

// LeftoverKind is the kind that a metric is of; empty for one that is of none.
func LeftoverKind(metric string) lifecycle.Kind {
	kind, is := strings.CutPrefix(metric, leftoverPrefix)
	if is && slices.Contains(lifecycle.LeftKinds(), lifecycle.Kind(kind)) {
		return lifecycle.Kind(kind)
	}
	return ""
}

// IsLeftover reports whether a name is of a metric of lives, or of all of them.
func IsLeftover(metric string) bool { return metric == AllLeftovers || LeftoverKind(metric) != "" }

func leftoverMetrics() (all []Metric) {
	for _, kind := range lifecycle.LeftKinds() {
		all = append(all, Metric{LeftoverMetric(kind), "count", PerLife, AnyLane, RunsClock})
	}
	return all
}

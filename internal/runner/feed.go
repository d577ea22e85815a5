package runner

import (
	"context"

	"github.com/initbench/initbench/scenarios"
)

// Group is a set of trials that are made before the next group is asked for.
type Group struct {
	Trials []scenarios.Trial `json:"trials"`
	// Together lets as many trials run at once as there are CPUs, for figures that need no quiet machine. Otherwise
	// they run one after another (but for those of a concurrent batch).
	Together bool `json:"together,omitempty"`
}

// Feed says what is to be made next. Next is asked again when every record of the group before has gone to the
// sink; ok is false when the run is over. A plan that is settled beforehand is a feed as well as a director that looks at records.
type Feed interface {
	Next(ctx context.Context) (g Group, ok bool, err error)
}

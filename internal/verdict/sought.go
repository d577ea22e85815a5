package verdict

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Sought is what a search for the start threshold found, of one runtime in one cell.
type Sought struct {
	Scenario string
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place
	Runtime  string // the arm
	Search   scenarios.Search
	Edge     stats.Edge
	// NotCounted trials were not brought into the order; NotApplicable of the counted ones were natural starts.
	NotCounted, NotApplicable int
	Points                    []Tried // rising
	Curve                     []stats.CurvePoint
}

// Tried says how the starts under one limit ended.
type Tried struct {
	Limit                      int64
	Started, OOMKilled, Failed int
}

// Held is a Ceiling and what was measured against it.
type Held struct {
	Ceiling
	// Scenario, Driver, Order, Place and Limit of the cell it was held against.
	Cell          Metric
	Value, Lo, Hi float64
	Ruling        Ruling
	Reason        string
}

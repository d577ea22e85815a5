package verdict

import (
	"testing"

	"github.com/initbench/initbench/internal/stats"
)

// Catches a threshold that passes for found although every limit of the grid was too small, or although it is that of an order
// which was never searched.
func TestBracketed(t *testing.T) {
	for name, test := range map[string]struct {
		sought Sought
		want   bool
	}{
		"found":                       {Sought{Edge: stats.Edge{Lo: 1, Hi: 9, Starts: 5}}, true},
		"up to":                       {Sought{Edge: stats.Edge{Hi: 9, Starts: 5}}, true},
		"beyond the grid":             {Sought{Edge: stats.Edge{Lo: 9, Starts: 5}}, false},
		"as by itself":                {Sought{NotApplicable: 5, Edge: stats.Edge{Lo: 1, Hi: 9, Starts: 5}}, true},
		"as by itself, which is none": {Sought{NotApplicable: 5}, false},
	} {
		if got := test.sought.Bracketed(); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

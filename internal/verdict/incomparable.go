package verdict

import "github.com/initbench/initbench/results"

// Incomparable names in what two environments differ so that trials of one say nothing beside trials of the other: where
// there is anything, a verdict over both is invalid.
func Incomparable(a, b results.Environment) []string { return differences(decisive(a), decisive(b)) }

package scenarios

import "github.com/initbench/initbench/internal/yamlpos"

// What a value looks like in the file.
const (
	aMapping  = yamlpos.Mapping
	aSequence = yamlpos.Sequence
	aText     = yamlpos.Text
	aNumber   = yamlpos.Number
	aBool     = yamlpos.Bool
	aNull     = yamlpos.Null
)

type node = yamlpos.Node

var scenarioFile = yamlpos.Dialect{Name: "scenario", Empty: "write a scenario: name, trials, judge (see `initbench scenarios`)"}

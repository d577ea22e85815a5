package policy

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

type entry = yamlpos.Key

func read(file string, data []byte) (node, *yamlpos.Error) {
	return yamlpos.Parse(file, data, yamlpos.Dialect{Name: "policy", Empty: "leave --policy out to judge by the default, or see `initbench policy init`"})
}

package policy

import "github.com/initbench/initbench/scenarios"

// What a value looks like in the file.
const (
	aMapping  = "a mapping"
	aSequence = "a sequence"
	aText     = "text"
	aNumber   = "a number"
	aBool     = "true or false"
	aNull     = "nothing"
)

// node is a YAML value with its place, as scenario files have them. The library's own decoder is not used: once a value is in a struct it
// no longer says where it stood, and what is wrong with a policy is mostly found out afterwards.
type node = scenarios.Document

type entry = scenarios.Key

func read(file string, data []byte) (node, *scenarios.Error) {
	return scenarios.ParseDocument(file, data, "policy", "leave --policy out to judge by the default, or see `initbench policy init`")
}

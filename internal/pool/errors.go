package pool

import "github.com/initbench/initbench/internal/yamlpos"

// Position is a place in what was read.
type Position = yamlpos.Position

// Error is a refused pool. It prints as one line, FILE:LINE:COL: what is wrong: what
// would be right; without a place where none is known.
type Error = yamlpos.Error

// at gives an error the place that only a reader knows.
func at(e *Error, pos Position) *Error {
	e.Pos = pos
	return e
}

func quoted(s string) string { return yamlpos.Quoted(s) }

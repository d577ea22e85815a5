package scenarios

import "github.com/initbench/initbench/internal/yamlpos"

// Position is a place in a scenario file.
type Position = yamlpos.Position

// Error is a refused scenario, file or Spec. What did not come from a file has no place.
type Error = yamlpos.Error

func quoted(s string) string    { return yamlpos.Quoted(s) }
func printable(s string) string { return yamlpos.Printable(s) }
func isPrintable(s string) bool { return yamlpos.IsPrintable(s) }

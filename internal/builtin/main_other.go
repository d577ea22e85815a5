//go:build !linux || !cgo

package main

import (
	"fmt"
	"os"
)

// Without cgo there is no libcontainer: what sets up namespaces is C that runs before Go does.
func main() {
	fmt.Fprintln(os.Stderr, "initbench-builtin: built without cgo or for another system than Linux: run `make build` on Linux")
	os.Exit(1)
}

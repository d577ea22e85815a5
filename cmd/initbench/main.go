// Command initbench starts containers and measures who paid for it; see
// docs/architecture.md for the flow and --help for the contract.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

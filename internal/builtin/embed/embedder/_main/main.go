// An embedder of one version of libcontainer: package embed builds it.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/initbench/initbench/internal/builtin/embed/embedder"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		embedder.Init() // does not return
	}
}

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "embed":
		os.Exit(embedder.Main(os.Args[2:], libcontainer()))
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Printf("embedder of libcontainer %s\ngo: %s\n", libcontainer(), runtime.Version())
	default:
		fmt.Fprintln(os.Stderr, "usage: builtin embed --state-root DIR [--gc on|off]: it is an embedder of libcontainer, not a runtime with a command line")
		os.Exit(2)
	}
}

// libcontainer is the version that was linked, whatever was asked for.
func libcontainer() string {
	if info, known := debug.ReadBuildInfo(); known {
		for _, m := range info.Deps {
			if m.Path == "github.com/opencontainers/runc" {
				return m.Version
			}
		}
	}
	return "unknown"
}

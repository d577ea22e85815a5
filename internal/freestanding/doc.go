// Package freestanding builds the programs that have no libc, each of one C file in the package that executes it: a
// container's payload, what idles in a cgroup, what launches a plugin. Their binaries are committed, and go generate makes
// them again by build.sh.
//
// What is in Go of it is for tests alone: a guest has no source tree, and a binary must be held against its sources there too.
package freestanding

import _ "embed"

// Script is build.sh, which counts as a source of all that it builds.
//
//go:embed build.sh
var Script []byte

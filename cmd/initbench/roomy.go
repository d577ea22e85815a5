package main

import (
	"os"
	"runtime/debug"
)

// storedMemory is what reading stored runs may take before memory is collected at any cost. A million records are judged in it.
const storedMemory = 400 << 20

// roomy lets a command that reads stored runs use memory for the sake of time, within bounds: lines are garbage as soon as they were
// read, and with Go's default a run of a gigabyte is collected after every few megabytes.
func roomy() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return // whoever sets them knows better
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(storedMemory)
}

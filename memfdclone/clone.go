package memfdclone

import (
	"os"
	"time"
)

// Options of one copy.
type Options struct {
	Strategy Strategy
	// Fallback lists strategies to try in turn where Strategy is not to be had here; empty means none, and an error.
	Fallback []Strategy
	// Dir is where a strategy that needs a directory makes its file or its work directories; empty means os.TempDir.
	Dir string
	// Name is shown after memfd: in /proc/PID/maps and /proc/PID/exe.
	Name string
}

// Clone is what came of it. The caller closes File, which is all that holds the copy.
type Clone struct {
	// File can be executed through /proc/self/fd.
	File     *os.File
	Strategy Strategy // that made it
	// FellBack says why an earlier choice was not had; nil where the first was.
	FellBack []error
	Bytes    int64         // copied; 0 where nothing was
	Took     time.Duration // monotonic, from the first call to the last, the check of the result not included
}

// Report is a Clone as it is written down: by the built-in runtime for its caller, and in records.
type Report struct {
	Strategy Strategy `json:"strategy"`
	FellBack []string `json:"fell_back,omitempty"`
	Bytes    int64    `json:"bytes"`
	TookNS   int64    `json:"took_ns"`
}

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
	// Dir is where Tmpfile makes its file, and the directory that Overlayfs puts below the binary's own; empty means
	// os.TempDir.
	Dir string
	// Name is shown after memfd: in /proc/PID/maps and /proc/PID/exe; empty means initbench.
	Name string
}

// Clone is what came of it. The caller closes File, which is all that holds the copy.
type Clone struct {
	// File can be executed through /proc/self/fd, unless Strategy.Executable says otherwise.
	File     *os.File
	Strategy Strategy // that made it
	// FellBack says why an earlier choice was not had; nil where the first was.
	FellBack []error
	Bytes    int64 // copied; 0 where nothing was
	// Took is monotonic, from the first call to the last, those of choices that were not had included, Verify's not.
	Took time.Duration
}

// Report is a Clone as it is written down: by the built-in runtime for its caller, and in records.
type Report struct {
	Strategy Strategy `json:"strategy"`
	FellBack []string `json:"fell_back,omitempty"`
	Bytes    int64    `json:"bytes"`
	TookNS   int64    `json:"took_ns"`
}

// Report returns c as it is written down.
func (c *Clone) Report() Report {
	r := Report{Strategy: c.Strategy, Bytes: c.Bytes, TookNS: c.Took.Nanoseconds()}
	for _, err := range c.FellBack {
		r.FellBack = append(r.FellBack, err.Error())
	}
	return r
}

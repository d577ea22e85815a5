package observe

import "github.com/initbench/initbench/sequence"

// Observer is the programs, loaded and attached once per run. Trials may be watched concurrently.
type Observer struct{}

// Open loads and attaches. An [*UnavailableError] means that BPF is not allowed or not there.
func Open(Options) (*Observer, error) { return &Observer{}, nil }

// Close detaches everything.
func (o *Observer) Close() error { return nil }

// Watch is one trial being watched.
type Watch struct{}

// Watch begins to record what happens in the target's cgroups. Call it before create is spawned.
func (o *Observer) Watch(Target) (*Watch, error) { return &Watch{}, nil }

// Finish stops recording and returns what was seen up to now. Call it once, while the cgroups of the target are still there or later.
func (w *Watch) Finish() (sequence.Timeline, error) { return sequence.Timeline{}, nil }

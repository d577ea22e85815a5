//go:build !amd64

package observe

import (
	"errors"

	"github.com/initbench/initbench/sequence"
)

var errArch = errors.New("the observing programs are made for amd64 only")

// Observer is the programs, loaded and attached once per run: never, here.
type Observer struct{}

// Open always returns an [*UnavailableError].
func Open(Options) (*Observer, error) { return nil, &UnavailableError{errArch} }

// Close has nothing to detach.
func (o *Observer) Close() error { return nil }

// Watch is one trial being watched.
type Watch struct{}

// Watch cannot be.
func (o *Observer) Watch(Target) (*Watch, error) { return nil, errArch }

// Finish has nothing to return.
func (w *Watch) Finish() (sequence.Timeline, error) { return sequence.Timeline{}, errArch }

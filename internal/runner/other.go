//go:build !linux

package runner

import (
	"context"
	"io"
	"runtime"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/scenarios"
)

// errSystem is what every way to start a trial says where there are no cgroups.
var errSystem = envErrorf("trials need Linux, and this is %s: stored results can be judged here with initbench compare", runtime.GOOS)

// Collect makes trials on Linux only.
func Collect(context.Context, Job, Feed, Sink, io.Writer) error { return errSystem }

// CanMeasure says no.
func CanMeasure(context.Context, []cgroupjoin.Driver) error { return errSystem }

// CanRun says no.
func CanRun(context.Context, scenarios.Spec) error { return errSystem }

// CanImpose says no.
func CanImpose() error { return errSystem }

// CanObserve says no.
func CanObserve() error { return errSystem }

// Remains has nothing to list: no run was ever made here.
func Remains(context.Context) ([]string, error) { return nil, nil }

// Clean has nothing to remove.
func Clean(context.Context, io.Writer) error { return errSystem }

//go:build !linux

package census

import (
	"context"
	"fmt"
	"runtime"
)

// errSystem is what every count says where there is no /proc.
var errSystem = fmt.Errorf("a census needs Linux, and this is %s", runtime.GOOS)

// Taker takes censuses on Linux only.
type Taker struct{}

// New says that there is nothing to count.
func New(context.Context, Options) (*Taker, error) { return nil, errSystem }

// Close has nothing to close.
func (*Taker) Close() {}

// Take counts nothing.
func (*Taker) Take(context.Context) (Census, error) { return Census{}, errSystem }

// TakeNamed names nothing.
func (*Taker) TakeNamed(context.Context) (Census, error) { return Census{}, errSystem }

// Names lists nothing.
func (*Taker) Names(context.Context, Kind) ([]string, error) { return nil, errSystem }

// Watched is a process on Linux only.
type Watched struct {
	As   Watch
	PID  int
	Comm string
}

// Find finds nothing.
func Find(context.Context, Watch) ([]*Watched, error) { return nil, errSystem }

// Close lets go of nothing.
func (*Watched) Close() {}

// Take lists nothing.
func (*Watched) Take() (Descriptors, error) { return Descriptors{}, errSystem }

// Inherited lists nothing.
func Inherited(int) ([]Descriptor, error) { return nil, errSystem }

package runner

import (
	"context"
	"errors"
	"os"

	"github.com/initbench/initbench/internal/census"
)

// hold is a payload that waits, once it has begun, for the end of its standard input, so that it can be looked at.
type hold struct {
	in  *os.File // the payload's, for create to hand on
	end *os.File // closing it is the end

	// handed is what the payload has beyond its standard streams; why there is nothing of it, where it could not be looked at.
	handed []census.Descriptor
	why    error
}

func newHold() (*hold, error) {
	in, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &hold{in: in, end: end, why: errors.New("the payload did not come to hold")}, nil
}

// look lists what the payload was handed, while it waits. Its own code has opened nothing by then.
func (h *hold) look(ctx context.Context, out *capture, init *initProcess) {
	if init == nil {
		h.why = errors.New("the runtime left no usable pid file")
		return
	}
	select {
	case <-out.held:
		h.handed, h.why = census.Inherited(init.pid)
	case <-out.done:
	case <-ctx.Done():
	}
}

// release has the payload go on.
func (h *hold) release() {
	for _, f := range []*os.File{h.in, h.end} {
		_ = f.Close() // nothing was written; twice does no harm
	}
}

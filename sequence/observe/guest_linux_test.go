//go:build amd64

package observe

import (
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// observed is one whole start and end of a container.
func (l *lab) observed(o *Observer, binary string, d cgroupjoin.Driver) sequence.Timeline {
	l.Helper()
	c := l.container(binary, d, 64<<20, ociruntime.Payload{})
	w, err := o.Watch(c.target())
	l.must(err)
	l.must(c.create())
	c.start()
	c.wait()
	c.remove()
	t, err := w.Finish()
	l.must(err)
	return t
}

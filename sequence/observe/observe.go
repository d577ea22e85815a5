package observe

import (
	"fmt"
	"os"
)

// Options of an observer. The zero value is meant for use.
type Options struct {
	// RingBytes is the size of the ring buffer, a power of two of at least a page; 0 means the default.
	RingBytes int
}

// defaultRing holds about ten thousand events, a hundred starts: enough for those
// that are watched at once to need no reader before they end.
const defaultRing = 4 << 20

func (o Options) ringBytes() (uint32, error) {
	n := o.RingBytes
	switch {
	case n == 0:
		return defaultRing, nil
	case n < os.Getpagesize() || n&(n-1) != 0 || n > 1<<30:
		return 0, fmt.Errorf("ring buffer of %d bytes: it takes a power of two from a page, %d, to 1 GiB", n, os.Getpagesize())
	}
	return uint32(n), nil
}

// Target is the trial to watch. The cgroups are absolute paths and exist; the container's own is made below Pod later.
type Target struct {
	Runtime, Pod string
	// Payload is the file the container executes, as its config names it.
	Payload string
}

// UnavailableError says why this machine lets no timelines be made.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

package observe

// Options of an observer. The zero value is meant for use.
type Options struct {
	// RingBytes is the size of the ring buffer, a power of two of at least a page; 0 means the default.
	RingBytes int
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

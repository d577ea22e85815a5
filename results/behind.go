package results

import (
	"errors"
	"os"
)

// syncEvery is how much of a file is written before it is sent to the disk.
const syncEvery = 64 << 20

// writeBehind has a long file go to the disk while it is still being written: at the end gigabytes would
// keep everybody waiting, for a disk writes slower than a core merges.
type writeBehind struct {
	f       *os.File
	pending int
	due     chan struct{}
	ended   chan error
}

func newWriteBehind(f *os.File) *writeBehind {
	w := &writeBehind{f: f, due: make(chan struct{}, 1), ended: make(chan error, 1)}
	go func() {
		var err error
		for range w.due {
			err = errors.Join(err, f.Sync())
		}
		w.ended <- err
	}()
	return w
}

func (w *writeBehind) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if w.pending += n; w.pending >= syncEvery {
		select {
		case w.due <- struct{}{}:
			w.pending = 0
		default: // the disk is still busy with what came before
		}
	}
	return n, err
}

// Close has all of it on the disk.
func (w *writeBehind) Close() error {
	close(w.due)
	return errors.Join(<-w.ended, w.f.Sync(), w.f.Close())
}

// Discard closes a file that is about to be removed: nobody waits for the disk to have it.
func (w *writeBehind) Discard() error {
	close(w.due)
	<-w.ended
	return w.f.Close()
}

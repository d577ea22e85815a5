//go:build amd64

package observe

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// Observer is the programs, loaded and attached once per run. Trials may be watched concurrently.
type Observer struct {
	programs *ebpf.Collection
	links    []attachment
	ring     *ringbuf.Reader
	// flushed gets a value when all that was in the ring at a flush is delivered; it
	// is closed when the reading ends.
	flushed  chan struct{}
	flushing sync.Mutex

	mu      sync.Mutex
	serial  uint64            // of the latest watch
	watches map[uint64]*Watch // under way, by serial
	readErr error
}

// Open loads and attaches. An [*UnavailableError] means that BPF is not allowed or not there.
func Open(options Options) (*Observer, error) {
	size, err := options.ringBytes()
	if err != nil {
		return nil, err
	}
	o, err := open(size)
	if err != nil {
		return nil, &UnavailableError{explain(err)}
	}
	return o, nil
}

func open(ringBytes uint32) (*Observer, error) {
	spec, cache, err := fitted(ringBytes)
	if err != nil {
		return nil, err
	}
	return run(spec, cache)
}

// run loads and attaches the programs of spec and begins to read what they say.
func run(spec *ebpf.CollectionSpec, cache *btf.Cache) (*Observer, error) {
	programs, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: cache})
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	o := &Observer{programs: programs, flushed: make(chan struct{}), watches: map[uint64]*Watch{}}
	if err := o.attach(); err != nil {
		return nil, errors.Join(err, o.release())
	}
	if o.ring, err = ringbuf.NewReader(programs.Maps[observeMapEvents]); err != nil {
		return nil, errors.Join(fmt.Errorf("ring buffer: %w", err), o.release())
	}
	go o.read()
	return o, nil
}

func (o *Observer) attach() error {
	for name, program := range o.programs.Programs {
		a := attachment{busy: name == observeProgOnSyscall}
		err := a.change(func() (err error) {
			if program.Type() == ebpf.RawTracepoint {
				a.Link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "mark_victim", Program: program})
			} else {
				a.Link, err = link.AttachTracing(link.TracingOptions{Program: program})
			}
			return err
		})
		if a.Link != nil {
			o.links = append(o.links, a)
		}
		if err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
	}
	return nil
}

// attachment is one program's.
type attachment struct {
	link.Link
	busy bool // every process of the machine comes by all the time
}

// change attaches or detaches it.
func (a attachment) change(do func() error) error {
	if a.busy {
		return quietly(do)
	}
	return do()
}

// Close detaches everything. What is being watched cannot be finished any more.
func (o *Observer) Close() error {
	err := o.ring.Close()
	for range o.flushed { // until read has ended
	}
	return errors.Join(err, o.release())
}

func (o *Observer) release() error {
	var errs []error
	for _, a := range o.links {
		errs = append(errs, a.change(a.Close))
	}
	o.programs.Close()
	return errors.Join(errs...)
}

// read delivers events until the ring is closed.
func (o *Observer) read() {
	defer close(o.flushed)
	var record ringbuf.Record
	for {
		err := o.ring.ReadInto(&record)
		switch {
		case err == nil:
			o.deliver(record.RawSample)
		case errors.Is(err, ringbuf.ErrFlushed):
			o.flushed <- struct{}{}
		default:
			o.mu.Lock()
			o.readErr = err
			o.mu.Unlock()
			return
		}
	}
}

func (o *Observer) deliver(sample []byte) {
	e, err := decode(sample)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.readErr = err
	} else if w := o.watches[e.Serial]; w != nil {
		w.events = append(w.events, e)
	} // else its watch has ended
}

// flush returns when everything that the kernel had committed at the call is delivered.
func (o *Observer) flush() error {
	o.flushing.Lock()
	defer o.flushing.Unlock()
	if err := o.ring.Flush(); err != nil {
		return fmt.Errorf("ring buffer: %w", err)
	}
	<-o.flushed
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.readErr != nil {
		return fmt.Errorf("ring buffer: %w", o.readErr)
	}
	return nil
}

// skipped is how often a program was not run because one was running on that processor already.
func (o *Observer) skipped() (uint64, error) {
	var n uint64
	for name, program := range o.programs.Programs {
		stats, err := program.Stats()
		if err != nil {
			return 0, fmt.Errorf("statistics of %s: %w", name, err)
		}
		n += stats.RecursionMisses
	}
	return n, nil
}

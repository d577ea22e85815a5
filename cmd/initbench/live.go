package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// director says which trials an adaptive run makes next. Its methods are called one at a time.
type director interface {
	// Environment comes before the records of this session; those of earlier ones when their records were added.
	Environment(results.Environment)
	// Add takes each record of the run, those of earlier sessions first.
	Add(results.Record) error
	// Session goes on to the next stretch of the run, which is made by one clock; more is false when the run is over.
	Session() (clock scenarios.Clock, more bool)
	// Next is asked when every trial of the group before was added; ok is false when the session is over.
	Next() (trials []scenarios.Trial, together, ok bool)
	// Err is why there is no session or group although the run is not over.
	Err() error
	// GaveUp lists the searches that ended without their edge, with the reason of each.
	GaveUp() []string
}

// directed is a director as a feed.
type directed struct {
	director
	said func() // after each answer
}

func (d *directed) Next(ctx context.Context) (runner.Group, bool, error) {
	if err := ctx.Err(); err != nil {
		return runner.Group{}, false, err
	}
	trials, together, ok := d.director.Next()
	d.said()
	if err := d.Err(); err != nil {
		return runner.Group{}, false, fmt.Errorf("what the run makes next: %w", err)
	}
	if ok && len(trials) == 0 {
		return runner.Group{}, false, errors.New("the run's design asks for a group of no trials")
	}
	return runner.Group{Trials: trials, Together: together}, ok, nil
}

// maxGroup bounds a group as it is read.
const maxGroup = 64 << 20

// lineFeed reads groups, a JSON value each, as whoever decides sends them: the other end of a sender.
type lineFeed struct {
	groups chan runner.Group
	err    error // set before groups is closed
}

// readGroups goes on with what dec has not read of the limited input. Its goroutine ends with that input, or with the process.
func readGroups(ctx context.Context, dec *json.Decoder, input *io.LimitedReader) *lineFeed {
	f := &lineFeed{groups: make(chan runner.Group)}
	go func() {
		defer close(f.groups)
		for {
			input.N = maxGroup
			var g runner.Group
			if err := dec.Decode(&g); err != nil {
				if !errors.Is(err, io.EOF) {
					f.err = fmt.Errorf("the next group on stdin: %w", err)
				}
				return
			}
			select {
			case f.groups <- g:
			case <-ctx.Done():
				return
			}
		}
	}()
	return f
}

func (f *lineFeed) Next(ctx context.Context) (runner.Group, bool, error) {
	select {
	case g, ok := <-f.groups:
		if !ok {
			return runner.Group{}, false, errors.Join(f.err, ctx.Err())
		}
		return g, true, nil
	case <-ctx.Done():
		return runner.Group{}, false, ctx.Err()
	}
}

// sender is a sink that has the collector behind a pipe make one group after another: the next is sent when the records of
// the one before have gone to the sink below.
type sender struct {
	runner.Sink
	out io.Writer

	mu      sync.Mutex
	missing map[int]bool  // trials of the group under way
	whole   chan struct{} // gets a value when none is missing
	// ready is closed when the collector is about to make trials: a run's time begins with them, not with setting up.
	ready chan struct{}
}

func newSender(sink runner.Sink) *sender {
	return &sender{Sink: sink, whole: make(chan struct{}, 1), ready: make(chan struct{})}
}

func (s *sender) Environment(e results.Environment) error {
	select {
	case <-s.ready:
		return errors.New("the guest sent its environment twice")
	default:
		defer close(s.ready)
		return s.Sink.Environment(e)
	}
}

func (s *sender) Record(r results.Record) error {
	if err := s.take(r.Index); err != nil {
		return err
	}
	if err := s.Sink.Record(r); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.missing, r.Index)
	if len(s.missing) == 0 {
		s.whole <- struct{}{} // nobody else sends until it is taken: no group is under way
	}
	return nil
}

// take refuses the record of a trial that was not asked for, or came before.
func (s *sender) take(trial int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.missing[trial] {
		return fmt.Errorf("the guest sent a record of trial %d, which it was not to make now", trial)
	}
	return nil
}

// send asks feed for groups until it has no more or ctx ends; thinks is told when that begins and ends to take time.
func (s *sender) send(ctx context.Context, feed runner.Feed, thinks func(bool)) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	enc := json.NewEncoder(s.out)
	for {
		thinks(true)
		g, ok, err := feed.Next(ctx)
		thinks(false)
		if err != nil || !ok {
			return err
		}
		s.expect(g)
		if err := enc.Encode(g); err != nil {
			return fmt.Errorf("send trials to the guest: %w", err)
		}
		select {
		case <-s.whole:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *sender) expect(g runner.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = make(map[int]bool, len(g.Trials))
	for _, t := range g.Trials {
		s.missing[t.Index] = true
	}
}

// stdin is what a live collector reads: its job, then what is sent. The channel gets send's end, once; an error that is not ctx's
// gives the collector up, which would wait for more.
func (s *sender) stdin(ctx context.Context, job []byte, feed runner.Feed, h *heard) (in io.ReadCloser, ended <-chan error) {
	r, w := io.Pipe()
	s.out = w
	end := make(chan error, 1)
	go func() {
		err := s.send(ctx, feed, h.thinks)
		if err != nil && ctx.Err() == nil {
			h.giveUp(err)
		}
		_ = w.Close() // of a pipe in memory
		end <- err
	}()
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(job), r), r}, end
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// A session is a trial of many cycles: create, start, exit and delete of one container after the other in one tree of cgroups, with
// a census after each. What is counted is the machine's, so nothing else is made meanwhile; what one container leaves in the
// tree stays, since it is what is looked for, until the session's end, when the tree goes as any trial's does.
//
// The first cycles of a session are not counted: the first has a daemon or an embedder open what it opens once, such as
// its connection to systemd, and the second what it opens as soon as something comes again. What the machine itself makes once was made by
// the warm-up session. Without them a step at the first cycle would be a trend, for a slope knows no reasons.

// uncounted cycles begin each session but a warm-up, which counts for nothing.
const uncounted = 2

// settleBound is what is waited for things that are released late. What is left then is taken for kept: dying cgroups and what systemd
// collects are gone, or nearly, within seconds.
const settleBound = 10 * time.Second

// cycleShare is how many times its share of a session's time a cycle may take, so that one that hangs does not take all of it.
const cycleShare = 10

// session is one under way.
type session struct {
	*prepared
	c        *collector
	counting *sessionCensus
	embedder *embedder // nil where the containers are made by the runtime's command line
	last     measured  // of the cycle that was made last
	made     int       // number of the cycle that was made last, where one was begun
	begun    bool
	startNS  int64
	warnings []string
}

// runSession makes the session's cycles until one of them does not end well.
func (c *collector) runSession(ctx context.Context, p *prepared) (measured, error) {
	s := &session{prepared: p, c: c, startNS: now(), last: measured{observation: observation{phase: "build", spawnErr: p.unready}}}
	err := s.live(ctx)
	if cerr := s.close(); cerr != nil {
		s.warn(cerr.Error())
	}
	return s.result(), err
}

// live is the session but for its end. An error is of the harness, or of an interruption.
func (s *session) live(ctx context.Context) (err error) {
	if s.unready != nil {
		return nil
	}
	if s.Embedded {
		if s.embedder, err = s.startEmbedder(ctx); err != nil {
			s.last.phase, s.last.spawnErr = "embedder", err
			return ctx.Err()
		}
	}
	if s.counting, err = s.openCounting(ctx); err != nil {
		return err
	}
	if err := s.make(ctx); err != nil || !s.last.well() {
		return err
	}
	return s.settle(ctx)
}

// settle waits for what is released late. With a collector an embedder's descriptors that nobody refers to are such; with
// none, what it does not close by itself is kept.
func (s *session) settle(ctx context.Context) error {
	if s.embedder != nil && s.Collector == scenarios.GoCollector {
		ctx, cancel := context.WithTimeout(ctx, s.cycleTimeout())
		defer cancel()
		if err := s.embedder.Collect(ctx); err != nil {
			s.last.phase, s.last.spawnErr = "embedder", err
			return nil
		}
	}
	return s.counting.settle(ctx, settleBound)
}

// close ends the embedder before the tree goes: what it still does would be done to a tree that is no more. One that was
// interrupted in a cycle has ended by then; one whose session was between two has not.
func (s *session) close() error {
	if s.counting != nil {
		s.counting.close()
	}
	if s.embedder == nil {
		return nil
	}
	return s.embedder.close()
}

// make makes all cycles; an error is of the harness, or of an interruption.
func (s *session) make(ctx context.Context) error {
	whole, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	for n := s.first(); n <= s.Cycles; n++ {
		if err := s.before(ctx, n); err != nil {
			return err
		}
		if err := s.cycle(whole, n); err != nil || !s.last.well() {
			return errors.Join(err, ctx.Err())
		}
		if err := s.after(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// before the first cycle that is counted, what there is is.
func (s *session) before(ctx context.Context, n int) error {
	if n != 1 {
		return ctx.Err()
	}
	return s.counting.begin(ctx)
}

func (s *session) after(ctx context.Context, n int) error {
	if n < 1 {
		return nil
	}
	if err := s.counting.count(ctx); err != nil {
		return err
	}
	s.c.tellCycle(s.Trial, n)
	return nil
}

// first is the number of the first cycle: the counted ones begin with 1.
func (s *session) first() int {
	if s.Warmup {
		return 1
	}
	return 1 - uncounted
}

// cycle makes one container and has it end.
func (s *session) cycle(ctx context.Context, n int) error {
	q, err := s.container(n)
	if err != nil {
		return fmt.Errorf("cycle %d: %w", n, err)
	}
	s.made, s.begun = n, true
	if s.embedder != nil {
		s.last = s.embedder.cycle(ctx, q)
	} else {
		s.last = s.c.call(ctx, q)
		q.closePipes()
		if s.last.well() { // or the session ends with it, and the record says why
			s.handed(n, q.hold)
		}
		if s.last.output == "" {
			s.last.output = q.logged()
		}
	}
	s.reap()
	for _, w := range s.last.warnings {
		s.warn(fmt.Sprintf("cycle %d: %s", n, w))
	}
	return nil
}

// handed keeps what a cycle's payload was handed.
func (s *session) handed(n int, h *hold) {
	if err := s.counting.handed(h); err != nil {
		s.warn(fmt.Sprintf("cycle %d: what its payload was handed: %v", n, err))
	}
}

func (s *session) cycleTimeout() time.Duration {
	return min(s.Timeout, s.Timeout/time.Duration(s.Cycles)*cycleShare)
}

// container is the prepared trial as one of its cycles sees it: a container of its own in the same tree.
func (s *session) container(n int) (*prepared, error) {
	q := *s.prepared
	tag := fmt.Sprintf("%dc%d", s.Index, n-s.first())
	q.id = fmt.Sprintf("%s-%s", s.c.job.Run, tag)
	q.Timeout = s.cycleTimeout()
	q.reused = &reusedTree{tree: s.tree} // what is read of a tree that is one trial's alone is not read
	if err := s.c.claim(s.scope, s.Driver, cgroupjoin.Spec{ID: tag}); err != nil {
		return nil, err
	}
	if err := s.tree.Renew(tag); err != nil {
		return nil, err
	}
	if s.embedder != nil { // its payload has no stdio of ours
		q.nonce = ociruntime.NewNonce()
		return &q, s.c.makeBundle(&q)
	}
	return &q, s.equip(&q)
}

// equip gives a container what its payload reads and writes. The payload holds in each cycle: that of one could have been handed nothing
// by luck. The runtime is called as containerd calls it, with a log: the descriptor of that moves those that it opens after it, which without one
// would lie where what it hands to init on purpose comes to lie, and be closed by luck (as runc 1.1.11's of the host's cgroups is).
func (s *session) equip(q *prepared) (err error) {
	// The last cycle's would be of a process that is gone.
	for _, path := range []string{q.pidFile(), q.logFile()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	q.cli.Options = append(slices.Clip(q.cli.Options), "--log", q.logFile(), "--log-format", "json")
	if q.hold, err = newHold(); err != nil {
		return err
	}
	if err = s.c.fill(q); err != nil {
		q.closePipes()
	}
	return err
}

func (p *prepared) logFile() string { return filepath.Join(p.dir, "log.json") }

// logged is what a runtime said in its log that says nothing on stderr where it has one.
func (p *prepared) logged() string {
	f, err := os.Open(p.logFile())
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()                        // only read from
	text, _ := io.ReadAll(&io.LimitedReader{R: f, N: keep}) // as far as it can be read
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "\uFFFD")
}

// closePipes ends the reading and writing of ours.
func (p *prepared) closePipes() {
	if p.hold != nil {
		p.hold.release()
	}
	for _, out := range []*capture{p.stdout, p.stderr} {
		if out != nil {
			out.finish()
		}
	}
}

// reap takes the orphans that the cycle left: what they were parented to would have.
func (s *session) reap() {
	if s.embedder == nil {
		reapOrphans()
		return
	}
	reapBut(s.embedder.PID())
}

// maxWarnings are kept of a session: the others are like them.
const maxWarnings = 8

func (s *session) warn(text string) {
	if len(s.warnings) < maxWarnings {
		s.warnings = append(s.warnings, text)
	}
}

// result is the session as the record has it: it ended as its last cycle did.
func (s *session) result() measured {
	m := s.last
	m.startNS, m.warnings = s.startNS, s.warnings
	m.session = &told{ended: s.made, begun: s.begun, well: s.last.well()}
	if s.counting != nil {
		m.session.census = s.counting.told()
	}
	return m
}

// well tells whether a cycle ended as it should; nobody reads memory.events for that, since what is killed does not end well either.
func (m *measured) well() bool {
	outcome, _ := m.decide()
	return outcome == results.Started
}

// told is what a session adds to its record.
type told struct {
	census *results.Census
	ended  int // the cycle that was made last
	begun  bool
	well   bool
}

// describe has the record be of all cycles, not of the last.
func (t *told) describe(rec *results.Record) {
	rec.Census = t.census
	rec.Latency, rec.ContainerPeak, rec.RuntimePeak = results.Latency{}, nil, nil
	rec.Leaf, rec.LimitInForce = nil, nil
	if rec.Outcome == results.Started {
		rec.ExitCode, rec.ExitSignal = nil, ""
		return
	}
	rec.Reason = t.where() + rec.Reason
}

// where it was that the session did not end well.
func (t *told) where() string {
	switch {
	case t.well || !t.begun: // it shows in what was read at the end, or began with no container
		return ""
	case t.ended < 1:
		return "a cycle before the first that is counted: "
	}
	return fmt.Sprintf("cycle %d: ", t.ended)
}

// tellCycle tells a sink that wants to know how far a session is.
func (c *collector) tellCycle(t scenarios.Trial, n int) {
	if sink, wants := c.sink.(CycleSink); wants {
		c.shared.Lock()
		defer c.shared.Unlock()
		sink.Cycle(Cycle{Trial: t.Index, Cycle: n, Of: t.Cycles})
	}
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/lifecycle/killat"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/scenarios"
)

// LifecycleJob says whose lives are lived.
type LifecycleJob struct {
	// Run is the ID that everything carries that is made.
	Run string
	// Name and Ref are the runtime's in records, Binary its path or its name on PATH.
	Name, Ref, Binary string
	Driver            cgroupjoin.Driver
	// Quiet is how long time alone is given before anything else is tried.
	Quiet time.Duration
	// Pools are those of the network that containers are connected to; of none they are not.
	Pools []pool.Pool
	// Where is what records say of the machine.
	Where lifecycle.Where
}

// Lifecycles lives sequences of one runtime under one driver. Close it.
type Lifecycles struct {
	*collector
	job     LifecycleJob
	lock    *flock.Flock
	runtime runtimeUnderTest
	kernel  string
	units   unitLister
	network *network.Network // nil where there is none
	known   timelines
	next    int
	prefix  string        // of the names of its lives, in a run that makes other things too
	limit   time.Duration // of a step
	// turn is had by the one life that does something. Orphans can be taken only while no child of ours is under way, and a tracer
	// gets what is told of any child: so lives that are lived beside each other act one after the other, and wait together.
	turn sync.Mutex

	missing sync.Mutex
	missed  []lifecycle.Record // lives whose last step's kill did not come about
}

// OpenLifecycles takes the machine for them.
func OpenLifecycles(ctx context.Context, job LifecycleJob, notes io.Writer) (*Lifecycles, error) {
	if err := CanMeasure(ctx, []cgroupjoin.Driver{job.Driver}); err != nil {
		return nil, err
	}
	if err := killat.Supported(); err != nil {
		return nil, &EnvError{Err: err}
	}
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return nil, &EnvError{Err: err}
	}
	if err := refuseRemains(ctx); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	c := &collector{job: Job{Run: job.Run}, notes: notes, dir: filepath.Join(journal.Base(), "run-"+job.Run)}
	l := &Lifecycles{collector: c, job: job, lock: lock, limit: stepTimeout}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lifecycles) open(ctx context.Context) error {
	err := l.openShared(ctx)
	if err != nil {
		return &EnvError{Err: err}
	}
	if l.runtime, err = identify(ctx, l.job.Binary); err != nil {
		return fmt.Errorf("runtime %s: %w", l.job.Name, err)
	}
	l.network, err = l.networkOf(onlyNetwork, l.job.Pools)
	return err
}

// openShared makes what all lives have in common, journal first.
func (l *Lifecycles) openShared(ctx context.Context) (err error) {
	if l.journal, err = journal.Open(journal.Base(), l.job.Run); err != nil {
		return err
	}
	if err := l.intend(string(journal.Dir), l.dir); err != nil {
		return err
	}
	l.host, err = cgroupjoin.Open(ctx, cgroupjoin.Options{
		Root: cgroupRoot, Proc: procRoot, RunID: l.job.Run, Drivers: []cgroupjoin.Driver{l.job.Driver}, Journal: l.intend})
	if err != nil {
		return err
	}
	if err := becomeSubreaper(); err != nil {
		return err
	}
	if err := l.openDisk(); err != nil {
		return err
	}
	if l.units, err = listUnits(ctx); err != nil {
		return err
	}
	l.kernel, err = kernelRelease()
	return err
}

// Close removes what the lives had in common, and gives the machine back.
func (l *Lifecycles) Close() error {
	l.units.close()
	reapOrphans()
	return errors.Join(l.close(), l.lock.Unlock())
}

// life is one sequence under way.
type life struct {
	*prepared
	of     *Lifecycles
	name   string // among those of the run
	rootfs ociruntime.Rootfs
	stdin  *os.File // its end is the payload's; nil before create
	init   *initProcess
	calls  int
	points []lifecycle.Point // of the last verb that was traced
	places map[lifecycle.Point]killat.Place
	alone  bool // which had left no process

	connected bool  // it was attached to the network, and has not been detached since
	clean     bool  // what clean does has been done
	slow      bool  // the runtime is stopped at each call
	inLine    int64 // ns that it has waited for its turn
}

// begin makes a life's cgroups and directories, journal first.
func (l *Lifecycles) begin(ctx context.Context) (*life, error) {
	p := &prepared{network: l.network}
	p.Index, p.Driver, p.Timeout = l.next, l.job.Driver, pluginLimit
	l.next++
	name := lifeName(l.prefix, p.Index)
	p.id = l.job.Run + "-" + name
	p.scope, p.dir = p.id, filepath.Join(l.dir, name)
	p.cli = ociruntime.CLI{Binary: l.runtime.path, StateRoot: filepath.Join(p.dir, "state"), Systemd: p.Driver == cgroupjoin.Systemd, Options: l.runtime.flags}
	v := &life{prepared: p, of: l, name: name}
	var err error
	if p.tree, err = l.makeTree(ctx, p.scope, p.Driver, v.specOf()); err != nil {
		return v, fmt.Errorf("cgroups: %w", err)
	}
	if err := os.MkdirAll(p.bundle(), 0o755); err != nil {
		return v, fmt.Errorf("bundle: %w", err)
	}
	// A root of its own, so that a mount that is left on it is this life's.
	if v.rootfs, err = ociruntime.MakeRootfs(filepath.Join(p.dir, "rootfs")); err != nil {
		return v, err
	}
	return v, nil
}

// lifeName ends with what is in no number, so that a life's things are not found under the name of another that is lived beside it: 1 is in 10.
func lifeName(prefix string, index int) string { return fmt.Sprintf("%s%dx", prefix, index) }

// end removes whatever is left, as clean would.
func (v *life) end() error {
	var err error
	if !v.clean {
		err = v.doClean()
	}
	v.letGo()
	reapOrphans()
	if err != nil {
		v.of.unclean = true
		return err
	}
	return v.of.gone(v.scope)
}

// letGo closes what of the container is ours.
func (v *life) letGo() {
	if v.stdin != nil {
		_ = v.stdin.Close() // nothing was written
		v.stdin = nil
	}
	if v.init != nil {
		v.init.close()
		v.init = nil
	}
	if v.stdout != nil {
		v.aside(v.stdout.finish)
		v.stdout = nil
	}
}

// aside waits for something while others have their turn.
func (v *life) aside(wait func()) {
	v.of.turn.Unlock()
	defer func() {
		asked := now()
		v.of.turn.Lock()
		v.inLine += now() - asked
	}()
	wait()
}

func (v *life) pause(d time.Duration) { v.aside(func() { time.Sleep(d) }) }

// Record is that of a sequence before it is lived.
func (l *Lifecycles) Record(s lifecycle.Sequence) lifecycle.Record {
	return lifecycle.Record{Kind: lifecycle.RecordKind, Schema: lifecycle.Schema, Run: l.job.Run, Driver: string(l.job.Driver), Kernel: l.kernel,
		Where: l.job.Where, SettleNS: int64(l.job.Quiet), Network: lifecycle.NetworkOf(l.job.Pools), Sequence: s,
		Runtime: lifecycle.Runtime{Name: l.job.Name, Ref: l.job.Ref, Version: l.runtime.id.Version, SHA256: l.runtime.id.SHA256},
		Left:    []lifecycle.Left{}, Steps: []lifecycle.Done{}}
}

// Live lives one sequence and says what it left, and what freed that. After an interruption everything of
// it is removed and ctx's error returned.
func (l *Lifecycles) Live(ctx context.Context, s lifecycle.Sequence) (lifecycle.Record, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	rec, err := elsewiseAgain(func(slow bool) (lifecycle.Record, error, error) { return l.liveOnce(ctx, s, slow) })
	if err != nil {
		return rec, fmt.Errorf("%s: %w", s, err)
	}
	return rec, ctx.Err()
}

// elsewiseAgain has a life be lived a second time, slowly, if it took other steps than are known: in another state a runtime does. Beside what the
// first has left behind it is not.
func elsewiseAgain(once func(slow bool) (rec lifecycle.Record, lived, ended error)) (lifecycle.Record, error) {
	rec, lived, ended := once(false)
	if ended == nil && errors.Is(lived, killat.ErrElsewise) {
		rec, lived, ended = once(true)
	}
	return rec, errors.Join(lived, ended)
}

// liveOnce tells apart why a life was not lived, and why it could not be removed.
func (l *Lifecycles) liveOnce(ctx context.Context, s lifecycle.Sequence, slow bool) (rec lifecycle.Record, lived, ended error) {
	rec = l.Record(s)
	if err := ctx.Err(); err != nil {
		return rec, err, nil
	}
	v, err := l.begin(ctx)
	v.slow = slow
	if err == nil {
		err = v.live(ctx, &rec)
	}
	return rec, err, v.end()
}

// All lives sequences beside each other, and hands over the record of each in the order in which they come. Of the first that cannot be lived
// the error is returned, when all that are under way have ended.
func (l *Lifecycles) All(ctx context.Context, all iter.Seq[lifecycle.Sequence], each func(lifecycle.Record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type lived struct {
		rec lifecycle.Record
		err error
	}
	underWay := make(chan chan lived, scenarios.LivesAtOnce-1) // and the one that is waited for
	go func() {
		defer close(underWay)
		for s := range all {
			one := make(chan lived, 1)
			select {
			case underWay <- one:
			case <-ctx.Done():
				return
			}
			if rec, has := l.missedBefore(s); has {
				one <- lived{rec, nil}
				continue
			}
			go func() {
				rec, err := l.Live(ctx, s)
				one <- lived{rec, err}
			}()
		}
	}()
	var err error
	for one := range underWay {
		r := <-one
		if err != nil {
			continue // of those that were cancelled the reason is known
		}
		if err = r.err; err == nil {
			l.noteMissed(r.rec)
			err = each(r.rec)
		}
		if err != nil {
			cancel()
		}
	}
	return errors.Join(err, ctx.Err())
}

// noteMissed keeps a life whose last step's kill did not come about since the runtime had ended by itself before.
func (l *Lifecycles) noteMissed(r lifecycle.Record) {
	if r.Missed() && len(r.Steps) == len(r.Sequence) && r.Steps[len(r.Steps)-1].Exit != nil {
		l.missing.Lock()
		defer l.missing.Unlock()
		l.missed = append(l.missed, r)
	}
}

// missedBefore is the record of a sequence that begins with one whose kill did not come about: it would most likely end there as well, and is not
// lived, which the record says.
func (l *Lifecycles) missedBefore(s lifecycle.Sequence) (rec lifecycle.Record, has bool) {
	l.missing.Lock()
	defer l.missing.Unlock()
	for _, m := range l.missed {
		if n := len(m.Sequence); n < len(s) && slices.Equal(m.Sequence, s[:n]) {
			rec = l.Record(s)
			rec.Behind = m.Sequence.String()
			return rec, true
		}
	}
	return rec, false
}

func (v *life) live(ctx context.Context, rec *lifecycle.Record) error {
	for _, step := range rec.Sequence {
		done, err := v.take(ctx, step)
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		rec.Steps = append(rec.Steps, done)
		if done.Missed {
			return nil // what would follow is another sequence
		}
	}
	var err error
	rec.Left, err = v.settle(ctx)
	return err
}

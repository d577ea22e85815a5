package census

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	systemd "github.com/coreos/go-systemd/v22/dbus"
)

// Taker takes censuses of this machine. It keeps one connection to systemd open, so that every census has it.
type Taker struct {
	opts Options
	bus  *systemd.Conn
	// noBus is why there is no connection.
	noBus error
}

// source counts some kinds. What it could not count it tells the tally; an error is of all its kinds.
type source struct {
	kinds []Kind
	read  func(*Taker, context.Context, *tally) error
}

// New makes a Taker; Close it.
func New(ctx context.Context, o Options) (*Taker, error) {
	t := &Taker{opts: o.withDefaults()}
	if (&tally{wanted: t.opts.Kinds}).wants(unitKinds...) {
		t.bus, t.noBus = dial(ctx)
	}
	return t, context.Cause(ctx)
}

// Close ends the connection to systemd.
func (t *Taker) Close() {
	if t.bus != nil {
		t.bus.Close()
	}
}

// Take counts every kind once. It fails only when ctx ends: what cannot be read is in the census, with the reason.
func (t *Taker) Take(ctx context.Context) (Census, error) { return t.take(ctx, false) }

// TakeNamed is Take with the name of every object, which takes longer.
func (t *Taker) TakeNamed(ctx context.Context) (Census, error) { return t.take(ctx, true) }

// Names lists the objects of a kind. Pages, dying cgroups and threads have none.
func (t *Taker) Names(ctx context.Context, k Kind) ([]string, error) {
	only := *t
	only.opts.Kinds = []Kind{k}
	c, err := only.take(ctx, true)
	if err == nil && c.Unread[k] != "" {
		err = fmt.Errorf("names of %s: %s", k, c.Unread[k])
	}
	return c.Names[k], err
}

func (t *Taker) take(ctx context.Context, named bool) (Census, error) {
	count := &tally{Census: newCensus(), wanted: t.opts.Kinds, named: named}
	for _, s := range sources {
		if !count.wants(s.kinds...) {
			continue
		}
		if err := s.read(t, ctx, count); err != nil {
			count.unread(err, s.kinds...)
		}
		if ctx.Err() != nil {
			return Census{}, context.Cause(ctx)
		}
	}
	return count.census(), nil
}

// sources are in an order: the processes' comes last, because what is counted before it, as a mount, may be taken from it.
var sources = []source{
	{cgroupKinds, (*Taker).cgroups},
	{unitKinds, (*Taker).units},
	{[]Kind{BPFPrograms}, (*Taker).bpfPrograms},
	{[]Kind{BPFMaps}, (*Taker).bpfMaps},
	{[]Kind{BPFLinks}, (*Taker).bpfLinks},
	{[]Kind{Keys}, (*Taker).keys},
	{[]Kind{Keyrings}, (*Taker).keyrings},
	{[]Kind{StateDirectories}, (*Taker).stateDirectories},
	{sharedKinds, (*Taker).sharedMemory},
	{mountKinds, (*Taker).mounts},
	{processKinds, (*Taker).processes},
}

func (t *Taker) proc(parts ...string) string {
	return filepath.Join(append([]string{t.opts.Proc}, parts...)...)
}

// stateDirectories counts entries: a runtime makes one for each container.
func (t *Taker) stateDirectories(_ context.Context, count *tally) error {
	if len(t.opts.StateDirs) == 0 {
		return errors.New("no directory was named")
	}
	count.counts(StateDirectories, 0)
	for _, dir := range t.opts.StateDirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a runtime makes its own at its first start
			return err
		}
		for _, e := range entries {
			count.one(StateDirectories, func() string { return filepath.Join(dir, e.Name()) })
		}
	}
	return nil
}

func (t *Taker) keys(_ context.Context, count *tally) error {
	path := t.proc("key-users")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	n, err := keyUsers(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	count.counts(Keys, n)
	return nil
}

func (t *Taker) keyrings(_ context.Context, count *tally) error {
	path := t.proc("keys")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	names, err := keyrings(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	count.counts(Keyrings, 0)
	for _, name := range names {
		count.one(Keyrings, func() string { return name })
	}
	return nil
}

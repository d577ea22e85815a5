package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/initbench/initbench/internal/census"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// sessionCensus takes a session's censuses.
type sessionCensus struct {
	taker   *census.Taker
	watched []*watched
	// looks are one more than the cycles; the first has names.
	looks []look
	last  *settled // nil where nobody waited
	// most is what the payload was handed that was handed the most; unseen is how many that ended well could not be looked at.
	most   *results.Inherited
	unseen int
	names  map[string][]string
}

// watched is a process whose descriptors are counted.
type watched struct {
	name string
	*census.Watched
	// missing is why it cannot be counted any more: it was not found, or has ended.
	missing string
	first   census.Descriptors
	latest  census.Descriptors
}

// machineKinds are those that a record has.
func machineKinds() (all []census.Kind) {
	for _, k := range scenarios.MachineKinds() {
		all = append(all, census.Kind(k))
	}
	return all
}

// openCounting finds who is watched, the embedder first, and connects to whom it asks. It keeps both until the session ends, so that they
// are in every count.
func (s *session) openCounting(ctx context.Context) (*sessionCensus, error) {
	k := &sessionCensus{}
	if s.embedder != nil {
		k.watch(ctx, results.EmbedderName, census.Watch{PID: s.embedder.PID()})
	}
	for _, name := range s.c.job.Spec.WatchedIn(s.Scenario) {
		w, err := census.ParseWatch(name)
		if err != nil {
			k.close()
			return nil, fmt.Errorf("watch: %w", err)
		}
		k.watch(ctx, name, w)
	}
	var err error
	if k.taker, err = census.New(ctx, census.Options{Cgroup: s.tree.PodPath(), StateDirs: []string{s.cli.StateRoot}, Kinds: machineKinds()}); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// watch finds a process, or all of a name. One that is not there is in the record as such.
func (k *sessionCensus) watch(ctx context.Context, name string, w census.Watch) {
	found, err := census.Find(ctx, w)
	if err != nil {
		k.watched = append(k.watched, &watched{name: name, missing: results.CensusText(OneLine(err.Error()))})
		return
	}
	for _, one := range found {
		called := name
		if w.All {
			called = w.Name + "[" + strconv.Itoa(one.PID) + "]"
		}
		k.watched = append(k.watched, &watched{name: results.CensusText(called), Watched: one})
	}
}

func (k *sessionCensus) close() {
	for _, w := range k.watched {
		if w.Watched != nil {
			w.Close()
		}
	}
	if k.taker != nil {
		k.taker.Close()
	}
}

// begin takes the census before the first cycle, with names: of what is there at the end some may have been there all the time.
func (k *sessionCensus) begin(ctx context.Context) error {
	machine, err := k.taker.TakeNamed(ctx)
	if err != nil {
		return err
	}
	k.looks = []look{k.look(machine)}
	for _, w := range k.watched {
		w.first = w.latest
	}
	return nil
}

// count takes the census after a cycle.
func (k *sessionCensus) count(ctx context.Context) error {
	machine, err := k.taker.Take(ctx)
	if err == nil {
		k.looks = append(k.looks, k.look(machine))
	}
	return err
}

// look adds the descriptors of those who are watched.
func (k *sessionCensus) look(machine census.Census) look {
	l := look{machine: machine}
	for _, w := range k.watched {
		w.take()
		l.watched = append(l.watched, w.latest.Counts)
	}
	return l
}

func (w *watched) take() {
	if w.missing != "" {
		return
	}
	taken, err := w.Take()
	if err != nil {
		w.missing, w.latest = results.CensusText(OneLine(err.Error())), census.Descriptors{}
		return
	}
	w.latest = taken
}

// settle waits for what is released late, for bound at most, and asks for the names of what is left.
func (k *sessionCensus) settle(ctx context.Context, bound time.Duration) error {
	s := newSettled(k.looks)
	began := time.Now()
	end, err := census.Settle(ctx, census.Census{Counts: s.base}, func(ctx context.Context) (census.Census, error) {
		at := time.Since(began)
		machine, err := k.taker.Take(ctx)
		if err != nil {
			return census.Census{}, err
		}
		if s.last == nil {
			began, at = time.Now(), 0 // what is gone at the first look is not late
		}
		l := k.look(machine)
		s.add(l, at)
		return census.Census{Counts: l.flat()}, nil
	}, bound)
	if err != nil {
		return err
	}
	s.waited, k.last = end.Waited, s
	return k.nameLeft(ctx)
}

// nameLeft asks for the names of the kinds that there are more of, and only if there are.
func (k *sessionCensus) nameLeft(ctx context.Context) error {
	first, last := k.looks[0].machine, k.last.last.machine
	var rose []census.Kind
	for _, kind := range machineKinds() {
		if last.Counts[kind] > first.Counts[kind] && first.Names[kind] != nil {
			rose = append(rose, kind)
		}
	}
	if len(rose) == 0 {
		return nil
	}
	named, err := k.taker.TakeNamed(ctx)
	if err != nil {
		return err
	}
	k.names = map[string][]string{}
	for _, kind := range rose {
		k.names[string(kind)] = newest(census.Beyond(first.Names[kind], named.Names[kind]))
	}
	return nil
}

// newest are the last of them, in that order, as a record has them. The kernel and systemd list what is new behind what is old, as
// far as they have an order.
func newest(names []string) (last []string) {
	for i := len(names) - 1; i >= 0 && len(last) < results.MaxLeft; i-- {
		last = append(last, results.CensusText(names[i]))
	}
	return last
}

// handed keeps what the payload of a cycle was handed, if it was handed more than any before. It tells why that may not be all.
func (k *sessionCensus) handed(h *hold) error {
	if h.why != nil {
		k.unseen++
	}
	if k.most == nil || len(h.handed) > len(k.most.Descriptors) {
		k.most = &results.Inherited{Descriptors: []results.Descriptor{}}
		for _, d := range h.handed[:min(len(h.handed), results.MaxInherited)] {
			k.most.Descriptors = append(k.most.Descriptors, results.Descriptor{FD: d.FD, Kind: string(d.Kind), Target: results.CensusText(d.Target)})
		}
	}
	return h.why
}

// inherited is that of all cycles. What was found stands; that nothing was says something only if every payload was looked at.
func (k *sessionCensus) inherited() *results.Inherited {
	if k.unseen > 0 && len(k.most.Descriptors) == 0 {
		return nil
	}
	return k.most
}

// told is the session's census as a record has it; nil where nothing was counted.
func (k *sessionCensus) told() *results.Census {
	if len(k.looks) == 0 {
		return nil
	}
	c := &results.Census{Cycles: len(k.looks) - 1, Machine: []results.Series{}, Inherited: k.inherited()}
	for _, kind := range machineKinds() {
		if why := k.unread(kind); why != "" {
			c.Unread = append(c.Unread, results.Unread{Kind: string(kind), Why: results.CensusText(OneLine(why))})
			continue
		}
		one := k.series(machineKey(kind), kind, func(l look) int64 { return l.machine.Counts[kind] })
		one.Left = k.names[string(kind)]
		c.Machine = append(c.Machine, one)
	}
	for i, w := range k.watched {
		c.Watched = append(c.Watched, k.descriptors(i, w))
	}
	if k.last != nil {
		ns := int64(k.last.waited)
		c.WaitedNS = &ns
	}
	return c
}

// unread is why a kind could not be counted at some time: a series with a hole is none.
func (k *sessionCensus) unread(kind census.Kind) string {
	for n, l := range k.looks {
		if _, counted := l.machine.Counts[kind]; counted {
			continue
		}
		if n == 0 {
			return l.machine.Unread[kind]
		}
		return fmt.Sprintf("after cycle %d: %s", n, l.machine.Unread[kind])
	}
	return ""
}

// descriptors are the series of a process, of the kinds of which it ever had one.
func (k *sessionCensus) descriptors(i int, w *watched) results.Watched {
	of := results.Watched{Name: w.name, Unread: w.missing}
	if w.Watched != nil {
		of.PID = w.PID
	}
	if w.missing != "" {
		return of
	}
	for _, name := range scenarios.DescriptorKinds() {
		kind := census.Kind(name)
		one := k.series(watchedKey(i, kind), kind, func(l look) int64 { return l.watched[i][kind] })
		if slices.Max(one.Counts) == 0 && (one.Settled == nil || *one.Settled == 0) {
			continue
		}
		if n := one.Settled; n != nil && *n > one.Counts[0] {
			var texts []string
			for _, d := range w.latest.Since(w.first, kind) {
				texts = append(texts, d.String())
			}
			one.Left = newest(texts)
		}
		of.Descriptors = append(of.Descriptors, one)
	}
	return of
}

// series is one kind's counts over the session and its end.
func (k *sessionCensus) series(key, kind census.Kind, count func(look) int64) results.Series {
	one := results.Series{Kind: string(kind)}
	for _, l := range k.looks {
		one.Counts = append(one.Counts, count(l))
	}
	if k.last == nil {
		return one
	}
	if last, counted := k.last.last.flat()[key]; counted {
		one.Settled = &last
	}
	if at, is := k.last.back[key]; is {
		ns := int64(at)
		one.BackNS = &ns
	}
	return one
}

// checkWatched refuses a run whose scenarios watch what is not there: its rows would only be inconclusive, hours later.
func (c *collector) checkWatched(ctx context.Context) error {
	for _, sc := range c.job.Spec.Scenarios {
		k := &sessionCensus{}
		for _, name := range sc.Watch {
			w, err := census.ParseWatch(name)
			if err != nil {
				return &EnvError{Err: fmt.Errorf("scenario %s: %w", sc.Name, err)}
			}
			k.watch(ctx, name, w)
		}
		k.close()
		if err := k.allThere(sc); err != nil {
			return &EnvError{Err: fmt.Errorf("scenario %s: %w", sc.Name, err)}
		}
	}
	return nil
}

func (k *sessionCensus) allThere(sc scenarios.Scenario) error {
	names := map[string]bool{results.EmbedderName: sc.Embedded}
	for _, w := range k.watched {
		switch {
		case w.missing != "":
			return errors.New(w.missing)
		case names[w.name]:
			return fmt.Errorf("watch %s: that is how the session's own embedder is called: name it by its number", w.name)
		}
		names[w.name] = true
	}
	if len(k.watched) > scenarios.MaxWatch {
		return fmt.Errorf("watch: %d processes have these names, and the most is %d", len(k.watched), scenarios.MaxWatch)
	}
	return nil
}

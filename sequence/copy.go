package sequence

import "slices"

// Copy is one memfd that a process made and sealed: a clone of the runtime's
// binary, or something else that it wanted nobody to change.
type Copy struct {
	PID  int
	Comm string
	Name string // the memfd's
	// FromNS and ToNS are CLOCK_MONOTONIC of memfd_create and of the seal.
	FromNS, ToNS int64
	Bytes        *int64
	// Init is true for a copy that was made by the container's init or what became it.
	Init bool
}

// Copies lists the memfds that were sealed before the payload ran, by the time of their
// seals: those of start as well, which is a process of the runtime like create.
func (t Timeline) Copies() []Copy {
	s := newStart(t)
	var out []Copy
	for _, c := range s.copies {
		if !c.sealed() {
			continue
		}
		create, seal := t.Events[c.create], t.Events[c.seal]
		out = append(out, Copy{
			PID: create.PID, Comm: create.Comm, Name: create.Detail, FromNS: create.NS, ToNS: seal.NS, Bytes: seal.Bytes, Init: s.becomesInit(c.by),
		})
	}
	return out
}

// memfd is one memfd: indexes of its steps, and who made it.
type memfd struct {
	by     *process
	create int
	seal   int // -1: it never was
}

func (m *memfd) sealed() bool { return m.seal >= 0 }

// size is 0 where it is not known.
func (m *memfd) size(events []Event) int64 {
	if !m.sealed() || events[m.seal].Bytes == nil {
		return 0
	}
	return *events[m.seal].Bytes
}

// readMemfds pairs each memfd_create with its first seal, and leaves out what
// processes did as or after the payload. Events name no descriptor, so a seal belongs to the
// memfd of its process that has its name and none yet, else to the latest that has none.
// One more seal on a sealed memfd (runc 1.2 adds them one by one) is no copy.
func readMemfds(events []Event, ps *processes, end int) []*memfd {
	var sealed, open []*memfd
	for i, e := range events[:end] {
		switch e.Step {
		case MemfdCreate:
			open = append(open, &memfd{by: ps.owner[i], create: i, seal: -1})
		case CloneSealed:
			k := latest(open, func(m *memfd) bool { return m.by == ps.owner[i] && named(events, m, e.Detail) })
			again := latest(sealed, func(m *memfd) bool { return m.by == ps.owner[i] && named(events, m, e.Detail) }) >= 0
			if k < 0 && !again {
				k = latest(open, func(m *memfd) bool { return m.by == ps.owner[i] })
			}
			if k >= 0 {
				open[k].seal = i
				sealed = append(sealed, open[k])
				open = slices.Delete(open, k, k+1)
			}
		}
	}
	return append(sealed, open...)
}

func named(events []Event, m *memfd, name string) bool {
	return name != "" && events[m.create].Detail == name
}

// latest is the index of the last memfd that fits, or -1.
func latest(all []*memfd, fits func(*memfd) bool) int {
	for k := len(all) - 1; k >= 0; k-- {
		if fits(all[k]) {
			return k
		}
	}
	return -1
}

// largest is the sealed memfd that holds the most of those that keep allows: the
// binary is larger than anything else a runtime seals. Nil where there is none. One that
// was never sealed has no size to compare: see unfinished.
func largest(events []Event, all []*memfd, keep func(*memfd) bool) *memfd {
	var best *memfd
	for _, m := range all {
		if m.sealed() && keep(m) && (best == nil || m.size(events) > best.size(events)) {
			best = m
		}
	}
	return best
}

package sequence

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// start is a timeline with what follows from it: its processes, their copies, and which of them becomes init.
type start struct {
	Timeline
	*processes
	copies []*memfd
	// payload is the index of the payload's exec; len(Events) where it is not there.
	payload int
	// enters is the process that entered the container's cgroup and is or becomes init; nil where none did.
	enters *process
}

func newStart(t Timeline) *start {
	s := &start{Timeline: t, processes: readProcesses(t.Events), payload: len(t.Events)}
	if i := slices.IndexFunc(t.Events, func(e Event) bool { return e.Step == PayloadExec }); i >= 0 {
		s.payload = i
	}
	s.copies = readMemfds(t.Events, s.processes, s.payload)
	s.enters = s.findEnterer()
	return s
}

func (s *start) ran() bool { return s.payload < len(s.Events) }

// findEnterer goes from the payload's process upwards. Where init died before, it is the first
// process of create's that came into the cgroup, or the first of all when create's own are not known.
func (s *start) findEnterer() *process {
	if s.ran() {
		return s.owner[s.payload].enterer()
	}
	var first, ours *process
	for _, p := range s.all {
		if p.entry != joined && p.entry != born {
			continue
		}
		if first == nil || p.at < first.at {
			first = p
		}
		if s.ofCreate(p) && (ours == nil || p.at < ours.at) {
			ours = p
		}
	}
	if ours != nil {
		return ours
	}
	return first
}

// ofCreate reports whether p is the process spawned as create or comes from it: start
// and delete are processes of the runtime too, and crun clones itself in each.
func (s *start) ofCreate(p *process) bool {
	for ; p != nil; p = p.parent {
		if p.pid == s.RuntimePID {
			return true
		}
	}
	return false
}

// becomesInit reports whether p is the process that entered or a child of it: runc's
// init goes through three processes, of which the first joins and the last execs the payload.
func (s *start) becomesInit(p *process) bool { return s.enters != nil && p.descends(s.enters) }

// Find decides which order of clone and join occurred, who was charged for the clone, and what
// the container had been charged when its payload began.
//
// The clone that matters is the one made by the process that becomes init: only it
// can race with the join. A copy that the runtime makes in a process of its own, before it forks init, is
// always paid by the runtime's cgroup: that is [FoundNoClone] (or [FoundBornInCgroup]), guarded by [GuardParentMemfd],
// with the size and the shares of that copy.
//
// Where the process was at memfd_create and at the seal decides, rather than when the join was seen: the kernel
// reports a join after it has moved the process, which by then may have run on in its new cgroup.
//
// Nothing is guessed. Lost events, events that do not rise in time, steps that contradict each other and a start that
// ended too early to tell are [FoundUnknown], and Why says which.
func (t Timeline) Find() Finding {
	if t.Lost > 0 {
		return unknown("%d events were lost", t.Lost)
	}
	if !slices.IsSortedFunc(t.Events, func(a, b Event) int { return cmp.Compare(a.NS, b.NS) }) {
		return unknown("the events do not rise in time")
	}
	s := newStart(t)
	f := s.order()
	if s.ran() {
		e := s.Events[s.payload]
		f.ExecNS = copied(&e.NS)
		if e.Container != nil {
			f.ChargedAtExec = copied(&e.Container.Bytes)
		}
	}
	return f
}

func unknown(format string, args ...any) Finding {
	return Finding{Order: FoundUnknown, Why: fmt.Sprintf(format, args...)}
}

func (s *start) order() Finding {
	if s.enters == nil {
		if s.ran() {
			return unknown("%s executed the payload and was never seen to enter the container's cgroup", s.who(s.payload))
		}
		return unknown("no process was seen to enter the container's cgroup")
	}
	inside := func(m *memfd) bool { return s.becomesInit(m.by) }
	clone, begun := largest(s.Events, s.copies, inside), s.unfinished()
	if begun != nil && clone != nil && !s.executedAfter(clone) {
		clone = nil // whatever it sealed, it was about to make another copy to execute
	}
	switch {
	case s.enters.entry == born:
		return s.bornInside(clone)
	case clone != nil:
		return s.sealedClone(clone)
	case begun != nil:
		return s.unfinishedClone(begun)
	}
	return s.noClone()
}

// bornInside is a start without a join. A clone that init makes there is charged to the container, whatever one does.
func (s *start) bornInside(clone *memfd) Finding {
	f := Finding{Order: FoundBornInCgroup, Guard: GuardMemfd}
	f.Why = fmt.Sprintf("%s forked init (pid %d) into the container's cgroup: there was no join", s.who(s.enters.at), s.enters.pid)
	if clone == nil {
		f.Guard, clone = s.guardOutside()
		if f.Guard == GuardNone && !s.ran() {
			f.Guard = "" // it ended before all was seen
		}
	}
	return s.withShares(f, clone)
}

// sealedClone orders a whole copy made by what becomes init.
func (s *start) sealedClone(clone *memfd) Finding {
	create, seal := clone.create, clone.seal
	atCreate, err := s.insideAt(clone.by, create)
	if err != nil {
		return unknown("%v", err)
	}
	atSeal, err := s.insideAt(clone.by, seal)
	if err != nil {
		return unknown("%v", err)
	}
	f := Finding{Guard: s.memfdGuard()}
	join := s.enters.at
	switch {
	case atCreate && !atSeal:
		return unknown("%s left the container's cgroup during its copy", s.who(create))
	case atCreate:
		f.Order = FoundJoinBeforeClone
		f.Why = fmt.Sprintf("%s was in the container's cgroup when it called memfd_create, %s after the join", s.who(create), s.between(join, create))
	case atSeal:
		f.Order = FoundOverlapping
		f.Why = fmt.Sprintf("%s was moved into the container's cgroup %s into a copy that took %s", s.who(create), s.between(create, join), s.between(create, seal))
	default:
		f.Order = FoundCloneBeforeJoin
		f.Why = fmt.Sprintf("%s had sealed its copy %s before it was moved into the container's cgroup", s.who(create), s.between(seal, join))
	}
	return s.withShares(f, clone)
}

// insideAt reports whether p was in the container's cgroup at one of its events, from
// the event itself, or from the join where the event does not say.
func (s *start) insideAt(p *process, i int) (bool, error) {
	e := s.Events[i]
	entered := p.entry != outside && p.at < i
	switch {
	case e.Cgroup == "":
		return entered, nil
	case e.Cgroup != Container && entered && s.Events[p.at].NS < e.NS:
		return false, fmt.Errorf("%s was in the %s cgroup at its %s, %s after it had joined the container's", s.who(i), e.Cgroup, e.Step, s.between(p.at, i))
	}
	return e.Cgroup == Container, nil
}

// unfinished is the memfd that what becomes init was filling when it ended: one that
// it did nothing after. A memfd that a process leaves open and goes on from is no clone.
func (s *start) unfinished() *memfd {
	for _, m := range s.copies {
		if !m.sealed() && s.becomesInit(m.by) && s.lastStep(m.by) == m.create {
			return m
		}
	}
	return nil
}

// executedAfter reports whether the maker of a sealed memfd executed something once it was sealed, as a clone is.
func (s *start) executedAfter(m *memfd) bool {
	return slices.ContainsFunc(m.by.events, func(i int) bool {
		step := s.Events[i].Step
		return i > m.seal && (step == Fexecve || step == Exec)
	})
}

// lastStep is the index of the last thing that p did itself, before its end.
func (s *start) lastStep(p *process) int {
	last := -1
	for _, i := range p.events {
		if step := s.Events[i].Step; step != Join && step != Exit && step != OOMKill {
			last = i
		}
	}
	return last
}

func (s *start) unfinishedClone(clone *memfd) Finding {
	inside, err := s.insideAt(clone.by, clone.create)
	if err != nil {
		return unknown("%v", err)
	}
	f := Finding{Guard: s.memfdGuard()}
	switch {
	case inside:
		f.Order = FoundJoinBeforeClone
		f.Why = fmt.Sprintf("%s was in the container's cgroup when it called memfd_create, and ended before its copy was sealed", s.who(clone.create))
	case clone.by.entry != outside && clone.by.at > clone.create && s.ended(clone.by):
		f.Order = FoundOverlapping
		f.Why = fmt.Sprintf("%s was moved into the container's cgroup %s into a copy that it did not live to seal", s.who(clone.create), s.between(clone.create, clone.by.at))
	default:
		return unknown("%s began a copy, and the timeline ends before the copy does", s.who(clone.create))
	}
	return f
}

func (s *start) ended(p *process) bool {
	return slices.ContainsFunc(p.events, func(i int) bool {
		step := s.Events[i].Step
		return step == Exit || step == OOMKill
	})
}

func (s *start) who(i int) string { return who(s.Events[i].Comm, s.Events[i].PID) }

func who(comm string, pid int) string {
	if comm == "" {
		return fmt.Sprintf("pid %d", pid)
	}
	return fmt.Sprintf("%s (pid %d)", comm, pid)
}

// between is the time from one event to another in words; a join is seen after it
// was made, so that what follows it may carry an earlier time: that is no time at all.
func (s *start) between(from, to int) string {
	ms := float64(max(s.Events[to].NS-s.Events[from].NS, 0)) / 1e6
	return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
}

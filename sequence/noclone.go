package sequence

import "slices"

// Guards: how a runtime kept its binary from the container. Finding.Guard is one of them, or empty where
// the timeline does not say.
const (
	GuardMemfd       = "memfd"                // a copy made by what becomes init (runc 1.1.15)
	GuardParentMemfd = "memfd in the parent"  // a copy made before init was forked (crun; runc 1.2 without overlayfs)
	GuardOverlay     = "overlay"              // a sealed overlayfs (runc >= 1.2)
	GuardBindMount   = "bind mount"           // read-only, of /proc/self/exe (runc rc7 to 1.1.14)
	GuardBoth        = "bind mount and memfd" // runc rc7 to 1.1.14, with its binary on tmpfs
	GuardNone        = "none"                 // nothing was made: sealed before it was started, or unprotected
)

// noClone is a start in which what becomes init copied nothing, if it lived long enough to be sure.
func (s *start) noClone() Finding {
	guard, clone := s.guardOutside()
	e := s.Events[s.enters.at]
	if !s.ofCreate(s.enters) {
		return unknown("no fork links %s, which entered the container's cgroup, to the runtime's create", who(e.Comm, s.enters.pid))
	}
	if guard == GuardNone && s.reexecuted() {
		// O_TMPFILE, runc's fallback where there is no memfd_create, leaves no step of its own.
		return unknown("%s executed a descriptor that the timeline does not show it make", who(e.Comm, s.enters.pid))
	}
	if !s.pastClone() && guard != GuardParentMemfd && !s.did(OverlayMount, s.before) && !s.did(BindMount, s.before) {
		return unknown("%s ended before it had shown whether it makes a clone", who(e.Comm, s.enters.pid))
	}
	f := Finding{Order: FoundNoClone, Guard: guard, Why: whyNoClone[guard]}
	return s.withShares(f, clone)
}

var whyNoClone = map[string]string{
	GuardParentMemfd: "the runtime made and sealed its copy in a process of its own, not in the one that became init",
	GuardOverlay:     "the runtime sealed its binary with an overlay mount, which copies nothing",
	GuardBindMount:   "the runtime's binary was guarded by a read-only bind mount, which copies nothing",
	GuardNone:        "neither a copy nor a mount of the runtime's binary was made: it had been sealed before, or is not guarded",
}

// before reports whether p is of this start and did not become init: a parent of init
// or, where create is known, any other of its processes.
func (s *start) before(p *process) bool {
	return !s.becomesInit(p) && (s.ofCreate(p) || s.enters.descends(p))
}

// guardOutside is how the binary was kept where what becomes init made no copy, and the copy if it was one.
func (s *start) guardOutside() (string, *memfd) {
	if clone := largest(s.Events, s.copies, func(m *memfd) bool { return s.before(m.by) }); clone != nil {
		return GuardParentMemfd, clone
	}
	all := func(p *process) bool { return s.before(p) || s.becomesInit(p) }
	switch {
	case s.did(OverlayMount, all):
		return GuardOverlay, nil
	case s.did(BindMount, all):
		return GuardBindMount, nil
	}
	return GuardNone, nil
}

func (s *start) memfdGuard() string {
	if s.did(BindMount, s.becomesInit) {
		return GuardBoth
	}
	return GuardMemfd
}

// did reports whether one of the processes took the step before the payload ran.
func (s *start) did(step Step, whose func(*process) bool) bool {
	for i, e := range s.Events[:s.payload] {
		if e.Step == step && whose(s.owner[i]) {
			return true
		}
	}
	return false
}

// reexecuted reports whether what becomes init executed a descriptor that was not the payload.
func (s *start) reexecuted() bool {
	for i, e := range s.Events[:s.payload] {
		if e.Step != Fexecve || !s.becomesInit(s.owner[i]) {
			continue
		}
		next := slices.IndexFunc(s.Events[i+1:], func(o Event) bool { return o.PID == e.PID && (o.Step == Exec || o.Step == PayloadExec) })
		if next >= 0 && s.Events[i+1+next].Step == Exec {
			return true
		}
	}
	return false
}

// pastClone reports whether init got beyond where runtimes clone, which is before they fork, unshare or pivot.
func (s *start) pastClone() bool {
	return s.ran() || s.did(Fork, s.becomesInit) || s.did(Unshare, s.becomesInit) || s.did(PivotRoot, s.becomesInit)
}

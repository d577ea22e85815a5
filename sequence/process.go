package sequence

// entry says how a process came to be in the container's cgroup.
type entry int

const (
	outside   entry = iota
	joined          // it was moved there
	born            // it began there, its parent elsewhere
	inherited       // it began where its parent already was
)

// process is one process of a timeline. A PID that was used again is another process.
type process struct {
	pid    int
	parent *process
	entry  entry
	// at is the index of the event by which it entered; meaningless while outside.
	at     int
	events []int // indexes of what it did, rising
}

// descends reports whether p is a or comes from it.
func (p *process) descends(a *process) bool {
	for ; p != nil; p = p.parent {
		if p == a {
			return true
		}
	}
	return false
}

// enterer is the process whose entry brought p into the container's cgroup: p
// itself or an ancestor; nil when p never was in it.
func (p *process) enterer() *process {
	for p != nil && p.entry == inherited {
		p = p.parent
	}
	if p == nil || p.entry == outside {
		return nil
	}
	return p
}

// processes are those of a timeline, with the process of each event.
type processes struct {
	current map[int]*process
	all     []*process
	owner   []*process
	// children are those that an event gave birth to, by its index; threads are none.
	children map[int]*process
}

// readProcesses follows forks, so that a child is known by its parent and not by its
// name, which runtimes change several times during one start.
func readProcesses(events []Event) *processes {
	ps := &processes{current: map[int]*process{}, owner: make([]*process, len(events)), children: map[int]*process{}}
	for i, e := range events {
		p := ps.of(e.PID)
		p.events = append(p.events, i)
		ps.owner[i] = p
		switch e.Step {
		case Fork, BornInCgroup:
			ps.fork(p, e, i)
		case Join:
			if e.Cgroup == Container && p.entry == outside {
				p.entry, p.at = joined, i
			}
		}
	}
	return ps
}

// of is the process that has pid now. An exit does not end it: that of a thread
// group's leader is seen before the exec by which another of its threads takes its place.
func (ps *processes) of(pid int) *process {
	if p := ps.current[pid]; p != nil {
		return p
	}
	return ps.add(&process{pid: pid})
}

func (ps *processes) add(p *process) *process {
	ps.current[p.pid] = p
	ps.all = append(ps.all, p)
	return p
}

func (ps *processes) fork(parent *process, e Event, i int) {
	if e.Other == 0 || e.Other == parent.pid {
		return // a thread, or a child nobody named
	}
	child := ps.current[e.Other]
	// One birth may be told twice, as a fork and as a birth in the cgroup.
	if child == nil || child.parent != parent || len(child.events) > 0 {
		child = ps.add(&process{pid: e.Other, parent: parent})
	}
	ps.children[i] = child
	switch {
	case parent.entry != outside:
		child.entry, child.at = inherited, i
	case e.Step == BornInCgroup:
		child.entry, child.at = born, i
	}
}

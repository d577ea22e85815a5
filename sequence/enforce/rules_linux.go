package enforce

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// sight is what a stopped call was seen to be.
type sight struct {
	tgid    int
	joined  bool // the caller is in a cgroup below the pod
	runtime bool // the caller executes the runtime's file
	sealed  bool // execveat: of a sealed memfd
	joins   bool // what the container's cgroup needs is asked for: its directory, or systemd
}

// look reads what a call is about. It is of no use when the caller has gone meanwhile, nor
// when the call makes no step: most directories a runtime makes are not the container's cgroup.
func (h *handler) look(c *call) (s sight, step bool) {
	tid := int(c.TID)
	switch c.kind {
	case mkdir, mkdirat, connect:
		if s.joins = h.joins(c); !s.joins {
			return s, false
		}
	case execveat:
		s.sealed = c.Args[4]&unix.AT_EMPTY_PATH != 0 && h.proc.sealed(tid, c.Args[0])
	}
	var err error
	if s.tgid, err = h.proc.tgid(tid); err != nil {
		return s, false
	}
	s.joined = h.joined(tid)
	exe, err := h.proc.exe(tid)
	s.runtime = err == nil && h.isRuntime(exe)
	return s, h.listener.valid(c)
}

// joins reports whether a call asks for what the container's cgroup needs: its directory, or a word to systemd.
func (h *handler) joins(c *call) bool {
	if c.kind == connect {
		name, err := h.proc.socket(c)
		return err == nil && isBus(name)
	}
	dir, err := h.proc.directory(c)
	return err == nil && (dir == h.opts.Leaf || strings.HasPrefix(dir, h.opts.Leaf+"/"))
}

// isRuntime compares with what the runtime's first process was executing at first
// and is now: crun executes itself anew, from a copy or a bind mount.
func (h *handler) isRuntime(exe fileID) bool {
	if slices.Contains(h.exes, exe) {
		return true
	}
	now, err := h.proc.exe(h.root)
	return err == nil && now == exe
}

// joined reports whether a process is in a cgroup below the pod.
func (h *handler) joined(pid int) bool {
	path, err := h.proc.cgroup(pid)
	return err == nil && strings.HasPrefix(path, h.podPath+"/")
}

// rule returns the hold that a call is put on; nil lets it be made.
func (h *handler) rule(c *call) *hold {
	if h.opts.Order == sequence.Natural {
		return nil
	}
	s, step := h.look(c)
	if !step {
		return nil
	}
	switch {
	case c.kind == memfdCreate && s.tgid == h.root:
		h.notes.ownClone = s.tgid
		return nil
	case c.kind == memfdCreate && s.runtime:
		return h.ruleClone(c, s)
	case c.kind == execveat && s.tgid != h.root && s.runtime:
		h.ruleExec(s)
		return nil
	case s.joins && (s.tgid == h.root || s.runtime):
		return h.ruleJoin(c, s)
	}
	return nil
}

// ruleClone is about a child of the runtime that begins its copy.
func (h *handler) ruleClone(c *call, s sight) *hold {
	switch {
	case h.opts.Order == sequence.CloneBeforeJoin && s.joined:
		h.settle(sequence.OrderCouldNot, fmt.Sprintf("process %d was in the container's cgroup already when it began its copy", s.tgid))
	case h.opts.Order == sequence.CloneBeforeJoin:
		h.notes.begun = s.tgid
		h.noteCloning(s.tgid)
	case s.joined:
		h.settle(sequence.OrderImposed, fmt.Sprintf("process %d was in the container's cgroup when it began its copy: nothing had to be held", s.tgid))
	default:
		return h.holdFor(c, s.tgid, h.root)
	}
	return nil
}

func (h *handler) noteCloning(pid int) {
	for _, held := range h.held {
		for _, w := range held.on {
			w.cloning = w.cloning || w.pid == pid
		}
	}
}

// ruleExec is about a child that executes a descriptor: its copy, if that is a sealed memfd.
func (h *handler) ruleExec(s sight) {
	switch {
	case !s.sealed:
		h.notes.unsealed = s.tgid
	case h.opts.Order != sequence.CloneBeforeJoin:
		h.notes.executed = s.tgid
	case s.joined:
		h.settle(sequence.OrderCouldNot, fmt.Sprintf("process %d had joined the container's cgroup before its copy was complete", s.tgid))
	case len(h.held) > 0:
		held := h.held[0]
		h.settle(sequence.OrderImposed, fmt.Sprintf("%s of process %d was held until process %d executed its sealed copy", held.kind, held.tgid, s.tgid))
	case h.notes.waiting != 0:
		h.settle(sequence.OrderImposed, fmt.Sprintf("process %d executed its sealed copy before it had joined, though the join was held no longer", s.tgid))
	default:
		h.settle(sequence.OrderImposed, fmt.Sprintf("process %d executed its sealed copy before the runtime began to join: nothing had to be held", s.tgid))
	}
}

// ruleJoin is about the runtime that makes the container's cgroup or turns to systemd.
func (h *handler) ruleJoin(c *call, s sight) *hold {
	if h.opts.Order != sequence.CloneBeforeJoin {
		// Before there is an init, whatever it says to systemd is not about a join.
		h.joining = h.joining || len(h.mayClone(s.tgid)) > 0
		return nil
	}
	children := h.mayClone(s.tgid)
	if len(children) == 0 {
		h.notes.early = h.notes.early || len(h.stuck) == 0
		return nil
	}
	return h.holdFor(c, s.tgid, children...)
}

// mayClone lists the children that may yet make a copy: they execute the runtime's own
// file, have not joined, and were not seen waiting for the runtime.
func (h *handler) mayClone(caller int) []int {
	var pids []int
	for _, pid := range h.proc.descendants(h.root) {
		exe, err := h.proc.exe(pid) // fails for a zombie
		if err != nil || pid == caller || !h.isRuntime(exe) || h.joined(pid) {
			continue
		}
		if state, waiting := h.proc.waits(pid); waiting && h.stuck[pid] == state {
			continue
		}
		pids = append(pids, pid)
	}
	return pids
}

// holdFor holds a call of a process until something happens to others.
func (h *handler) holdFor(c *call, tgid int, others ...int) *hold {
	held := &hold{call: c, tgid: tgid}
	for _, pid := range append([]int{tgid}, others...) {
		w, err := h.watch(pid)
		if err != nil {
			continue // it has ended: then there is nothing to wait for
		}
		w.cloning = pid == h.notes.begun
		held.on = append(held.on, w)
	}
	return held
}

// ended is about the process behind a pidfd, which died while a call was held for it or of it.
func (h *handler) ended(fd int) {
	for i, held := range h.held {
		for j, w := range held.on {
			if w.fd != fd {
				continue
			}
			h.notes.died = fmt.Sprintf("process %d died while %s of process %d was held", w.pid, held.kind, held.tgid)
			held.on = slices.Delete(held.on, j, j+1)
			w.close()
			if len(held.on) < 2 { // the caller itself, or all it waited for
				h.release(i)
			}
			return
		}
	}
}

// review looks anew at what is held.
func (h *handler) review() {
	for _, held := range slices.Clone(h.held) {
		if h.over {
			return
		}
		if time.Since(held.at) > h.opts.Deadline {
			h.settle(sequence.OrderCouldNot, fmt.Sprintf("%s of process %d was held for %v and nothing came of it", held.kind, held.tgid, h.opts.Deadline))
			return
		}
		if i := slices.Index(h.held, held); h.isDue(held) && i >= 0 {
			h.release(i)
		}
	}
}

func (h *handler) isDue(held *hold) bool {
	switch err := h.listener.check(held.ID); {
	case errors.Is(err, errGone):
		return false // its caller is dying, of which its pidfd tells, or about to make it a second time
	case err != nil:
		h.lost(err)
		return false
	case h.opts.Order == sequence.CloneBeforeJoin:
		return h.noneWillClone(held)
	}
	return h.cloneIsDue(held)
}

// noneWillClone reports whether every child that might have made a copy waits for the
// runtime instead: seen twice in the same call, since a child may wait shortly for
// another thread of the runtime than the one that is held.
func (h *handler) noneWillClone(held *hold) bool {
	waiting := 0
	for _, w := range held.on {
		if w.pid == held.tgid {
			continue
		}
		state, waits := h.proc.waits(w.pid)
		if !waits || !w.waits || state != w.state {
			w.state, w.waits = state, waits
			return false
		}
		waiting = w.pid
	}
	h.notes.waiting = waiting
	for _, w := range held.on {
		if w.pid != held.tgid {
			h.stuck[w.pid] = w.state
		}
	}
	return true
}

// cloneIsDue reports whether a held copy may be made: its process has joined, or never
// will because the runtime waits for the copy.
func (h *handler) cloneIsDue(held *hold) bool {
	if h.joined(held.tgid) && h.listener.valid(held.call) {
		h.settle(sequence.OrderImposed, fmt.Sprintf("memfd_create of process %d was held until it was in the container's cgroup", held.tgid))
		return true
	}
	return h.runtimeWaits(held)
}

// enough looks at a runtime that sleeps, each ten milliseconds after the last, tell that it waits
// for its child: a runtime that is about to join does not rest for so long before it begins.
const enough = 4

func (h *handler) runtimeWaits(held *hold) bool {
	if h.joining || unix.Access(h.opts.Leaf, unix.F_OK) == nil {
		return false // systemd may take its time, and the runtime sleeps meanwhile
	}
	state, waits := h.proc.waits(h.root)
	if !waits || state != held.asleep {
		held.asleep, held.looks, held.looked = state, 0, time.Now()
		return false
	}
	if time.Since(held.looked) < later {
		return false // another event brought us here
	}
	held.looks, held.looked = held.looks+1, time.Now()
	h.notes.serial = held.looks >= enough
	return h.notes.serial
}

package enforce

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// handler answers calls. All of it but requests belongs to the goroutine that runs it.
type handler struct {
	opts     Options
	proc     proc
	podPath  string // Pod as /proc/PID/cgroup names it
	listener listener
	idle     bool // no process has the filter any more
	events   int  // Pod's cgroup.events
	wake     int  // eventfd: there are requests
	requests chan func()
	done     chan struct{}
	stopping bool

	root  int // the runtime's first process, once it is known
	exes  []fileID
	early []*call // what was stopped before that
	held  []*hold

	notes notes
	// joining: the runtime has asked for the container's cgroup, or is about to.
	joining bool
	// over: how imposing went is settled, and nothing is held any more.
	over bool
	cost sequence.Enforcement
	// closed: create has ended, and what is answered from now on is no cost of the start.
	closed bool
	// stuck are children that were seen waiting and in what state: they need not be seen so again.
	stuck map[int]string
}

// hold is a call that is not answered yet.
type hold struct {
	*call
	tgid int
	// on are the processes whose life matters to the wait: the caller and those it waits for.
	on []*watched
	// asleep is the runtime's state when it was last seen waiting for its child, and how often it was in a row.
	asleep string
	looks  int
}

// watched is a process whose end poll tells.
type watched struct {
	pid, fd int
	// For a child that may make a copy: it has begun to, or how it was last seen waiting.
	cloning bool
	state   string
	waits   bool
}

func (h *handler) run() {
	defer close(h.done)
	for !h.stopping {
		if err := h.step(); err != nil {
			h.lost(err)
		}
		if h.over {
			h.letGo()
		}
	}
	h.letGo()
}

// step waits for one thing to happen and sees to it.
func (h *handler) step() error {
	fds, owners := h.pollSet()
	if _, err := unix.Poll(fds, h.patience()); err != nil {
		if errors.Is(err, unix.EINTR) {
			return nil
		}
		return fmt.Errorf("poll: %w", err)
	}
	if fds[0].Revents != 0 {
		h.serve()
	}
	if fds[1].Revents != 0 {
		_, _ = unix.Pread(h.events, make([]byte, 256), 0) // reading is what makes it ready for the next event
	}
	for i, w := range owners {
		if fds[3+i].Revents != 0 {
			h.ended(w)
		}
	}
	h.review()
	return h.listen(fds[2].Revents)
}

// pollSet has the wake-up, the cgroup's events and the listener first; poll passes over descriptors below 0.
func (h *handler) pollSet() ([]unix.PollFd, []*watched) {
	fds := []unix.PollFd{{Fd: int32(h.wake), Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLPRI}, {Fd: -1, Events: unix.POLLIN}}
	if len(h.held) > 0 {
		fds[1].Fd = int32(h.events)
	}
	if !h.idle {
		fds[2].Fd = int32(h.listener.fd)
	}
	var owners []*watched
	for _, held := range h.held {
		for _, w := range held.on {
			fds = append(fds, unix.PollFd{Fd: int32(w.fd), Events: unix.POLLIN})
			owners = append(owners, w)
		}
	}
	return fds, owners
}

// How often a held call is looked at anew. Nothing tells that a process has begun to wait for
// another, so a child that may yet make a copy is looked at each millisecond, which is
// much shorter than any start. For the rest there are events (the copy is executed, the pod
// gets its first process, something dies), and the slower look is for
// what they leave out: a second process that joins.
const (
	soon  = 1  // ms
	later = 10 // ms
)

// patience is how long poll may wait, in ms.
func (h *handler) patience() int {
	if len(h.held) == 0 {
		return -1
	}
	for _, held := range h.held {
		for _, w := range held.on {
			if w.pid != held.tgid && !w.cloning && h.opts.Order == sequence.CloneBeforeJoin {
				return soon
			}
		}
	}
	return later
}

// serve does what other goroutines asked for.
func (h *handler) serve() {
	var count [8]byte
	_, _ = unix.Read(h.wake, count[:]) // resets the eventfd; nothing to read is as well
	for {
		select {
		case f := <-h.requests:
			f()
		default:
			return
		}
	}
}

// listen takes the next notification, if there is one.
func (h *handler) listen(ready int16) error {
	switch {
	case ready&unix.POLLNVAL != 0:
		return unix.EBADF
	case ready&unix.POLLIN != 0:
		c, err := h.listener.receive()
		if errors.Is(err, errGone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		return h.take(c)
	case ready&unix.POLLHUP != 0:
		h.idle = true // it will never be ready again
	}
	return nil
}

// take decides about a call that was just stopped.
func (h *handler) take(c *call) error {
	if !h.closed {
		h.cost.Notifications++
	}
	if h.root == 0 && !h.over && !h.isOwn(c) {
		h.early = append(h.early, c)
		return nil
	}
	return h.decide(c)
}

func (h *handler) decide(c *call) error {
	if !h.over {
		if held := h.rule(c); held != nil {
			h.keep(held)
			return nil
		}
	}
	err := h.carryOn(c)
	if !h.closed {
		h.cost.AnsweredNS += time.Since(c.at).Nanoseconds()
	}
	return err
}

// isOwn reports whether initbench's own thread made the call: it has the filter too.
func (h *handler) isOwn(c *call) bool {
	tgid, err := h.proc.tgid(int(c.TID))
	return err == nil && tgid == os.Getpid()
}

func (h *handler) carryOn(c *call) error {
	if err := h.listener.carryOn(c); err != nil && !errors.Is(err, errGone) {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// keep holds a call. One that its thread makes a second time takes the place of the first, which a
// signal interrupted (before Linux 5.19).
func (h *handler) keep(held *hold) {
	for i, old := range h.held {
		if old.TID == held.TID {
			held.at = old.at
			h.drop(i)
			h.cost.Held--
			break
		}
	}
	h.cost.Held++
	h.held = append(h.held, held)
}

// drop forgets a held call.
func (h *handler) drop(i int) {
	for _, w := range h.held[i].on {
		w.close()
	}
	h.held = append(h.held[:i], h.held[i+1:]...)
}

// release lets a held call be made, or forgets one that is gone.
func (h *handler) release(i int) {
	c := h.held[i].call
	h.cost.HeldNS += time.Since(c.at).Nanoseconds()
	h.drop(i)
	if err := h.carryOn(c); err != nil {
		h.lost(err)
	}
}

func (h *handler) releaseAll() {
	for len(h.held) > 0 {
		h.release(0)
	}
}

// letGo answers all that waits.
func (h *handler) letGo() {
	h.releaseAll()
	for _, c := range h.early {
		_ = h.carryOn(c) // without a listener there is nobody to answer
	}
	h.early = nil
}

// settle says how imposing went, once.
func (h *handler) settle(o sequence.Imposed, why string) {
	if h.over {
		return
	}
	h.over, h.cost.Outcome, h.cost.Why = true, o, why
}

// lost gives up on the listener. The kernel fails what it had stopped with ENOSYS when it is closed.
func (h *handler) lost(err error) {
	h.settle(sequence.OrderCouldNot, fmt.Sprintf("the listener was lost: %v", err))
	h.idle = true
	for len(h.held) > 0 {
		h.drop(0)
	}
	h.early = nil
}

// start learns which process was spawned.
func (h *handler) start(pid int) {
	h.root = pid
	if exe, err := h.proc.exe(pid); err == nil {
		h.exes = append(h.exes, exe)
	}
	early := h.early
	h.early = nil
	for _, c := range early {
		if err := h.decide(c); err != nil {
			h.lost(err)
			return
		}
	}
}

// created settles what no step has, and returns all.
func (h *handler) created() sequence.Enforcement {
	o, why := h.notes.conclude(h.opts.Order)
	h.settle(o, why)
	h.letGo()
	h.closed = true
	return h.cost
}

// watch takes hold of a process, so that its end is told and its number means it until then.
func watch(pid int) (*watched, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	return &watched{pid: pid, fd: fd}, nil
}

func (w *watched) close() {
	_ = unix.Close(w.fd) // nothing was written
}

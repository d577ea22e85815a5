package enforce

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	poller   *poller
	events   int // Pod's cgroup.events
	wake     int // eventfd: there are requests
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
	looked time.Time
}

// watched is a process whose end the poller tells.
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
		err := h.step()
		if err != nil {
			h.lost(err)
		}
		if errors.Is(err, errPoller) {
			return // without waiting there is no going on
		}
		if h.over {
			h.letGo()
		}
	}
	h.letGo()
}

// step waits for something to happen and sees to it.
func (h *handler) step() error {
	ready, err := h.poller.wait(h.patience())
	if err != nil {
		return err
	}
	for _, r := range ready {
		if err := h.meet(int(r.Fd), r.Events); err != nil {
			return err
		}
	}
	h.review()
	return nil
}

func (h *handler) meet(fd int, events uint32) error {
	switch fd {
	case h.wake:
		h.serve()
	case h.events:
		h.podChanged()
	case h.listener.fd:
		return h.listen(events)
	default:
		h.ended(fd)
	}
	return nil
}

// How often a held call is looked at anew. Nothing tells that a process has begun to wait for
// another, so a child that may yet make a copy is looked at each millisecond, which is
// much shorter than any start. For the rest there are events (the copy is executed, the pod
// gets its first process, something dies), and the slower look is for
// what they leave out: a second process that joins.
const (
	soon  = time.Millisecond
	later = 10 * time.Millisecond
)

// patience is how long a wait may last; 0 is for ever.
func (h *handler) patience() time.Duration {
	if len(h.held) == 0 {
		return 0
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

// listen takes the next notification.
func (h *handler) listen(ready uint32) error {
	if ready&unix.EPOLLIN == 0 {
		h.poller.remove(h.listener.fd) // hung up: no process has the filter any more, and none will
		return nil
	}
	c, err := h.listener.receive()
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	return h.take(c)
}

// take decides about a call that was just stopped.
func (h *handler) take(c *call) error {
	if !h.closed {
		h.cost.Notifications++
	}
	if h.root == 0 && !h.over && h.opts.Order != sequence.Natural && !h.isOwn(c) {
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

// lost gives up on the listener: the kernel fails with ENOSYS what it had stopped, and all that would come.
func (h *handler) lost(err error) {
	h.settle(sequence.OrderCouldNot, fmt.Sprintf("the listener was lost: %v", err))
	if fd := h.listener.fd; fd >= 0 {
		h.listener.fd = -1
		h.poller.remove(fd)
		if !errors.Is(err, unix.EBADF) { // of a descriptor that is closed, the number may be another's by now
			_ = unix.Close(fd) // nothing is written to it but answers, and there will be none
		}
	}
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

// podChanged takes note of a process in the pod. The event also comes once without one.
func (h *handler) podChanged() {
	buf := make([]byte, 256)
	n, err := unix.Pread(h.events, buf, 0) // reading is what makes it ready for the next event
	if err != nil {
		h.poller.remove(h.events) // the pod is gone, and poll would tell so without end
		return
	}
	if !strings.Contains(string(buf[:n]), "populated 1") || !h.notes.serial || h.notes.executed != 0 {
		return
	}
	h.settle(sequence.OrderCouldNot, "the runtime seemed to wait for its init's copy, and began to join while that was being made")
}

// created settles what no step has, and returns all.
func (h *handler) created(ok bool) sequence.Enforcement {
	if err := h.listener.alive(); err != nil {
		h.lost(err) // whatever was seen is not all
	}
	if h.root == 0 {
		h.settle(sequence.OrderCouldNot, "no process was spawned")
	}
	h.notes.entered = !ok && h.podRan()
	o, why := h.notes.conclude(h.opts.Order, ok)
	h.settle(o, why)
	h.letGo()
	h.closed = true
	return h.cost
}

// podRan reports whether anything has run in the pod: its cpu.stat outlives whatever did.
func (h *handler) podRan() bool {
	text, err := os.ReadFile(filepath.Join(h.opts.Pod, "cpu.stat"))
	used, found := strings.CutPrefix(string(text), "usage_usec ")
	return err == nil && found && !strings.HasPrefix(used, "0\n")
}

// watch takes hold of a process, so that its end is told and its number means it until then.
func (h *handler) watch(pid int) (*watched, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	w := &watched{pid: pid, fd: fd}
	if err := h.poller.add(fd, unix.EPOLLIN); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *watched) close() {
	_ = unix.Close(w.fd) // nothing was written
}

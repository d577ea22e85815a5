package enforce

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

const (
	procRoot   = "/proc"
	cgroupRoot = "/sys/fs/cgroup"
)

// Enforcer answers the calls of one runtime and its children, its payload included.
type Enforcer struct {
	h *handler

	mu      sync.Mutex
	spawned bool // the handler runs
	result  *sequence.Enforcement
	closed  bool
}

func (o *Options) check() error {
	if !slices.Contains(sequence.Orders(), o.Order) {
		return fmt.Errorf("order %q is none", o.Order)
	}
	for _, p := range []string{o.Pod, o.Leaf} {
		if p != path.Clean(p) || !strings.HasPrefix(p, cgroupRoot+"/") {
			return fmt.Errorf("%q is no cgroup below %s", p, cgroupRoot)
		}
	}
	if !strings.HasPrefix(o.Leaf, o.Pod+"/") {
		return fmt.Errorf("the leaf %s is not below the pod %s", o.Leaf, o.Pod)
	}
	if o.Deadline < 0 {
		return fmt.Errorf("negative deadline %v", o.Deadline)
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	return nil
}

// New makes an enforcer. Close it, also when Spawn fails.
func New(o Options) (*Enforcer, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("enforce: %w", err)
	}
	e := &Enforcer{h: &handler{
		opts: o, proc: procRoot, podPath: strings.TrimPrefix(o.Pod, cgroupRoot),
		events: -1, wake: -1, listener: listener{fd: -1},
		requests: make(chan func(), 4), done: make(chan struct{}), stuck: map[int]string{},
	}}
	if err := e.h.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("enforce: %w", err), e.Close())
	}
	return e, nil
}

// open makes what the handler waits for, but for the listener.
func (h *handler) open() (err error) {
	if h.poller, err = newPoller(); err != nil {
		return err
	}
	name := filepath.Join(h.opts.Pod, "cgroup.events")
	if h.events, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	if h.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if h.opts.Order == sequence.JoinBeforeClone { // alone waits for what they tell
		if err := h.poller.add(h.events, unix.EPOLLPRI); err != nil {
			return err
		}
	}
	return h.poller.add(h.wake, unix.EPOLLIN)
}

func (h *handler) close() error {
	var errs []error
	for _, fd := range []int{h.listener.fd, h.events, h.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if h.poller != nil {
		errs = append(errs, h.poller.close())
	}
	return errors.Join(errs...)
}

// Spawn calls start on a thread that has the filter, so that the process start
// makes inherits it; start returns its pid. Only that process and its descendants are under the filter.
//
// start must not ask for a signal at its parent's death (Pdeathsig): the thread ends with it.
func (e *Enforcer) Spawn(start func() (pid int, err error)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.spawned || e.closed {
		return errors.New("enforce: an enforcer spawns one process")
	}
	result := make(chan error)
	go onThreadOfItsOwn(func() { result <- e.spawn(start) })
	return <-result
}

// onThreadOfItsOwn calls f on a thread that ends after it: a filter cannot be taken off. Go
// ends the thread of a goroutine that ends locked to it, and starts no thread from such a one. The
// process's first thread it would keep, filter and all, so that one is left for others.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() { onThreadOfItsOwn(f); close(done) }()
	<-done
	runtime.UnlockOSThread()
}

// spawn runs with e.mu held by Spawn.
func (e *Enforcer) spawn(start func() (int, error)) error {
	fd, err := install(e.h.opts.Order)
	if err != nil {
		return fmt.Errorf("enforce: %w", err)
	}
	quicken(fd)
	if e.h.listener, err = newListener(fd); err != nil {
		return fmt.Errorf("enforce: size of a notification: %w", err)
	}
	if err := e.h.poller.add(fd, unix.EPOLLIN); err != nil {
		return fmt.Errorf("enforce: %w", err)
	}
	e.spawned = true
	go e.h.run()
	pid, err := start()
	if err != nil {
		return err
	}
	e.ask(func() { e.h.start(pid) })
	return nil
}

// ask has the handler's goroutine call f and returns when it has, or false when the handler has ended.
func (e *Enforcer) ask(f func()) bool {
	answered := make(chan struct{})
	select {
	case e.h.requests <- func() { f(); close(answered) }:
	case <-e.h.done:
		return false
	}
	e.h.rouse()
	select {
	case <-answered:
		return true
	case <-e.h.done:
		return false
	}
}

// rouse ends the handler's wait.
func (h *handler) rouse() {
	one := [8]byte{1, 1, 1, 1, 1, 1, 1, 1} // any number but 0, in either byte order
	_, _ = unix.Write(h.wake, one[:])      // fails only when so many are there already that one more makes no difference
}

// Created says that the runtime's create has ended: nothing is held any more, and
// everything is still answered until Close. It returns how imposing went; ok is that create exited
// with 0, without which a copy that was not seen does not mean that there is none.
func (e *Enforcer) Created(ok bool) sequence.Enforcement {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.result == nil {
		e.result = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "no process was spawned"}
		switch {
		case e.closed && e.spawned:
			*e.result = e.h.cost // the handler has ended
		case e.spawned && !e.ask(func() { *e.result = e.h.created(ok) }):
			*e.result = e.h.cost // the handler gave up
		}
	}
	return *e.result
}

// Close ends the answering. Call it when no process of the trial is left: to one that is, the
// calls that the filter stops would look like unknown ones (ENOSYS).
func (e *Enforcer) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	if e.spawned {
		e.ask(func() {
			e.h.settle(sequence.OrderCouldNot, "the enforcer was closed before create had ended")
			e.h.stopping = true
		})
		<-e.h.done
	}
	return e.h.close()
}

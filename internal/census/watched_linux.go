package census

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Watched is a process that is looked at again and again. Close it.
type Watched struct {
	// As is what it was asked for as.
	As   Watch
	PID  int
	Comm string
	// pidfd tells this process from a later one with its number.
	pidfd int
}

// Find finds the processes that a Watch means: one, but for all: of a name.
func Find(ctx context.Context, w Watch) ([]*Watched, error) {
	switch {
	case w.PID != 0:
		return hold(w, w.PID)
	case w.Unit != "":
		return findUnit(ctx, w)
	}
	return findName(w)
}

func hold(w Watch, pids ...int) ([]*Watched, error) {
	var all []*Watched
	for _, pid := range pids {
		one, err := holdOne(w, pid)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func closeAll(all []*Watched) {
	for _, one := range all {
		one.Close()
	}
}

func holdOne(w Watch, pid int) (*Watched, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) {
		return nil, errors.New("watch a process: Linux 5.3 or newer is needed, which has pidfd_open")
	}
	if err != nil {
		return nil, fmt.Errorf("watch %s: process %d: %w", w, pid, err)
	}
	one := &Watched{As: w, PID: pid, pidfd: pidfd}
	b, err := os.ReadFile(one.dir("comm"))
	if err == nil {
		one.Comm = strings.TrimSuffix(string(b), "\n")
		err = one.ended()
	}
	if err != nil {
		one.Close()
		return nil, fmt.Errorf("watch %s: %w", w, err)
	}
	return one, nil
}

// findUnit asks systemd twice: between its answer and the pidfd a service may have been restarted.
func findUnit(ctx context.Context, w Watch) ([]*Watched, error) {
	bus, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", w, err)
	}
	defer bus.Close()
	pid, err := mainPID(ctx, bus, w)
	if err != nil {
		return nil, err
	}
	found, err := hold(w, pid)
	if err != nil {
		return nil, err
	}
	if again, err := mainPID(ctx, bus, w); err != nil || again != pid {
		closeAll(found)
		return nil, errors.Join(fmt.Errorf("watch %s: it was restarted just now", w), err)
	}
	return found, nil
}

func mainPID(ctx context.Context, bus *systemd.Conn, w Watch) (int, error) {
	p, err := bus.GetServicePropertyContext(ctx, w.Unit, "MainPID")
	if err != nil {
		return 0, fmt.Errorf("watch %s: ask systemd: %w", w, err)
	}
	pid, known := p.Value.Value().(uint32)
	if !known || pid == 0 {
		return 0, fmt.Errorf("watch %s: it has no main process: is it running?", w)
	}
	return int(pid), nil
}

// findName looks at each process's name before and, since a number may be another's by then, after it is held.
func findName(w Watch) ([]*Watched, error) {
	fs, err := procfs.NewFS("/proc")
	if err != nil {
		return nil, err
	}
	all, err := fs.AllProcs()
	if err != nil {
		return nil, err
	}
	var found []*Watched
	for _, p := range all {
		if p.PID == os.Getpid() || !called(w, p) {
			continue
		}
		one, err := holdOne(w, p.PID)
		if err != nil {
			continue // it ended meanwhile
		}
		if !called(w, p) {
			one.Close()
			continue
		}
		found = append(found, one)
	}
	return onlyOne(w, found)
}

func called(w Watch, p procfs.Proc) bool {
	comm, err := p.Comm()
	if err != nil {
		return false
	}
	args, err := p.CmdLine()
	return err == nil && w.matches(comm, args)
}

func onlyOne(w Watch, found []*Watched) ([]*Watched, error) {
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("watch %s: no process is called so", w)
	case len(found) == 1 || w.All:
		return found, nil
	}
	ambiguous := &AmbiguousError{Name: w.Name}
	for _, one := range found {
		ambiguous.Found = append(ambiguous.Found, strconv.Itoa(one.PID))
	}
	closeAll(found)
	return nil, ambiguous
}

// Close lets go of the process.
func (w *Watched) Close() {
	_ = unix.Close(w.pidfd) // nothing was written
}

// Take lists the process's descriptors. It is an EndedError if the process has ended, also if that was while it was
// looked at: a list whose end is missing must not count as descriptors that were closed.
func (w *Watched) Take() (Descriptors, error) {
	list, err := descriptors(w.dir())
	if ended := w.ended(); ended != nil {
		return Descriptors{}, ended
	}
	if err != nil {
		return Descriptors{}, fmt.Errorf("descriptors of process %d (%s): %w", w.PID, w.Comm, err)
	}
	return newDescriptors(list), nil
}

// ended asks the pidfd, which becomes readable when its process ends.
func (w *Watched) ended() error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.pidfd), Events: unix.POLLIN}}, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("pidfd of process %d: %w", w.PID, err)
		case n > 0:
			return &EndedError{PID: w.PID, Comm: w.Comm}
		}
		return nil
	}
}

func (w *Watched) dir(parts ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(w.PID)}, parts...)...)
}

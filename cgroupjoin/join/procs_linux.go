package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// MakeDir makes the cgroup as a directory, which must not be there yet. Controllers are the caller's:
// the cgroup has those that its parent gives to its children.
func MakeDir(t Target) error {
	if err := unix.Mkdir(t.Path, 0o755); err != nil {
		return fmt.Errorf("make cgroup: %w", &fs.PathError{Op: "mkdir", Path: t.Path, Err: err})
	}
	return nil
}

// Procs moves a process with all its threads by one write to the cgroup's cgroup.procs.
func Procs(dir string, pid int) error {
	if err := writeProcs(filepath.Join(dir, "cgroup.procs"), pid); err != nil {
		return fmt.Errorf("join process %d to %s: %w", pid, dir, err)
	}
	return nil
}

func writeProcs(path string, pid int) error {
	// Not os.OpenFile: it would try to register the descriptor with the Go runtime's poller first.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, strconv.AppendInt(nil, int64(pid), 10))
		err = errors.Join(err, unix.Close(fd))
	}
	return explain(err)
}

// explain puts the kernel's answers in words. A cgroup that was removed is ENOENT by its path, and
// ENODEV by a descriptor that was opened before.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w (%w)", ErrGone, err)
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("no such process: %w", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("it gives controllers to cgroups below it, and only leaves take processes: %w", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("it is threaded, or lies below one that is: %w", err)
	}
	return err
}

// procsJoiner is ByProcs.
type procsJoiner struct{ base }

func (j *procsJoiner) Join(ctx context.Context, pid int) error {
	if err := j.makeWhen(ctx, Late); err != nil {
		return err
	}
	return Procs(j.target.Path, pid)
}

package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenDir opens a cgroup for Born. O_PATH suffices for clone3, and such a descriptor can do nothing else.
func OpenDir(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", explain(&fs.PathError{Op: "open", Path: dir, Err: err}))
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// Born starts cmd in the cgroup: its process is never anywhere else.
func Born(cmd *exec.Cmd, dir *os.File) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("clone into %s: %w", dir.Name(), explainBirth(err, dir))
	}
	return nil
}

// explainBirth tells a cgroup that is gone from a program that is: for both clone3 and exec say
// ENOENT, the former where the directory was removed before it was looked up by its descriptor.
func explainBirth(err error, dir *os.File) error {
	switch {
	case errors.Is(err, unix.ENOENT) && !gone(dir):
		return err
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.E2BIG):
		return fmt.Errorf("clone3 with CLONE_INTO_CGROUP is not to be had: Linux 5.7 is the first with it, and a seccomp filter may forbid it: %w", err)
	}
	return explain(err)
}

// gone reports whether the open directory was removed.
func gone(dir *os.File) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), "cgroup.procs", &st, 0)
	return errors.Is(err, unix.ENOENT)
}

// birthJoiner is ByBirth.
type birthJoiner struct {
	base
	dir *os.File
}

func (j *birthJoiner) Prepare(ctx context.Context) error {
	if j.when != Early {
		return nil
	}
	return j.makeAndOpen(ctx)
}

func (j *birthJoiner) makeAndOpen(ctx context.Context) error {
	if err := j.makeWhen(ctx, j.when); err != nil {
		return err
	}
	var err error
	j.dir, err = OpenDir(j.target.Path)
	return err
}

func (j *birthJoiner) Start(ctx context.Context, cmd *exec.Cmd) error {
	if j.when == Late {
		if err := j.makeAndOpen(ctx); err != nil {
			return err
		}
	}
	return Born(cmd, j.dir)
}

func (j *birthJoiner) Join(context.Context, int) error { return nil }

func (j *birthJoiner) Close() error {
	if j.dir == nil {
		return nil
	}
	return j.dir.Close()
}

package runner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/memfdclone"
)

// kept is a sealed copy that many starts are executed from. No process inherits it: memfd_create sets
// close-on-exec, and a runtime gets nothing but its three standard files.
//
// Seals keep its content, not its use: root in a container that is executed from it could open it for
// writing and hold it so, and every later start would fail (ETXTBSY); or take a write lease, and every
// later start would wait. Neither can be had of a file that is being executed, so one process always is.
type kept struct {
	clone *memfdclone.Clone
	// keeper executes the copy until its standard input ends, which it does with this process at the latest.
	keeper *exec.Cmd
	stdin  io.Closer
}

func keepCopy(path string, o memfdclone.Options) (*kept, error) {
	src, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	clone, err := memfdclone.Make(src, o)
	if err = errors.Join(err, src.Close()); err != nil {
		return nil, err
	}
	k := &kept{clone: clone}
	if err := k.execute(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

// path leads to the copy for whoever is to execute it.
func (k *kept) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), k.clone.File.Fd()) }

// execute returns when the keeper executes the copy: exec has closed its end of os/exec's pipe by then.
func (k *kept) execute() error {
	keeper := exec.Command(k.path())
	keeper.Env = []string{ociruntime.KeepVariable + "=1"}
	keeper.Dir = "/"
	keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is not for it
	stdin, err := keeper.StdinPipe()
	if err != nil {
		return err
	}
	if err := keeper.Start(); err != nil {
		return errors.Join(fmt.Errorf("execute the copy: %w", err), stdin.Close())
	}
	k.keeper, k.stdin = keeper, stdin
	return nil
}

// check has the kernel say that the copy cannot be opened for writing now. Some kernels from 6.11 on let one write to
// what is being executed, until that was taken back. And a keeper that was killed keeps nothing.
func (k *kept) check() error {
	if k.keeper == nil {
		return nil
	}
	f, err := os.OpenFile(k.path(), os.O_WRONLY, 0)
	if err == nil {
		err = errors.New("it could be opened")
		_ = f.Close() // nothing was written
	}
	if errors.Is(err, unix.ETXTBSY) {
		return nil
	}
	return fmt.Errorf("keep the copy from being opened for writing: %w", err)
}

// close ends the keeper and lets go of the copy.
func (k *kept) close() error {
	var errs []error
	if k.keeper != nil {
		errs = append(errs, k.stdin.Close())
		if err := k.keeper.Wait(); err != nil && !errors.Is(err, unix.ECHILD) { // killed and reaped as an orphan: it is gone
			errs = append(errs, fmt.Errorf("the keeper of a copy: %w", err))
		}
	}
	return errors.Join(append(errs, k.clone.File.Close())...)
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/lifecycle"
)

// oom has the kernel kill what is in the pod: it lowers the limit of the container's parent, which is ours, below anything
// that a process can do with. No payload is needed for that, so that a container that was never started can be killed as well.
func (v *life) oom(ctx context.Context) (lifecycle.Done, error) {
	before, err := v.tree.Read()
	if err != nil {
		return lifecycle.Done{}, err
	}
	var said string
	if err := whileSqueezed(ctx, filepath.Join(v.tree.PodPath(), "memory.max"), func() { said = v.awaitEnd(ctx) }); err != nil {
		return lifecycle.Done{}, fmt.Errorf("OOM: %w", err)
	}
	after, err := v.tree.Read()
	if err == nil && after.Pod.OOMKill == before.Pod.OOMKill {
		said = joinText(said, "the kernel counts no OOM kill")
	}
	return lifecycle.Done{Message: said}, err
}

// whileSqueezed has a memory.max be 0, and nobody be about to make it so, for as long as wait takes and no longer, also where ctx ends.
func whileSqueezed(ctx context.Context, limit string, wait func()) error {
	squeezed, err := squeeze(limit)
	if err != nil {
		return err
	}
	wait()
	return errors.Join(squeezed.end(ctx), os.WriteFile(limit, []byte("max"), 0))
}

// squeezing is a write of 0 to a memory.max, on a thread of its own: memory_max_write() goes on reclaiming and killing for as long as anything
// is charged that it takes for killable, and what has been killed can stay charged for minutes. A signal ends it.
type squeezing struct {
	thread int
	done   chan error
}

func squeeze(limit string) (*squeezing, error) {
	fd, err := unix.Open(limit, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", limit, err)
	}
	s := &squeezing{done: make(chan error, 1)}
	thread := make(chan int)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		_, err := unix.Write(fd, []byte("0"))
		s.done <- errors.Join(err, unix.Close(fd))
	}()
	s.thread = <-thread
	return s, nil
}

// end returns when the write has, whatever becomes of ctx: who removed the limit before would have it set again. The write comes to
// an end by itself where nothing is left to kill; else it is interrupted, at once where ctx is over, and then the limit is in force all the same.
func (s *squeezing) end(ctx context.Context) error {
	const byItself = 200 * time.Millisecond
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
	case <-time.After(byItself):
	}
	again := time.NewTicker(often)
	defer again.Stop()
	for {
		// SIGURG is the Go runtime's own, which makes nothing of one more; a thread that has gone on meanwhile makes nothing of it either.
		if err := unix.Tgkill(os.Getpid(), s.thread, unix.SIGURG); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("interrupt the write of memory.max: %w", err)
		}
		select {
		case err := <-s.done:
			return err
		case <-again.C:
		}
	}
}

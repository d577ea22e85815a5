//go:build cgo

package main

/*
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// Runs before Go's own start, which would take milliseconds and megabytes.
__attribute__((constructor)) static void hold_a_place(void) {
	// Its input ends with whoever started it, whichever way that ends. And a process that reads from
	// a pipe can be seen to wait for another's word: sequence/enforce waits for no copy of its.
	if (getenv("_INITBENCH_KEEP")) {
		char c;
		ssize_t n;
		do
			n = read(0, &c, 1);
		while (n > 0 || (n < 0 && errno == EINTR));
		_exit(0);
	}
}
*/
import "C"

import (
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// placeholder is a process that does nothing but be in a cgroup: this program again, stopped
// before Go starts in it. A clone without exec would be cheaper, but with shared memory
// an OOM kill in the container's cgroup would take the runtime along, and with
// copied memory every page written meanwhile would be copied.
//
// It reads from a pipe whose other end no program but this one has (close-on-exec), and so ends with this
// process. The signal at a parent's death (PDEATHSIG) would come with the end of the thread that started it,
// and libcontainer ends threads of its own.
type placeholder struct{ cmd *exec.Cmd }

// keep is what a caller sets that keeps one copy for many starts (clone=once, ociruntime.KeepVariable): a process that
// always executes it, so that no container can open it for writing or lease it. A placeholder does the same.
const keep = "_INITBENCH_KEEP=1"

func startPlaceholder() (*placeholder, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "initbench-placeholder"
	cmd.Env = []string{keep}
	cmd.Dir = "/"
	// A group of its own: a ^C is not for it.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	_, err := cmd.StdinPipe() // which cmd has: nothing is ever written to it
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start a placeholder: %w", err)
	}
	return &placeholder{cmd}, nil
}

func (p *placeholder) pid() int { return p.cmd.Process.Pid }

// ended looks without reaping. What cannot be told apart is taken for alive: the join will say.
func (p *placeholder) ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.pid(), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// kill does not wait. It may be called again. A signal is quicker than the end of its input,
// and gets through to a process that its cgroup has frozen.
func (p *placeholder) kill() { _ = p.cmd.Process.Kill() } // one that has ended is as good

// wait reaps it. It may be called again.
func (p *placeholder) wait() { _ = p.cmd.Wait() } // killed, as it must be

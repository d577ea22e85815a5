//go:build amd64

package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// quietly calls do, which has the kernel rewrite its own code, so that QEMU's emulation survives it.
//
// A hook goes in behind a breakpoint that stands for some microseconds in the way of every system
// call. QEMU 7.2 may go on with its translation of that breakpoint for good when another
// processor comes by in that time, and the guest traps at syscall_trace_enter for ever. So meanwhile the
// others are kept in user mode, by a shell each that loops at real-time priority. Real processors, and
// virtual ones that are not emulated, are left alone.
func quietly(do func() error) error {
	if !emulated() {
		return do()
	}
	runtime.LockOSThread() // a Pdeathsig comes when the thread ends that started the process
	defer runtime.UnlockOSThread()
	release, err := occupy()
	if err != nil {
		return errors.Join(fmt.Errorf("occupy the other processors: %w", err), release())
	}
	return errors.Join(do(), release())
}

// emulated reports whether this is the processor that QEMU makes up.
var emulated = sync.OnceValue(func() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && bytes.Contains(info, []byte("QEMU Virtual CPU"))
})

// occupy takes all processors but one that this process may run on. Release is to be called also after an error.
func occupy() (release func() error, err error) {
	var loops []*exec.Cmd
	release = func() error {
		var errs []error
		for _, cmd := range loops {
			errs = append(errs, cmd.Process.Kill())
			_ = cmd.Wait() // of the signal
		}
		return errors.Join(errs...)
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return release, err
	}
	spared := false
	for cpu := 0; cpu < 64*len(allowed); cpu++ {
		switch {
		case !allowed.IsSet(cpu):
		case !spared:
			spared = true
		default:
			cmd, err := loop(cpu)
			if cmd != nil {
				loops = append(loops, cmd)
			}
			if err != nil {
				return release, err
			}
		}
	}
	return release, nil
}

// loop returns when a processor does nothing but loop in user mode.
func loop(cpu int) (*exec.Cmd, error) {
	cmd := exec.Command("/bin/sh", "-c", "read go; echo; while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL} // whatever becomes of us, it ends
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var only unix.CPUSet
	only.Set(cpu)
	first := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if err := errors.Join(unix.SchedSetaffinity(cmd.Process.Pid, &only), unix.SchedSetAttr(cmd.Process.Pid, first, 0)); err != nil {
		return cmd, err
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		return cmd, err
	}
	_, err = io.ReadFull(out, make([]byte, 1)) // its last system call
	return cmd, err
}

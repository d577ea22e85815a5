//go:build amd64

package observe

import (
	"golang.org/x/sys/unix"
)

// waitCalls are the system calls that Counters.Waits counts, besides those that make a thread: how many there are of each
// follows the clock, the number of processors and what else runs, and not the work. In one and the same start of a runtime
// written in Go they vary by hundreds; all others together by a handful.
//
// They are left out by their number, whoever makes them, since nothing cheaper than a stack trace tells why a call is made. So a
// runtime that came to sleep, or to send itself signals, 200 times more often is not found by its system calls, but by its latency.
// What varies and is not here, because it is work as well: mmap, mprotect and munmap (a thread's stack, by ones),
// read and write of an eventfd, setuid and setgid (which Go makes once a thread).
var waitCalls = []struct {
	why     string
	numbers []uintptr
}{
	{"the clock is read by a call where the processor's own cannot be trusted, as in an emulated guest",
		[]uintptr{unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_TIME}},
	{"Go's sysmon sleeps 20 us to 10 ms at a time for as long as a program runs, and its threads yield before they sleep",
		[]uintptr{unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_SCHED_YIELD}},
	{"a thread waits for another by as many calls as it is woken too early",
		[]uintptr{unix.SYS_FUTEX, unix.SYS_RESTART_SYSCALL}},
	{"Go's scheduler polls whenever it has nothing to run",
		[]uintptr{unix.SYS_EPOLL_WAIT, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_POLL, unix.SYS_PPOLL, unix.SYS_SELECT, unix.SYS_PSELECT6}},
	{"Go preempts a goroutine that has run for 10 ms by a signal to its thread",
		[]uintptr{unix.SYS_GETPID, unix.SYS_TGKILL, unix.SYS_RT_SIGRETURN}},
	{"a thread begins by these, and another is made whenever all are busy at the time",
		[]uintptr{unix.SYS_RT_SIGPROCMASK, unix.SYS_SIGALTSTACK, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_GETTID}},
	{"an end comes before the counters' own, the payload's exec, or after it",
		[]uintptr{unix.SYS_EXIT, unix.SYS_EXIT_GROUP}},
}

// callWords are the words of the programs' set of calls.
const callWords = 8

// waitSet is waitCalls as the programs look them up.
func waitSet() (set [callWords]uint64) {
	for _, w := range waitCalls {
		for _, nr := range w.numbers {
			set[nr/64] |= 1 << (nr % 64)
		}
	}
	return set
}

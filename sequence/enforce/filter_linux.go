package enforce

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// kind names a trapped call.
type kind string

const (
	memfdCreate kind = "memfd_create"
	mkdir       kind = "mkdir"
	mkdirat     kind = "mkdirat"
	execveat    kind = "execveat"
	connect     kind = "connect"
)

// x32 marks a call by the x32 ABI, which has amd64's architecture and numbers of its own.
const x32 = 0x40000000

// Offsets in struct seccomp_data.
const (
	offsetNr   = 0
	offsetArch = 4
)

// stops reports whether an order's filter stops a kind of call. Directories matter only where the one of the
// container's cgroup may have to be held; crun makes twenty of them in a start.
func stops(order sequence.Order, k kind) bool {
	return order == sequence.CloneBeforeJoin || k != mkdir && k != mkdirat
}

// program is the filter. It reads the architecture and the number and no argument: so
// the kernel (from 5.11) knows beforehand for which calls it says "allow" and does not run it for them.
func program(order sequence.Order) []unix.SockFilter {
	var numbers []int32
	for nr, k := range trapped {
		if stops(order, k) {
			numbers = append(numbers, nr)
		}
	}
	slices.Sort(numbers)
	n := len(numbers)
	// After the four instructions that sort out foreign calls come n comparisons, allow and notify.
	prog := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetArch},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jf: uint8(n + 2)},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetNr},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32, Jt: uint8(n)},
	}
	for i, nr := range numbers {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jt: uint8(n - i)})
	}
	return append(prog,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
}

// install puts the filter on the calling thread alone and returns its listener,
// which the kernel marks close-on-exec.
//
// SPEC_ALLOW: without it kernels before 5.16 switch speculation off for a filtered
// process, which would slow the runtime under test. WAIT_KILLABLE_RECV (5.19) keeps a call
// that was received from being interrupted by anything but its death: the Go runtime's
// preemption signals would else restart it again and again.
func install(order sequence.Order) (listener int, err error) {
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	fd, err := setFilter(order, flags|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errors.Is(err, unix.EINVAL) {
		fd, err = setFilter(order, flags)
	}
	if err != nil {
		return -1, fmt.Errorf("seccomp filter with a listener: %w", err)
	}
	return fd, nil
}

func setFilter(order sequence.Order, flags uintptr) (int, error) {
	filter := program(order)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// quicken has the kernel run whoever waits for a notification or its answer at once on the CPU of whoever
// sends it, which makes an answer four times as fast. Kernels before 6.6 do without.
func quicken(listener int) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
}

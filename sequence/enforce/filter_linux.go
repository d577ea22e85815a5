package enforce

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
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

// Offsets in struct seccomp_data. Of an argument it is the lower half, all that the kernel takes
// a descriptor and a mode from.
const (
	offsetNr   = 0
	offsetArch = 4
)

func offsetArg(i uint32) uint32 { return 16 + 8*i }

// instruction is one of the filter's, its jumps by name. Without a name the next one follows.
type instruction struct {
	label   string
	code    uint16
	k       uint32
	yes, no string
}

const (
	load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	above = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	bits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret   = unix.BPF_RET | unix.BPF_K
)

// forOthers are the mode bits that let others read or search a directory.
const forOthers = 0o005

// atCwd is AT_FDCWD as a filter sees it.
const atCwd = uint32(1<<32 + unix.AT_FDCWD)

// source is the filter. Of the directories a runtime makes, most are not the container's cgroup. Those below an open
// directory are a container's root file system, those closed to others the runtime's state. That
// no cgroup is made so was seen of runc, crun and libcontainer; of a runtime that does, the join
// would not be held, and the order would still be seen.
//
// For every other number the answer depends on the number alone: so the kernel (from 5.11) knows it
// beforehand and does not run the filter.
func source() []instruction {
	return []instruction{
		{code: load, k: offsetArch},
		{code: equal, k: auditArch, no: "allow"},
		{code: load, k: offsetNr},
		{code: above, k: x32, yes: "allow"},
		{code: equal, k: number(memfdCreate), yes: "notify"},
		{code: equal, k: number(execveat), yes: "notify"},
		{code: equal, k: number(connect), yes: "notify"},
		{code: equal, k: number(mkdir), yes: "mkdir"},
		{code: equal, k: number(mkdirat), no: "allow"},
		{code: load, k: offsetArg(0)},
		{code: equal, k: atCwd, no: "allow"},
		{code: load, k: offsetArg(2)},
		{code: bits, k: forOthers, yes: "notify", no: "allow"},
		{label: "mkdir", code: load, k: offsetArg(1)},
		{code: bits, k: forOthers, yes: "notify"},
		{label: "allow", code: ret, k: unix.SECCOMP_RET_ALLOW},
		{label: "notify", code: ret, k: unix.SECCOMP_RET_USER_NOTIF},
	}
}

func number(k kind) uint32 {
	for nr, of := range trapped {
		if of == k {
			return uint32(nr)
		}
	}
	return x32 // never reached by the comparison: a call that is not known here
}

// program resolves the names of the jumps.
func program() []unix.SockFilter {
	src := source()
	at := map[string]int{}
	for i, in := range src {
		at[in.label] = i
	}
	prog := make([]unix.SockFilter, 0, len(src))
	for i, in := range src {
		distance := func(label string) uint8 {
			if label == "" {
				return 0
			}
			return uint8(at[label] - i - 1)
		}
		prog = append(prog, unix.SockFilter{Code: in.code, K: in.k, Jt: distance(in.yes), Jf: distance(in.no)})
	}
	return prog
}

// install puts the filter on the calling thread alone and returns its listener,
// which the kernel marks close-on-exec.
//
// SPEC_ALLOW: without it kernels before 5.16 switch speculation off for a filtered
// process, which would slow the runtime under test. WAIT_KILLABLE_RECV (5.19) keeps a call
// that was received from being interrupted by anything but its death: the Go runtime's
// preemption signals would else restart it again and again.
func install() (listener int, err error) {
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	fd, err := setFilter(flags | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errors.Is(err, unix.EINVAL) {
		fd, err = setFilter(flags)
	}
	if err != nil {
		return -1, fmt.Errorf("seccomp filter with a listener: %w", err)
	}
	return fd, nil
}

func setFilter(flags uintptr) (int, error) {
	filter := program()
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

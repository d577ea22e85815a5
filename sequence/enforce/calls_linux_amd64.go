package enforce

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// trapped are the calls the filter stops: each marks a step and none is made often.
// What really joins and copies, write and sendfile, is never among them.
var trapped = map[int32]kind{
	unix.SYS_MEMFD_CREATE: memfdCreate,
	unix.SYS_MKDIR:        mkdir,
	unix.SYS_MKDIRAT:      mkdirat,
	unix.SYS_EXECVEAT:     execveat,
	unix.SYS_CONNECT:      connect,
}

// input are the calls in which a process waits for another's word on one
// descriptor; many those that wait on several, or for another thread.
var (
	input = map[int]bool{unix.SYS_READ: true, unix.SYS_READV: true, unix.SYS_RECVFROM: true, unix.SYS_RECVMSG: true}
	many  = map[int]bool{unix.SYS_POLL: true, unix.SYS_PPOLL: true, unix.SYS_SELECT: true, unix.SYS_PSELECT6: true,
		unix.SYS_EPOLL_WAIT: true, unix.SYS_EPOLL_PWAIT: true, unix.SYS_EPOLL_PWAIT2: true}
	asleep = map[int]bool{unix.SYS_FUTEX: true, unix.SYS_NANOSLEEP: true, unix.SYS_CLOCK_NANOSLEEP: true}
)

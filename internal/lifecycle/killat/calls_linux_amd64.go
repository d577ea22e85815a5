package killat

import "golang.org/x/sys/unix"

// kinds are the calls that may make a step.
var kinds = map[uint64]kind{
	unix.SYS_CLONE: clone, unix.SYS_CLONE3: clone3, unix.SYS_FORK: fork, unix.SYS_VFORK: fork,
	unix.SYS_MEMFD_CREATE: memfd, unix.SYS_FCNTL: fcntl, unix.SYS_EXECVEAT: execveat,
	unix.SYS_MOUNT: mount, unix.SYS_FSMOUNT: mount, unix.SYS_MOVE_MOUNT: mount,
	unix.SYS_MKDIR: mkdir, unix.SYS_MKDIRAT: mkdirat,
	unix.SYS_WRITE: write, unix.SYS_SENDMSG: sendmsg, unix.SYS_SENDTO: write,
	unix.SYS_UNSHARE: unshare, unix.SYS_PIVOT_ROOT: pivot,
	unix.SYS_RMDIR: unlink, unix.SYS_UNLINK: unlink, unix.SYS_UNLINKAT: unlinkat,
	unix.SYS_RENAME: rename, unix.SYS_RENAMEAT: renameat, unix.SYS_RENAMEAT2: renameat,
	unix.SYS_OPEN: open, unix.SYS_OPENAT: openat, unix.SYS_OPENAT2: openat2,
	unix.SYS_KILL: signal, unix.SYS_PIDFD_SEND_SIGNAL: signal,
	unix.SYS_BPF: bpf, unix.SYS_EXIT_GROUP: exit,
}

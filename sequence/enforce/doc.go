// Package enforce imposes an order of clone and join on an unmodified runtime, by
// seccomp user notification on the few calls that mark steps: memfd_create, execveat, mkdir,
// mkdirat and connect.
//
// An [Enforcer] installs the filter on one thread and starts the runtime's create from it. The
// runtime and all its descendants inherit the filter; when one of them makes such a call, the kernel
// stops it and tells the enforcer, which lets it go on at once or a little later:
//
//   - natural stops memfd_create, execveat and connect and holds none: it is there to see what the
//     filter costs;
//   - join-before-clone stops the same and holds the memfd_create of a child of the runtime until that
//     child is in a cgroup below the pod;
//   - clone-before-join stops mkdir and mkdirat too and holds what makes the join possible, the mkdir of the container's cgroup or the
//     connect that precedes the request to systemd, until the child executes its sealed
//     copy. The join itself is a write(2), by the runtime or by PID 1, and is never stopped.
//
// A call is never refused, changed or answered in the kernel's place: every answer is
// "go on" (SECCOMP_USER_NOTIF_FLAG_CONTINUE). So nothing is protected by this filter and none of
// the races that make such answers unsafe for sandboxes matters.
//
// How it went is one of three. Imposed: the order was seen to be what was asked. Not
// applicable: the runtime makes no copy inside init, or the one step waits for the other by the runtime's own
// doing; which is decided from what its processes do (whether they execute the runtime's file, call
// memfd_create, wait for one another), never from its name or version. Could not: the deadline
// passed, somebody died, or the order was seen to be another one.
//
// Nothing is left hanging. A held call is released when anything that matters to it dies, at the deadline, and
// when create has ended. If this process dies, the kernel closes the listener and fails the held calls
// with ENOSYS. A payload inherits the filter and is answered, without being looked at, until Close.
// A container whose own seccomp profile has a listener (SCMP_ACT_NOTIFY) cannot be started under the filter:
// the kernel allows one for a process and its ancestors together, and the runtime fails with EBUSY.
//
// Package runner feeds it with a trial's cgroups and the command to start, and stores what
// [Enforcer.Created] returns. The package starts nothing itself, reads no timeline and judges nothing.
package enforce

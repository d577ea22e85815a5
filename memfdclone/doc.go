// Package memfdclone makes sealed copies of a binary, so that a process inside a
// container can never write to the file that the host executes next
// (CVE-2019-5736: /proc/self/exe of a runtime's init leads to the runtime's binary).
//
// One file a [Strategy], one interface: [Make]. Each says what it protects
// against and what it does not ([Strategy.Protects]), verifies its own
// result, and reports what was copied and how long that took. Another strategy is tried only when the
// caller lists it, and [Clone.FellBack] says so.
//
// What is refused before it is begun: a source that is no regular file or empty, a copy larger than RLIMIT_FSIZE
// (which the kernel applies to memfds too, with SIGXFSZ), a directory mounted noexec, a pool of huge pages that
// is too small (whose page faults would be SIGBUS). What fails is one error, with the step's name, and leaves nothing
// behind. A copy by [MemfdHugetlb] cannot be executed: see [Strategy.Executable].
//
// The package knows files, seals and mounts. It starts no process, joins no cgroup, and does not know
// what a trial is. Where the copy is made decides who is charged for its pages:
// that is the caller's choice ([Where]), and what initbench measures.
package memfdclone

// Package cgroupjoin makes the cgroups of a trial, one interface over the
// cgroupfs and the systemd driver, and reads from them who paid.
//
// A run opens one Host, which gets a cgroup subtree of its own (a delegated
// unit, a transient scope, or a plain directory where systemd is not running)
// and moves initbench into a leaf of it. Each trial then gets a Tree:
//
//	runtime   a cgroup in which the runtime's processes are born (clone3 with
//	          CLONE_INTO_CGROUP, one directory below), so that what the runtime
//	          itself pays is a number
//	pod       the container's parent: a cgroup (cgroupfs) or a transient slice
//	          (systemd). It holds the limit of a trial that puts it on the
//	          ancestor. Its memory.peak and memory.events are hierarchical and
//	          outlive the leaf, which the runtime deletes.
//	leaf      the container's own cgroup or scope, made below pod by the runtime
//
// The runtime's cgroup is at the same depth of initbench's own subtree under
// both drivers, as containerd's is in a delegated service whatever driver its
// containers use: the drivers then differ in what is made for the container
// and in nothing else.
//
// Limits, moves and the list of controllers go through containerd/cgroups, units
// through go-systemd. Three things do not. Controllers are enabled here, since
// the library enables them in every ancestor, up to those that are systemd's.
// Directories are made with an exclusive mkdir,
// since a cgroup that is there already belongs to somebody else. And figures are
// read from the kernel's files here: containerd/cgroups returns 0 for
// memory.peak, memory.max or an event when the file cannot be read, and a
// measurement must not mistake "not measured" for 0.
//
// The package refuses to remove what does not carry initbench's name, lies
// outside the cgroup mount, or holds the calling process. It decides nothing
// about a trial: internal/runner feeds it and turns readings into outcomes.
package cgroupjoin

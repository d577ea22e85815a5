// Package vm is the QEMU lane: a Debian guest with real cgroup v2 and a real
// systemd, for machines that have neither to spare.
//
// Prepare builds a guest image once, caches it by the hash of its recipe, and removes
// those that have not been used for long; Start boots it from a snapshot and waits for
// the agent in it; Run and Push then use it like a machine of one's own. Hold lets other
// processes use a guest through a directory, Attach is their side, and Carry is what
// `go test -exec` needs.
//
// The only way in is one virtio port that carries many streams to an agent, which
// is initbench's own binary, brought along on a second disk. There is no network,
// no ssh and no shared folder, and nothing of a guest has a name on the host: its
// channel is a socket pair, its tools disk a memfd, its snapshot an unlinked file.
// QEMU dies with the process that started it, even by kill -9.
//
// The package knows nothing of trials. It refuses to guess an accelerator (a guest
// must really boot with kvm), to use an image that is not whole, and to pass off the
// guest's death as a command's failure: that is a *DeathError with the last lines of
// the console. What the machine lacks is an *EnvError that names the package to
// install; what the caller cannot mean is a *UsageError.
package vm

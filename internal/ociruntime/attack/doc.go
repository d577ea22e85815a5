// Package attack has tests alone: it makes the move of CVE-2019-5736 against real containers, by every way that initbench's
// own runtime has to protect itself and by those of released runtimes, and sees which hold. Nothing here is
// linked into initbench, and no binary but the test's own copies is ever touched.
//
// The move. A container's init is the runtime until it executes the image's program, and /proc/PID/exe leads to
// the runtime's file, out of the container, whatever its mounts. An image whose entry point begins with
//
//	#!/proc/self/exe
//
// has the kernel execute that file inside the container. Another process in the same PID namespace, one of a pod's other containers
// here, takes hold of it by /proc/PID/exe. It cannot be written to for as long as it is executed
// (ETXTBSY), so the attacker ends that process, and opens what it holds anew by /proc/self/fd/N.
// Whoever is root of the host in the container can then write to the file that the host executes next. With clone=none the test ends
// with the host executing what the container wrote.
//
// What is tried, each by itself, with the capabilities that Docker gives and with all there are (see attempts_linux_test.go):
//
//   - content: open, write, truncate, punch, grow, map and turn a mapping writable; by the file's handle through another mount (CAP_DAC_READ_SEARCH);
//   - the mount the file is on: remount, mount_setattr, open_tree;
//   - attributes: seals, mode, owner, times, xattrs, flags, a name of one's own;
//   - what takes no right to write: locks, leases, inotify, fanotify.
//
// After each, the host's file is compared with what it was, and where it is none the worse, another container is started
// while the attacker keeps doing what he can: does he notice (inotify), must it wait (a lease), is it refused (opened for writing, chmod)?
// A copy of its own makes a start immune to all of these. Where starts share a file, as with a bind mount and with a copy made
// once, they are not, though its content is safe; TestSmokeSharedCopy says how far, on which kernel, and TestSmokeSharedCopyKeptExecuted
// what helps.
//
// What is not tried is what needs no runtime: with all capabilities a container that shares a file system or a
// device with the host reaches any file there is. No copy of the binary protects from that.
// The other way out of a container that runtimes had, a descriptor left open in init (CVE-2024-21626), is looked for on the way:
// the attackers list theirs.
//
// Nothing waits for a time to pass: the image has the runtime open a fifo as its config.json, so that the attacker learns when it
// executes; a pidfd says when it is gone; the kernel signals the holder of a lease that somebody waits for it.
package attack

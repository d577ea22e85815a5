// Package census counts kernel objects by kind: of a machine, and the descriptors of
// processes that live long. Two of its censuses, taken around something, say what that
// left behind, and the kernel's own names say where to look.
//
// A Taker counts what the machine has; a Watched is one process, held by a pidfd so that
// a reused number cannot be taken for it; Inherited lists what a process was handed beyond
// its standard streams. Compare says what became more, and Settle waits for what is
// released late, so that it is told apart from what is never released.
//
// It refuses to guess: what cannot be read is in Census.Unread with the reason, and is
// never a zero. It loads nothing into the kernel, opens no file of a watched process (a
// second descriptor of a pipe or a socket would keep alive what that process closes) and
// signals nobody. It knows neither trials nor runtimes and decides nothing: internal/runner
// takes censuses, internal/stats makes trends of them.
//
// What it cannot see: namespaces that only a descriptor or a thread other than the first
// holds (those of processes and those that are mounted, which is how they are pinned, are
// seen), and sockets in network namespaces that no process is in.
//
// The tables of sockets, of keys and of /proc/PID/stat are read by parsers of its own:
// procfs knows neither netlink, packet nor keys, and takes a process's stat apart by
// fmt.Fscan, which for each of 200 processes costs more than everything else of a census.
package census

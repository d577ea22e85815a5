// Package ininit makes the copy inside init, as runc 1.1.15 does: a program that imports it executes itself anew from a
// sealed memfd before any of its Go code runs, whenever [Variable] is set to [Memfd] in its environment
// and /proc/self/exe is not a sealed memfd already. Without the variable it does nothing.
//
// It takes C because Go code runs too late: libcontainer's nsexec is a C constructor too, and unshares, clones and
// joins namespaces before the Go runtime starts. This constructor has priority 101, the first that is not
// reserved for the implementation; nsexec has none, which comes after all that have one, wherever either is linked in.
//
// The steps, and their order, are those of runc 1.1.15's cloned_binary.c, down to the memfd's name, so that
// whatever watches or stops the one does the other:
//
//	open /proc/self/exe, F_GET_SEALS   sealed: nothing to do
//	read /proc/self/cmdline            the arguments: a constructor is given them by glibc alone
//	memfd_create runc_cloned:/proc/self/exe
//	open /proc/self/exe, fstat, sendfile until all is copied
//	F_ADD_SEALS
//	fexecve                            with the same arguments and environment
//
// Left out are runc's other ways (O_TMPFILE, mkostemp, read and write): here the answer to any
// failure is one line on stderr and exit status 1. Unprotected it never goes on. RLIMIT_FSIZE is looked at first, since
// SIGXFSZ would end the process without a line.
//
// Which cgroup the copy's pages are charged to is decided page by page, by where the process is when each is
// copied: its parent may be moving it to the container's cgroup at the same time. That race is what initbench measures.
//
// Built without cgo, or elsewhere than on Linux, the package has the constants and nothing else.
package ininit

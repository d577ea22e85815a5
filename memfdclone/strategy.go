package memfdclone

import (
	"fmt"
	"slices"
	"strings"
)

// Strategy is a way of giving init an executable that leads nowhere.
type Strategy string

const (
	// Memfd copies with sendfile(2) into a memfd and seals it: runc 1.1's in init, runc 1.2's fallback.
	Memfd Strategy = "memfd"
	// MemfdCopy copies with read(2) and write(2).
	MemfdCopy Strategy = "memfd-copy"
	// MemfdMmap maps the memfd and reads the binary into the mapping.
	MemfdMmap Strategy = "memfd-mmap"
	// MemfdTHP is MemfdMmap with transparent huge pages asked for (madvise; needs shmem_enabled).
	MemfdTHP Strategy = "memfd-thp"
	// MemfdHugetlb is a memfd of huge pages from the pool (MFD_HUGETLB).
	MemfdHugetlb Strategy = "memfd-hugetlb"
	// Tmpfile is an unnamed file on a disk or tmpfs (O_TMPFILE), reopened read-only.
	Tmpfile Strategy = "tmpfile"
	// Overlayfs is a read-only overlay over the binary, made by fsopen(2) and never attached: runc >= 1.2.
	Overlayfs Strategy = "overlayfs"
	// Bind is a read-only bind mount of the binary, unlinked and detached: runc rc7 to 1.1.14.
	Bind Strategy = "bind"
	// None is the binary itself.
	None Strategy = "none"
)

// Strategies lists every strategy in the order reports show them.
func Strategies() []Strategy {
	return []Strategy{Memfd, MemfdCopy, MemfdMmap, MemfdTHP, MemfdHugetlb, Tmpfile, Overlayfs, Bind, None}
}

// ParseStrategy returns the strategy called s, or an error that names those there are.
func ParseStrategy(s string) (Strategy, error) { return parse("strategy", s, Strategies()) }

// Where says who makes the copy, and so whose cgroup is charged for it.
type Where string

const (
	// InParent: the runtime, before it starts init (runc >= 1.2).
	InParent Where = "parent"
	// InInit: init itself, before its own code runs, while the runtime moves it to
	// its cgroup (runc 1.1.15; runc rc7 to 1.1.14 where a bind mount could not be had).
	InInit Where = "init"
	// Once: whoever calls the runtime, once for many starts; the runtime is itself executed from the sealed copy.
	Once Where = "once"
	// Nowhere: nothing is copied or mounted.
	Nowhere Where = "none"
)

// Wheres lists every place in the order reports show them.
func Wheres() []Where { return []Where{InParent, InInit, Once, Nowhere} }

// ParseWhere returns the place called s, or an error that names those there are.
func ParseWhere(s string) (Where, error) { return parse("clone", s, Wheres()) }

func parse[T ~string](what, s string, all []T) (T, error) {
	if v := T(s); slices.Contains(all, v) {
		return v, nil
	}
	var names []string
	for _, v := range all {
		names = append(names, string(v))
	}
	return "", fmt.Errorf("%s %q is not one of %s", what, s, strings.Join(names, ", "))
}

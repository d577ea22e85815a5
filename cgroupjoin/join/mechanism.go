package join

import (
	"fmt"
	"slices"
	"strings"
)

// Mechanism is the call that puts a container's init into its cgroup.
type Mechanism string

const (
	// ByProcs writes the pid to cgroup.procs: runc and crun under cgroupfs.
	ByProcs Mechanism = "procs"
	// ByBirth clones the process into the cgroup (clone3 with CLONE_INTO_CGROUP, Linux 5.7): crun where it can, runc's exec since 1.4.
	ByBirth Mechanism = "birth"
	// ByUnit names the pid in StartTransientUnit, which also makes the cgroup: runc and crun under systemd.
	ByUnit Mechanism = "unit"
	// ByAttach calls AttachProcessesToUnit on a scope that exists: runc's exec since 1.5 where it cannot be born there.
	ByAttach Mechanism = "attach"
)

// Mechanisms lists every mechanism in the order reports show them.
func Mechanisms() []Mechanism { return []Mechanism{ByProcs, ByBirth, ByUnit, ByAttach} }

// ParseMechanism returns the mechanism called s, or an error that names those there are.
func ParseMechanism(s string) (Mechanism, error) { return parseWord("join", s, Mechanisms()) }

// When says when the container's cgroup is made.
type When string

const (
	// Late: as part of the join, once init exists (runc).
	Late When = "late"
	// Early: before init exists; a copy made by the parent is made at the same time.
	Early When = "early"
)

// Whens lists both.
func Whens() []When { return []When{Late, Early} }

// ParseWhen returns the moment called s, or an error that names those there are.
func ParseWhen(s string) (When, error) { return parseWord("cgroup", s, Whens()) }

func parseWord[T ~string](what, s string, all []T) (T, error) {
	if v := T(s); slices.Contains(all, v) {
		return v, nil
	}
	var names []string
	for _, v := range all {
		names = append(names, string(v))
	}
	return "", fmt.Errorf("%s %q is not one of %s", what, s, strings.Join(names, ", "))
}

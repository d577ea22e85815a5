package cgroupjoin

import "github.com/initbench/initbench/cgroupjoin/join"

// Mechanism is the call that puts a container's init into its cgroup. It and When are package join's own, which
// is linked where this one would be too heavy.
type Mechanism = join.Mechanism

// The mechanisms.
const (
	ByProcs  = join.ByProcs
	ByBirth  = join.ByBirth
	ByUnit   = join.ByUnit
	ByAttach = join.ByAttach
)

// Mechanisms lists every mechanism in the order reports show them.
func Mechanisms() []Mechanism { return join.Mechanisms() }

// ParseMechanism returns the mechanism called s, or an error that names those there are.
func ParseMechanism(s string) (Mechanism, error) { return join.ParseMechanism(s) }

// When says when the container's cgroup is made.
type When = join.When

// The moments.
const (
	Late  = join.Late
	Early = join.Early
)

// Whens lists both.
func Whens() []When { return join.Whens() }

// ParseWhen returns the moment called s, or an error that names those there are.
func ParseWhen(s string) (When, error) { return join.ParseWhen(s) }

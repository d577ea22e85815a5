package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/internal/pool"
)

// Schema is the version of Record. What 1 had said neither where a life was lived nor how long time alone was given.
const Schema = 2

// DefaultSettle is what time alone is given to free what a life left.
const DefaultSettle = 2 * time.Second

// Where is which machine lives were lived on.
type Where string

// The machines.
const (
	OnHost  Where = "host"
	InGuest Where = "guest"
)

// Kind is what sort of thing was left.
type Kind string

// The kinds, in the order of tables.
const (
	Processes        Kind = "process"
	Cgroups          Kind = "cgroup"
	Units            Kind = "unit"        // loaded with systemd, not failed
	FailedUnits      Kind = "failed-unit" // systemd keeps it until somebody resets it
	Mounts           Kind = "mount"
	NetNamespaces    Kind = "netns"
	Veths            Kind = "veth"  // the host's end of the container's interface
	Leases           Kind = "lease" // of an address, in the store of whoever gave it
	StateDirectories Kind = "state-directory"
)

// LeftKinds lists them.
func LeftKinds() []Kind {
	return []Kind{Processes, Cgroups, Units, FailedUnits, Mounts, NetNamespaces, Veths, Leases, StateDirectories}
}

// OfNetwork reports whether only a life whose container has a network can leave something of the kind.
func (k Kind) OfNetwork() bool { return k == Veths || k == Leases }

// Freed says what freed a leftover.
type Freed string

// What is tried, in this order: each is tried on what those before it have left.
const (
	ByTime   Freed = "time"   // nothing was done but to wait
	ByDelete Freed = "delete" // the runtime's delete --force, and what a manager does after one that succeeded
	ByClean  Freed = "clean"  // what initbench clean does
	Never    Freed = "never"  // none of them, within the time that was waited
)

// FreedBy lists them.
func FreedBy() []Freed { return []Freed{ByTime, ByDelete, ByClean, Never} }

// Left is one thing that was still there when the sequence was over.
type Left struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// FreedBy is what made it go, AfterNS how long that took from its beginning.
	FreedBy Freed `json:"freed_by"`
	AfterNS int64 `json:"after_ns,omitempty"`
}

// Done is one step as it went.
type Done struct {
	Step string `json:"step"`
	NS   int64  `json:"ns"`
	// Exit and Signal are the runtime's, of a step that calls it.
	Exit   *int   `json:"exit,omitempty"`
	Signal string `json:"signal,omitempty"`
	// Missed: the runtime did not come to the point where it was to be killed.
	Missed  bool   `json:"missed,omitempty"`
	Message string `json:"message,omitempty"`
}

// Ended is how the runtime did: by a signal, or with an exit status; empty of a step that calls none.
func (d Done) Ended() string {
	switch {
	case d.Signal != "":
		return d.Signal
	case d.Exit != nil:
		return fmt.Sprint("exit ", *d.Exit)
	}
	return ""
}

// Runtime is which binary lived it.
type Runtime struct {
	Name    string `json:"name"`
	Ref     string `json:"ref"`
	Version string `json:"version,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
}

// Record is one sequence as it was lived.
type Record struct {
	Kind     string   `json:"kind"` // lifecycle
	Schema   int      `json:"schema"`
	Run      string   `json:"run"`
	Runtime  Runtime  `json:"runtime"`
	Driver   string   `json:"driver"`
	Kernel   string   `json:"kernel"`
	Where    Where    `json:"where"`
	SettleNS int64    `json:"settle_ns"` // what time alone was given
	Network  *Network `json:"network,omitempty"`
	Sequence Sequence `json:"sequence"`
	// Life is which one this is where a sequence is lived several times, from 2; 0: the first.
	Life  int    `json:"life,omitempty"`
	Steps []Done `json:"steps"`
	Left  []Left `json:"left"`
	// Behind is the sequence that this one begins with where it was not lived: that one's kill had not come about. There are no steps then.
	Behind string `json:"behind,omitempty"`
}

// Network is what the container was connected to, as a scenario has it; nil: it had a namespace of the runtime's making.
type Network struct {
	Pools []pool.Written `json:"pools"`
}

// NetworkOf is the network of these pools; of none there is none.
func NetworkOf(pools []pool.Pool) *Network {
	if len(pools) == 0 {
		return nil
	}
	n := &Network{}
	for _, p := range pools {
		n.Pools = append(n.Pools, p.Written())
	}
	return n
}

// String is what `initbench lifecycle --network` takes; empty without a network.
func (n *Network) String() string {
	if n == nil {
		return ""
	}
	return pool.Text(n.Pools)
}

func (n *Network) check() error {
	if n == nil {
		return nil
	}
	if len(n.Pools) == 0 {
		return errors.New("lifecycle record: a network without a pool")
	}
	if _, wrong := pool.Make(n.Pools); wrong != nil {
		return fmt.Errorf("lifecycle record: network: %w", wrong.Error)
	}
	return nil
}

// MaxTimes is how often one sequence can be lived.
const MaxTimes = 100_000

// RecordKind is Record.Kind.
const RecordKind = "lifecycle"

// Setting is all that two lives of one sequence must have in common to say the same.
type Setting struct {
	Runtime Runtime
	Driver  string
	Kernel  string
	Where   Where
	Settle  time.Duration
	Network string // its pools; empty: none
}

// Setting is what the record was made in.
func (r Record) Setting() Setting {
	return Setting{Runtime: r.Runtime, Driver: r.Driver, Kernel: r.Kernel, Where: r.Where, Settle: time.Duration(r.SettleNS), Network: r.Network.String()}
}

// Key tells records of the same thing from others, in one line. A runtime is its binary and not its path, where another may have
// been built since; its version is the binary's.
func (r Record) Key() string {
	key := fmt.Sprintf("%q %q %s %s %q %s %d %s", r.Runtime.Name, r.Runtime.Ref, r.Runtime.SHA256, r.Driver, r.Kernel, r.Where, r.SettleNS, r.Sequence)
	if r.Network != nil {
		key += " " + r.Network.String()
	}
	if r.Life > 0 {
		key += fmt.Sprint(" #", r.Life)
	}
	return key
}

// Missed reports whether a kill did not come about, or was not tried since one before it had not: the record then says nothing.
func (r Record) Missed() bool {
	return r.Behind != "" || slices.ContainsFunc(r.Steps, func(d Done) bool { return d.Missed })
}

// Decode reads a record's line, strictly: what it does not know it refuses.
func Decode(line []byte) (Record, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	var r Record
	if err := dec.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("lifecycle record: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("lifecycle record: more than one value in a line")
	}
	return r, r.check()
}

// Torn reports whether b can be the beginning of a record's line, as it is where a writer was killed. A whole value is none: it
// is a record that this initbench does not read.
func Torn(b []byte) bool {
	head := []byte(`{"kind":"` + RecordKind + `",`)
	return !json.Valid(b) && (bytes.HasPrefix(b, head) || len(b) > 0 && bytes.HasPrefix(head, b))
}

func (r Record) check() error {
	switch {
	case r.Kind != RecordKind:
		return fmt.Errorf("lifecycle record: kind %q is not %q", r.Kind, RecordKind)
	case r.Schema != Schema:
		return fmt.Errorf("lifecycle record: schema %d, and this initbench reads %d", r.Schema, Schema)
	case r.Where != OnHost && r.Where != InGuest:
		return fmt.Errorf("lifecycle record: where %q is not %s or %s", r.Where, OnHost, InGuest)
	case r.SettleNS < 0:
		return fmt.Errorf("lifecycle record: settle_ns %d", r.SettleNS)
	case len(r.Sequence) == 0:
		return errors.New("lifecycle record: it has no sequence")
	case r.Life < 0 || r.Life == 1 || r.Life > MaxTimes:
		return fmt.Errorf("lifecycle record: life %d: the first has no number, others have 2 to %d", r.Life, MaxTimes)
	case len(r.Steps) > len(r.Sequence):
		return fmt.Errorf("lifecycle record: %d steps of a sequence of %d", len(r.Steps), len(r.Sequence))
	}
	if r.Behind != "" && (len(r.Steps)+len(r.Left) > 0 || !strings.HasPrefix(r.Sequence.String(), r.Behind+",")) {
		return fmt.Errorf("lifecycle record: %s was not lived behind %q, and has %d steps and %d leftovers", r.Sequence, r.Behind, len(r.Steps), len(r.Left))
	}
	if err := r.Network.check(); err != nil {
		return err
	}
	for i, d := range r.Steps {
		if want := r.Sequence[i].String(); d.Step != want {
			return fmt.Errorf("lifecycle record: step %d is %q, and the sequence has %q there", i+1, d.Step, want)
		}
	}
	for _, l := range r.Left {
		if r.Network == nil && l.Kind.OfNetwork() {
			return fmt.Errorf("lifecycle record: leftover %q without a network", l.Kind)
		}
		if !slices.Contains(LeftKinds(), l.Kind) || !slices.Contains(FreedBy(), l.FreedBy) || l.AfterNS < 0 {
			return fmt.Errorf("lifecycle record: leftover %q %q, freed by %q after %d ns, is none", l.Kind, l.Name, l.FreedBy, l.AfterNS)
		}
	}
	return nil
}

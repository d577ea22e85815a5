package results

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/initbench/initbench/scenarios"
)

// Bounds of a census, whoever wrote it: of each list the most that a reader has room for. The whole is bounded by [MaxLine].
const (
	MaxLeft      = 16  // names of what one kind left
	MaxInherited = 64  // descriptors of a payload
	maxText      = 256 // bytes of a name
	maxCount     = 1 << 53
)

// EmbedderName is the name among the watched processes of the one that embeds the runtime under test.
const EmbedderName = "embedder"

// Census is what a session counted, of each kind of kernel object before its first cycle and after each.
type Census struct {
	// Cycles that were made and counted: a session that ended early has fewer than its trial asks for.
	Cycles int `json:"cycles"`
	// Machine has the kinds of the whole machine that could be counted, Unread the others: no kind is in neither.
	Machine []Series `json:"machine"`
	Unread  []Unread `json:"unread,omitempty"`
	// Watched processes: the embedder, then those that the scenario names.
	Watched []Watched `json:"watched,omitempty"`
	// WaitedNS is how long was waited, after the last cycle, for what is released late; nil where nobody waited.
	WaitedNS *int64 `json:"waited_ns,omitempty"`
	// Inherited is what the payload was handed; nil where it could not be looked at.
	Inherited *Inherited `json:"inherited,omitempty"`
}

// Series is one kind's counts.
type Series struct {
	Kind string `json:"kind"`
	// Counts are one more than the cycles.
	Counts []int64 `json:"counts"`
	// Settled is the count when nothing more was released, or the wait was over; nil where nobody waited.
	Settled *int64 `json:"settled,omitempty"`
	// BackNS is how long after the last cycle it had no more than before the first; nil where it never did.
	BackNS *int64 `json:"back_ns,omitempty"`
	// Left names some of what is there beyond what was there before, the newest first, as the kernel or systemd calls it.
	Left []string `json:"left,omitempty"`
}

// Unread is a kind that could not be counted: never a 0.
type Unread struct {
	Kind string `json:"kind"`
	Why  string `json:"why"`
}

// Watched is a process whose descriptors were counted.
type Watched struct {
	// Name is as the scenario has it, or EmbedderName.
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// Descriptors have the kinds of which the process ever had one; of the others there was none.
	Descriptors []Series `json:"descriptors,omitempty"`
	// Unread is why they could not be counted; Descriptors are then none.
	Unread string `json:"unread,omitempty"`
}

// Inherited are the descriptors beyond 0, 1 and 2 of the payload that was handed the most of them.
type Inherited struct {
	Descriptors []Descriptor `json:"descriptors"`
}

// Descriptor is one that a process has, by what the kernel says of it.
type Descriptor struct {
	FD     int    `json:"fd"`
	Kind   string `json:"kind"`
	Target string `json:"target"`
}

// CensusText makes a name that a kernel, a unit or a process gave fit for a record: one printable line of bounded length.
func CensusText(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if len(name) > maxText {
		name = strings.ToValidUTF8(name[:maxText-3], "") + "..."
	}
	return name
}

// checkCensus refuses what no session counts.
func (r *Record) checkCensus() error {
	if r.Census == nil {
		return nil
	}
	if r.Cycles == 0 {
		return fmt.Errorf("trial %d: a census of a trial that is no session", r.Index)
	}
	if err := r.Census.check(r.Cycles); err != nil {
		return fmt.Errorf("trial %d: census: %w", r.Index, err)
	}
	return nil
}

func (c *Census) check(asked int) error {
	if c.Cycles < 0 || c.Cycles > min(asked, scenarios.MaxCycles) {
		return fmt.Errorf("%d cycles of %d", c.Cycles, asked)
	}
	seen := map[string]bool{}
	for _, u := range c.Unread {
		if err := once(seen, u.Kind, machineKinds); err != nil {
			return err
		}
		if u.Why == "" || !isText(u.Why) {
			return fmt.Errorf("%s is unread without a reason", u.Kind)
		}
	}
	if err := c.checkSeries(seen, c.Machine, machineKinds); err != nil {
		return err
	}
	if c.WaitedNS != nil && *c.WaitedNS < 0 {
		return fmt.Errorf("waited for %d ns", *c.WaitedNS)
	}
	if err := c.checkWatched(); err != nil {
		return err
	}
	return c.Inherited.check()
}

// These are asked for every record of a session.
var (
	machineKinds    = scenarios.MachineKinds()
	descriptorKinds = scenarios.DescriptorKinds()
)

// once refuses what is no kind, and a kind that there was already.
func once(seen map[string]bool, kind string, all []string) error {
	switch {
	case !slices.Contains(all, kind):
		return fmt.Errorf("%.60q is no kind that is counted there", kind)
	case seen[kind]:
		return fmt.Errorf("%s is there twice", kind)
	}
	seen[kind] = true
	return nil
}

func (c *Census) checkSeries(seen map[string]bool, all []Series, kinds []string) error {
	for _, s := range all {
		if err := once(seen, s.Kind, kinds); err != nil {
			return err
		}
		if err := s.check(c.Cycles); err != nil {
			return fmt.Errorf("%s: %w", s.Kind, err)
		}
	}
	return nil
}

func (s *Series) check(cycles int) error {
	if len(s.Counts) != cycles+1 {
		return fmt.Errorf("%d counts over %d cycles", len(s.Counts), cycles)
	}
	for _, n := range s.Counts {
		if n < 0 || n > maxCount {
			return fmt.Errorf("a count of %d", n)
		}
	}
	for _, n := range []*int64{s.Settled, s.BackNS} {
		if n != nil && (*n < 0 || *n > maxCount) {
			return fmt.Errorf("settled at %d", *n)
		}
	}
	if len(s.Left) > MaxLeft || slices.ContainsFunc(s.Left, func(name string) bool { return !isText(name) }) {
		return fmt.Errorf("names that are no text, or more than %d", MaxLeft)
	}
	return nil
}

func (c *Census) checkWatched() error {
	const most = scenarios.MaxWatch + 1 // and the embedder
	if len(c.Watched) > most {
		return fmt.Errorf("%d processes: at most %d are watched", len(c.Watched), most)
	}
	names := map[string]bool{}
	for _, w := range c.Watched {
		switch {
		case w.Name == "" || !isText(w.Name) || names[w.Name]:
			return fmt.Errorf("a watched process named %.60q, or two", w.Name)
		case w.Unread != "" && (len(w.Descriptors) > 0 || !isText(w.Unread)):
			return fmt.Errorf("%s is unread, and was counted or has no reason", w.Name)
		}
		names[w.Name] = true
		if err := c.checkSeries(map[string]bool{}, w.Descriptors, descriptorKinds); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return nil
}

func (i *Inherited) check() error {
	if i == nil {
		return nil
	}
	if len(i.Descriptors) > MaxInherited {
		return fmt.Errorf("%d descriptors inherited: at most %d are kept", len(i.Descriptors), MaxInherited)
	}
	for _, d := range i.Descriptors {
		if d.FD < 0 || !slices.Contains(descriptorKinds, d.Kind) || !isText(d.Target) {
			return fmt.Errorf("inherited fd %d of the kind %.60q", d.FD, d.Kind)
		}
	}
	return nil
}

// isText is what CensusText gives: verdicts show it as it is.
func isText(s string) bool { return CensusText(s) == s }

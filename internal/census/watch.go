package census

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Watch says which processes to look at: one by its number, the main process of a systemd service, or those of a name.
type Watch struct {
	PID  int
	Unit string
	Name string
	// All takes every process of the name; else there must be one.
	All bool
}

// everyOne is before a name of which all processes are meant.
const everyOne = "all:"

// ParseWatch reads PID, UNIT.service, NAME or all:NAME.
func ParseWatch(s string) (Watch, error) {
	name, all := strings.CutPrefix(s, everyOne)
	pid, err := strconv.Atoi(name)
	switch {
	case name == "":
		return Watch{}, errors.New("nothing to watch is named: give a PID, a UNIT.service or a NAME")
	case strings.ContainsAny(name, "/\x00\n"):
		return Watch{}, fmt.Errorf("%q is no PID, UNIT.service or NAME: a name has no slash and no newline", s)
	case err == nil && all:
		return Watch{}, fmt.Errorf("%q: a PID is one process: leave %q out", s, everyOne)
	case err == nil && pid < 1:
		return Watch{}, fmt.Errorf("%q is no PID: the first is 1", s)
	case err == nil:
		return Watch{PID: pid}, nil
	case strings.HasSuffix(name, ".service") && !all:
		return Watch{Unit: name}, nil
	}
	for _, ending := range []string{".service", ".scope", ".slice", ".socket"} {
		if strings.HasSuffix(name, ending) {
			return Watch{}, fmt.Errorf("%q: of units only one service can be watched, which has a main process: give a NAME or a PID", s)
		}
	}
	return Watch{Name: name, All: all}, nil
}

// String is what ParseWatch reads.
func (w Watch) String() string {
	switch {
	case w.PID != 0:
		return strconv.Itoa(w.PID)
	case w.Unit != "":
		return w.Unit
	case w.All:
		return everyOne + w.Name
	}
	return w.Name
}

// commLength is how much of a name the kernel keeps (TASK_COMM_LEN without its end).
const commLength = 15

// matches tells whether a process is called so, by the kernel's short name or by the program it was started as.
func (w Watch) matches(comm string, args []string) bool {
	if comm == w.Name {
		return true
	}
	if len(args) == 0 {
		return false
	}
	program := args[0][strings.LastIndexByte(args[0], '/')+1:]
	return program == w.Name && strings.HasPrefix(w.Name, comm[:min(len(comm), commLength)])
}

// Descriptor is one of a process's.
type Descriptor struct {
	FD   int  `json:"fd"`
	Kind Kind `json:"kind"`
	// Target is what the kernel calls it, and for a socket, a program or a process which one it is.
	Target string `json:"target"`
}

func (d Descriptor) String() string { return fmt.Sprintf("fd %d: %s", d.FD, d.Target) }

// Descriptors are all that a process had.
type Descriptors struct {
	Counts map[Kind]int64 `json:"counts"`
	List   []Descriptor   `json:"list"`
}

func newDescriptors(list []Descriptor) Descriptors {
	d := Descriptors{Counts: map[Kind]int64{}, List: list}
	for _, one := range list {
		d.Counts[one.Kind]++
	}
	return d
}

// Since lists the descriptors of a kind that an earlier listing has not: same number and another target is another one.
func (d Descriptors) Since(before Descriptors, kind Kind) []Descriptor {
	var list []Descriptor
	for _, one := range d.List {
		if one.Kind == kind && !slices.Contains(before.List, one) {
			list = append(list, one)
		}
	}
	return list
}

// Census is the descriptors as a census, so that two can be compared. A kind that the process has none of is a counted zero.
func (d Descriptors) Census() Census {
	c := newCensus()
	for _, k := range DescriptorKinds() {
		c.Counts[k] = d.Counts[k]
	}
	for _, one := range d.List {
		c.Names[one.Kind] = append(c.Names[one.Kind], one.String())
	}
	return c
}

// EndedError is a watched process that is no more; another may have its number.
type EndedError struct {
	PID  int
	Comm string
}

func (e *EndedError) Error() string { return fmt.Sprintf("process %d (%s) has ended", e.PID, e.Comm) }

// AmbiguousError is a name that several processes have.
type AmbiguousError struct {
	Name  string
	Found []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d processes are called %s (%s): give a PID, or %s%s for all", len(e.Found), e.Name, strings.Join(e.Found, ", "), everyOne, e.Name)
}

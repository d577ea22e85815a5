package lifecycle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/sequence"
)

// Verb is what is done to the container, or happens to it.
type Verb string

// The verbs, in the order in which they are tried.
const (
	Create        Verb = "create"
	Start         Verb = "start"
	Delete        Verb = "delete"
	ForceDelete   Verb = "delete-force"   // delete --force
	LateDelete    Verb = "delete-late"    // delete, once all that goes by itself after the end has gone
	PressedDelete Verb = "delete-pressed" // delete while every CPU is busy and the runtime gets no memory without reclaim
	Exit          Verb = "exit"           // the payload ends by itself
	Stop          Verb = "stop"           // the runtime's kill with SIGKILL, and the payload's end
	OOM           Verb = "oom"            // init is OOM-killed
)

// Verbs lists them.
func Verbs() []Verb {
	return []Verb{Create, Start, Delete, ForceDelete, LateDelete, PressedDelete, Exit, Stop, OOM}
}

// Kills lists the verbs in which the runtime can be killed.
func Kills() []Verb { return []Verb{Create, Start, Stop, Delete, ForceDelete} }

// Deletes reports whether the verb asks for the container's removal.
func (v Verb) Deletes() bool {
	return v == Delete || v == ForceDelete || v == LateDelete || v == PressedDelete
}

// Point is where in a verb the runtime is killed: the step it was about to take, by its name in the timeline with
// dashes for spaces, and #2 for its second one.
type Point string

// point bounds what a name can be: it is part of a command line.
var point = regexp.MustCompile(`^[a-z0-9_-]{1,40}(#[1-9][0-9]{0,3})?$`)

// ParsePoint returns the point called s.
func ParsePoint(s string) (Point, error) {
	if !point.MatchString(s) {
		return "", fmt.Errorf("point %q: want a step's name of a-z, 0-9, - and _, such as join, or join#2 for its second", s)
	}
	return Point(s), nil
}

// PointOf is the nth time that a step is taken, from 1.
func PointOf(s sequence.Step, nth int) Point {
	name := strings.ReplaceAll(strings.ToLower(string(s)), " ", "-")
	if nth > 1 {
		name += fmt.Sprint("#", nth)
	}
	return Point(name)
}

// PointsOf are the points of the verb whose timeline this is: before the first of each kind of step, in the
// order in which they were taken. The exit of one of several processes is not one: it is no step of the container's.
func PointsOf(t sequence.Timeline) []Point {
	var all []Point
	for _, e := range t.Events {
		p := PointOf(e.Step, 1)
		if !slices.Contains(all, p) && point.MatchString(string(p)) {
			all = append(all, p)
		}
	}
	return all
}

// Points are those of each verb of one runtime under one driver.
type Points map[Verb][]Point

// Step is one of a sequence.
type Step struct {
	Verb Verb
	// Kill is where the runtime dies in it; empty: it lives.
	Kill Point
}

// killed begins the name of a step in which the runtime is killed.
const killed = "kill9@"

// String is the step's name: create, or kill9@create:join.
func (s Step) String() string {
	if s.Kill == "" {
		return string(s.Verb)
	}
	return killed + string(s.Verb) + ":" + string(s.Kill)
}

// ParseStep reads a step's name.
func ParseStep(name string) (Step, error) {
	rest, kill := strings.CutPrefix(name, killed)
	if !kill {
		return verbStep(name, Verbs(), killed+"VERB:POINT")
	}
	verb, at, found := strings.Cut(rest, ":")
	if !found {
		return Step{}, fmt.Errorf("step %q: want kill9@VERB:POINT, such as kill9@create:join", name)
	}
	s, err := verbStep(verb, Kills())
	if err != nil {
		return Step{}, fmt.Errorf("step %q: %w", name, err)
	}
	s.Kill, err = ParsePoint(at)
	if err != nil {
		return Step{}, fmt.Errorf("step %q: %w", name, err)
	}
	return s, nil
}

// verbStep is the step that is one of these verbs; besides are other words that would have done.
func verbStep(name string, among []Verb, besides ...string) (Step, error) {
	if v := Verb(name); slices.Contains(among, v) {
		return Step{Verb: v}, nil
	}
	var words []string
	for _, v := range among {
		words = append(words, string(v))
	}
	return Step{}, fmt.Errorf("step %q%s", name, yamlpos.NotOneOf(name, append(words, besides...)))
}

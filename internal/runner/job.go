package runner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Job is a run as it is handed to the place where trials are made: this process
// or, as JSON on stdin, `initbench collect` in the guest.
type Job struct {
	// Run is the run's ID; everything the run makes carries it.
	Run  string         `json:"run"`
	Spec scenarios.Spec `json:"spec"`
	// Done has the trials that an interrupted run recorded already.
	Done []int `json:"done,omitempty"`
	// Binaries has, for each arm, a path or a name on the PATH of the place where trials are made.
	Binaries map[string]string `json:"binaries"`
	Lane     Lane              `json:"lane"`
	// Budget is how long trials are made: no block begins later, counted from the first. 0 is no bound.
	Budget time.Duration `json:"budget_ns,omitempty"`
	// MustObserve refuses the job where trials cannot be observed.
	MustObserve bool `json:"must_observe,omitempty"`
	// Past has what sessions of lives left in earlier processes of the run, in blocks that are not whole.
	Past []Past `json:"past,omitempty"`
	// Live: what is to be made is not the spec's plan, but follows the job, a Group a line. Done and Budget are then whoever's who
	// decides that.
	Live bool `json:"live,omitempty"`
}

// Past is what a session left that lived every sequence once.
type Past struct {
	Block int           `json:"block"`
	Arm   string        `json:"arm"`
	Lived results.Lived `json:"lived"`
}

// Lane is what only the caller can know of where trials run.
type Lane struct {
	Where       string `json:"in"`          // host or vm
	Accelerator string `json:"accelerator"` // none, kvm or tcg
	Clock       string `json:"clock"`       // wall or instructions
	QEMU        string `json:"qemu,omitempty"`
	Initbench   string `json:"initbench"`
}

// Sink takes the lines of a run as they are made, one at a time. An observed trial's timeline comes right before its record.
type Sink interface {
	Environment(results.Environment) error
	Timeline(trial int, t sequence.Timeline) error
	Record(results.Record) error
}

// EnvError says that this machine cannot measure as it is: exit code 4.
type EnvError struct{ Err error }

func (e *EnvError) Error() string { return e.Err.Error() }
func (e *EnvError) Unwrap() error { return e.Err }

// OneLine puts the lines of a text, such as that of errors.Join, one behind the other.
func OneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

func envErrorf(format string, args ...any) error {
	return &EnvError{Err: fmt.Errorf(format, args...)}
}

// batches streams the plan's trials that are still to be made, grouped as they
// run together. It holds one batch at a time.
func (j Job) batches(yield func([]scenarios.Trial) bool) {
	done := make(map[int]bool, len(j.Done))
	for _, i := range j.Done {
		done[i] = true
	}
	var batch []scenarios.Trial
	last := -1
	for t := range j.Spec.Trials() {
		if t.Batch != last && len(batch) > 0 {
			if !yield(batch) {
				return
			}
			batch = nil
		}
		last = t.Batch
		if !done[t.Index] {
			batch = append(batch, t)
		}
	}
	if len(batch) > 0 {
		yield(batch)
	}
}

// Drivers are those that any of the plan's trials uses.
func Drivers(s scenarios.Spec) []cgroupjoin.Driver {
	var all []cgroupjoin.Driver
	for _, sc := range s.Scenarios {
		for _, d := range sc.Drivers {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

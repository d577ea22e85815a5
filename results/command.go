package results

import "fmt"

// Command is the command that made a run. It is a closed set.
type Command string

const (
	ByRun       Command = "run"
	ByGate      Command = "gate"
	ByLimit     Command = "limit"
	ByCalibrate Command = "calibrate"
	ByTrace     Command = "trace"
)

// MadeBy is the command that made the run. Where none is recorded its plan says which: but for a calibration, which
// passes for the gate that it has the plan of.
func (h Header) MadeBy() Command {
	switch {
	case h.Command != "":
		return h.Command
	case h.Gate:
		return ByGate
	case h.Design != nil:
		return ByLimit
	case len(h.Spec.Scenarios) == 1 && h.Spec.Scenarios[0].Name == string(ByTrace):
		return ByTrace
	}
	return ByRun
}

// ResumableBy refuses a run that another command made: what a plan lacks, and when it is over, is that one's to say.
func (r *Run) ResumableBy(c Command) error {
	if by := r.Header.MadeBy(); by != c {
		return &InputError{Path: r.Dir, Why: fmt.Sprintf("was made by initbench %s: resume it with that", by)}
	}
	return r.Resumable()
}

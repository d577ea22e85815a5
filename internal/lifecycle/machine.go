package lifecycle

// phase is what the caller believes of the container.
type phase string

const (
	absent  phase = "not there"
	created phase = "created"
	running phase = "running"
	refused phase = "running after a delete that must have failed"
	stopped phase = "stopped"
	gone    phase = "deleted"
	over    phase = "given up" // deleted twice, or after a fault
	// After the runtime was killed the caller knows nothing for certain.
	halfCreated phase = "half created"
	halfStarted phase = "half started"
	halfDeleted phase = "half deleted"
	retried     phase = "in an unknown state"
)

// state is where a sequence has come to. It is comparable: the count is kept by it.
type state struct {
	phase  phase
	faults int // how many more there may be: kills of the runtime, and deletes under pressure
}

func begin(faults int) state { return state{absent, faults} }

// edges are the machine. What the runtime really does of it is for the trial to find out.
var edges = map[phase]map[Verb]phase{
	// To delete what never existed is wrong, and done: by a caller that has lost its notes.
	absent:  {Create: created, Delete: over, ForceDelete: over},
	created: {Start: running, Delete: gone, ForceDelete: gone, Stop: stopped, OOM: stopped},
	// Without --force a delete of what runs must fail and change nothing.
	running: {Delete: refused, ForceDelete: gone, Exit: stopped, Stop: stopped, OOM: stopped},
	refused: {ForceDelete: gone, Stop: stopped},
	stopped: {Delete: gone, ForceDelete: gone, LateDelete: gone, PressedDelete: gone},
	// The second delete; and the same name once more, on what the first left.
	gone: {Create: created, Delete: over, ForceDelete: over},
	// Whoever finds a verb broken off repeats it once or gives up.
	halfCreated: {Create: retried, Delete: over, ForceDelete: over, LateDelete: over},
	halfStarted: {Start: retried, Stop: retried, Delete: over, ForceDelete: over, LateDelete: over},
	halfDeleted: {Delete: over, ForceDelete: over, LateDelete: over},
	retried:     {Delete: over, ForceDelete: over, LateDelete: over},
}

// half is what a verb leaves that was broken off.
var half = map[Verb]phase{Create: halfCreated, Start: halfStarted, Stop: retried, Delete: halfDeleted, ForceDelete: halfDeleted}

// after is the state that a step leads to, if it can be taken.
func (s state) after(step Step) (state, bool) {
	next, ok := edges[s.phase][step.Verb]
	if !ok || step.Kill == "" && step.Verb != PressedDelete {
		return state{next, s.faults}, ok
	}
	if step.Kill != "" {
		next, ok = half[step.Verb]
	}
	if !ok || s.faults < 1 {
		return state{}, false
	}
	return state{next, s.faults - 1}, true
}

// accepted reports whether a sequence that ends with a step is enumerated: the caller takes the container for deleted, or
// has died with its runtime and does nothing more.
func accepted(last Step) bool { return last.Verb.Deletes() || last.Kill != "" }

package runner

import (
	"fmt"

	"github.com/initbench/initbench/results"
)

// observation is what is known of a trial once it is over, before it is named.
type observation struct {
	phase    string // the last verb called: create, start, wait, delete
	timedOut bool
	// spawnErr is an error of initbench's own in starting the runtime.
	spawnErr error
	// verb's exit statuses; nil when it was not called or did not return.
	create, start *exit
	stamped       bool
	payload       *exit // nil when the payload's exit was not seen
	wantCode      int
	oomKills      uint64 // oom_kill of the container's parent, hierarchical
}

// exit is how a process ended.
type exit struct {
	code   int    // -1 when a signal ended it, or nobody could tell
	signal string // "killed", ...
}

func (e *exit) ok() bool { return e != nil && e.code == 0 && e.signal == "" }

func (e *exit) String() string {
	switch {
	case e == nil:
		return "did not return"
	case e.signal != "":
		return "was ended by signal: " + e.signal
	case e.code < 0:
		return "ended, its exit status unknown"
	}
	return fmt.Sprintf("exited with %d", e.code)
}

// decide names the outcome from memory.events and exits alone: what a runtime
// prints when its init is killed misleads (runc reports a missing cgroup file).
func (o observation) decide() (results.Outcome, string) {
	switch {
	case o.spawnErr != nil:
		return results.Failed, fmt.Sprintf("%s: %v", o.phase, o.spawnErr)
	case o.oomKills > 0 && o.stamped:
		return results.PayloadOOMKilled, fmt.Sprintf("%d OOM kill(s) in the container's cgroup after the payload's first instruction", o.oomKills)
	case o.oomKills > 0:
		return results.InitOOMKilled, fmt.Sprintf("%d OOM kill(s) in the container's cgroup before the payload's first instruction", o.oomKills)
	case o.timedOut:
		return results.TimedOut, fmt.Sprintf("%s did not end within the trial's timeout", o.phase)
	}
	return o.decideByExit()
}

func (o observation) decideByExit() (results.Outcome, string) {
	switch {
	case !o.create.ok():
		return results.Failed, "create " + o.create.String()
	case !o.start.ok():
		return results.Failed, "start " + o.start.String()
	case !o.stamped:
		return results.Failed, "create and start exited with 0, but the payload never ran"
	case o.payload == nil:
		return results.Failed, "the payload's exit could not be seen: the runtime left no usable pid file"
	case o.payload.signal != "" || o.payload.code >= 0 && o.payload.code != o.wantCode:
		return results.Failed, "the payload " + o.payload.String()
	case o.payload.code < 0:
		return results.Started, "the payload's exit status could not be read: its parent is not initbench"
	}
	return results.Started, ""
}

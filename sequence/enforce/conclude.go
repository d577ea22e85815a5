package enforce

import (
	"fmt"

	"github.com/initbench/initbench/sequence"
)

// notes are what was seen of a runtime on the way. Numbers are processes, 0 where nothing was seen.
type notes struct {
	ownClone int // the runtime's first process made a memfd: its own copy
	begun    int // a child that made a memfd and was not held
	unsealed int // a child executed what is no sealed memfd by execveat
	died     string
	waiting  int  // a child waited for the runtime, whose join was held
	executed int  // a child executed its sealed copy
	entered  bool // something ran in the pod
	serial   bool // the runtime waited for its child, whose copy was held
	early    bool // the join began when there was no child that could make a copy
}

// conclude says how imposing an order went that no step has decided by the time create has ended; ok
// is that it exited with 0. Of a create that failed, that no copy was seen says nothing unless
// something else does: it may have failed before.
func (n notes) conclude(order sequence.Order, ok bool) (sequence.Imposed, string) {
	switch {
	case order == sequence.Natural:
		return sequence.OrderImposed, "no order was asked for: every call was answered at once"
	case n.died != "":
		return sequence.OrderCouldNot, n.died
	case n.serial:
		return sequence.OrderNotApplicable, "the runtime waits for its init's copy before it begins to join"
	case n.begun != 0 && order == sequence.CloneBeforeJoin:
		return sequence.OrderCouldNot, fmt.Sprintf("process %d made a memfd and never executed it", n.begun)
	case !ok && !n.decisive():
		return sequence.OrderCouldNot, "create failed before anything told whether init makes a copy"
	}
	return sequence.OrderNotApplicable, "no copy was made inside init: " + n.noClone()
}

// decisive reports whether it was seen that init makes no copy, or got past where it would have.
func (n notes) decisive() bool {
	return n.unsealed != 0 || n.waiting != 0 || n.early || n.entered
}

// noClone names the strongest sign that there was nothing to order.
func (n notes) noClone() string {
	switch {
	case n.ownClone != 0 && n.early:
		return fmt.Sprintf("the runtime's first process, %d, made it before there was an init, and had its cgroup made before that", n.ownClone)
	case n.ownClone != 0:
		return fmt.Sprintf("the runtime's first process, %d, made it before there was an init", n.ownClone)
	case n.unsealed != 0:
		return fmt.Sprintf("process %d executed a file that is no sealed memfd", n.unsealed)
	case n.waiting != 0:
		return fmt.Sprintf("process %d waited for the runtime without one", n.waiting)
	case n.early:
		return "when the runtime began to join there was no process that could make one"
	}
	return "no process of the runtime called memfd_create"
}

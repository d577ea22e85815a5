package enforce

import (
	"strings"
	"testing"

	"github.com/initbench/initbench/sequence"
)

// Catches evidence of one kind that hides another: a death that passes for "not applicable", a
// copy that was begun and is forgotten, a runtime that orders the steps itself and is called a failure, and
// one that failed before it could have made a copy and is taken for one that makes none.
func TestConclude(t *testing.T) {
	const clone, join = sequence.CloneBeforeJoin, sequence.JoinBeforeClone
	for _, tt := range []struct {
		name  string
		notes notes
		order sequence.Order
		ok    bool
		want  sequence.Imposed
		why   string
	}{
		{"natural", notes{died: "x", begun: 1}, sequence.Natural, true, sequence.OrderImposed, "no order was asked for"},
		{"death", notes{died: "process 1 died", serial: true, ownClone: 2}, clone, true, sequence.OrderCouldNot, "process 1 died"},
		{"serial", notes{serial: true, ownClone: 2}, join, true, sequence.OrderNotApplicable, "waits for its init's copy"},
		{"unfinished", notes{begun: 3, ownClone: 2}, clone, true, sequence.OrderCouldNot, "process 3 made a memfd"},
		{"own and early", notes{ownClone: 2, early: true}, clone, true, sequence.OrderNotApplicable, "had its cgroup made before that"},
		{"own", notes{ownClone: 2}, join, true, sequence.OrderNotApplicable, "first process, 2, made it"},
		{"unsealed", notes{unsealed: 4, waiting: 4}, clone, true, sequence.OrderNotApplicable, "process 4 executed a file"},
		{"waiting", notes{waiting: 4}, clone, true, sequence.OrderNotApplicable, "process 4 waited"},
		{"early", notes{early: true}, clone, true, sequence.OrderNotApplicable, "no process that could make one"},
		{"nothing", notes{}, join, true, sequence.OrderNotApplicable, "no process of the runtime called memfd_create"},
		{"failed at once", notes{}, join, false, sequence.OrderCouldNot, "create failed before anything told"},
		{"failed after its own copy", notes{ownClone: 2}, join, false, sequence.OrderCouldNot, "create failed before anything told"},
		{"failed in the pod", notes{entered: true}, join, false, sequence.OrderNotApplicable, "no process of the runtime called memfd_create"},
		{"failed after init had waited", notes{waiting: 4}, clone, false, sequence.OrderNotApplicable, "process 4 waited"},
	} {
		got, why := tt.notes.conclude(tt.order, tt.ok)
		if got != tt.want || !strings.Contains(why, tt.why) || strings.Contains(why, "\n") {
			t.Errorf("%s: %s %q, want %s %q", tt.name, got, why, tt.want, tt.why)
		}
	}
}

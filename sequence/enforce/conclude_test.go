package enforce

import (
	"strings"
	"testing"

	"github.com/initbench/initbench/sequence"
)

// Catches evidence of one kind that hides another: a death that passes for "not applicable", a
// copy that was begun and is forgotten, a runtime that orders the steps itself and is called a failure.
func TestConclude(t *testing.T) {
	const clone, join = sequence.CloneBeforeJoin, sequence.JoinBeforeClone
	for _, tt := range []struct {
		name  string
		notes notes
		order sequence.Order
		want  sequence.Imposed
		why   string
	}{
		{"natural", notes{died: "x", begun: 1}, sequence.Natural, sequence.OrderImposed, "no order was asked for"},
		{"death", notes{died: "process 1 died", serial: true, ownClone: 2}, clone, sequence.OrderCouldNot, "process 1 died"},
		{"serial", notes{serial: true, ownClone: 2}, join, sequence.OrderNotApplicable, "waits for its init's copy"},
		{"unfinished", notes{begun: 3, ownClone: 2}, clone, sequence.OrderCouldNot, "process 3 made a memfd"},
		{"own and early", notes{ownClone: 2, early: true}, clone, sequence.OrderNotApplicable, "had its cgroup made before that"},
		{"own", notes{ownClone: 2}, join, sequence.OrderNotApplicable, "first process, 2, made it"},
		{"unsealed", notes{unsealed: 4, waiting: 4}, clone, sequence.OrderNotApplicable, "process 4 executed a file"},
		{"waiting", notes{waiting: 4}, clone, sequence.OrderNotApplicable, "process 4 waited"},
		{"early", notes{early: true}, clone, sequence.OrderNotApplicable, "no process that could make one"},
		{"nothing", notes{}, join, sequence.OrderNotApplicable, "no process of the runtime called memfd_create"},
	} {
		got, why := tt.notes.conclude(tt.order)
		if got != tt.want || !strings.Contains(why, tt.why) || strings.Contains(why, "\n") {
			t.Errorf("%s: %s %q, want %s %q", tt.name, got, why, tt.want, tt.why)
		}
	}
}

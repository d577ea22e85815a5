package sequence

import (
	"fmt"
	"slices"
	"strings"
)

// Order names which of the two steps, the memfd clone of the runtime's binary
// and the join of the container's cgroup, comes first.
type Order string

const (
	// Natural leaves the runtime alone: whatever order it takes is the order measured.
	Natural Order = "natural"
	// CloneBeforeJoin holds the join until the copy is sealed and being executed.
	CloneBeforeJoin Order = "clone-before-join"
	// JoinBeforeClone holds the copy until the process that makes it is in the container's cgroup.
	JoinBeforeClone Order = "join-before-clone"
)

// Orders lists every order in the order reports show them.
func Orders() []Order { return []Order{Natural, CloneBeforeJoin, JoinBeforeClone} }

// ParseOrder returns the order called s, or an error that names those there are.
func ParseOrder(s string) (Order, error) {
	if o := Order(s); slices.Contains(Orders(), o) {
		return o, nil
	}
	var names []string
	for _, o := range Orders() {
		names = append(names, string(o))
	}
	return "", fmt.Errorf("order %q is not one of %s", s, strings.Join(names, ", "))
}

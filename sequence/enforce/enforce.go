package enforce

import (
	"time"

	"github.com/initbench/initbench/sequence"
)

// Options say what is imposed on one runtime process and its children.
type Options struct {
	// Order to impose. With sequence.Natural the filter is installed and every call answered at once.
	Order sequence.Order
	// Pod and Leaf are the absolute paths of the container's parent cgroup, which exists, and of
	// the cgroup the runtime or systemd will make in it.
	Pod, Leaf string
	// Deadline bounds how long a call is held before the order counts as could-not;
	// DefaultDeadline when 0.
	Deadline time.Duration
}

// DefaultDeadline is ten times what copying a runtime takes on the slowest machine
// tried, an emulated one. Only a runtime that does what was not foreseen comes near it.
const DefaultDeadline = 10 * time.Second

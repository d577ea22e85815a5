package sequence

// Order names which of the two steps, the memfd clone of the runtime's binary
// and the join of the container's cgroup, comes first.
type Order string

// Natural leaves the runtime alone: whatever order it takes is the order measured.
const Natural Order = "natural"

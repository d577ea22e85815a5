package sequence

// Found names the order that really occurred.
type Found string

const (
	FoundCloneBeforeJoin Found = "clone-before-join" // the copy was sealed before the join
	FoundJoinBeforeClone Found = "join-before-clone" // the join came before memfd_create
	FoundOverlapping     Found = "overlapping"       // the join fell inside the copy
	FoundBornInCgroup    Found = "born-in-cgroup"    // init began in its cgroup: there is no join
	FoundNoClone         Found = "no-clone"          // nothing was copied inside init
	FoundUnknown         Found = "unknown"           // the timeline does not say; Why does
)

// Finding is what a timeline says about clone and join.
type Finding struct {
	Order Found `json:"order"`
	// Why is one sentence: what the order was decided from.
	Why string `json:"why"`
	// Guard is how the runtime's binary was kept from the container: memfd, overlay, bind mount, none.
	Guard string `json:"guard"`
	// CloneBytes is the size of the sealed copy; nil where none was made. The shares are what the
	// container's and the runtime's cgroup were charged between memfd_create and the seal.
	CloneBytes       *int64 `json:"clone_bytes,omitempty"`
	CloneToContainer *int64 `json:"clone_to_container_bytes,omitempty"`
	CloneToRuntime   *int64 `json:"clone_to_runtime_bytes,omitempty"`
	// ChargedAtExec is the container's charge when its payload had been exec'd: container.memory.charged_at_exec.
	ChargedAtExec *int64 `json:"charged_at_exec_bytes,omitempty"`
	// ExecNS is CLOCK_MONOTONIC of the payload's exec.
	ExecNS *int64 `json:"exec_ns,omitempty"`
}

// Imposed says how imposing an order ended.
type Imposed string

const (
	// OrderImposed: what was asked is what occurred.
	OrderImposed Imposed = "imposed"
	// OrderNotApplicable: the runtime makes no clone inside init or is born in its
	// cgroup; the start was its natural one.
	OrderNotApplicable Imposed = "not-applicable"
	// OrderCouldNot: the deadline passed, or the listener was lost. The trial is in no cell.
	OrderCouldNot Imposed = "could-not"
)

// Enforcement is what imposing an order cost and how it ended.
type Enforcement struct {
	Outcome Imposed `json:"outcome"`
	Why     string  `json:"why"`
	// Notifications is the number of calls the filter stopped; HeldNS how long those that
	// were held waited, in all; AnsweredNS the time from receipt to answer of all others.
	Notifications int   `json:"notifications"`
	Held          int   `json:"held"`
	HeldNS        int64 `json:"held_ns"`
	AnsweredNS    int64 `json:"answered_ns"`
}

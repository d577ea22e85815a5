package sequence

// Step is one thing that happens while a container starts.
type Step string

// The steps, in the words of runc and the kernel.
const (
	Fork         Step = "fork"           // Other is the child
	Exec         Step = "exec"           // Detail is the file
	MemfdCreate  Step = "memfd_create"   // Detail is the memfd's name
	CloneSealed  Step = "clone sealed"   // F_ADD_SEALS on a memfd; Bytes is its size
	Fexecve      Step = "fexecve"        // execveat with AT_EMPTY_PATH was called
	OverlayMount Step = "overlay mount"  // fsmount of an overlay: runc >= 1.2 seals its binary with one
	BindMount    Step = "bind mount"     // of /proc/self/exe: runc rc7 to 1.1.14
	CgroupCreate Step = "cgroup create"  // Detail is its path below the pod
	CgroupRemove Step = "cgroup remove"  // as CgroupCreate
	Join         Step = "join"           // the process was moved into Cgroup; Other is who moved it
	LimitWritten Step = "limit written"  // memory.max of the container; Bytes is the new value
	Unshare      Step = "unshare"        // Detail has the flags
	PivotRoot    Step = "pivot_root"     //
	PayloadExec  Step = "payload exec"   // the container's own program has replaced init
	Exit         Step = "exit"           // of the process: TID is its last thread
	OOMKill      Step = "OOM kill"       // PID is the victim
	BornInCgroup Step = "born in cgroup" // a fork whose child began in the container's cgroup (CLONE_INTO_CGROUP); Other is the child
)

// Whose says which of a trial's cgroups something is in.
type Whose string

const (
	Container Whose = "container" // the leaf or anything below it
	Pod       Whose = "pod"       // its parent itself, made by initbench
	Runtime   Whose = "runtime"   // the cgroup the runtime's processes are born in, or below
	Elsewhere Whose = "elsewhere" // none of the trial's: systemd, for one
)

// Charge is what the kernel held against a cgroup (its page counter, as
// memory.current reads it), in bytes. The parts come from memory.stat's counters
// and are nil at steps where they were not read.
type Charge struct {
	Bytes int64  `json:"bytes"`
	Anon  *int64 `json:"anon_bytes,omitempty"`
	File  *int64 `json:"file_bytes,omitempty"` // page cache, shmem included, as in memory.stat
	Shmem *int64 `json:"shmem_bytes,omitempty"`
}

// Event is one step of one process.
type Event struct {
	// NS is CLOCK_MONOTONIC when the kernel did it.
	NS   int64  `json:"ns"`
	Step Step   `json:"step"`
	PID  int    `json:"pid"`           // thread group, in the harness's PID namespace
	TID  int    `json:"tid,omitempty"` // where it differs
	Comm string `json:"comm"`
	// Cgroup is whose cgroup the process is in after the step; CgroupID is the kernel's number of it.
	Cgroup   Whose  `json:"cgroup"`
	CgroupID uint64 `json:"cgroup_id,omitempty"`
	Other    int    `json:"other_pid,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Bytes    *int64 `json:"step_bytes,omitempty"`
	// Charged is nil for a cgroup that was not there.
	Container *Charge `json:"container,omitempty"`
	Runtime   *Charge `json:"runtime,omitempty"`
}

// Counters are what noise cannot touch, of one side, from the spawn of create to the payload's exec. Those that are
// nil an observer of their time did not take.
type Counters struct {
	Syscalls        int64  `json:"syscalls"`
	Waits           *int64 `json:"waits,omitempty"` // of Syscalls, those that follow the clock and not the work
	PageFaults      int64  `json:"page_faults"`     // minor and major
	MajorFaults     *int64 `json:"major_faults,omitempty"`
	Forks           int64  `json:"forks"` // processes and threads made
	Processes       *int64 `json:"processes,omitempty"`
	ContextSwitches int64  `json:"context_switches"`
	MemfdBytes      int64  `json:"memfd_bytes"` // copied into memfds that were then sealed
	// CopiedBytes are MemfdBytes and what was copied into files without a name (O_TMPFILE) that were then executed.
	CopiedBytes *int64 `json:"copied_bytes,omitempty"`
}

// Work is the system calls that the same work makes again each time. It is not known of what was counted in one.
func (c Counters) Work() (calls int64, known bool) {
	if c.Waits == nil {
		return 0, false
	}
	return c.Syscalls - *c.Waits, true
}

// Timeline is one start as the kernel saw it, events rising in time.
type Timeline struct {
	// RuntimePID is the process that was spawned as create.
	RuntimePID int     `json:"runtime_pid"`
	Events     []Event `json:"events"`
	// Lost events: of an incomplete timeline nothing is decided.
	Lost uint64 `json:"lost,omitempty"`
	// Counters are nil where they were not taken. Container counts the tasks in the
	// container's cgroup at the time, Runtime those in the runtime's.
	ContainerCounters *Counters `json:"container_counters,omitempty"`
	RuntimeCounters   *Counters `json:"runtime_counters,omitempty"`
}

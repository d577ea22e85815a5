package results

import (
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Schema is the version of the record format this build writes.
const Schema = 1

// Outcome is how a trial ended. It is decided from memory.events and the exit
// status, never from a runtime's message.
type Outcome string

const (
	Started          Outcome = "started"            // the payload ran and exited as told
	InitOOMKilled    Outcome = "init-oom-killed"    // oom_kill in the container's tree before the payload's stamp
	PayloadOOMKilled Outcome = "payload-oom-killed" // oom_kill in the container's tree after the payload's stamp
	Failed           Outcome = "failed"             // anything else that is not a start; Reason says what
	TimedOut         Outcome = "timed-out"          // the trial's deadline passed
)

// Outcomes lists the closed set in the order reports show it.
func Outcomes() []Outcome {
	return []Outcome{Started, InitOOMKilled, PayloadOOMKilled, Failed, TimedOut}
}

// RuntimeID identifies the binary under test. Two records compare only as far as these agree.
type RuntimeID struct {
	Name    string `json:"name"`    // the arm's name
	Ref     string `json:"ref"`     // as the user wrote it
	Version string `json:"version"` // first line of `RUNTIME --version`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size_bytes"`
	// Filesystem the binary lies on (statfs), such as ext4 or tmpfs: on tmpfs
	// runc rc7 to 1.1.14 make a bind mount and a memfd copy.
	Filesystem string `json:"filesystem"`
}

// Latency holds monotonic nanoseconds since the runtime's create was spawned; nil
// means the trial never got that far. What initbench itself does between two
// calls (it reads a cgroup file) lies between Created and StartCalled and between
// Exited and DeleteCalled, so that a reader can leave it out.
type Latency struct {
	Created      *int64 `json:"created_ns,omitempty"`       // until `create` returned
	StartCalled  *int64 `json:"start_called_ns,omitempty"`  // until `start` was spawned
	Started      *int64 `json:"started_ns,omitempty"`       // until the payload's first instruction, stamped by the payload
	Exited       *int64 `json:"exited_ns,omitempty"`        // until the payload's exit was seen
	DeleteCalled *int64 `json:"delete_called_ns,omitempty"` // until `delete` was spawned
	Deleted      *int64 `json:"deleted_ns,omitempty"`       // until `delete` returned
}

// Start is start.latency: from create's spawn to the payload's first
// instruction, less initbench's own time between the two calls.
func (l Latency) Start() (ns int64, ok bool) {
	if l.Created == nil || l.StartCalled == nil || l.Started == nil {
		return 0, false
	}
	return *l.Created + *l.Started - *l.StartCalled, true
}

// Life is the time the whole container took, create to delete, less initbench's
// own time between the calls: what a loop of `runtime run` would take for it.
func (l Latency) Life() (ns int64, ok bool) {
	if l.Created == nil || l.StartCalled == nil || l.Exited == nil || l.DeleteCalled == nil || l.Deleted == nil {
		return 0, false
	}
	return *l.Created + (*l.Exited - *l.StartCalled) + (*l.Deleted - *l.DeleteCalled), true
}

// Events are the counters of one cgroup's memory.events (hierarchical, cgroup v2 documentation, "memory.events").
type Events struct {
	OOM          uint64 `json:"oom"`
	OOMKill      uint64 `json:"oom_kill"`
	OOMGroupKill uint64 `json:"oom_group_kill"`
	Max          uint64 `json:"max"`
}

// Victim is the kernel's own line about a process it killed, read from /dev/kmsg.
type Victim struct {
	PID        int    `json:"pid"`
	Comm       string `json:"comm"`
	AnonBytes  int64  `json:"anon_bytes"`
	FileBytes  int64  `json:"file_bytes"`
	ShmemBytes int64  `json:"shmem_bytes"`
	// Memcg is the cgroup whose limit was hit (oom_memcg), when the kernel printed it: that line is rate-limited.
	Memcg string `json:"oom_memcg,omitempty"`
	Line  string `json:"line"`
}

// Record is one trial as it was measured. Absent pointers mean "not measured".
type Record struct {
	Kind   string `json:"kind"` // "trial"
	Schema int    `json:"schema"`
	scenarios.Trial
	Runtime RuntimeID `json:"runtime"`
	// Environment is the ID of the environment line earlier in the file.
	Environment string  `json:"environment"`
	Outcome     Outcome `json:"outcome"`
	Reason      string  `json:"reason,omitempty"`
	// StartNS is CLOCK_MONOTONIC when create was spawned: orders the trials of one boot.
	StartNS int64   `json:"start_ns"`
	Latency Latency `json:"latency"`
	// ContainerPeak and RuntimePeak are memory.peak of the container's parent and of the runtime's cgroup.
	ContainerPeak *int64 `json:"container_memory_peak_bytes,omitempty"`
	RuntimePeak   *int64 `json:"runtime_memory_peak_bytes,omitempty"`
	// LimitInForce is memory.max read back from the cgroup the limit was asked on.
	LimitInForce *int64 `json:"limit_in_force_bytes,omitempty"`
	// Leaf is the container's own cgroup (absent when the driver or the kernel removed it before it could be read);
	// Ancestor is its parent, made by initbench, whose counters include the leaf's and outlive it.
	Leaf         *Events `json:"leaf_events,omitempty"`
	Ancestor     *Events `json:"ancestor_events,omitempty"`
	Victim       *Victim `json:"victim,omitempty"`
	ContainerCPU *int64  `json:"container_cpu_usec,omitempty"` // cpu.stat usage_usec of the container's parent
	RuntimeCPU   *int64  `json:"runtime_cpu_usec,omitempty"`
	ExitCode     *int    `json:"exit_code,omitempty"`   // of the payload
	ExitSignal   string  `json:"exit_signal,omitempty"` // that ended the payload
	// Enforcement says how imposing the trial's order went; nil where none was asked.
	Enforcement *sequence.Enforcement `json:"enforcement,omitempty"`
	// Found is the order that really occurred, nil where no observer watched; the counters likewise.
	Found             *sequence.Finding  `json:"found,omitempty"`
	ContainerCounters *sequence.Counters `json:"container_counters,omitempty"`
	RuntimeCounters   *sequence.Counters `json:"runtime_counters,omitempty"`
	// LostEvents of the observer: where there are any, Found is unknown.
	LostEvents uint64 `json:"lost_events,omitempty"`
	// Clone is what the built-in runtime says of the copy it made in the parent; nil where it made none there.
	Clone *memfdclone.Report `json:"clone_report,omitempty"`
	// JoinNS is how long the join took, in monotonic nanoseconds, where the trial measured a join alone.
	JoinNS *int64 `json:"join_ns,omitempty"`
	// Census is what a session counted; nil of a trial that is none, and of a session that counted nothing.
	Census *Census `json:"census,omitempty"`
	// Attachment is what the container's network was and took; nil of a trial without, and of one that ended before it was made.
	Attachment *Attachment `json:"network_attachment,omitempty"`
	// Lived is what a session's lives left; nil of a trial that is none, and of a session that could not live them all.
	Lived *Lived `json:"lived,omitempty"`
	// Leaks lists what the trial left behind and initbench had to remove.
	Leaks    []string `json:"leaks,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Output is the first few KiB of what a runtime that did not start its container printed on stderr.
	Output string `json:"output,omitempty"`
}

// Environment is what a trial ran in, as far as it matters to a comparison.
type Environment struct {
	Kind      string `json:"kind"` // "environment"
	Schema    int    `json:"schema"`
	ID        string `json:"id"` // first 12 hex digits of the SHA-256 of the other fields
	Initbench string `json:"initbench"`
	Kernel    string `json:"kernel"`
	Arch      string `json:"arch"`
	BootID    string `json:"boot_id"`
	OS        string `json:"os"`
	CPU       string `json:"cpu"`
	CPUs      int    `json:"cpus"`
	MemBytes  int64  `json:"memory_bytes"`
	SwapBytes int64  `json:"swap_bytes"`
	// THP and ShmemTHP are the bracketed words of /sys/kernel/mm/transparent_hugepage/{enabled,shmem_enabled}.
	THP      string `json:"thp"`
	ShmemTHP string `json:"shmem_thp"`
	PageSize int    `json:"page_size_bytes"`
	// Cgroup describes the cgroup set-up: "cgroup2" or what there is instead; Controllers are those enabled for trials.
	Cgroup      string   `json:"cgroup"`
	Controllers []string `json:"controllers"`
	Systemd     string   `json:"systemd,omitempty"` // version; empty where systemd is not PID 1
	// Where is host or vm; Accelerator is none on a host, else kvm or tcg; Clock is wall or instructions (QEMU -icount).
	Where       string `json:"in"`
	Accelerator string `json:"accelerator"`
	Clock       string `json:"clock"`
	QEMU        string `json:"qemu,omitempty"`
	Clocksource string `json:"clocksource"`
	// Observer is ebpf, or why there is none ("none: ..."); empty in records from before there was one.
	Observer string `json:"observer,omitempty"`
	// Scales are the readings of known allocations that this run began with. They do not enter the ID.
	Scales []Scale `json:"scales"`
}

// Scale is one check of the harness's own scales: a known allocation and what the cgroup's counters said of it.
type Scale struct {
	Driver  cgroupjoin.Driver `json:"driver"`
	Counter string            `json:"counter"` // anon, file, shmem (memory.stat), peak (memory.peak)
	Asked   int64             `json:"asked_bytes"`
	Read    int64             `json:"read_bytes"`
}

// Header is run.json: what was asked for. It is written once, before the first trial.
type Header struct {
	Schema    int            `json:"schema"`
	ID        string         `json:"id"`
	Created   string         `json:"created"` // RFC 3339
	Initbench string         `json:"initbench"`
	Spec      scenarios.Spec `json:"spec"`
	// Command is the one that made the run, see [Header.MadeBy]; empty in runs stored before it was recorded.
	Command Command `json:"command,omitempty"`
	// Gate is true when the arms are baseline and candidate.
	Gate bool `json:"gate"`
	// Budget is what the run was begun with: in that session no block of trials began later. What a resumed run was given is not stored. 0 is none.
	Budget time.Duration `json:"budget_ns,omitempty"`
	// Design is how an adaptive run decides what comes next; nil where every trial of the plan is made.
	Design *Design `json:"design,omitempty"`
	// Policy is the text of the policy file that the run is judged by; empty: the default one.
	Policy string `json:"policy,omitempty"`
	// Place is where the run was begun, for a resumed run to go on in one like it;
	// nil in runs stored before it was recorded.
	Place *Place `json:"place,omitempty"`
	// MergedFrom are the runs that this one was put together from, each of the whole plan; nil in one as it was measured.
	MergedFrom []Part `json:"merged_from,omitempty"`
}

// Place says where trials are made, and of the guest what was asked for.
type Place struct {
	In    string `json:"in"` // host or vm
	Suite string `json:"suite,omitempty"`
	// GuestMemory is as the user wrote it; GuestCPUs 0 means the default.
	GuestMemory string `json:"guest_memory,omitempty"`
	GuestCPUs   int    `json:"guest_cpus,omitempty"`
	GuestClock  string `json:"guest_clock,omitempty"`
}

// ExecLatency is start.latency of an observed trial by the kernel's own event: from create's spawn to the
// payload's exec, less initbench's own time between the two calls. [Latency.Start] ends at the
// payload's first instruction instead, when the exec is over.
func (r Record) ExecLatency() (ns int64, ok bool) {
	l := r.Latency
	if r.Found == nil || r.Found.ExecNS == nil || l.Created == nil || l.StartCalled == nil {
		return 0, false
	}
	since := *r.Found.ExecNS - r.StartNS - *l.StartCalled
	if since < 0 {
		return 0, false // no payload runs before start is called: the event is another process's
	}
	return *l.Created + since, true
}

// Counted reports whether a trial belongs to the cell it was planned for. What was imposed must be what an
// observer found, where one watched; what does not apply must not be contradicted by it.
func (r Record) Counted() (counted bool, why string) {
	if r.Order == sequence.Natural || r.Order == "" {
		return true, ""
	}
	switch e := r.Enforcement; {
	case e == nil:
		return false, "nothing imposed the order"
	case e.Outcome == sequence.OrderImposed:
		why = r.doubtImposed()
	case e.Outcome == sequence.OrderNotApplicable:
		why = r.doubtNotApplicable()
	default:
		return false, e.Why
	}
	return why == "", why
}

// doubtImposed is why an order that the enforcer says it imposed is not believed. Without
// an observer its own account stands; one that watched has to have seen that order.
func (r Record) doubtImposed() string {
	switch {
	case r.Found == nil || string(r.Found.Order) == string(r.Order):
		return ""
	case r.Found.Order == sequence.FoundUnknown:
		return "the order found is unknown: " + r.Found.Why
	}
	return "the order found was " + string(r.Found.Order)
}

// doubtNotApplicable is why a start is not believed to be the natural one of a runtime that cannot take the order.
//
// A copy made inside init stands against it, but for one that was sealed before the join in spite of a hold: so does a
// runtime that waits for the copy before it joins. The reverse, an init that waits for its join before it copies,
// no runtime is known to be; a start that looks like one is a step that the enforcer missed.
// A start that ended too early to tell counts: else those that were killed would drop out of their cell.
func (r Record) doubtNotApplicable() string {
	if r.Found == nil {
		return ""
	}
	switch found := r.Found.Order; {
	case r.LostEvents > 0:
		return "the order is said not to apply, and the one found is unknown: " + r.Found.Why
	case found == sequence.FoundNoClone || found == sequence.FoundBornInCgroup || found == sequence.FoundUnknown:
		return ""
	case found == sequence.FoundCloneBeforeJoin && r.Order == sequence.JoinBeforeClone && r.Enforcement.Held > 0:
		return ""
	default:
		return "the order is said not to apply, and the one found was " + string(found)
	}
}

package scenarios

import (
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// Scenario is one file of the catalogue or of a user: which cells there are and
// how many trials each gets. Sizes are bytes, durations nanoseconds in JSON.
type Scenario struct {
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Drivers     []cgroupjoin.Driver `json:"drivers"`
	// Limits is the ladder of memory.max values in bytes, rising; empty means no limit.
	Limits []int64          `json:"limits,omitempty"`
	Place  cgroupjoin.Place `json:"place,omitempty"`
	// Unlimited adds the cells without a limit to those of Limits.
	Unlimited bool `json:"unlimited,omitempty"`
	// Orders of clone and join; empty means the natural one alone.
	Orders []sequence.Order `json:"orders,omitempty"`
	// Observe has every trial watched by the eBPF observer, which an imposed order always has.
	// Its latencies are then not judged: the observer is in them.
	Observe bool `json:"observe,omitempty"`
	// Trials is the number of batches for each runtime in each cell.
	Trials int `json:"trials"`
	// Warmup trials for each runtime and driver come first and are recorded, but not judged.
	// Each is a batch of one container without a limit: it is there to bring the
	// runtime's pages and systemd's state into memory, so it must be able to start.
	Warmup int `json:"warmup"`
	// Containers in a batch: one after another, or all at once when Concurrent.
	Containers int           `json:"containers"`
	Concurrent bool          `json:"concurrent,omitempty"`
	Timeout    time.Duration `json:"timeout_ns"`
	// Payload is what the container does after its stamp.
	Payload Payload `json:"payload"`
	// Judge names the metrics that a gate judges in this scenario: names of Metrics.
	Judge []string `json:"judge"`
	// Clones, Strategies, Sizes, Headroom and Places are axes of the built-in runtime alone: they multiply the
	// cells of an arm that is it. Any other arm has the cells without them.
	Clones     []memfdclone.Where    `json:"clones,omitempty"`
	Strategies []memfdclone.Strategy `json:"strategies,omitempty"`
	// Sizes in bytes, rising, that the binary is padded up to.
	Sizes []int64 `json:"sizes,omitempty"`
	// Headroom has the limits follow the binary's size. Of a built-in arm they take the place of Limits and Place.
	Headroom *Headroom `json:"headroom,omitempty"`
	// Places of the limits that Headroom gives; empty means the container alone.
	Places []cgroupjoin.Place `json:"places,omitempty"`
	// Search makes the scenario one that looks for start.threshold: it has then no Limits, its cells have neither limit nor
	// place, its trials the Place, and Trials is the search's Most.
	Search *Search `json:"search,omitempty"`
	// Cycles makes every trial a session of so many containers, one after the other, of one runtime: after each is counted what there
	// is of each kind of kernel object. 0: a trial is one container.
	Cycles int `json:"cycles,omitempty"`
	// Embedded has the containers of a session made by one process that lives as long as it, and holds libcontainer.
	Embedded bool `json:"embedded,omitempty"`
	// Collector of that process's Go runtime; empty means as Go has it.
	Collector Collector `json:"collector,omitempty"`
	// Watch names processes whose descriptors are counted too: each a PID, a unit or a name.
	Watch []string `json:"watch,omitempty"`
	// Lives makes every trial a session of so many lives of containers: sequences of verbs and faults, after each of which is looked for what
	// it left. nil: a trial is one container.
	Lives *Lives `json:"lifecycle,omitempty"`
	// Clock is the one that the trials need, which takes a guest of its own; empty means the run's.
	Clock Clock `json:"clock,omitempty"`
	// HugePages that the trials may get; empty means what the machine does.
	HugePages HugePages `json:"huge_pages,omitempty"`
	// Network gives each container a network namespace with addresses; nil: it has an empty one of the runtime's making.
	Network *Network `json:"network,omitempty"`
	// Enumerate has the payloads enumerate the subnets of address pools.
	Enumerate *Enumerate `json:"enumerate,omitempty"`
	// Joins makes every trial a join measured alone: no runtime is started.
	Joins *Joins `json:"joins,omitempty"`
	// Runtimes a user's file brings along; the command line's come on top.
	Runtimes []Runtime `json:"runtimes,omitempty"`
}

// Headroom is what a limit leaves beside the built-in runtime's binary: where the container pays for a copy
// of it, below 0 is certain death and above it a question of what else a start takes.
type Headroom struct {
	// None adds the cells without a limit.
	None bool `json:"none,omitempty"`
	// Bytes, rising, are added to the binary's size.
	Bytes []int64 `json:"bytes,omitempty"`
}

// Joins are the axes of a scenario that measures joins alone.
type Joins struct {
	Mechanisms []cgroupjoin.Mechanism `json:"mechanisms"`
	Cgroup     []cgroupjoin.When      `json:"cgroup"`
	Siblings   []int                  `json:"siblings"`
	Threads    []int                  `json:"threads"`
	Busy       []bool                 `json:"busy"`
}

// Payload says what the container's process does after it stamped the clock.
type Payload struct {
	// AnonBytes of anonymous memory are mapped and touched before it exits.
	AnonBytes int64 `json:"anon_bytes,omitempty"`
}

// Runtime is a runtime under test by the name it has in records and tables.
type Runtime struct {
	Name string `json:"name"`
	Ref  string `json:"ref"`
	// Pos is where a scenario file wrote Ref, so that whoever resolves it can
	// point there; zero for a runtime of the command line.
	Pos Position `json:"-"`
}

// Spec is all that settles a run's plan: the same Spec gives the same trials in
// the same order, on any machine. It is stored in the run's header.
type Spec struct {
	Scenarios []Scenario `json:"scenarios"`
	// Runtimes are the arms: in a gate exactly two, named baseline and candidate.
	Runtimes []Runtime `json:"runtimes"`
	Seed     uint64    `json:"seed"`
	// BuiltinBytes is the size of the built-in runtime's own binary, below which none can be had; 0 where it is not
	// known, or not an arm.
	BuiltinBytes int64 `json:"builtin_bytes,omitempty"`
}

// Build is one way for the built-in runtime to make a start. The zero value leaves it to the runtime's reference,
// and is that of every other runtime.
type Build struct {
	Clone    memfdclone.Where    `json:"clone,omitempty"`
	Strategy memfdclone.Strategy `json:"strategy,omitempty"`
	// BinaryBytes is the size of the built-in runtime's binary, padded up to it: what a copy copies.
	BinaryBytes int64 `json:"binary_bytes,omitempty"`
}

// Join is the set-up of one measured join, where a trial is that and no container start.
type Join struct {
	Mechanism cgroupjoin.Mechanism `json:"mechanism,omitempty"`
	Cgroup    cgroupjoin.When      `json:"cgroup,omitempty"`
	// Siblings is the number of cgroups beside the one that is joined.
	Siblings int `json:"siblings,omitempty"`
	// Threads of the process that joins.
	Threads int `json:"threads,omitempty"`
	// Busy: other processes are moved between the siblings meanwhile.
	Busy bool `json:"busy,omitempty"`
}

// Trial is one container start to be made. Everything about it is settled
// before the first process starts.
type Trial struct {
	// Index is the trial's place in the plan, from 0.
	Index    int               `json:"trial"`
	Scenario string            `json:"scenario"`
	Arm      string            `json:"arm"` // Runtime.Name
	Driver   cgroupjoin.Driver `json:"driver"`
	Order    sequence.Order    `json:"order"`
	Place    cgroupjoin.Place  `json:"limit_place,omitempty"`
	Limit    int64             `json:"limit_bytes,omitempty"` // 0: none asked
	Build    Build             `json:"build,omitzero"`
	// Join is set where the trial measures a join alone: no runtime is started then.
	Join    Join `json:"join,omitzero"`
	Observe bool `json:"observe,omitempty"`
	// Block numbers, within the run, the set of batches of all arms run next to each other.
	Block int `json:"block"`
	// Batch numbers, within the run, the trials that run together for one arm; InBatch is the place in it.
	Batch      int  `json:"batch"`
	InBatch    int  `json:"in_batch"`
	BatchSize  int  `json:"batch_size"`
	Concurrent bool `json:"concurrent,omitempty"`
	// Together: other trials were made at the same time, as many as the place of measuring has CPUs. Its outcome, order, charges and
	// counters are its own; its latencies, CPU times and peaks are in no timed figure. No plan says it: whoever made the trial does.
	Together bool `json:"together,omitempty"`
	Warmup   bool `json:"warmup,omitempty"`
	// Group is how many starts its search asked for at once, and InGroup by how much its Index is above that of the first of them; 0 of one asked for alone. What
	// they show counts if all of them were recorded: of a group that is cut short the quickest ends alone are there.
	Group   int `json:"group,omitempty"`
	InGroup int `json:"in_group,omitempty"`
	// Cycles, Embedded and Collector are those of a session; see Scenario, which alone says what is watched (Spec.WatchedIn).
	Cycles    int       `json:"cycles,omitempty"`
	Embedded  bool      `json:"embedded,omitempty"`
	Collector Collector `json:"collector,omitempty"`
	// Lives of the scenario make the trial a session of them: 1, each sequence is lived once; more, those are lived so often of which earlier sessions of the
	// block, of several arms, left different things.
	Lives     int       `json:"lives,omitempty"`
	HugePages HugePages `json:"huge_pages,omitempty"`
	// Network: the container gets one; which, its scenario says (Spec.NetworkOf).
	Network   bool          `json:"network,omitempty"`
	Enumerate Enumeration   `json:"enumerate,omitzero"`
	Timeout   time.Duration `json:"timeout_ns"`
	Payload   Payload       `json:"payload"`
}

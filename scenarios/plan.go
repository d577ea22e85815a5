package scenarios

import (
	"fmt"
	"hash/fnv"
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

var tooMany = fmt.Sprintf("a run holds at most %d", MaxTrials)

// Size is the number of trials in the plan, worked out without making one, searches with the most that they may take; a plan
// above MaxTrials is refused with its factors. Of a scenario whose cells do not all make sense those that do are counted, once their
// product is known to be small.
func (s Spec) Size() (trials int64, err error) {
	for _, sc := range s.Scenarios {
		n, product, ok := s.sizeOf(sc)
		if !ok {
			return 0, &Error{Wrong: fmt.Sprintf("scenario %s: %s", printable(sc.Name), product), Right: tooMany}
		}
		trials += n // no overflow: each is at most MaxTrials, and there are fewer than 2^46
	}
	if trials > MaxTrials {
		return 0, &Error{Wrong: fmt.Sprintf("%d scenarios make %d container starts", len(s.Scenarios), trials), Right: tooMany}
	}
	return trials, nil
}

func (s Spec) sizeOf(sc Scenario) (trials int64, product string, ok bool) {
	if s.informed(sc) {
		return s.informedSize(sc)
	}
	return sc.size(len(s.Runtimes))
}

// size multiplies out the scenario's trials for a number of arms that bring their own binary. Where they are
// too many, product says what they are made of.
func (s Scenario) size(arms int) (trials int64, product string, ok bool) {
	measured, product, fits := multiply("container starts",
		factor{len(s.Drivers), "drivers"}, factor{len(s.AllOrders()), "orders"}, factor{len(s.bounds()), "limits"}, factor{s.Enumerate.cells(), "enumerations"}, factor{arms, "runtimes"},
		factor{s.Trials, s.unit()}, factor{s.Containers, "containers"})
	if !fits {
		return 0, product, false
	}
	warm, product, fits := multiply("container starts",
		factor{len(s.Drivers), "drivers"}, factor{arms, "runtimes"}, factor{s.Warmup, "warm-ups"})
	if !fits {
		return 0, product, false
	}
	return together(measured, warm)
}

// unit is what a scenario's trials of an arm in a cell are called where they are too many.
func (s Scenario) unit() string {
	if s.Search != nil {
		return "starts of a search"
	}
	return "trials"
}

// together adds the trials to warm up to those that are measured.
func together(measured, warm int64) (trials int64, product string, ok bool) {
	trials = measured + warm
	return trials, fmt.Sprintf("%d measured and %d warm-up container starts", measured, warm), trials <= MaxTrials
}

type factor struct {
	n    int
	unit string
}

// multiply returns the product, which is of what, and how it came about; ok is false above MaxTrials
// or where it does not fit. Factors are not negative.
func multiply(what string, factors ...factor) (n int64, product string, ok bool) {
	var words []string
	total, over := uint64(1), false
	for _, f := range factors {
		high, low := bits.Mul64(total, uint64(f.n))
		total, over = low, over || high != 0
		if f.n != 1 {
			words = append(words, fmt.Sprintf("%d %s", f.n, f.unit))
		}
	}
	product = strings.Join(words, " x ")
	if over || total > MaxTrials {
		return 0, product + " make " + amount(total, over) + " " + what, false
	}
	return int64(total), product, true
}

func amount(total uint64, over bool) string {
	if over {
		return "more than 2^64"
	}
	return strconv.FormatUint(total, 10)
}

// AllOrders are the scenario's orders; one that names none has the natural one.
func (s Scenario) AllOrders() []sequence.Order {
	if len(s.Orders) == 0 {
		return []sequence.Order{sequence.Natural}
	}
	return s.Orders
}

// Imposes tells whether any trial of the scenario has an order imposed on it.
func (s Scenario) Imposes() bool {
	return slices.ContainsFunc(s.Orders, func(o sequence.Order) bool { return o != sequence.Natural })
}

// Observes tells whether any trial of the scenario is observed.
func (s Scenario) Observes() bool { return s.Observe || s.Imposes() }

// Trials yields the plan of a Spec that Validate accepts, one trial at a time: the
// whole never stands in memory, and taking part of it gives the same trials as taking all.
//
// Scenarios follow one another. Within one, warm-ups come first. Then rounds: each
// visits every cell once, in an order shuffled anew, so that no cell is measured in
// one stretch while the machine drifts. A visit is a block. With two arms a block is ABBA, first letter
// random, which cancels a drift that is linear over the block; an odd number of trials
// ends with an AB. With any other number of arms it has each once, in random order.
//
// Of a scenario that searches only the warm-ups are in the plan: what comes after them follows from how they end (see Draft).
//
// A scenario with axes of the built-in runtime has more cells than anybody waits for: its plan begins with
// those that say most, see informed.
func (s Spec) Trials() iter.Seq[Trial] {
	return func(yield func(Trial) bool) {
		p := planner{seed: s.Seed, arms: names(s.Runtimes), yield: yield}
		for _, sc := range s.Scenarios {
			plan := p.plain
			if s.informed(sc) {
				plan = func(sc Scenario) bool { return p.informed(s.slots(sc), sc) }
			}
			if !plan(sc) {
				return
			}
		}
	}
}

// planner numbers what it yields. Its methods return false when the consumer has had enough.
type planner struct {
	seed                uint64
	arms                []string
	trial, block, batch int
	yield               func(Trial) bool
}

// stream is the randomness of one decision. Each has its own, told apart by the
// scenario's name and a counter, so that no decision depends on how many came before it, nor a
// scenario's plan on what else is in the run.
func (p *planner) stream(scenario, decision string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s/%d", scenario, decision, n)
	return rand.New(rand.NewPCG(p.seed, h.Sum64()))
}

func names(runtimes []Runtime) (all []string) {
	for _, r := range runtimes {
		all = append(all, r.Name)
	}
	return all
}

func (p *planner) plain(sc Scenario) bool { return p.warmups(sc) && p.rounds(sc) }

func (p *planner) warmups(sc Scenario) bool {
	for round := range sc.Warmup {
		for i, driver := range sc.Drivers {
			arms := slices.Clone(p.arms)
			shuffle(p.stream(sc.Name, "warmup", round*len(sc.Drivers)+i), arms)
			if !p.emit(arms, warmup(sc, driver)) {
				return false
			}
		}
	}
	return true
}

func (p *planner) rounds(sc Scenario) bool {
	if sc.Search != nil {
		return true
	}
	var cells []Cell
	for _, c := range combine(sc.axes(false)) {
		cells = append(cells, c)
	}
	for done, round := 0, 0; done < sc.Trials; round++ {
		visits := p.stream(sc.Name, "round", round).Perm(len(cells))
		for _, i := range visits {
			arms := blockArms(p.stream(sc.Name, "block", round*len(cells)+i), p.arms, sc.Trials-done)
			if !p.emit(arms, measured(sc, cells[i])) {
				return false
			}
		}
		done += batchesPerBlock(len(p.arms))
	}
	return true
}

// batchesPerBlock is how many batches an arm has in one full block.
func batchesPerBlock(arms int) int {
	if arms == 2 {
		return 2
	}
	return 1
}

// blockArms is the order of arms in a block; left is how many batches each arm still needs.
func blockArms(rng *rand.Rand, arms []string, left int) []string {
	order := slices.Clone(arms)
	shuffle(rng, order)
	if len(arms) == 2 && left >= 2 {
		return append(order, order[1], order[0])
	}
	return order
}

func shuffle(rng *rand.Rand, arms []string) {
	rng.Shuffle(len(arms), func(i, j int) { arms[i], arms[j] = arms[j], arms[i] })
}

// emit yields one block: a batch for each letter, all under the conditions of t.
func (p *planner) emit(arms []string, t Trial) bool {
	for i, arm := range arms {
		t.Arm = arm
		if t.Lives > 0 && i >= len(p.arms) {
			t.Lives = Repeated // the second half of the block
		}
		for t.InBatch = range t.BatchSize {
			t.Index, t.Block, t.Batch = p.trial, p.block, p.batch
			if !p.yield(t) {
				return false
			}
			p.trial++
		}
		p.batch++
	}
	p.block++
	return true
}

func measured(sc Scenario, c Cell) Trial {
	return Trial{
		Scenario: sc.Name, Driver: c.Driver, Order: c.Order, Place: c.Place, Limit: c.Limit, Build: c.Build, Join: c.Join,
		Observe:   sc.Observe || c.Order != sequence.Natural,
		BatchSize: sc.Containers, Concurrent: sc.Concurrent, Timeout: sc.Timeout, Payload: sc.Payload, HugePages: sc.HugePages,
		Cycles: sc.Cycles, Embedded: sc.Embedded, Collector: sc.Collector, Lives: sc.livesOnce(),
		Network: sc.Network != nil, Enumerate: c.Enumerate,
	}
}

func (s Scenario) livesOnce() int {
	if s.Lives == nil {
		return 0
	}
	return 1
}

// warmup is the runtime as it is, unwatched: what it warms is the same in every lane.
func warmup(sc Scenario, driver cgroupjoin.Driver) Trial {
	return Trial{
		Scenario: sc.Name, Driver: driver, Order: sequence.Natural,
		BatchSize: 1, Warmup: true, Timeout: sc.Timeout, Payload: sc.Payload, HugePages: sc.HugePages,
		Cycles: min(sc.Cycles, warmCycles), Embedded: sc.Embedded, Collector: sc.Collector,
		Network: sc.Network != nil,
	}
}

// AssumedTrialCost is what a trial is taken to last where nothing better is known: the 452
// trials of `initbench gate --baseline runc@v1.2.6 --candidate runc@v1.2.6` took 0.43 s each in the
// guest under TCG with two vCPUs, the harness's own time included. It sizes a plan and is no
// result; with hardware acceleration, or on a host, a trial is several times as fast.
const AssumedTrialCost = 500 * time.Millisecond

// Starts are the containers that the plan starts and counts: a session's trial makes one with each of its cycles, its warm-up one alone. How many
// lives there are depends on the points at which a runtime can be killed, so that they are about as many.
func (s Spec) Starts() (starts int64, err error) {
	if _, err := s.Size(); err != nil {
		return 0, err
	}
	for _, sc := range s.Scenarios {
		n, _, _ := s.sizeOf(sc) // Size has refused what is too large
		if sc.Cycles > 0 {
			warm := int64(sc.Warmup * len(sc.Drivers) * len(s.Runtimes))
			n = (n-warm)*int64(sc.Cycles) + warm // no overflow: at most 2^17 and 2^10
		}
		if sc.Lives != nil {
			n = s.lives(sc, n)
		}
		starts += n
	}
	return starts, nil
}

// lives are those of so many trials, but for what is lived again: that depends on what is found.
func (s Spec) lives(sc Scenario, trials int64) int64 {
	warm := int64(sc.Warmup * len(sc.Drivers) * len(s.Runtimes))
	sessions := trials - warm
	if len(s.Runtimes) == 2 {
		sessions = (sessions + 1) / 2
	}
	return warm + sessions*sc.Lives.About().Int64() // at most MaxLives
}

// Estimate is how long the plan takes if every trial, concurrent or not, costs
// perTrial, and each cycle of a session as much: containers started at once share the same CPUs. It knows nothing of the
// machine, and is as good as perTrial is.
func Estimate(s Spec, perTrial time.Duration) (time.Duration, error) {
	starts, err := s.Starts()
	if err != nil {
		return 0, err
	}
	const longest = time.Duration(1<<63 - 1)
	if perTrial > 0 && starts > int64(longest/perTrial) {
		return longest, nil
	}
	return time.Duration(starts) * perTrial, nil
}

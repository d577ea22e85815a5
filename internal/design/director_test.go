package design

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// machine makes trials in no time but that of its clock.
type machine struct {
	clock time.Duration
	each  time.Duration
	noise float64 // standard deviation of a value's logarithm
	// slower is the candidate's factor, 0 meaning 1.
	slower float64
	// edge is the smallest limit at which a start under an order succeeds.
	edge func(scenarios.Trial) int64
	// change has the last word.
	change func(*results.Record)
	rng    *rand.Rand
}

func newMachine() *machine {
	return &machine{each: 400 * time.Millisecond, rng: rand.New(rand.NewPCG(1, 2)), edge: func(scenarios.Trial) int64 { return 16 << 20 }}
}

func (m *machine) value(x float64, arm string) *int64 {
	if arm == "candidate" && m.slower != 0 {
		x *= m.slower
	}
	n := int64(x * math.Exp(m.noise*m.rng.NormFloat64()))
	return &n
}

func (m *machine) make(t scenarios.Trial) results.Record {
	r := results.Record{Kind: "trial", Schema: results.Schema, Trial: t, Environment: "e1", Outcome: results.Started, StartNS: int64(m.clock),
		Runtime: results.RuntimeID{Name: t.Arm, SHA256: "one", Filesystem: "ext4"}}
	zero := int64(0)
	r.Latency = results.Latency{Created: m.value(3e8, t.Arm), StartCalled: m.value(3.1e8, ""), Started: m.value(4e8, t.Arm), Exited: m.value(4.1e8, ""), DeleteCalled: m.value(4.2e8, ""), Deleted: m.value(5e8, "")}
	r.Latency.StartCalled = r.Latency.Created
	r.ContainerPeak, r.RuntimePeak, r.ContainerCPU, r.RuntimeCPU = m.value(6e6, ""), m.value(8e6, ""), m.value(1e5, t.Arm), m.value(2e5, t.Arm)
	if t.Observe {
		r.Found = &sequence.Finding{ChargedAtExec: m.value(2e6, "")}
		r.ContainerCounters = &sequence.Counters{Syscalls: 2000, PageFaults: 600, Forks: 4}
		r.RuntimeCounters = &sequence.Counters{Syscalls: 3000, PageFaults: 600, Forks: 9, Waits: &zero}
		r.ContainerCounters.Waits = &zero
	}
	if t.Order != sequence.Natural {
		r.Enforcement, r.Found.Order = &sequence.Enforcement{Outcome: sequence.OrderImposed}, sequence.Found(t.Order)
	}
	if t.Limit > 0 && t.Limit < m.edge(t) {
		r.Outcome = results.InitOOMKilled
	}
	if m.change != nil {
		m.change(&r)
	}
	return r
}

// group is what a director asked for at once.
type group struct {
	trials   []scenarios.Trial
	together bool
	at       time.Duration
}

// play makes what d asks for until it asks for nothing, or stop says so, and records each group in another order than asked.
func (m *machine) play(t *testing.T, d *Director, stop func(group) bool) (all []group, records []results.Record) {
	t.Helper()
	for {
		trials, together, ok := d.Next()
		if !ok {
			break
		}
		g := group{trials, together, m.clock}
		all = append(all, g)
		if stop != nil && stop(g) {
			break
		}
		made := m.makeAll(g)
		records = append(records, made...)
		for _, r := range made {
			if err := d.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	return all, records
}

func (m *machine) makeAll(g group) (made []results.Record) {
	for _, trial := range g.trials {
		trial.Together = g.together
		made = append(made, m.make(trial))
		m.clock += m.each
	}
	if g.together {
		slices.Reverse(made)
	}
	return made
}

func guest() results.Environment {
	return results.Environment{Kind: "environment", Schema: results.Schema, ID: "e1", BootID: "b1", CPUs: 2, PageSize: 4096,
		Cgroup: "cgroup2", Where: "vm", Accelerator: "kvm", Clock: "wall", Observer: "ebpf"}
}

func load(t testing.TB, names ...string) (all []scenarios.Scenario) {
	t.Helper()
	for _, name := range names {
		s, err := scenarios.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// gateOf is an adaptive gate's header.
func gateOf(t testing.TB, maxTime time.Duration, all ...scenarios.Scenario) results.Header {
	t.Helper()
	spec, err := scenarios.NewSpec(all, []scenarios.Runtime{{Name: "baseline", Ref: "a"}, {Name: "candidate", Ref: "b"}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	design := Default(maxTime)
	return results.Header{Schema: results.Schema, ID: "gate", Gate: true, Design: design, Spec: Adapt(spec, *design)}
}

// loose margins are settled by few blocks.
func loose() verdict.Options {
	margins := map[string]verdict.Margin{}
	for _, name := range []string{"start.latency", "create.latency", "start.cpu", "container.memory.peak", "runtime.memory.peak",
		"container.memory.charged_at_exec", "start.syscalls", "start.pagefaults"} {
		margins[name] = verdict.Margin{Fraction: 0.2}
	}
	return verdict.Options{Margins: margins}
}

func direct(t testing.TB, h results.Header, m *machine) *Director {
	t.Helper()
	d, err := New(h, Options{Judge: loose(), Now: func() time.Time { return time.Unix(1000, 0).Add(m.clock) }})
	if err != nil {
		t.Fatal(err)
	}
	d.Environment(guest())
	return d
}

// perCell counts the trials of each scenario and cell, warm-ups apart.
func perCell(records []results.Record) map[string]int {
	n := map[string]int{}
	for _, r := range records {
		key := fmt.Sprint(r.Scenario, " ", r.Driver, " ", r.Order)
		if r.Warmup {
			key = r.Scenario + " warm-up"
		}
		n[key]++
	}
	return n
}

// Catches phases out of order, timed trials beside others, groups of two scenarios, trials before their warm-ups, and numbers
// given twice.
func TestPhases(t *testing.T) {
	m := newMachine()
	m.noise = 0.01
	d := direct(t, gateOf(t, 0, load(t, "startup", "charges", "thresholds")...), m)
	groups, records := m.play(t, d, nil)
	phases, seen, index := []string{}, map[string]bool{}, 0
	for _, g := range groups {
		for _, trial := range g.trials {
			if trial.Index != index {
				t.Fatalf("trial %d comes where %d should", trial.Index, index)
			}
			index++
			if trial.Scenario != g.trials[0].Scenario {
				t.Fatalf("%s and %s in a group", trial.Scenario, g.trials[0].Scenario)
			}
			if !seen[trial.Scenario] && !trial.Warmup {
				t.Fatalf("trial %d of %s comes before its warm-ups", trial.Index, trial.Scenario)
			}
		}
		name := g.trials[0].Scenario
		seen[name] = true
		if g.together != (name != "startup") {
			t.Fatalf("%s together: %v", name, g.together)
		}
		if len(phases) == 0 || phases[len(phases)-1] != name {
			phases = append(phases, name)
		}
	}
	if got := fmt.Sprint(phases); got != "[charges thresholds charges startup]" && got != "[charges thresholds startup]" {
		t.Errorf("phases: %s", got)
	}
	counts := perCell(records)
	for _, cell := range []string{"startup cgroupfs natural", "charges systemd natural", "thresholds systemd join-before-clone"} {
		if counts[cell] == 0 {
			t.Errorf("nothing of %s was made: %v", cell, counts)
		}
	}
	if d.Status() != "12 of 12 cells and searches settled" {
		t.Error(d.Status())
	}
}

// Catches a gate whose thresholds take the starts of two whole searches, rows that stay open though the edges lie megabytes apart, and an order that does
// not apply whose row waits for an edge that the natural starts have shown.
func TestThresholdsTakeWhatTheirRowsNeed(t *testing.T) {
	for _, c := range []struct {
		name       string
		base, cand int64
		natural    bool // the baseline cannot take the order
		want       verdict.Ruling
	}{
		{"regressed", 5 << 19, 27 << 19, true, verdict.Regressed}, {"improved", 27 << 19, 5 << 19, false, verdict.Improved},
		{"the same", 27 << 19, 27 << 19, false, verdict.Pass},
	} {
		m := newMachine()
		m.edge = func(trial scenarios.Trial) int64 {
			if trial.Arm == "baseline" {
				return c.base
			}
			return c.cand
		}
		m.change = func(r *results.Record) {
			if c.natural && r.Arm == "baseline" && r.Enforcement != nil {
				r.Enforcement.Outcome, r.Found.Order = sequence.OrderNotApplicable, sequence.FoundNoClone
			}
		}
		h := gateOf(t, 0, load(t, "thresholds")...)
		d := direct(t, h, m)
		_, records := m.play(t, d, nil)
		v, err := d.judge(records)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, row := range v.Metrics {
			if row.Name == scenarios.StartThreshold {
				rows++
				if row.Ruling != c.want {
					t.Errorf("%s: %s", c.name, row.Reason)
				}
			}
		}
		t.Logf("%s: %d starts for %d rows", c.name, len(records), rows)
		if rows != 4 || len(records) > 4*65 {
			t.Errorf("%s: %d rows took %d starts", c.name, rows, len(records))
		}
	}
}

// Catches a gate that goes on when all is settled, and one that stops where it is not.
func TestCellsEndWhenSettled(t *testing.T) {
	blocks := func(noise float64) int {
		m := newMachine()
		m.noise = noise
		_, records := m.play(t, direct(t, gateOf(t, 0, load(t, "startup")...), m), nil)
		return perCell(records)["startup cgroupfs natural"] / 4
	}
	quiet, noisy, hopeless := blocks(0.005), blocks(0.15), blocks(1.5)
	if quiet > 12 || noisy <= quiet || noisy >= hopeless || hopeless != 100 {
		t.Errorf("a cell took %d blocks where values vary by 0.5 %%, %d by 15 %%, %d where they say nothing", quiet, noisy, hopeless)
	}
}

// Catches a cell that is looked at between two looks: the error of every row is for those of the design.
func TestLooksAreThoseOfTheDesign(t *testing.T) {
	m := newMachine()
	m.noise = 0.15
	d := direct(t, gateOf(t, 0, load(t, "startup")...), m)
	_, records := m.play(t, d, nil)
	for cell, n := range perCell(records) {
		if cell != "startup warm-up" && !slices.Contains(looks, n/4) {
			t.Errorf("%s ended after %d trials, which is at none of the looks %v", cell, n, looks)
		}
	}
}

// Catches a run that goes on after its time, and timed cells that find none left.
func TestMaxTimeIsKeptAndShared(t *testing.T) {
	for _, test := range []struct {
		most      time.Duration
		untimed   string
		timedFrom float64 // of the time, at the earliest
		timed     int     // trials at least
	}{
		{4 * time.Minute, "charges", untimedShare, 100},
		// Nothing had a first look by then.
		{30 * time.Second, "charges", untimedShare, 20},
		// The first look at 20 cells takes 195 s, that of startup 21.
		{4 * time.Minute, "oom-limits", 0.8, 2 * 4 * 6},
	} {
		m := newMachine()
		m.noise = 1
		d := direct(t, gateOf(t, test.most, load(t, "startup", test.untimed)...), m)
		groups, records := m.play(t, d, nil)
		if m.clock < test.most || m.clock > test.most+10*m.each {
			t.Errorf("%v took %v", test.most, m.clock)
		}
		for _, g := range groups {
			if g.trials[0].Scenario == "startup" {
				if share := float64(g.at) / float64(test.most); share < test.timedFrom || share > test.timedFrom+0.1 {
					t.Errorf("of %v the timed phase began at %.2f", test.most, share)
				}
				break
			}
		}
		counts := perCell(records)
		if n := counts["startup cgroupfs natural"] + counts["startup systemd natural"]; n < test.timed {
			t.Errorf("of %v %d timed trials were made", test.most, n)
		}
	}
}

// Catches time that is left over while something is open.
func TestWhatIsOpenGetsTheTimeThatIsLeft(t *testing.T) {
	m := newMachine()
	m.change = func(r *results.Record) { // charges that say nothing beside times that do
		if r.Found != nil {
			*r.Found.ChargedAtExec = 1 + m.rng.Int64N(1<<30)
		}
	}
	_, records := m.play(t, direct(t, gateOf(t, 4*time.Minute, load(t, "startup", "charges")...), m), nil)
	if last := records[len(records)-1]; last.Scenario != "charges" || m.clock < 4*time.Minute {
		t.Errorf("the run ended with %s after %v", last.Scenario, m.clock)
	}
}

// Catches a gate that measures for ever what can never be judged: binaries that differ, or a runtime that fails.
func TestWhatCannotBeJudgedEnds(t *testing.T) {
	for name, change := range map[string]func(*results.Record){
		"two binaries": func(r *results.Record) { r.Runtime.SHA256 = fmt.Sprint(r.Index % 3) },
		"all fail":     func(r *results.Record) { r.Outcome, r.Reason = results.Failed, "no such file" },
	} {
		m := newMachine()
		m.noise, m.change = 0.3, change
		_, records := m.play(t, direct(t, gateOf(t, 0, load(t, "startup")...), m), nil)
		if len(records) > 4+2*4*10 {
			t.Errorf("%s: %d trials were made", name, len(records))
		}
	}
}

// Catches a resumed run that gives a number twice, forgets what it has, counts half a block as one, or warms up what
// is warm.
func TestResume(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup", "charges", "thresholds")...)
	m := newMachine()
	m.noise = 0.05
	whole := direct(t, h, m)
	_, want := m.play(t, whole, nil)
	for _, cut := range []int{0, 3, 17, len(want) / 2, len(want) - 1, len(want)} {
		again := newMachine()
		again.noise = 0.05
		d := direct(t, h, again)
		next := 0
		for _, r := range want[:cut] {
			if err := d.Add(r); err != nil {
				t.Fatal(err)
			}
			next = max(next, r.Index+1)
		}
		_, more := again.play(t, d, nil)
		for _, r := range more {
			if r.Index < next {
				t.Fatalf("after %d records trial %d is made a second time", cut, r.Index)
			}
			if cut == len(want)/2 && r.Warmup && r.Scenario == "charges" {
				t.Errorf("charges is warmed up again")
			}
		}
		if all := cut + len(more); cut == len(want) && len(more) > 0 || all > len(want)+len(want)/2+50 {
			t.Errorf("after %d of %d records %d more are made", cut, len(want), len(more))
		}
	}
}

// Catches a guest booted anew in which the first trial judged is the first one made.
func TestAnotherBootIsWarmedUp(t *testing.T) {
	m := newMachine()
	h := gateOf(t, 0, load(t, "startup")...)
	_, before := m.play(t, direct(t, h, m), func(g group) bool { return g.trials[0].Index >= 20 })
	d := direct(t, h, m)
	for _, r := range before {
		if err := d.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	e := guest()
	e.BootID = "b2"
	d.Environment(e)
	if trials, _, ok := d.Next(); !ok || !trials[0].Warmup {
		t.Errorf("the first trials are %+v", trials)
	}
}

// Catches a fixed design that looks at what it measures, and searches that are left out of it.
func TestFixedDesign(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup", "thresholds")...)
	h.Design = nil
	for i, sc := range h.Spec.Scenarios {
		h.Spec.Scenarios[i] = sc.AtMost(9)
	}
	m := newMachine()
	m.edge = func(trial scenarios.Trial) int64 { return 9<<20 + int64(trial.Index%7)<<20 }
	d := direct(t, h, m)
	groups, records := m.play(t, d, nil)
	var want []scenarios.Trial
	for trial := range h.Spec.Trials() {
		want = append(want, trial)
	}
	var got []scenarios.Trial
	for _, g := range groups {
		if g.trials[0].Index < len(want) {
			got = append(got, g.trials...)
		}
	}
	if !slices.Equal(want, got) {
		t.Error("the trials made first are not the plan's")
	}
	counts := perCell(records)
	if n := counts["thresholds systemd natural"]; counts["startup cgroupfs natural"] != 18 || n < 10 || n > 18 {
		t.Errorf("trials: %v", counts)
	}
	d = direct(t, h, m)
	for _, r := range records[:30] {
		if err := d.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if trials, _, ok := d.Next(); !ok || trials[0].Index != 30 {
		t.Errorf("after 30 trials comes %+v", trials)
	}
}

// Catches a header that no program wrote, and records of another run.
func TestRefusals(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup")...)
	for want, change := range map[string]func(*results.Header){
		"design: looks [4 3] do not rise from 1":                             func(h *results.Header) { h.Design = &results.Design{Alpha: 0.05, Looks: []int{4, 3}} },
		"design: looks [] do not rise from 1":                                func(h *results.Header) { h.Design = &results.Design{Alpha: 0.05} },
		"design: alpha 0 is not between 0 and 1":                             func(h *results.Header) { h.Design = &results.Design{Looks: []int{4}} },
		"design: no run lasts -1s":                                           func(h *results.Header) { h.Design = Default(-time.Second) },
		"no scenario to run: name one (see `initbench scenarios`) or a file": func(h *results.Header) { h.Spec.Scenarios = nil },
	} {
		bad := h
		change(&bad)
		if _, err := New(bad, Options{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	d := direct(t, h, newMachine())
	for want, trial := range map[string]scenarios.Trial{
		`design: trial 3: the run has no scenario "charges"`:                        {Index: 3, Scenario: "charges"},
		"design: trial 4: scenario startup has no cell of cgroupfs, natural, 12MiB": {Index: 4, Scenario: "startup", Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural, Limit: 12 << 20},
	} {
		if err := d.Add(results.Record{Trial: trial}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Catches a matrix that an adaptive gate refuses, and a scenario whose own trials are the most it gets.
func TestAdapt(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup", "thresholds")...)
	if n := h.Spec.Scenarios[0].Trials; n != 200 {
		t.Errorf("startup has %d trials", n)
	}
	if n := h.Spec.Scenarios[1].Trials; n != 200 || h.Spec.Scenarios[1].Search.Most != 200 {
		t.Errorf("a search has %d starts", n)
	}
	all := load(t, "hundred", "density")
	spec, err := scenarios.NewSpec(all, h.Spec.Runtimes, 1)
	if err != nil {
		t.Fatal(err)
	}
	wide := Adapt(spec, results.Design{Looks: []int{6, 60_000}})
	if wide.Scenarios[0].Trials != all[0].Trials {
		t.Errorf("%d trials of a hundred containers", wide.Scenarios[0].Trials)
	}
}

// What the director costs between two groups of a gate, over all of it: the longest and the mean.
func BenchmarkNext(b *testing.B) {
	h := gateOf(b, 0, load(b, "startup", "charges", "thresholds")...)
	for b.Loop() {
		m := newMachine()
		m.noise = 0.05
		d := direct(b, h, m)
		var groups, trials int
		var all, longest time.Duration
		for ; ; groups++ {
			began := time.Now()
			asked, together, ok := d.Next()
			took := time.Since(began)
			all, longest, trials = all+took, max(longest, took), trials+len(asked)
			if !ok {
				break
			}
			for _, r := range m.makeAll(group{trials: asked, together: together}) {
				if err := d.Add(r); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(all.Microseconds())/1000/float64(groups), "ms/group")
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest")
		b.ReportMetric(float64(trials), "trials")
	}
}

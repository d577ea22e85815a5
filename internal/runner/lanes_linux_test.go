package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// observed is a scenario whose trials are watched.
func observed(d ...cgroupjoin.Driver) scenarios.Scenario {
	s := scenario(d...)
	s.Observe, s.Judge = true, []string{scenarios.ContainerChargedAtExec}
	return s
}

// Catches a watched start of which the record says nothing, or something else than the timeline
// beside it: an order, a charge, a count, the moment of the payload's exec.
func TestObservedStart(t *testing.T) {
	require(t)
	m := collect(t, job(observed(cgroupjoin.Drivers()...), map[string]string{"crun": "crun", "runc": runcOf(t, "v1.1.15")}))
	if m.env[0].Observer != "ebpf" || len(m.records) != 4 {
		t.Fatalf("observer %q, %d records; want ebpf and 4", m.env[0].Observer, len(m.records))
	}
	for _, r := range m.records {
		where := fmt.Sprintf("%s, %s", r.Arm, r.Driver)
		tl, stored := m.timelines[r.Index]
		if r.Outcome != results.Started || len(r.Warnings) > 0 || r.Found == nil || !stored {
			t.Fatalf("%s: %s %q, warnings %q, found %v, timeline %v", where, r.Outcome, r.Reason, r.Warnings, r.Found, stored)
		}
		if found := tl.Find(); r.Found.Order == sequence.FoundUnknown || r.Found.Order != found.Order || r.Enforcement != nil {
			t.Errorf("%s: found %+v, in the timeline %+v, enforcement %v", where, r.Found, found, r.Enforcement)
		}
		if r.ContainerCounters == nil || r.RuntimeCounters == nil || r.ContainerCounters.Syscalls <= 0 || r.RuntimeCounters.PageFaults <= 0 || r.RuntimeCounters.Forks <= 0 {
			t.Errorf("%s: counters %+v, %+v", where, r.ContainerCounters, r.RuntimeCounters)
		}
		if r.Found.ChargedAtExec == nil || *r.Found.ChargedAtExec <= 0 || *r.Found.ChargedAtExec > *r.ContainerPeak {
			t.Errorf("%s: charged at exec %v, want more than nothing and at most the peak of %d", where, r.Found.ChargedAtExec, *r.ContainerPeak)
		}
		checkExec(t, where, r)
		if !slices.ContainsFunc(tl.Events, func(e sequence.Event) bool { return e.PID == tl.RuntimePID }) {
			t.Errorf("%s: no event of the runtime's own process %d", where, tl.RuntimePID)
		}
	}
}

// checkExec holds the observer's clock against the payload's: its exec lies after start was called and
// before its first instruction's stamp.
func checkExec(t *testing.T, where string, r results.Record) {
	t.Helper()
	called, stamp := r.StartNS+*r.Latency.StartCalled, r.StartNS+*r.Latency.Started
	if r.Found.ExecNS == nil || *r.Found.ExecNS <= called || *r.Found.ExecNS >= stamp {
		t.Errorf("%s: exec at %v, want it between start's call at %d and the payload's stamp at %d", where, r.Found.ExecNS, called, stamp)
		return
	}
	exec, known := r.ExecLatency()
	start, _ := r.Latency.Start()
	if !known || exec <= *r.Latency.Created || start-exec != stamp-*r.Found.ExecNS {
		t.Errorf("%s: latency %d (%v) to the exec and %d to the stamp, create %d: want both without what lay between the calls", where, exec, known, start, *r.Latency.Created)
	}
}

// Catches an order that is not the one asked for, one believed because it was asked for, and the outcome
// that this harness is for: runc 1.1.15 starts at 12 MiB when it clones first, under either
// driver, and never when it joins first.
func TestOrdersAreImposed(t *testing.T) {
	require(t)
	s := observed(cgroupjoin.Drivers()...)
	s.Orders = []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone}
	s.Limits, s.Place, s.Trials, s.Judge = []int64{12 << 20}, cgroupjoin.OnContainer, 1, []string{scenarios.OOMRate}
	want := map[sequence.Order]results.Outcome{sequence.CloneBeforeJoin: results.Started, sequence.JoinBeforeClone: results.InitOOMKilled}
	records := collect(t, job(s, map[string]string{"runc": runcOf(t, "v1.1.15")})).records
	if len(records) != 4 {
		t.Fatalf("%d records, want 4", len(records))
	}
	for _, r := range records {
		where := fmt.Sprintf("%s, %s", r.Order, r.Driver)
		if counted, why := r.Counted(); !counted {
			t.Errorf("%s: not counted: %s", where, why)
		}
		if r.Enforcement.Outcome != sequence.OrderImposed || r.Found == nil || string(r.Found.Order) != string(r.Order) {
			t.Errorf("%s: %+v, found %+v", where, r.Enforcement, r.Found)
		}
		if r.Outcome != want[r.Order] || len(r.Leaks) > 0 {
			t.Errorf("%s: %s %q, leaks %q; want %s", where, r.Outcome, r.Reason, r.Leaks, want[r.Order])
		}
	}
}

// Catches an order claimed of a runtime that cannot take it, or a start that fails
// or waits for a step that never comes.
func TestOrdersThatDoNotApply(t *testing.T) {
	require(t)
	s := observed(cgroupjoin.Systemd) // orders that apply have both drivers above
	s.Orders, s.Judge = []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone}, []string{scenarios.OOMRate}
	for _, r := range collect(t, job(s, map[string]string{"crun": "crun", "runc": runcOf(t, "v1.2.6")})).records {
		where := fmt.Sprintf("%s, %s, %s", r.Arm, r.Order, r.Driver)
		if r.Outcome != results.Started || r.Enforcement == nil || r.Enforcement.Outcome != sequence.OrderNotApplicable {
			t.Errorf("%s: %s %q, %+v", where, r.Outcome, r.Reason, r.Enforcement)
			continue
		}
		if counted, why := r.Counted(); !counted {
			t.Errorf("%s: not counted: %s", where, why)
		}
		if r.Found == nil || r.Found.Order != sequence.FoundNoClone && r.Found.Order != sequence.FoundBornInCgroup {
			t.Errorf("%s: found %+v", where, r.Found)
		}
	}
}

// Catches containers started at once whose filters or timelines are mixed up.
func TestLanesOfAConcurrentBatch(t *testing.T) {
	require(t)
	s := observed(cgroupjoin.Cgroupfs)
	s.Containers, s.Concurrent, s.Orders, s.Judge = 3, true, sequence.Orders()[2:], []string{scenarios.OOMRate}
	m := collect(t, job(s, map[string]string{"runc": runcOf(t, "v1.1.15")}))
	runtimes := map[int]bool{}
	for _, r := range m.records {
		if r.Outcome != results.Started || r.Enforcement.Outcome != sequence.OrderImposed || r.Found.Order != sequence.FoundJoinBeforeClone {
			t.Errorf("trial %d: %s %q, %+v, found %+v", r.Index, r.Outcome, r.Reason, r.Enforcement, r.Found)
		}
		runtimes[m.timelines[r.Index].RuntimePID] = true
	}
	if len(runtimes) != 3 {
		t.Errorf("timelines of runtimes %v, want 3 different ones", runtimes)
	}
}

// Catches a program left attached: in a scenario that is timed, where every task would pay for it, or after the run.
func TestObserverIsLoadedOnlyWhereItIsUsed(t *testing.T) {
	require(t)
	timed, watched := scenario(cgroupjoin.Cgroupfs), observed(cgroupjoin.Cgroupfs)
	timed.Name, watched.Name = "timed", "watched"
	j := job(timed, map[string]string{"crun": "crun"})
	last := timed
	last.Name = "last"
	j.Spec.Scenarios = append(j.Spec.Scenarios, watched, last)
	before := links(t)
	m := &counting{t: t, links: map[string]int{}}
	if err := collectPlan(t.Context(), j, m, io.Discard); err != nil {
		t.Fatal(err)
	}
	if m.links["timed"] != before || m.links["last"] != before || m.links["watched"] <= before {
		t.Errorf("%v links, %d before: want more in the watched scenario alone", m.links, before)
	}
	if after := links(t); after != before {
		t.Errorf("%d links after the run, %d before", after, before)
	}
	noRemains(t)
}

// counting counts the links of BPF programs at the end of each trial.
type counting struct {
	memory
	t     *testing.T
	links map[string]int // by scenario
}

func (c *counting) Record(r results.Record) error {
	c.links[r.Scenario] = links(c.t)
	return c.memory.Record(r)
}

// links is how many programs are attached by links on this machine.
func links(t *testing.T) (n int) {
	t.Helper()
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		n++
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Catches a runtime that hangs or dies under the filter and takes the harness with it, or whose trial counts.
func TestHostileRuntimesUnderTheFilter(t *testing.T) {
	require(t)
	want := map[string]results.Outcome{}
	for timeout, kinds := range map[time.Duration]map[hostile.Kind]results.Outcome{
		3 * time.Second: {hostile.Hang: results.TimedOut},
		5 * time.Minute: {hostile.Fail: results.Failed, hostile.ForkAway: results.Failed, hostile.Silent: results.Failed},
	} {
		s, binaries := observed(cgroupjoin.Cgroupfs), map[string]string{}
		s.Orders, s.Judge, s.Timeout = []sequence.Order{sequence.JoinBeforeClone}, []string{scenarios.OOMRate}, timeout
		for kind, outcome := range kinds {
			want[string(kind)], binaries[string(kind)] = outcome, hostileRuntime(t, kind)
		}
		for _, r := range collect(t, job(s, binaries)).records {
			if r.Outcome != want[r.Arm] || r.Enforcement == nil || r.Enforcement.Outcome == sequence.OrderImposed {
				t.Errorf("%s: %s %q, %+v; want %s, and no order imposed", r.Arm, r.Outcome, r.Reason, r.Enforcement, want[r.Arm])
			}
			// One whose create went well has shown that it makes no copy; of one that did not nobody knows what it would have done.
			counted, why := r.Counted()
			if created := r.Arm == string(hostile.ForkAway) || r.Arm == string(hostile.Silent); counted != created || !counted && why == "" {
				t.Errorf("%s: counted %v (%q), %+v; want it to count only when create exits with 0", r.Arm, counted, why, r.Enforcement)
			}
			delete(want, r.Arm)
		}
	}
	if len(want) > 0 {
		t.Errorf("no records of %v", want)
	}
}

// Catches a harness that is killed while an order is being imposed and leaves programs in the kernel, a runtime
// that nobody can end, or remains that clean does not find.
func TestKilledHarnessLeavesNoFilterAndNoObserver(t *testing.T) {
	require(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	before := links(t)
	s := observed(cgroupjoin.Cgroupfs)
	s.Orders, s.Judge = []sequence.Order{sequence.CloneBeforeJoin}, []string{scenarios.OOMRate}
	killHarness(t, job(s, map[string]string{"hang": path}), path)
	if after := links(t); after != before {
		t.Errorf("%d links of BPF programs, %d before", after, before)
	}
	left, err := Remains(t.Context())
	if err != nil || len(left) == 0 {
		t.Fatalf("remains %v, %v; want some: the harness was killed within a trial", left, err)
	}
	if err := Clean(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	reapOrphans() // a test before has made us a subreaper
	noRemains(t)
}

// Catches a timeline that forgets the runtime's process because initbench did not get to know its number, and an observer that broke and after which
// every trial is one that nobody watched.
func TestTimelineKeepsTheObserversRuntimeAndABrokenObserverEndsTheRun(t *testing.T) {
	require(t)
	s := observed(cgroupjoin.Cgroupfs)
	s.Trials = 2
	j := job(s, map[string]string{"crun": "crun"})
	c := frugal(j, &memory{}, io.Discard)
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
		noRemains(t)
	}()
	if err := c.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	trials := slices.Collect(j.Spec.Trials())
	var spawned int
	end, err := oneTrial(t, c, trials[0], func(m *measured) { spawned, m.createPID = m.createPID, 0 })
	if err != nil || end.timeline == nil || spawned == 0 || end.timeline.RuntimePID != spawned {
		t.Errorf("%v, timeline %+v; want one of process %d", err, end.timeline, spawned)
	}
	_, err = oneTrial(t, c, trials[1], func(*measured) {
		if err := c.closeObserver(); err != nil {
			t.Fatal(err)
		}
	})
	var env *EnvError
	if !errors.As(err, &env) || !strings.Contains(err.Error(), "observer: finish: ") {
		t.Errorf("%v, want an EnvError of the observer's", err)
	}
}

// oneTrial makes a trial up to what conclude says of it; meddle gets everything between.
func oneTrial(t *testing.T, c *collector, trial scenarios.Trial, meddle func(*measured)) (concluded, error) {
	t.Helper()
	p, err := c.prepare(t.Context(), trial)
	if err != nil {
		t.Fatal(errors.Join(err, c.discard(p, nil)))
	}
	m := c.call(t.Context(), p)
	meddle(&m)
	return c.conclude(p, m)
}

// withoutBTF is set in a process of which the kernel's type information is hidden, which the observer needs.
const withoutBTF = "INITBENCH_TEST_WITHOUT_BTF"

// Catches a run that fails where BPF is not to be had, or goes on without a word.
func TestWithoutObserver(t *testing.T) {
	require(t)
	if os.Getenv(withoutBTF) == "" {
		runWithoutBTF(t, "^TestWithoutObserver$")
		return
	}
	s := observed(cgroupjoin.Cgroupfs)
	s.Orders, s.Judge = []sequence.Order{sequence.Natural, sequence.JoinBeforeClone}, []string{scenarios.OOMRate}
	var m memory
	var notes strings.Builder
	j := job(s, map[string]string{"runc": runcOf(t, "v1.1.15")})
	if err := collectPlan(t.Context(), j, &m, &notes); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(m.env[0].Observer, "none: ") || strings.Count(notes.String(), "no trial is observed") != 1 {
		t.Errorf("observer %q, notes %q", m.env[0].Observer, notes.String())
	}
	for _, r := range m.records {
		if r.Outcome != results.Started || r.Found != nil || r.RuntimeCounters != nil || len(m.timelines) > 0 {
			t.Errorf("%s: %s %q, found %+v, %d timelines", r.Order, r.Outcome, r.Reason, r.Found, len(m.timelines))
		}
		if counted, why := r.Counted(); !counted {
			t.Errorf("%s: not counted: %s", r.Order, why)
		}
	}
	j.MustObserve = true
	var envErr *EnvError
	if err := collectPlan(t.Context(), j, &m, io.Discard); !errors.As(err, &envErr) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a job that must observe: %v, want an EnvError of one line", err)
	}
	noRemains(t)
}

// runWithoutBTF runs tests of this binary in a mount namespace of their own, in which something lies on the kernel's BTF.
func runWithoutBTF(t *testing.T, tests string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind /dev/null /sys/kernel/btf/vmlinux && exec "$@"`, "sh",
		self, "-test.run", tests, "-test.count", "1")
	cmd.Env = append(os.Environ(), withoutBTF+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Catches an interruption that waits for a step that never comes, or leaves the filter's or the observer's things behind.
func TestInterruptUnderTheFilter(t *testing.T) {
	require(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	before := links(t)
	s := observed(cgroupjoin.Systemd)
	s.Orders, s.Judge = []sequence.Order{sequence.JoinBeforeClone}, []string{scenarios.OOMRate}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := interrupting{cancel: cancel}
	err = collectPlan(ctx, job(s, map[string]string{"hang": path}), &m, io.Discard)
	if !errors.Is(err, context.Canceled) || len(m.records)+len(m.timelines) != 0 {
		t.Errorf("%v, %d records and %d timelines, want %v and none", err, len(m.records), len(m.timelines), context.Canceled)
	}
	if after := links(t); after != before {
		t.Errorf("%d links of BPF programs, %d before", after, before)
	}
	noRemains(t)
}

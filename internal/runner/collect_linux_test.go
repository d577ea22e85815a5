package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// asHarness makes the test binary a harness that is there to be killed.
const asHarness = "INITBENCH_TEST_AS_HARNESS"

func TestMain(m *testing.M) {
	if job := os.Getenv(asHarness); job != "" {
		os.Exit(harness(job))
	}
	if every := os.Getenv(asLeaky); every != "" {
		os.Exit(serveLeaky(every))
	}
	if driver := os.Getenv(asJoiner); driver != "" {
		os.Exit(joiner(driver))
	}
	testenv.Main(m)
}

// harness collects the job, a live one together, and says when its first trial hangs, as the runtime told it to.
func harness(text string) int {
	var job Job
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return 2
	}
	feed, stop := Planned(job)
	defer stop()
	if job.Live {
		feed = together(job)
	}
	if err := Collect(context.Background(), job, feed, &shouting{}, io.Discard); err != nil {
		return 1
	}
	return 0
}

// memory is a sink.
type memory struct {
	env       []results.Environment
	records   []results.Record
	timelines map[int]sequence.Timeline // by trial
}

func (m *memory) Environment(e results.Environment) error { m.env = append(m.env, e); return nil }
func (m *memory) Record(r results.Record) error           { m.records = append(m.records, r); return nil }

func (m *memory) Timeline(trial int, t sequence.Timeline) error {
	if m.timelines == nil {
		m.timelines = map[int]sequence.Timeline{}
	}
	if _, twice := m.timelines[trial]; twice {
		return fmt.Errorf("a second timeline of trial %d", trial)
	}
	m.timelines[trial] = t
	return nil
}

// collectPlan makes what is left of the job's plan.
func collectPlan(ctx context.Context, j Job, sink Sink, notes io.Writer) error {
	feed, stop := Planned(j)
	defer stop()
	return collectFeed(ctx, j, feed, sink, notes)
}

func collectFeed(ctx context.Context, j Job, feed Feed, sink Sink, notes io.Writer) error {
	return frugal(j, sink, notes).collect(ctx, feed)
}

// frugal is a collector that does not check scales again that one before it in this process has checked: that takes as long as two
// trials for each driver.
func frugal(j Job, sink Sink, notes io.Writer) *collector {
	c := newCollector(j, sink, notes)
	c.scales = func(ctx context.Context, d cgroupjoin.Driver) (read []results.Scale, err error) {
		if weighed[d] == nil {
			if read, err = c.weighAll(ctx, d); err != nil {
				return read, err
			}
			weighed[d] = read
		}
		return weighed[d], nil
	}
	return c
}

var weighed = map[cgroupjoin.Driver][]results.Scale{}

func require(t testing.TB) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
}

// scenario is one trial a runtime and driver (with time for a machine that is busy), in cgroups of its own since a peak is judged, to be changed by the test.
func scenario(d ...cgroupjoin.Driver) scenarios.Scenario {
	return scenarios.Scenario{Name: "test", Description: "a test's", Drivers: d, Trials: 1, Containers: 1, Timeout: 5 * time.Minute, Judge: []string{scenarios.StartLatency, scenarios.ContainerMemoryPeak}}
}

func job(s scenarios.Scenario, binaries map[string]string) Job {
	j := Job{Run: fmt.Sprintf("t%x", time.Now().UnixNano()), Binaries: binaries, Lane: Lane{Where: "host", Accelerator: "none", Clock: "wall", Initbench: "test"}}
	j.Spec = scenarios.Spec{Scenarios: []scenarios.Scenario{s}, Seed: 1}
	for name := range binaries {
		j.Spec.Runtimes = append(j.Spec.Runtimes, scenarios.Runtime{Name: name, Ref: name})
	}
	return j
}

func collect(t *testing.T, j Job) memory {
	t.Helper()
	var m memory
	if err := collectPlan(t.Context(), j, &m, io.Discard); err != nil {
		t.Fatal(err)
	}
	if len(m.env) != 1 {
		t.Fatalf("%d environments, want 1", len(m.env))
	}
	noRemains(t)
	return m
}

func noRemains(t *testing.T) {
	t.Helper()
	left, err := Remains(t.Context())
	if err != nil || len(left) > 0 {
		t.Fatalf("remains %v, %v; want none", left, err)
	}
}

// Catches a trial that is not what its record says: latencies out of order, a
// stamp that is not the payload's, figures missing, the tree not removed.
func TestStartIsMeasured(t *testing.T) {
	require(t)
	m := collect(t, job(scenario(cgroupjoin.Drivers()...), map[string]string{"crun": "crun"}))
	if len(m.records) != 2 {
		t.Fatalf("%d records, want 2", len(m.records))
	}
	for _, r := range m.records {
		l := r.Latency
		if r.Outcome != results.Started || r.Reason != "" || len(r.Leaks)+len(r.Warnings) > 0 {
			t.Fatalf("%s: %s %q, leaks %q, warnings %q", r.Driver, r.Outcome, r.Reason, r.Leaks, r.Warnings)
		}
		steps := []*int64{l.Created, l.StartCalled, l.Started, l.Exited, l.DeleteCalled, l.Deleted}
		last := int64(0)
		for i, s := range steps {
			if s == nil || *s <= last {
				t.Fatalf("%s: step %d of %v is missing or not after the one before", r.Driver, i, l)
			}
			last = *s
		}
		if r.ExitCode == nil || *r.ExitCode != 0 {
			t.Errorf("%s: exit code %v, want 0", r.Driver, r.ExitCode)
		}
		if *r.ContainerPeak <= 0 || *r.RuntimePeak <= 0 || *r.ContainerCPU <= 0 || *r.RuntimeCPU <= 0 {
			t.Errorf("%s: a figure is not positive: %+v", r.Driver, r)
		}
		if r.Runtime.SHA256 == "" || !strings.HasPrefix(r.Runtime.Version, "crun") {
			t.Errorf("%s: runtime %+v", r.Driver, r.Runtime)
		}
	}
}

// Catches a kill of the payload taken for one of init, one not seen because the
// leaf is gone, and a victim's figures that are not the kernel's.
func TestPayloadOOMKill(t *testing.T) {
	require(t)
	for _, place := range []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor} {
		s := scenario(cgroupjoin.Drivers()...)
		s.Limits, s.Place, s.Payload.AnonBytes = []int64{16 << 20}, place, 64<<20
		for _, r := range collect(t, job(s, map[string]string{"crun": "crun"})).records {
			where := fmt.Sprintf("%s, limit on %s", r.Driver, place)
			if r.Outcome != results.PayloadOOMKilled || r.Ancestor.OOMKill != 1 {
				t.Fatalf("%s: %s %q, events %+v", where, r.Outcome, r.Reason, r.Ancestor)
			}
			if r.LimitInForce == nil || *r.LimitInForce != 16<<20 {
				t.Errorf("%s: limit in force %v, want 16 MiB", where, r.LimitInForce)
			}
			if r.Victim == nil || r.Victim.AnonBytes < 10<<20 || !strings.HasPrefix(r.Victim.Comm, "initbench") {
				t.Errorf("%s: victim %+v", where, r.Victim)
			}
			if r.ExitSignal != "killed" {
				t.Errorf("%s: exit signal %q, want killed", where, r.ExitSignal)
			}
			if peak := *r.ContainerPeak; peak < 15<<20 || peak > 17<<20 {
				t.Errorf("%s: container peak %d, want the limit", where, peak)
			}
		}
	}
}

// Catches a runtime that misbehaves and takes the harness with it, is believed,
// or leaves something that is neither reported nor removed.
func TestHostileRuntimes(t *testing.T) {
	require(t)
	type end struct {
		outcome results.Outcome
		reason  string
		leak    string
	}
	wants := map[string]end{}
	late, others := scenario(cgroupjoin.Cgroupfs), scenario(cgroupjoin.Cgroupfs)
	for kind, want := range map[hostile.Kind]end{
		hostile.Hang:            {results.TimedOut, "create did not end", ""},
		hostile.HangStart:       {results.TimedOut, "start did not end", "state directory"},
		hostile.ForkAway:        {results.Failed, "the payload never ran", "process"},
		hostile.ForkAwayHolding: {results.TimedOut, "the payload did not end", ""},
		hostile.Flood:           {results.Failed, "create exited with 1", ""},
		hostile.Silent:          {results.Failed, "the payload never ran", ""},
		hostile.Fail:            {results.Failed, "create exited with 1", ""},
		hostile.KillAtStart:     {results.Failed, "the payload never ran", "state directory"},
		hostile.FakeStamp:       {results.Failed, "the payload never ran", "state directory"},
		hostile.ForeignPID:      {results.TimedOut, "the payload did not end", ""},
		hostile.GarbagePID:      {results.Failed, "the payload never ran", ""},
		hostile.FifoPID:         {results.Failed, "the payload never ran", ""},
		hostile.DeleteFails:     {results.TimedOut, "the payload did not end", "state directory"},
	} {
		wants[string(kind)] = want
	}
	// One run of each timeout: to open one takes longer than a trial.
	late.Timeout = 3 * time.Second // the others end by themselves, on a busy machine late
	for _, s := range []scenarios.Scenario{late, others} {
		binaries := map[string]string{}
		for kind, want := range wants {
			if (want.outcome == results.TimedOut) == (s.Timeout == late.Timeout) {
				binaries[kind] = hostileRuntime(t, hostile.Kind(kind))
			}
		}
		for _, r := range collect(t, job(s, binaries)).records {
			want := wants[r.Arm]
			delete(wants, r.Arm)
			if r.Outcome != want.outcome || !strings.Contains(r.Reason, want.reason) {
				t.Errorf("%s: %s %q, want %s %q", r.Arm, r.Outcome, r.Reason, want.outcome, want.reason)
			}
			if leaks := strings.Join(r.Leaks, "; "); !strings.Contains(leaks, want.leak) || want.leak == "" && leaks != "" {
				t.Errorf("%s: leaks %q, want %q", r.Arm, leaks, want.leak)
			}
			if len(r.Output) > keep+100 {
				t.Errorf("%s: %d bytes of output kept, want about %d", r.Arm, len(r.Output), keep)
			}
		}
	}
	if len(wants) > 0 {
		t.Errorf("no records of %v", wants)
	}
}

func hostileRuntime(t *testing.T, kind hostile.Kind) string {
	t.Helper()
	path, err := hostile.Write(t.TempDir(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Catches a batch that runs one after another although asked to run at once, or loses a record.
func TestConcurrentBatch(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Drivers()...)
	s.Containers, s.Concurrent = 3, true
	m := collect(t, job(s, map[string]string{"crun": "crun"}))
	if len(m.records) != 6 {
		t.Fatalf("%d records, want 6", len(m.records))
	}
	for _, driver := range cgroupjoin.Drivers() {
		lastStart, firstEnd := int64(0), int64(1)<<62
		for _, r := range m.records {
			if r.Driver != driver {
				continue
			}
			if r.Outcome != results.Started || r.Latency.Deleted == nil {
				t.Fatalf("%s: %s %q", driver, r.Outcome, r.Reason)
			}
			lastStart, firstEnd = max(lastStart, r.StartNS), min(firstEnd, r.StartNS+*r.Latency.Deleted)
		}
		if lastStart >= firstEnd {
			t.Errorf("%s: the last container started after the first had ended", driver)
		}
	}
}

// Catches an interrupted trial that is recorded, or that outlives the interruption.
func TestInterrupt(t *testing.T) {
	require(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := interrupting{cancel: cancel}
	err = collectPlan(ctx, job(scenario(cgroupjoin.Systemd), map[string]string{"hang": path}), &m, io.Discard)
	if !errors.Is(err, context.Canceled) || len(m.records) != 0 {
		t.Errorf("%v and %d records, want %v and none", err, len(m.records), context.Canceled)
	}
	noRemains(t)
}

// interrupting cancels when the run begins: the runtime hangs, so a trial is under way at the latest then.
type interrupting struct {
	memory
	cancel context.CancelFunc
}

func (i *interrupting) Environment(results.Environment) error { i.cancel(); return nil }

// Catches a resumed run that makes a trial again or leaves one out.
func TestResumeMakesWhatIsLeft(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials = 4
	j := job(s, map[string]string{"crun": "crun"})
	j.Done = []int{0, 2}
	var got []int
	for _, r := range collect(t, j).records {
		got = append(got, r.Index)
	}
	if fmt.Sprint(got) != "[1 3]" {
		t.Errorf("trials %v, want [1 3]", got)
	}
}

// Catches a harness killed with -9 whose remains nobody finds, a run started on
// top of them, and a clean that leaves any.
func TestKilledHarnessIsCleaned(t *testing.T) {
	require(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	j := job(scenario(cgroupjoin.Systemd), map[string]string{"hang": path})
	killHarness(t, j, path)
	left, err := Remains(t.Context())
	if err != nil || len(left) == 0 {
		t.Fatalf("remains %v, %v; want some: the harness was killed within a trial", left, err)
	}
	var envErr *EnvError
	err = collectPlan(t.Context(), j, &memory{}, io.Discard)
	if !errors.As(err, &envErr) || !strings.Contains(err.Error(), "initbench clean") {
		t.Errorf("a run on top of remains: %v, want an EnvError that names initbench clean", err)
	}
	if err := Clean(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	reapOrphans() // a test before has made us a subreaper
	noRemains(t)
}

// killHarness starts a harness and kills it when its trial's runtime hangs.
func killHarness(t *testing.T, j Job, runtime string) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asHarness+"="+string(text))
	fifo := runtime + ".hangs" // the runtime says there that it is about to hang
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(runtime)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Replace(string(script), "case $verb in", "[ $verb != create ] || echo hangs >"+fifo+"\ncase $verb in", 1)
	if err := os.WriteFile(runtime, []byte(told), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(fifo) // blocks until the runtime opens its end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(f).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it had to be
}

// Catches two runs at once on one machine.
func TestOneRunAtATime(t *testing.T) {
	require(t)
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	err = collectPlan(t.Context(), job(scenario(cgroupjoin.Cgroupfs), map[string]string{"crun": "crun"}), &memory{}, io.Discard)
	var busy *journal.BusyError
	if !errors.As(err, &busy) {
		t.Errorf("%v, want BusyError", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// Catches what this whole harness is for: runc 1.1.15's init is killed under
// cgroupfs at 12 MiB with its own binary as shmem, and 1.2.6's is not. By itself 1.1.15 loses
// that race often, not always: so the join comes first here.
func TestRuncUpgradeUnderLimit(t *testing.T) {
	require(t)
	old, fixed := runcOf(t, "v1.1.15"), runcOf(t, "v1.2.6")
	s := scenario(cgroupjoin.Cgroupfs)
	s.Limits, s.Place, s.Trials = []int64{12 << 20}, cgroupjoin.OnContainer, 2
	s.Orders = []sequence.Order{sequence.JoinBeforeClone}
	kills := map[string]int{}
	for _, r := range collect(t, job(s, map[string]string{"old": old, "fixed": fixed})).records {
		if r.Outcome == results.InitOOMKilled {
			kills[r.Arm]++
			if r.Victim == nil || r.Victim.Comm != "runc:[2:INIT]" || r.Victim.ShmemBytes < 1<<20 {
				t.Errorf("%s: victim %+v, want runc:[2:INIT] with its clone as shmem", r.Arm, r.Victim)
			}
		} else if r.Outcome != results.Started {
			t.Errorf("%s: %s %q", r.Arm, r.Outcome, r.Reason)
		}
		if len(r.Leaks) > 0 {
			t.Errorf("%s: leaks %q", r.Arm, r.Leaks)
		}
	}
	if kills["old"] != s.Trials || kills["fixed"] != 0 {
		t.Errorf("kills %v, want %d of old and none of fixed", kills, s.Trials)
	}
}

// runcOf is the binary of a runc version that the guest lane brings along.
func runcOf(t testing.TB, version string) string {
	t.Helper()
	path := "/var/lib/initbench/runtimes/runc@" + version
	testenv.Require(t, testenv.File(path))
	return path
}

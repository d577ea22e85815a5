package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/cgroupjoin/idle"
	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func requireJoin(t testing.TB) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
}

// opened is a collector that is ready for trials, without a plan and without a runtime.
func opened(t testing.TB) *collector {
	t.Helper()
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	j := job(scenario(cgroupjoin.Drivers()...), nil)
	c := frugal(j, &memory{}, io.Discard)
	t.Cleanup(func() {
		if err := errors.Join(c.close(), lock.Unlock()); err != nil {
			t.Error(err)
		}
		if left, err := Remains(context.Background()); err != nil || len(left) > 0 {
			t.Errorf("remains %v, %v", left, err)
		}
	})
	if err := c.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

var trials int // made so far: each has an index of its own

func joinOf(d cgroupjoin.Driver, j scenarios.Join) scenarios.Trial {
	trials++
	return scenarios.Trial{Index: trials, Scenario: "joins", Arm: "join", Driver: d, Join: j, Timeout: 30 * time.Second}
}

func measureJoin(t testing.TB, c *collector, d cgroupjoin.Driver, j scenarios.Join) results.Record {
	t.Helper()
	rec, err := c.joinTrial(t.Context(), joinOf(d, j))
	if err != nil {
		t.Fatalf("%s, %+v: %v", d, j, err)
	}
	return rec
}

func wantJoined(t testing.TB, rec results.Record) {
	t.Helper()
	if rec.Outcome != results.Started || rec.Reason != "" || rec.JoinNS == nil || *rec.JoinNS <= 0 || rec.StartNS <= 0 || len(rec.Leaks)+len(rec.Warnings) > 0 {
		t.Errorf("%s, %+v: %s %q, %v ns, leaks %q, warnings %q", rec.Driver, rec.Join, rec.Outcome, rec.Reason, rec.JoinNS, rec.Leaks, rec.Warnings)
	}
}

// joins lists each that makes sense under the driver.
func joins(d cgroupjoin.Driver) (all []scenarios.Join) {
	for _, m := range cgroupjoin.Mechanisms() {
		for _, w := range cgroupjoin.Whens() {
			if join.Check(m, w, d == cgroupjoin.Systemd) == nil {
				all = append(all, scenarios.Join{Mechanism: m, Cgroup: w, Siblings: 1, Threads: 1})
			}
		}
	}
	return all
}

// Catches a join that is not where its record says, one without its figure, and whatever it leaves.
func TestSmokeJoins(t *testing.T) {
	requireJoin(t)
	c := opened(t)
	for _, d := range cgroupjoin.Drivers() {
		for _, j := range joins(d) {
			wantJoined(t, measureJoin(t, c, d, j))
		}
	}
}

// Catches a process joined with fewer threads than asked for, siblings that are not there or stay, and
// processes that do not move while the join is measured.
func TestJoinsAmongOthers(t *testing.T) {
	requireJoin(t)
	c := opened(t)
	for _, d := range cgroupjoin.Drivers() {
		for _, j := range joins(d) {
			j.Siblings, j.Threads, j.Busy = 20, 16, true
			if j.Mechanism == join.ByBirth {
				j.Threads = 1
			}
			wantJoined(t, measureJoin(t, c, d, j))
		}
	}
	// More than the movers take (TestShare).
	wantJoined(t, measureJoin(t, c, cgroupjoin.Cgroupfs, scenarios.Join{Mechanism: join.ByProcs, Cgroup: join.Early, Siblings: 200, Threads: 1, Busy: true}))
}

// Catches a join made up where there is none: nothing is measured, and the reason is in the record.
func TestSenselessJoins(t *testing.T) {
	c := &collector{}
	good := scenarios.Join{Mechanism: join.ByProcs, Cgroup: join.Late, Siblings: 1, Threads: 1}
	for want, change := range map[string]func(*scenarios.Join){
		"only the systemd driver has units": func(j *scenarios.Join) { j.Mechanism = join.ByUnit },
		"born with one thread":              func(j *scenarios.Join) { j.Mechanism, j.Threads = join.ByBirth, 2 },
		"of 0 threads":                      func(j *scenarios.Join) { j.Threads = 0 },
		"of 30001 threads":                  func(j *scenarios.Join) { j.Threads = idle.MaxThreads + 1 },
		"among -1 siblings":                 func(j *scenarios.Join) { j.Siblings = -1 },
		"among 0 siblings":                  func(j *scenarios.Join) { j.Siblings, j.Busy = 0, true },
		`join "" is not one of`:             func(j *scenarios.Join) { j.Mechanism = "" },
		`cgroup "soon" is not one of`:       func(j *scenarios.Join) { j.Cgroup = "soon" },
	} {
		j := good
		change(&j)
		rec, err := c.joinTrial(t.Context(), joinOf(cgroupjoin.Cgroupfs, j))
		if err != nil || rec.Outcome != results.Failed || !strings.Contains(rec.Reason, want) || rec.JoinNS != nil || rec.StartNS != 0 {
			t.Errorf("%+v: %s %q, %v; want failed, %q", j, rec.Outcome, rec.Reason, err, want)
		}
	}
	if err := senseless(joinOf(cgroupjoin.Cgroupfs, good)); err != nil {
		t.Error(err)
	}
}

// half prepares a trial as joinTrial does and leaves the rest to the test.
func half(ctx context.Context, c *collector, t scenarios.Trial) (*joining, error) {
	j := &joining{prepared: &prepared{Trial: t, id: fmt.Sprint("half-", t.Index)}}
	j.scope, j.dir = j.id, filepath.Join(c.dir, strconv.Itoa(t.Index))
	return j, c.prepareJoin(ctx, j)
}

// Catches a join that failed told as one that did not, in anything but one clear line, or that leaves something.
func TestJoinOfWhatIsGone(t *testing.T) {
	requireJoin(t)
	c := opened(t)
	for _, m := range []join.Mechanism{join.ByProcs, join.ByBirth} {
		j, err := half(t.Context(), c, joinOf(cgroupjoin.Cgroupfs, scenarios.Join{Mechanism: m, Cgroup: join.Early, Siblings: 1, Threads: 1}))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(j.tree.LeafPath()); err != nil {
			t.Fatal(err)
		}
		rec := c.joinRecord(j.Trial)
		j.measure(t.Context(), &rec)
		if err := c.concludeJoin(j, &rec); err != nil {
			t.Error(err)
		}
		if rec.Outcome != results.Failed || rec.JoinNS != nil || len(rec.Leaks) > 0 || !strings.Contains(rec.Reason, "the cgroup is gone") || strings.Contains(rec.Reason, "\n") {
			t.Errorf("%s: %s %q, %v ns, leaks %q", m, rec.Outcome, rec.Reason, rec.JoinNS, rec.Leaks)
		}
	}
}

// Catches an interrupted trial that leaves processes, cgroups or units, wherever it was.
func TestJoinInterrupted(t *testing.T) {
	requireJoin(t)
	c := opened(t)
	for _, d := range cgroupjoin.Drivers() {
		ctx, cancel := context.WithCancel(t.Context())
		trial := joinOf(d, scenarios.Join{Mechanism: join.ByProcs, Cgroup: join.Early, Siblings: 100, Threads: 8, Busy: true})
		j, err := half(ctx, c, trial)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		rec := c.joinRecord(trial)
		if err := c.concludeJoin(j, &rec); err != nil || len(rec.Leaks) > 0 {
			t.Errorf("%s: leaks %q, %v", d, rec.Leaks, err)
		}
		if _, err := c.joinTrial(ctx, joinOf(d, trial.Join)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want it called off", d, err)
		}
	}
}

// asJoiner makes the test binary an initbench that is in the middle of a join.
const asJoiner = "INITBENCH_TEST_AS_JOINER"

// joiner prepares a join, says so and waits to be killed.
func joiner(driver string) int {
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return 3
	}
	defer func() { _ = lock.Unlock() }() // never reached
	j := job(scenario(cgroupjoin.Driver(driver)), nil)
	c := frugal(j, &memory{}, io.Discard)
	if err := c.open(context.Background()); err != nil {
		return 4
	}
	if _, err := half(context.Background(), c, joinOf(cgroupjoin.Driver(driver), scenarios.Join{Mechanism: join.ByProcs, Cgroup: join.Early, Siblings: 20, Threads: 4, Busy: true})); err != nil {
		fmt.Println(err)
		return 5
	}
	fmt.Println("prepared")
	_, _ = os.Stdin.Read(make([]byte, 1)) // any end of it will do
	return 0
}

// Catches what kill -9 leaves of a join and `initbench clean` does not find, and processes that outlive initbench.
func TestKilledJoin(t *testing.T) {
	requireJoin(t)
	for _, d := range cgroupjoin.Drivers() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asJoiner+"="+string(d))
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }() // nothing is written
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, readErr := bufio.NewReader(out).ReadString('\n')
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		if said != "prepared\n" {
			t.Fatalf("%s: said %q, %v", d, said, readErr)
		}
		left, err := Remains(t.Context())
		if err != nil || len(left) == 0 {
			t.Fatalf("%s: remains %q, %v; want some", d, left, err)
		}
		if err := Clean(t.Context(), io.Discard); err != nil {
			t.Errorf("%s: of %q: %v", d, left, err)
		}
		noRemains(t)
		reapOrphans() // earlier tests made this process a subreaper
	}
}

// Catches a mover that opens more than it may, or that has nowhere to go.
func TestShare(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for i, want := range [][]string{many[:63], many[137:]} {
		if got := share(many, i); !slices.Equal(got, want) {
			t.Errorf("mover %d: %q", i, got)
		}
	}
	if got := share(many[:1], 1); !slices.Equal(got, many[:1]) {
		t.Errorf("of one: %q", got)
	}
}

// Catches a process taken to be in a cgroup where one of its threads is not, or with too few of them.
func TestInCgroup(t *testing.T) {
	proc := t.TempDir()
	for task, cgroup := range map[string]string{"7": "1:name=x:/v1\n0::/pod/leaf\n", "8": "0::/pod/leaf\n", "9": "0::/pod\n"} {
		dir := filepath.Join(proc, "7/task", task)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(dir+"/cgroup", []byte(cgroup), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := inCgroup(proc, 7, 3, "/r", "/r/pod/leaf"); err == nil || !strings.Contains(err.Error(), "thread 9 of process 7 is in /pod, not in /pod/leaf") {
		t.Errorf("a thread elsewhere: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(proc, "7/task/9")); err != nil {
		t.Fatal(err)
	}
	if err := inCgroup(proc, 7, 2, "/r", "/r/pod/leaf"); err != nil {
		t.Error(err)
	}
	if err := inCgroup(proc, 7, 3, "/r", "/r/pod/leaf"); err == nil || !strings.Contains(err.Error(), "has 2 threads, not 3") {
		t.Errorf("too few: %v", err)
	}
}

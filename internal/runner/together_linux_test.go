package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// groups is a feed of what is settled beforehand.
type groups []Group

func (g *groups) Next(context.Context) (Group, bool, error) {
	if len(*g) == 0 {
		return Group{}, false, nil
	}
	next := (*g)[0]
	*g = (*g)[1:]
	return next, true, nil
}

// together puts all of a job's plan into one group.
func together(j Job) *groups {
	return &groups{{Trials: slices.Collect(j.Spec.Trials()), Together: true}}
}

func collectTogether(t *testing.T, j Job) memory {
	t.Helper()
	var m memory
	if err := collectFeed(t.Context(), j, together(j), &m, io.Discard); err != nil {
		t.Fatal(err)
	}
	noRemains(t)
	return m
}

// ends counts how the trials of each cell ended.
func ends(all []results.Record) map[string]int {
	n := map[string]int{}
	for _, r := range all {
		n[fmt.Sprintf("%s, %s, %s, %d bytes: %s", r.Arm, r.Driver, r.Order, r.Limit, r.Outcome)]++
	}
	return n
}

// Catches trials that change what becomes of each other by being made together: an outcome, an order or a charge that is
// another's, a victim that died elsewhere, a leak that is a neighbour's, a record that does not say how it was made.
func TestTogetherIsAsAlone(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Drivers()...)
	s.Orders = []sequence.Order{sequence.JoinBeforeClone} // natural ones are made together below
	s.Observe, s.Place, s.Trials = true, cgroupjoin.OnContainer, 1
	s.Limits = []int64{12 << 20, 20 << 20} // under the first 1.1.15 is killed for sure, and 1.2.6 has room also where much goes on beside it
	j := job(s, map[string]string{"old": runcOf(t, "v1.1.15"), "fixed": runcOf(t, "v1.2.6")})
	alone := collect(t, j)
	j.Run += "b"
	side := collectTogether(t, j)
	if a, b := ends(alone.records), ends(side.records); !maps.Equal(a, b) {
		t.Errorf("alone:\n%v\ntogether:\n%v", a, b)
	}
	for _, r := range side.records {
		sound(t, r)
		if !r.Together {
			t.Errorf("trial %d does not say that it was made together", r.Index)
		}
		if _, kept := side.timelines[r.Index]; !kept {
			t.Errorf("trial %d: no timeline", r.Index)
		}
	}
}

// sound is what a record is whoever else was there.
func sound(t *testing.T, r results.Record) {
	t.Helper()
	where := fmt.Sprintf("trial %d (%s, %s, %s, %d bytes)", r.Index, r.Arm, r.Driver, r.Order, r.Limit)
	unnamed := slices.Equal(r.Warnings, []string{noVictim})
	if len(r.Leaks) > 0 || len(r.Warnings) > 0 && !unnamed || r.LostEvents != 0 {
		t.Errorf("%s: leaks %q, warnings %q, lost %v", where, r.Leaks, r.Warnings, r.LostEvents)
	}
	if r.Order != sequence.Natural && (r.Enforcement == nil || r.Enforcement.Outcome == sequence.OrderCouldNot) {
		t.Errorf("%s: enforcement %+v", where, r.Enforcement)
	}
	killed := r.Outcome == results.InitOOMKilled
	if killed != (r.Ancestor.OOMKill > 0) || (r.Victim != nil) != (killed && !unnamed) {
		t.Errorf("%s: %s with events %+v, victim %+v and warnings %q", where, r.Outcome, r.Ancestor, r.Victim, r.Warnings)
	}
	if r.Victim != nil && !isOf(r.Victim.Memcg, r.Index) {
		t.Errorf("%s: its victim died in %s", where, r.Victim.Memcg)
	}
}

// isOf tells whether a cgroup is of a trial: its name ends in the trial's number, and is the trial's own or of what lies above.
func isOf(cgroup string, trial int) bool {
	return slices.ContainsFunc(strings.Split(cgroup, "/"), func(name string) bool {
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".scope"), ".slice")
		return strings.HasSuffix(name, fmt.Sprintf("-%d", trial))
	})
}

// Catches orphans whose end a neighbour's wait takes, a runtime that hangs or leaves processes and has its neighbours
// blamed, and a pool that waits for it with all its workers.
func TestTogetherWithHostileRuntimes(t *testing.T) {
	require(t)
	binaries, leaks := map[string]string{"crun": "crun"}, map[string]string{}
	for kind, leak := range map[hostile.Kind]string{hostile.Hang: "", hostile.ForkAway: "process", hostile.KillAtStart: "state directory", hostile.DeleteFails: "state directory"} {
		path, err := hostile.Write(t.TempDir(), kind)
		if err != nil {
			t.Fatal(err)
		}
		binaries[string(kind)], leaks[string(kind)] = path, leak
	}
	s := scenario(cgroupjoin.Drivers()...)
	s.Trials, s.Timeout = 2, 5*time.Second
	for _, r := range collectTogether(t, job(s, binaries)).records {
		said := strings.Join(r.Leaks, "; ")
		if want := leaks[r.Arm]; r.Arm != "crun" && (r.Outcome == results.Started || !strings.Contains(said, want) || want == "" && said != "") {
			t.Errorf("trial %d, %s: %s %q with leaks %q, want one of %q", r.Index, r.Arm, r.Outcome, r.Reason, said, want)
		}
		if r.Arm == "crun" && (r.Outcome != results.Started || r.ExitCode == nil || said != "") {
			t.Errorf("trial %d: %s %q, exit code %v, leaks %q: want a start like any", r.Index, r.Outcome, r.Reason, r.ExitCode, said)
		}
	}
}

// Catches an interruption that loses records of trials that had ended, records one that had not, waits for the rest of
// the group, or leaves something.
func TestTogetherIsInterrupted(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials = 40
	ctx, cancel := context.WithCancel(t.Context())
	m := &until{n: 3, then: cancel}
	j := job(s, map[string]string{"crun": "crun"})
	err := collectFeed(ctx, j, together(j), m, io.Discard)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	if n := len(m.records); n < 3 || n >= s.Trials {
		t.Errorf("%d records, want the first 3 and those that ended meanwhile", n)
	}
	noRemains(t)
}

// until does something at its nth record.
type until struct {
	memory
	n    int
	then func()
}

func (u *until) Record(r results.Record) error {
	if err := u.memory.Record(r); err != nil {
		return err
	}
	if len(u.records) == u.n {
		u.then()
	}
	return nil
}

// Catches a group that goes on, or hangs, when records cannot be stored any more.
func TestTogetherEndsWithItsSink(t *testing.T) {
	require(t)
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials = 40
	j := job(s, map[string]string{"crun": "crun"})
	full := &full{}
	if err := collectFeed(t.Context(), j, together(j), full, io.Discard); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want the sink's error", err)
	}
	if full.asked >= s.Trials {
		t.Errorf("%d trials were made, though the first could not be stored", full.asked)
	}
	noRemains(t)
}

type full struct {
	memory
	asked int
}

func (f *full) Record(results.Record) error { f.asked++; return syscall.ENOSPC }

// Catches a copy that is made while a neighbour forks, which cannot be executed then, and one that is made by each.
func TestTogetherFromOneCopy(t *testing.T) {
	require(t)
	path := "/var/lib/initbench/runtimes/builtin"
	testenv.Require(t, testenv.File(path))
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials, s.Orders = 4, nil
	j := job(s, map[string]string{"arm": path})
	j.Spec.Runtimes = []scenarios.Runtime{{Name: "arm", Ref: "builtin:clone=once"}}
	for _, r := range collectTogether(t, j).records {
		if r.Outcome != results.Started {
			t.Errorf("trial %d: %s %q", r.Index, r.Outcome, r.Reason)
		}
	}
}

// Catches remains of a harness that was killed with several trials under way.
func TestKilledTogetherIsCleaned(t *testing.T) {
	require(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	s := scenario(cgroupjoin.Drivers()...)
	s.Trials = 4
	j := job(s, map[string]string{"hang": path})
	j.Live = true // as the harness is told to make it together
	killHarness(t, j, path)
	left, err := Remains(t.Context())
	if err != nil || len(left) == 0 {
		t.Fatalf("remains %v, %v; want some: the harness was killed within its trials", left, err)
	}
	if err := Clean(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	reapOrphans()
	noRemains(t)
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		t.Errorf("clean took what was not its own: %v", err)
	}
}

// Catches groups that cannot be made, and are.
func TestGroupsThatCannotBe(t *testing.T) {
	good := scenarios.Trial{Index: 1, Arm: "a", Timeout: time.Second}
	with := func(change func(*scenarios.Trial)) []scenarios.Trial {
		other := good
		other.Index = 2
		change(&other)
		return []scenarios.Trial{good, other}
	}
	for want, g := range map[string]Group{
		"":                 {Trials: with(func(*scenarios.Trial) {}), Together: true},
		"of no trials":     {},
		"twice":            {Trials: with(func(t *scenarios.Trial) { t.Index = 1 })},
		`no runtime "b"`:   {Trials: with(func(t *scenarios.Trial) { t.Arm = "b" })},
		"no timeout":       {Trials: with(func(t *scenarios.Trial) { t.Timeout = 0 })},
		"concurrent batch": {Trials: with(func(t *scenarios.Trial) { t.Concurrent = true }), Together: true},
		"a join is made":   {Trials: with(func(t *scenarios.Trial) { t.Join.Threads = 1 }), Together: true},
	} {
		err := g.check(func(arm string) bool { return arm == "a" })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Catches batches of a group that are torn or run into each other.
func TestBatchesOfAGroup(t *testing.T) {
	var g Group
	for i, batch := range []int{4, 4, 5, 9, 9, 9} {
		g.Trials = append(g.Trials, scenarios.Trial{Index: i, Batch: batch})
	}
	var got []int
	for batch := range g.batches {
		got = append(got, len(batch))
		if batch[0].Batch != batch[len(batch)-1].Batch {
			t.Errorf("batches %d and %d are one", batch[0].Batch, batch[len(batch)-1].Batch)
		}
	}
	if !slices.Equal(got, []int{2, 1, 3}) {
		t.Errorf("batches of %v trials, want 2, 1 and 3", got)
	}
}

// Catches a budget that breaks a block off, or that a block begins after.
func TestPlanWithinABudget(t *testing.T) {
	s := scenario(cgroupjoin.Cgroupfs)
	s.Trials = 6
	j := job(s, map[string]string{"a": "a", "b": "b"})
	feed, stop := Planned(j)
	defer stop()
	p := feed.(*planned)
	clock := time.Unix(0, 0)
	p.budget, p.now = 3*time.Second, func() time.Time { clock = clock.Add(time.Second); return clock }
	n := map[int]int{}
	for {
		g, ok, err := p.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		n[g.Trials[0].Block] += len(g.Trials)
	}
	if !maps.Equal(n, map[int]int{0: 4, 1: 4}) {
		t.Errorf("trials by block: %v, want two whole ones of the three: with each the clock went on a second", n)
	}
}

// BenchmarkTrials is how many trials a minute are made alone and together.
func BenchmarkTrials(b *testing.B) {
	require(b)
	s := scenario(cgroupjoin.Cgroupfs)
	s.Orders = []sequence.Order{sequence.JoinBeforeClone}
	s.Observe, s.Limits, s.Place = true, []int64{20 << 20}, cgroupjoin.OnContainer
	for _, how := range []struct {
		name     string
		together bool
	}{{"alone", false}, {"together", true}} {
		b.Run(how.name, func(b *testing.B) {
			s.Trials = b.N
			j := job(s, map[string]string{"runc": runcOf(b, "v1.1.15")})
			c := &clocked{b: b}
			feed := together(j)
			(*feed)[0].Together = how.together
			if err := Collect(b.Context(), j, feed, c, io.Discard); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "trials/min")
		})
	}
}

// clocked starts a benchmark's clock when trials begin.
type clocked struct {
	memory
	b *testing.B
}

func (c *clocked) Environment(e results.Environment) error { c.b.ResetTimer(); return nil }

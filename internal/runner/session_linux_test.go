package runner

import (
	"context"
	"encoding/json"
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

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/builtin/embed"
	"github.com/initbench/initbench/internal/census"
	"github.com/initbench/initbench/internal/census/leaky"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// sessions is a scenario of one session a runtime and driver.
func sessions(cycles int, d ...cgroupjoin.Driver) scenarios.Scenario {
	return scenarios.Scenario{Name: "leaks", Description: "a test's", Drivers: d, Trials: 1, Containers: 1, Cycles: cycles,
		Timeout: 20 * time.Minute, Judge: []string{scenarios.AllLeaks}}
}

// sessionOf makes one session of a runtime that ends well and leaves nothing.
func sessionOf(t *testing.T, s scenarios.Scenario, path string) map[cgroupjoin.Driver]*results.Census {
	t.Helper()
	all := map[cgroupjoin.Driver]*results.Census{}
	j := job(s, map[string]string{"tested": path})
	if s.Embedded {
		j.Spec.Runtimes[0].Ref = filepath.Base(path)
	}
	for _, r := range collect(t, j).records {
		if r.Outcome != results.Started || r.Census == nil || r.Census.Cycles != s.Cycles || len(r.Leaks) > 0 {
			t.Fatalf("%s: %s %q, census %+v, leaks %q", r.Driver, r.Outcome, r.Reason, r.Census, r.Leaks)
		}
		if len(r.Warnings) > 0 {
			t.Logf("%s: warnings %q", r.Driver, r.Warnings)
		}
		all[r.Driver] = r.Census
	}
	return all
}

func binary(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("/var/lib/initbench/runtimes", name)
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(path))
	return path
}

func series(t *testing.T, all []results.Series, kind string) results.Series {
	t.Helper()
	for _, s := range all {
		if s.Kind == kind {
			return s
		}
	}
	t.Fatalf("%s was not counted: %+v", kind, all)
	return results.Series{}
}

// trend is that over the cycles, which the count before the first is no part of.
func trend(s results.Series) stats.Interval {
	var counts []float64
	for _, n := range s.Counts[1:] {
		counts = append(counts, float64(n))
	}
	return stats.SlopeOf(counts, 0.99).Slope
}

// Catches a census that counts what the harness itself does, a session whose own cycles leave something, a kind that is not
// counted where all can be, and a payload that is not looked at.
func TestSessionsOfRuncRiseInNoKind(t *testing.T) {
	for driver, c := range sessionOf(t, sessions(20, cgroupjoin.Drivers()...), binary(t, "runc@v1.2.6")) {
		if len(c.Unread) > 0 || len(c.Machine) != len(scenarios.MachineKinds()) {
			t.Errorf("%s: unread %+v of %d kinds", driver, c.Unread, len(c.Machine))
		}
		for _, s := range c.Machine {
			t.Logf("%s: %s %v, settled %d, back %v, left %q", driver, s.Kind, s.Counts, *s.Settled, s.BackNS, s.Left)
			if !slices.Contains(drifting, census.Kind(s.Kind)) && *s.Settled > s.Counts[1] {
				t.Errorf("%s: %s rises: %v, then %d: %q", driver, s.Kind, s.Counts, *s.Settled, s.Left)
			}
		}
		if c.WaitedNS == nil || c.Inherited == nil || len(c.Inherited.Descriptors) != 0 {
			t.Errorf("%s: waited %v, inherited %+v; want a wait, and nothing handed on", driver, c.WaitedNS, c.Inherited)
		}
		t.Logf("%s: waited %v", driver, time.Duration(*c.WaitedNS))
	}
}

// Catches a descriptor that the payload can reach and that is not seen, and one of the harness's own taken for it: init of runc 1.1.11 has the
// directory of the host's cgroups (CVE-2024-21626), that of 1.1.12 has not.
func TestInheritedDescriptorIsNamed(t *testing.T) {
	for name, leaks := range map[string]bool{"runc@v1.1.11": true, "runc@v1.1.12": false} {
		s := sessions(2, cgroupjoin.Cgroupfs) // a payload is looked at once
		for driver, c := range sessionOf(t, s, binary(t, name)) {
			if c.Inherited == nil {
				t.Fatalf("%s, %s: what the payload was handed was not looked at", name, driver)
			}
			got := slices.ContainsFunc(c.Inherited.Descriptors, func(d results.Descriptor) bool {
				return d.FD > 2 && d.Kind == string(census.FDCgroup) && strings.HasPrefix(d.Target, "/sys/fs/cgroup")
			})
			t.Logf("%s, %s: %+v", name, driver, c.Inherited.Descriptors)
			if got != leaks || !leaks && len(c.Inherited.Descriptors) > 0 {
				t.Errorf("%s, %s: %+v; want the directory of cgroups: %v", name, driver, c.Inherited.Descriptors, leaks)
			}
		}
	}
}

// Catches an embedder that is not watched, or restarted between cycles, and descriptors that only a collector closes taken for closed:
// libcontainer 1.5.1 leaves that of each container's device program to it (opencontainers/runc#5403).
func TestEmbedderOfOldLibcontainerLeavesPrograms(t *testing.T) {
	for _, of := range []struct {
		name      string
		collector scenarios.Collector
		least     int64 // more descriptors a cycle
	}{{"builtin@v1.5.1", scenarios.NoCollector, 1}, {"builtin@v1.5.1", scenarios.GoCollector, 0}, {"builtin@v1.5.2", scenarios.NoCollector, 0}} {
		const cycles = 10
		s := sessions(cycles, cgroupjoin.Cgroupfs) // internal/builtin/embed has both drivers
		s.Embedded, s.Collector = true, of.collector
		for driver, c := range sessionOf(t, s, binary(t, of.name)) {
			if len(c.Watched) != 1 || c.Watched[0].Name != results.EmbedderName || c.Watched[0].Unread != "" {
				t.Fatalf("%s, %s: watched %+v", of.name, driver, c.Watched)
			}
			var programs results.Series
			for _, one := range c.Watched[0].Descriptors {
				t.Logf("%s %s, %s: %s %v, settled %d, %q", of.name, of.collector, driver, one.Kind, one.Counts, *one.Settled, one.Left)
				if one.Kind == string(census.FDBPFProgram) {
					programs = one
				}
			}
			if of.least == 0 && programs.Counts == nil {
				continue // it never had one between two cycles
			}
			kept := *programs.Settled - programs.Counts[1]
			if of.least > 0 && (kept < cycles-1 || !risesEachCycle(programs) || !strings.Contains(strings.Join(programs.Left, " "), "bpf-prog")) {
				t.Errorf("%s, %s: programs %+v; want one more a cycle, kept and named", of.name, driver, programs)
			}
			if of.least == 0 && kept > 0 {
				t.Errorf("%s %s, %s: programs %+v; want none kept", of.name, of.collector, driver, programs)
			}
		}
	}
}

func risesEachCycle(s results.Series) bool {
	for i, n := range s.Counts[1:] {
		if n <= s.Counts[i] {
			return false
		}
	}
	return true
}

// Catches a leak of ten sockets in a daemon that is watched which its session does not show, or which are not named. Its honest twin is
// internal/census's, and what is slower is internal/stats'.
func TestWatchedDaemonIsFoundLeaking(t *testing.T) {
	require(t)
	const every, cycles = 4, 40
	d := startLeaky(t, every)
	s := sessions(cycles, cgroupjoin.Cgroupfs)
	s.Watch = []string{strconv.Itoa(d.cmd.Process.Pid)}
	m := serving{daemon: d}
	if err := collectPlan(t.Context(), job(s, map[string]string{"crun": "crun"}), &m, io.Discard); err != nil {
		t.Fatal(err)
	}
	r := m.records[0]
	if r.Outcome != results.Started || len(r.Census.Watched) != 1 || m.cycles != cycles {
		t.Fatalf("%s %q, watched %+v, told of %d cycles", r.Outcome, r.Reason, r.Census, m.cycles)
	}
	sockets := series(t, r.Census.Watched[0].Descriptors, string(census.FDNetlink))
	slope := trend(sockets)
	t.Logf("slope %.3f [%.3f, %.3f], settled %d: %v, %q", slope.Center, slope.Lo, slope.Hi, *sockets.Settled, sockets.Counts, sockets.Left)
	if slope.Lo <= 0 || *sockets.Settled <= sockets.Counts[1] {
		t.Errorf("not found leaking: slope %+v of %v", slope, sockets.Counts)
	}
	if len(sockets.Left) == 0 || !strings.HasSuffix(sockets.Left[0], "netlink route") {
		t.Errorf("what was left is named %q", sockets.Left)
	}
	noRemains(t)
}

// Catches a run that goes on for an hour to find that nobody is called so.
func TestWatchedMustBeThere(t *testing.T) {
	require(t)
	s := sessions(20, cgroupjoin.Cgroupfs)
	s.Watch = []string{"nobody-is-called-so"}
	err := collectPlan(t.Context(), job(s, map[string]string{"crun": "crun"}), &memory{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no process is called so") {
		t.Errorf("%v, want that nobody is called so", err)
	}
	noRemains(t)
}

// Catches a session that goes on after a cycle that did not end well, one of which a hanging verb takes all its time, and a
// reason that does not say which cycle it was.
func TestSessionEndsWithItsFirstFailure(t *testing.T) {
	require(t)
	for kind, want := range map[hostile.Kind]struct {
		outcome results.Outcome
		reason  string
	}{
		hostile.Fail: {results.Failed, "a cycle before the first that is counted: create exited with 1"},
		hostile.Hang: {results.TimedOut, "a cycle before the first that is counted: create did not end within"},
	} {
		path, err := hostile.Write(t.TempDir(), kind)
		if err != nil {
			t.Fatal(err)
		}
		s := sessions(20, cgroupjoin.Cgroupfs)
		s.Timeout = 6 * time.Second
		r := collect(t, job(s, map[string]string{"hostile": path})).records[0]
		if r.Outcome != want.outcome || !strings.HasPrefix(r.Reason, want.reason) || r.Census != nil {
			t.Errorf("%s: %s %q, census %+v", kind, r.Outcome, r.Reason, r.Census)
		}
	}
}

// Catches an interrupted session that is recorded, or of which anything stays: an embedder, also one that does nothing any more, a
// container, a cgroup.
func TestInterruptedSession(t *testing.T) {
	for _, embedded := range []bool{false, true} {
		interruptedSession(t, embedded, func() {})
	}
	interruptedSession(t, true, func() {
		e := childOf(t, os.Getpid(), "embed")
		defer e.close()
		if err := unix.PidfdSendSignal(e.fd, unix.SIGSTOP, nil, 0); err != nil {
			t.Error(err)
		}
	})
}

func interruptedSession(t *testing.T, embedded bool, before func()) {
	s := sessions(100, cgroupjoin.Systemd)
	s.Embedded = embedded
	path := binary(t, map[bool]string{false: "runc@v1.2.6", true: "builtin@v1.5.2"}[embedded])
	ctx, cancel := context.WithCancel(t.Context())
	m := interruptedAt{cancel: func() { before(); cancel() }, at: 3}
	j := job(s, map[string]string{"tested": path})
	if embedded {
		j.Spec.Runtimes[0].Ref = filepath.Base(path)
	}
	err := collectPlan(ctx, j, &m, io.Discard)
	cancel()
	if err == nil || ctx.Err() == nil || len(m.records) != 0 || m.cycles > 4 {
		t.Errorf("embedded %v: %v, %d records after %d cycles", embedded, err, len(m.records), m.cycles)
	}
	noRemains(t)
}

// Catches an embedder that outlives its session, whose time was over, or which was interrupted, between two cycles.
func TestSessionEndsItsEmbedderBetweenCycles(t *testing.T) {
	path := binary(t, "builtin@v1.5.2")
	e, err := embed.Start(t.Context(), path, embed.Options{StateRoot: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // where the session did not
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &session{embedder: &embedder{e, func() bool { return true }}}
	s.last = s.embedder.cycle(ctx, &prepared{id: "between", dir: t.TempDir()})
	if !s.last.timedOut {
		t.Fatalf("a cycle without any time: %+v", s.last)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(e.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("the embedder lives on: %v", err)
	}
}

// Catches an embedder's cycle that may take all of its session's time, or for ever.
func TestEmbeddersCycleHasATimeOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mute")
	const mute = `#!/bin/sh
echo '{"verb":"ready","exit":0,"libcontainer":"v0.0.0"}'
while read -r _; do :; done
`
	if err := os.WriteFile(path, []byte(mute), 0o755); err != nil {
		t.Fatal(err)
	}
	e, err := embed.Start(t.Context(), path, embed.Options{StateRoot: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{embedder: &embedder{e, func() bool { return true }}}
	q := &prepared{id: "hangs", dir: t.TempDir()}
	q.Timeout = 50 * time.Millisecond
	if s.last = s.embedder.cycle(context.Background(), q); !s.last.timedOut {
		t.Errorf("a cycle that hangs: %+v", s.last)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// shouting says each cycle on stdout.
type shouting struct{ memory }

func (*shouting) Cycle(c Cycle) { fmt.Println(c.Cycle) }

// Catches an embedder that outlives a harness that was killed with -9, and things of its container that clean does not find.
func TestKilledSessionIsCleaned(t *testing.T) {
	embedder := killedSession(t, func(*initProcess) {})
	awaitEmbedder(t, embedder)
	if left, err := Remains(t.Context()); err != nil || len(left) == 0 {
		t.Errorf("remains %v, %v; want some: the harness was killed within a session", left, err)
	}
	if err := Clean(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	reapOrphans() // a test before has made us a subreaper
	noRemains(t)
}

// Catches a clean that leaves an embedder that is still at its container, which would go on in a tree that is no more. Stopped, it
// cannot have ended by itself.
func TestCleanEndsAnEmbedderToo(t *testing.T) {
	embedder := killedSession(t, func(e *initProcess) {
		if err := unix.PidfdSendSignal(e.fd, unix.SIGSTOP, nil, 0); err != nil {
			t.Error(err)
		}
	})
	defer func() { _ = unix.PidfdSendSignal(embedder.fd, unix.SIGKILL, nil, 0) }() // where clean did not
	if err := Clean(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	awaitEmbedder(t, embedder)
	reapOrphans() // a test before has made us a subreaper
	noRemains(t)
}

func awaitEmbedder(t *testing.T, embedder *initProcess) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := embedder.wait(ctx); err != nil {
		t.Errorf("the embedder lives on: %v", err)
	}
}

// killedSession kills a harness within a session, once the embedder of that has been prepared for it.
func killedSession(t *testing.T, prepare func(embedder *initProcess)) *initProcess {
	t.Helper()
	path := binary(t, "builtin@v1.5.2")
	s := sessions(100, cgroupjoin.Systemd)
	s.Embedded = true
	j := job(s, map[string]string{"tested": path})
	j.Spec.Runtimes[0].Ref = filepath.Base(path)
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asHarness+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 3; {
		if _, err := fmt.Fscanln(out, &n); err != nil {
			t.Fatal(err)
		}
	}
	embedder := childOf(t, cmd.Process.Pid, "embed")
	t.Cleanup(embedder.close)
	prepare(embedder)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it had to be
	return embedder
}

// childOf finds the process's child whose first argument is arg.
func childOf(t *testing.T, pid int, arg string) *initProcess {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that has ended
		for word := range strings.FieldsSeq(string(text)) {
			line, _ := os.ReadFile(filepath.Join("/proc", word, "cmdline")) // of a child that has ended
			if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == arg {
				child, err := strconv.Atoi(word)
				if err != nil {
					t.Fatal(err)
				}
				fd, err := unix.PidfdOpen(child, 0)
				if err != nil {
					t.Fatal(err)
				}
				return &initProcess{pid: child, fd: fd}
			}
		}
	}
	t.Fatalf("process %d has no child whose first argument is %s", pid, arg)
	return nil
}

// interruptedAt cancels at a cycle.
type interruptedAt struct {
	memory
	cancel     context.CancelFunc
	at, cycles int
}

func (i *interruptedAt) Cycle(c Cycle) {
	if i.cycles = c.Cycle; c.Cycle == i.at {
		i.cancel()
	}
}

// asLeaky has this binary be a daemon that leaks each so many requests.
const asLeaky = "INITBENCH_TEST_AS_LEAKY"

type leakyDaemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	said io.Reader
}

func startLeaky(t *testing.T, every int) *leakyDaemon {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asLeaky+"="+strconv.Itoa(every))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // it has its own
	t.Cleanup(func() {
		_, _ = in.Close(), said.Close() // its end
		_ = cmd.Wait()                  // or a session has reaped it
	})
	return &leakyDaemon{t: t, cmd: cmd, in: in, said: said}
}

// serving has the daemon serve one request a cycle: of what a daemon does meanwhile a container manager's share is one start.
type serving struct {
	memory
	daemon *leakyDaemon
	cycles int
}

func (s *serving) Cycle(c Cycle) {
	s.cycles = c.Cycle
	if _, err := io.WriteString(s.daemon.in, "\n"); err != nil {
		s.daemon.t.Error(err)
		return
	}
	var n int
	if _, err := fmt.Fscanln(s.daemon.said, &n); err != nil {
		s.daemon.t.Error(err)
	}
}

func serveLeaky(every string) int {
	n, err := strconv.Atoi(every)
	if err != nil || leaky.Serve(os.Stdin, os.Stdout, leaky.Plan{Every: n, Noise: 6, Seed: 7}) != nil {
		return 1
	}
	return 0
}

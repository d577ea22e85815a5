package runner

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// many is what the network of one scenario has to have addresses for at once.
const many = 50

// fifty is as many containers at once, on the pool of the incident as it should have been.
func fifty(t *testing.T) scenarios.Scenario {
	t.Helper()
	require(t)
	testenv.Require(t, testenv.File(filepath.Join(network.DefaultPlugins, "bridge")))
	s := scenario(cgroupjoin.Cgroupfs)
	s.Containers, s.Concurrent, s.Timeout = many, true, 5*time.Minute
	s.Network = &scenarios.Network{Pools: []pool.Written{{Base: "fd0d:0ce5::/48", Size: 64}}}
	return s
}

// noNetwork asks others than the package that makes networks: the kernel's own lists, and the directories.
func noNetwork(t *testing.T) {
	t.Helper()
	noRemains(t)
	if leaks, err := network.Leaks(journal.Base()); err != nil || len(leaks) > 0 {
		t.Errorf("network.Leaks: %v, %v", leaks, err)
	}
	for _, pattern := range []string{
		"/sys/class/net/ib????????", "/sys/class/net/veth*", "/run/netns/ib*",
		filepath.Join(journal.Base(), "net", "*"), filepath.Join(journal.Base(), "pools", "*-*", "*"),
	} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", pattern, left, err)
		}
	}
}

// addressesOf are those of all records, each with one of its own.
func addressesOf(t *testing.T, records []results.Record) {
	t.Helper()
	seen := map[string]int{}
	subnet := netip.MustParsePrefix("fd0d:ce5::/64")
	for _, r := range records {
		if r.Outcome != results.Started || len(r.Leaks)+len(r.Warnings) > 0 || r.Attachment == nil {
			t.Fatalf("trial %d: %s %q, leaks %q, warnings %q, network %+v", r.Index, r.Outcome, r.Reason, r.Leaks, r.Warnings, r.Attachment)
		}
		if len(r.Attachment.Addresses) != 1 {
			t.Fatalf("trial %d has %v, want one address", r.Index, r.Attachment.Addresses)
		}
		address := r.Attachment.Addresses[0]
		if p, err := netip.ParsePrefix(address); err != nil || !subnet.Contains(p.Addr()) {
			t.Errorf("trial %d has %s, which is not in %s", r.Index, address, subnet)
		}
		seen[address]++
	}
	if len(seen) != len(records) {
		t.Errorf("%d containers at once have %d addresses: %v", len(records), len(seen), seen)
	}
}

// Catches two containers with one address at the same time, a step of the network that is lost, has neither time nor memory or is in the
// runtime's time, and whatever of a network outlives a run that ended as it should.
func TestFiftyContainersEnd(t *testing.T) {
	s := fifty(t)
	records := collect(t, job(s, map[string]string{"crun": "crun"})).records
	if len(records) != s.Containers {
		t.Fatalf("%d records, want %d", len(records), s.Containers)
	}
	addressesOf(t, records)
	lastAttached, firstCreated := int64(0), int64(1)<<62
	for _, r := range records {
		checkAttachment(t, r)
		lastAttached, firstCreated = max(lastAttached, r.Attachment.Steps[2].StartNS+r.Attachment.Steps[2].TookNS), min(firstCreated, r.StartNS)
	}
	if lastAttached > firstCreated {
		t.Error("a container was started before the last had its address: they did not all have one at once")
	}
	noNetwork(t)
}

func checkAttachment(t *testing.T, r results.Record) {
	t.Helper()
	var names []string
	last := int64(1)
	for _, s := range r.Attachment.Steps {
		names = append(names, s.Step)
		if s.StartNS < last || s.TookNS < 0 {
			t.Errorf("trial %d: %+v begins before the one before it ended, at %d", r.Index, s, last)
		}
		last = s.StartNS + s.TookNS
		if plugin := !strings.HasSuffix(s.Step, "netns"); plugin != (s.MaxRSS != nil && *s.MaxRSS > 1<<20) {
			t.Errorf("trial %d: %s has a peak of %v", r.Index, s.Step, s.MaxRSS)
		}
	}
	if !slices.Equal(names, results.NetworkSteps()) {
		t.Fatalf("trial %d: steps %v, want %v", r.Index, names, results.NetworkSteps())
	}
	if deleted := r.StartNS + *r.Latency.Deleted; r.Attachment.Steps[3].StartNS < deleted {
		t.Errorf("trial %d: its address was freed at %d, before it was deleted at %d", r.Index, r.Attachment.Steps[3].StartNS, deleted)
	}
	if bytes, ok := r.Attachment.PluginPeak(); !ok || bytes > 1<<30 {
		t.Errorf("trial %d: a plugin's peak of %d bytes, %v", r.Index, bytes, ok)
	}
}

// Catches an address that is freed by the container's deletion alone: here each is stopped, its network taken down, and only when all
// were is it deleted. That way an address of Kube-OVN stayed.
func TestFiftyContainersStopThenDelete(t *testing.T) {
	s := fifty(t)
	j := job(s, map[string]string{"crun": "crun"})
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	c := frugal(j, &memory{}, io.Discard)
	if err := errors.Join(c.open(t.Context()), c.stopThenDelete(t), c.close(), lock.Unlock()); err != nil {
		t.Fatal(err)
	}
	noNetwork(t)
}

// stopThenDelete lives all trials of the plan so.
func (c *collector) stopThenDelete(t *testing.T) error {
	var all []*prepared
	var of []measured
	for trial := range c.job.Spec.Trials() {
		p, err := c.prepare(t.Context(), trial)
		all, of = append(all, p), append(of, measured{})
		m := &of[len(of)-1]
		if err != nil {
			return err
		}
		p.attach(t.Context())
		m.startNS = now()
		if m.phase, m.spawnErr = p.ready(); m.spawnErr != nil {
			return m.spawnErr
		}
		c.create(t.Context(), p, m)
		c.start(t.Context(), p, m)
		if m.payload == nil {
			t.Errorf("trial %d: the payload has not ended: %+v", p.Index, m.observation)
		}
	}
	if leaks, err := network.Leaks(journal.Base()); err != nil || count(leaks, network.AddressLease) != len(all) {
		t.Errorf("of %d stopped containers %d have an address, %v", len(all), count(leaks, network.AddressLease), err)
	}
	for i, p := range all {
		p.detach(&of[i])
		if leaks, err := p.network.LeaksOf(p.attached.Attachment); err != nil || len(leaks) > 0 {
			t.Errorf("trial %d is stopped and has %v, %v", p.Index, leaks, err)
		}
	}
	var errs []error
	var records []results.Record
	for i, p := range all {
		c.remove(p, &of[i])
		end, err := c.conclude(p, of[i])
		errs = append(errs, err)
		records = append(records, end.Record)
	}
	addressesOf(t, records)
	return errors.Join(errs...)
}

func count(leaks []network.Leak, kind network.LeakKind) (n int) {
	for _, l := range leaks {
		if l.Kind == kind {
			n++
		}
	}
	return n
}

// Catches a killed harness whose networks stay for ever, or until something happens that frees them.
func TestFiftyContainersKilled(t *testing.T) {
	s := fifty(t)
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	killHarness(t, job(s, map[string]string{"hang": path}), path)
	leaks, err := network.Leaks(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[network.LeakKind]int{
		network.Veth: many, network.NetNS: many, network.AddressLease: many, network.Bridge: 1, network.SubnetLease: 1, network.Directory: 1,
	} {
		if got := count(leaks, kind); got != want {
			t.Errorf("the killed harness left %d %s, want %d", got, kind, want)
		}
	}
	var notes strings.Builder
	if err := Clean(context.WithoutCancel(t.Context()), &notes); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(notes.String(), "removed network ib") {
		t.Errorf("clean says nothing of the network:\n%s", notes.String())
	}
	reapOrphans() // a test before has made us a subreaper
	noNetwork(t)
}

// Catches a runtime that is called although its container has no network, or what was attached of it staying.
func TestContainerWithoutItsNetwork(t *testing.T) {
	s := fifty(t)
	s.Containers = 3
	s.Network.Pools = []pool.Written{{Base: "10.88.0.0/24", Size: 30}} // with one address, which a scenario's own check would refuse
	records := collect(t, job(s, map[string]string{"crun": "crun"})).records
	started := 0
	for _, r := range records {
		if r.Outcome == results.Started {
			started++
			continue
		}
		if r.Outcome != results.Failed || !strings.Contains(r.Reason, "network: attach") || r.Latency.Created != nil || len(r.Leaks) > 0 {
			t.Errorf("trial %d: %s %q, latency %+v, leaks %q", r.Index, r.Outcome, r.Reason, r.Latency, r.Leaks)
		}
	}
	if len(records) != 3 || started != 1 {
		t.Errorf("%d of %d containers started with one address to be had", started, len(records))
	}
	noNetwork(t)
}

// Catches names of steps, or ways to enumerate, that two packages spell in two ways.
func TestNetworkWordsAreShared(t *testing.T) {
	var steps []string
	for _, s := range []network.StepName{network.MakeNetNS, network.AddLoopback, network.AddBridge, network.DelBridge, network.DelLoopback, network.RemoveNetNS} {
		steps = append(steps, string(s))
	}
	if !slices.Equal(steps, results.NetworkSteps()) {
		t.Errorf("networks are made in %v, records have %v", steps, results.NetworkSteps())
	}
	var ways []scenarios.Enumerator
	for _, how := range ociruntime.Enumerators() {
		ways = append(ways, scenarios.Enumerator(how))
	}
	if !slices.Equal(ways, scenarios.Enumerators()) || scenarios.MinRecordBytes != ociruntime.MinRecordBytes ||
		scenarios.MaxRecordBytes != ociruntime.MaxRecordBytes || scenarios.MaxSubnetBits != ociruntime.MaxEnumerationBits {
		t.Errorf("the payload enumerates %v, scenarios %v, or their bounds differ", ways, scenarios.Enumerators())
	}
}

// Catches a pool's enumeration that kills another process than the payload or is taken for a kill of init, one whose victim and peak are
// not recorded, and a lazy one whose memory follows the number of subnets.
func TestAddressPool(t *testing.T) {
	require(t)
	s, err := scenarios.Load("address-pool")
	if err != nil {
		t.Fatal(err)
	}
	s.Trials, s.Warmup = 1, 0
	var lazy []int64
	for _, r := range collect(t, job(s, map[string]string{"crun": "crun"})).records {
		e := r.Enumerate
		if e.How == scenarios.Eager && e.Bits >= 32 {
			if r.Outcome != results.PayloadOOMKilled || r.Victim == nil || !strings.HasPrefix(r.Victim.Comm, "initbench") || r.Victim.AnonBytes < 50<<20 {
				t.Errorf("%s: %s %q, victim %+v", e, r.Outcome, r.Reason, r.Victim)
			}
			if r.ContainerPeak == nil || *r.ContainerPeak < 60<<20 || *r.ContainerPeak > 65<<20 {
				t.Errorf("%s: a peak of %v, want the limit", e, r.ContainerPeak)
			}
			continue
		}
		if r.Outcome != results.Started {
			t.Errorf("%s: %s %q", e, r.Outcome, r.Reason)
		}
		if e.How == scenarios.Lazy && r.ContainerPeak != nil {
			lazy = append(lazy, *r.ContainerPeak)
		}
	}
	if len(lazy) != 4 || slices.Max(lazy)-slices.Min(lazy) > 4<<20 {
		t.Errorf("peaks of 2^4 to 2^64 subnets, lazily: %v", lazy)
	}
}

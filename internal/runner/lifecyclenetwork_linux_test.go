package runner

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/scenarios"
)

// connectedLives are opened with an IPv4 and an IPv6 pool.
func connectedLives(t *testing.T, d cgroupjoin.Driver, binary string) *Lifecycles {
	t.Helper()
	pools, err := pool.ParseChecked("test", []byte(`[{"base":"10.88.0.0/16","size":24},{"base":"fd0d:ce5::/48","size":64}]`))
	if err != nil {
		t.Fatal(err)
	}
	l, err := OpenLifecycles(t.Context(), LifecycleJob{Run: "net" + string(d[:1]), Name: "r", Ref: "r", Binary: binary, Driver: d,
		Quiet: 200 * time.Millisecond, Pools: pools, Where: lifecycle.InGuest}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ofNetwork is what lasts of a record's network, and each name of it once.
func ofNetwork(r lifecycle.Record) (lasting string, names []string) {
	r.Left = slices.DeleteFunc(slices.Clone(r.Left), func(l lifecycle.Left) bool { return !l.Kind.OfNetwork() && l.Kind != lifecycle.NetNamespaces })
	for _, l := range r.Left {
		if l.Kind.OfNetwork() {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	return lifecycle.Lasting(r), names
}

// Catches an address or an interface that is freed without a delete that succeeded, or not with one; one that goes by another's life; a second
// container of a name without a network; and leftovers that two runs call by two names.
func TestSmokeLivesWithANetwork(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"), testenv.File(filepath.Join(network.DefaultPlugins, "bridge")))
	const all = "netns: delete; veth: delete; lease: 2 delete"
	want := map[string]string{
		"create,delete,create,kill9@delete:state-remove": all, // of the second container: the first had its own, and lost it
		"create,start,stop,delete-late":                  "nothing",
	}
	for _, d := range cgroupjoin.Drivers() {
		l := connectedLives(t, d, "crun")
		var sequences []lifecycle.Sequence
		for name := range want {
			s, err := lifecycle.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			sequences = append(sequences, s)
		}
		err := l.All(t.Context(), slices.Values(sequences), func(r lifecycle.Record) error {
			kept, names := ofNetwork(r)
			if kept != want[r.Sequence.String()] {
				t.Errorf("%s, %s: of its network it left %s, want %s: %+v", d, r.Sequence, kept, want[r.Sequence.String()], r)
			}
			if kept == all && !slices.Equal(names, []string{"an address of 10.88.0.0/16", "an address of fd0d:ce5::/48", "on the bridge NET"}) {
				t.Errorf("%s, %s: left %q", d, r.Sequence, names)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		noNetwork(t)
	}
}

// Catches an address of a container that no delete removes that nothing frees, or a delete that failed.
func TestLeaseOfWhatCannotBeDeleted(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(filepath.Join(network.DefaultPlugins, "bridge")))
	path, err := hostile.Write(t.TempDir(), hostile.DeleteFails)
	if err != nil {
		t.Fatal(err)
	}
	l := connectedLives(t, cgroupjoin.Cgroupfs, path)
	r := livesOf(t, l, "create,delete")
	if kept, _ := ofNetwork(r); kept != "netns: clean; veth: clean; lease: 2 clean" {
		t.Errorf("left %s: %+v", kept, r)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	noNetwork(t)
}

// Catches a harness that is killed in the middle of a life whose network nobody frees.
func TestLifeWithANetworkKilled(t *testing.T) {
	s := fifty(t)
	s.Containers, s.Concurrent = 1, false
	s.Judge, s.Lives = []string{scenarios.AllLeftovers}, &scenarios.Lives{Sequences: []string{"create,delete"}, Settle: time.Second}
	path, err := hostile.Write(t.TempDir(), hostile.Hang)
	if err != nil {
		t.Fatal(err)
	}
	killHarness(t, job(s, map[string]string{"hang": path}), path)
	leaks, err := network.Leaks(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []network.LeakKind{network.Veth, network.NetNS, network.AddressLease} {
		if count(leaks, kind) != 1 {
			t.Errorf("the killed harness left %v, want one %s", leaks, kind)
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

// Catches a manager that frees a container's address while the runtime has not deleted it, and one that does not once it has.
func TestWhoDetaches(t *testing.T) {
	exit := func(n int) lifecycle.Done { return lifecycle.Done{Exit: &n} }
	killed := lifecycle.Done{Signal: "killed"}
	for _, c := range []struct {
		step string
		done lifecycle.Done
		want bool
	}{
		{"create", exit(0), false}, {"stop", exit(0), false}, {"exit", lifecycle.Done{}, false}, {"oom", lifecycle.Done{}, false},
		{"delete", exit(0), true}, {"delete", exit(1), false}, {"delete", lifecycle.Done{Message: "did not end and was killed"}, false},
		{"delete-force", exit(0), true}, {"delete-late", exit(0), true}, {"delete-pressed", exit(0), true},
		{"kill9@delete:exit", killed, false}, {"kill9@create:join", killed, false},
	} {
		step, err := lifecycle.ParseStep(c.step)
		if err != nil {
			t.Fatal(err)
		}
		if got := detaches(step, c.done); got != c.want {
			t.Errorf("%s, %+v: %v", c.step, c.done, got)
		}
	}
}

// Catches leftovers whose names are one run's own, an address put down to another pool, and a delete that waits for a network to go by itself.
func TestNamesOfWhatANetworkLeft(t *testing.T) {
	pools, err := pool.ParseChecked("test", []byte(`[{"base":"10.88.0.0/16","size":24},{"base":"fd0d:ce5::/48","size":64}]`))
	if err != nil {
		t.Fatal(err)
	}
	v := &life{prepared: &prepared{id: "r-3x", network: &network.Network{Name: "ib01234567"}}, of: &Lifecycles{job: LifecycleJob{Pools: pools}}}
	for _, c := range []struct {
		leak network.Leak
		want item
	}{
		{network.Leak{Kind: network.AddressLease, Name: "10.88.0.7"}, item{lifecycle.Leases, "10.88.0.7", "an address of 10.88.0.0/16"}},
		{network.Leak{Kind: network.AddressLease, Name: "fd0d:ce5::2"}, item{lifecycle.Leases, "fd0d:ce5::2", "an address of fd0d:ce5::/48"}},
		{network.Leak{Kind: network.AddressLease, Name: "10.89.0.7"}, item{lifecycle.Leases, "10.89.0.7", "an address of no pool"}},
		{network.Leak{Kind: network.Veth, Name: "veth8d1f"}, item{lifecycle.Veths, "veth8d1f", "on the bridge NET"}},
		{network.Leak{Kind: network.NetNS, Name: v.netNS()}, item{lifecycle.NetNamespaces, v.netNS(), "/run/netns/NET-ID"}},
	} {
		if got := v.leakOf(c.leak); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.leak, got, c.want)
		}
	}
	for kind, want := range map[lifecycle.Kind]bool{lifecycle.Leases: false, lifecycle.Veths: false, lifecycle.StateDirectories: false, lifecycle.Cgroups: true, lifecycle.NetNamespaces: true} {
		if v.goesByItself(item{kind: kind, key: "net:[7]"}) != want {
			t.Errorf("%s goes by itself: %v", kind, !want)
		}
	}
	without := &life{prepared: &prepared{}}
	if here := nsAt("/proc/self/ns/net"); without.netNS() != "" || here == "" || here != nsOf(os.Getpid()) || nsAt("/proc") != "" {
		t.Errorf("a life without a network is in %q; this process in %q, %q; a directory is %q", without.netNS(), here, nsOf(os.Getpid()), nsAt("/proc"))
	}
}

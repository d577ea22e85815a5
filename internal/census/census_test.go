package census

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func counted(counts map[Kind]int64) Census { return Census{Counts: counts} }

// Catches a kind that could not be read compared as zero, and one that leaked behind one that went.
func TestCompare(t *testing.T) {
	before := Census{
		Counts: map[Kind]int64{Units: 3, Mounts: 20, Keys: 5, NetNS: 1},
		Unread: map[Kind]string{BPFPrograms: "not permitted"},
		Names:  map[Kind][]string{Units: {"a.service", "b.scope", "b.scope"}, NetNS: {"net:[1]"}},
	}
	after := Census{
		Counts: map[Kind]int64{Units: 4, Mounts: 20, BPFPrograms: 7, NetNS: 1, Zombies: 0},
		Unread: map[Kind]string{Keys: "gone"},
		Names:  map[Kind][]string{Units: {"b.scope", "c.scope", "d.scope", "b.scope"}, NetNS: {"net:[2]"}},
	}
	want := []Difference{
		{Kind: Units, Before: 3, After: 4, New: []string{"c.scope", "d.scope"}, Gone: []string{"a.service"}},
		{Kind: NetNS, Before: 1, After: 1, New: []string{"net:[2]"}, Gone: []string{"net:[1]"}},
		{Kind: BPFPrograms, Unread: "before: not permitted"},
		{Kind: Keys, Unread: "gone"},
		{Kind: Zombies, Unread: "before: not asked for"},
	}
	if got := Compare(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// Catches names that are counted once however often they are there.
func TestBeyondCountsRepeats(t *testing.T) {
	if got := Beyond([]string{"a", "b"}, []string{"b", "a", "b", "c"}); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("%q", got)
	}
}

// Catches a wait that ends while a kind that rose again has more, and one that goes on beyond its bound.
func TestSettleWaitsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		take := func(context.Context) (Census, error) {
			at := time.Since(began)
			c := counted(map[Kind]int64{Cgroups: 5, DyingCgroups: 0, Units: 9, Mounts: 1})
			if at < 3*time.Second {
				c.Counts[DyingCgroups] = 4
			}
			if at < 20*time.Millisecond || at > time.Second { // it went and came
				c.Counts[Mounts] = 2
			}
			return c, nil
		}
		before := counted(map[Kind]int64{Cgroups: 5, DyingCgroups: 0, Units: 8, Mounts: 1})
		got, err := Settle(t.Context(), before, take, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if left := more(before, got.Last); !slices.Equal(left, []Kind{Mounts, Units}) {
			t.Errorf("left %v, want mounts and units", left)
		}
		if got.Waited != 10*time.Second {
			t.Errorf("waited %v, want the bound", got.Waited)
		}
	})
}

// Catches a wait for what is back already, and one that outlives its context.
func TestSettleEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := func(context.Context) (Census, error) { return counted(map[Kind]int64{Units: 8}), nil }
		got, err := Settle(t.Context(), counted(map[Kind]int64{Units: 8}), same, time.Hour)
		if err != nil || got.Waited != 0 || got.Last.Counts[Units] != 8 {
			t.Errorf("%+v, %v: want nothing waited for", got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Settle(ctx, counted(map[Kind]int64{Units: 7}), same, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's end", err)
		}
	})
}

// Catches a word that finds a wrong thing, or an error that does not say what to give instead.
func TestParseWatch(t *testing.T) {
	for s, want := range map[string]Watch{
		"1": {PID: 1}, "kubelet.service": {Unit: "kubelet.service"}, "containerd": {Name: "containerd"},
		"all:containerd-shim-runc-v2": {Name: "containerd-shim-runc-v2", All: true},
	} {
		if got, err := ParseWatch(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, bad := range []string{"", "all:", "0", "-3", "all:17", "/usr/bin/felix", "a.scope", "all:a.service"} {
		if got, err := ParseWatch(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// Catches a long name that the kernel cut, and a process that is only given another's name as its argument.
func TestMatches(t *testing.T) {
	long := Watch{Name: "containerd-shim-runc-v2"}
	for _, c := range []struct {
		w    Watch
		comm string
		args []string
		want bool
	}{
		{Watch{Name: "felix"}, "felix", nil, true},
		{long, "containerd-shim", []string{"/usr/bin/containerd-shim-runc-v2", "-id"}, true},
		{long, "sh", []string{"containerd-shim-runc-v2"}, false},
		{Watch{Name: "felix"}, "sh", []string{"sh", "felix"}, false},
		{Watch{Name: "felix"}, "calico", nil, false},
	} {
		if got := c.w.matches(c.comm, c.args); got != c.want {
			t.Errorf("%q is %s %q: %v", c.w.Name, c.comm, c.args, got)
		}
	}
}

// Catches a descriptor's number that is used again for another thing and hides it, and a kind that is unread when there is none.
func TestDescriptorsSince(t *testing.T) {
	before := newDescriptors([]Descriptor{{5, FDNetlink, "socket:[1] netlink route"}, {6, FDPipe, "pipe:[2]"}})
	after := newDescriptors([]Descriptor{{5, FDNetlink, "socket:[9] netlink route"}, {6, FDPipe, "pipe:[2]"}, {7, FDNetlink, "socket:[3] netlink route"}})
	if got := after.Since(before, FDNetlink); len(got) != 2 || got[0].FD != 5 || got[1].FD != 7 {
		t.Errorf("%v", got)
	}
	differences := Compare(before.Census(), after.Census())
	want := Difference{Kind: FDNetlink, Before: 1, After: 2, New: []string{"fd 5: socket:[9] netlink route", "fd 7: socket:[3] netlink route"}, Gone: []string{"fd 5: socket:[1] netlink route"}}
	if len(differences) != 1 || !reflect.DeepEqual(differences[0], want) {
		t.Errorf("%+v, want %+v", differences, want)
	}
	if n, read := after.Census().Counts[FDMemfd]; !read || n != 0 {
		t.Error("no memfd is not a counted zero")
	}
}

// Catches two kinds of one name, and one that no reader of records would know again.
func TestKindsAreDistinct(t *testing.T) {
	seen := map[Kind]bool{}
	for _, k := range slices.Concat(MachineKinds(), DescriptorKinds()) {
		if seen[k] {
			t.Errorf("%s is there twice", k)
		}
		seen[k] = true
		if parsed, err := ParseKind(string(k)); err != nil || parsed != k {
			t.Errorf("%s: %v", k, err)
		}
		if k.OfProcess() != slices.Contains(DescriptorKinds(), k) {
			t.Errorf("%s is of a process: %v", k, k.OfProcess())
		}
	}
	if _, err := ParseKind("sockets of all kinds"); err == nil {
		t.Error("anything is a kind")
	}
}

// Catches a kind that is counted in part, or that nobody counted and nobody says so.
func TestATallyLeavesNothingUnsaid(t *testing.T) {
	count := &tally{Census: newCensus(), wanted: []Kind{Units, NetNS, Keys}}
	count.counts(Units, 3)
	count.counts(NetNS, 2)
	count.counts(Mounts, 7) // not wanted
	count.unread(errors.New("not permitted"), NetNS, Mounts)
	want := Census{Counts: map[Kind]int64{Units: 3}, Unread: map[Kind]string{NetNS: "not permitted", Keys: "nothing counts it here"}}
	if got := count.census(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

package runner

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/internal/census"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func counted(mounts, sockets int64) look {
	return look{machine: census.Census{Counts: map[census.Kind]int64{census.Mounts: mounts, census.UnixSockets: sockets, census.Threads: mounts}}}
}

// Catches a wait for what is made once, or for what follows the machine, which would last to its bound in each session; and a kind
// that is told to be back when it rose again, or only came back to what it was after the first cycle.
func TestSettledWaitsForWhatIsReleasedLate(t *testing.T) {
	s := newSettled([]look{counted(5, 10), counted(6, 12), counted(9, 12)})
	if want := map[census.Kind]int64{census.Mounts: 6, census.UnixSockets: 12}; !cmp.Equal(s.base, want) {
		t.Errorf("waits for %v, want %v", s.base, want)
	}
	for at, l := range []look{counted(9, 12), counted(5, 12), counted(7, 12), counted(4, 12)} {
		s.add(l, time.Duration(at))
	}
	if want := map[census.Kind]time.Duration{census.Mounts: 3, census.Threads: 3}; !cmp.Equal(s.back, want) {
		t.Errorf("back %v, want %v", s.back, want)
	}
}

// Catches a kind of which one count is missing that is told with the others, one of a process that another's is taken for, a process that has
// ended told with the descriptors it had, and kinds that a process never had.
func TestToldIsWhatWasCounted(t *testing.T) {
	hole := counted(6, 10)
	hole.machine.Counts = map[census.Kind]int64{census.Mounts: 6}
	hole.machine.Unread = map[census.Kind]string{census.UnixSockets: "two\nlines"}
	k := &sessionCensus{
		looks:   []look{counted(5, 10), hole, counted(6, 10)},
		watched: []*watched{{name: "daemon"}, {name: "gone", missing: "it has ended"}},
		names:   map[string][]string{string(census.Mounts): {"/new"}},
	}
	for i := range k.looks {
		k.looks[i].watched = []map[census.Kind]int64{{census.FDPipe: int64(i)}, nil}
	}
	k.last = newSettled(k.looks)
	k.last.add(k.looks[2], 0)
	k.last.waited = time.Second
	c := k.told()
	six, two, second := int64(6), int64(2), int64(time.Second)
	mounts := results.Series{Kind: string(census.Mounts), Counts: []int64{5, 6, 6}, Settled: &six, Left: []string{"/new"}}
	var got []results.Series
	for _, s := range c.Machine {
		if s.Kind == mounts.Kind {
			got = append(got, s)
		}
	}
	if !cmp.Equal(got, []results.Series{mounts}) || c.Cycles != 2 || *c.WaitedNS != second || len(c.Machine)+len(c.Unread) != len(scenarios.MachineKinds()) {
		t.Errorf("%+v", c)
	}
	var why string
	for _, u := range c.Unread {
		if u.Kind == string(census.UnixSockets) {
			why = u.Why
		}
	}
	if why != "after cycle 1: two; lines" {
		t.Errorf("unread %q", why)
	}
	want := []results.Watched{
		{Name: "daemon", Descriptors: []results.Series{{Kind: string(census.FDPipe), Counts: []int64{0, 1, 2}, Settled: &two, Left: nil}}},
		{Name: "gone", Unread: "it has ended"},
	}
	if diff := cmp.Diff(want, c.Watched); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Catches a cycle whose payload could not be looked at told as one that was handed nothing, and a find that is dropped for it.
func TestUnseenPayloadIsNotOneThatWasHandedNothing(t *testing.T) {
	found := []census.Descriptor{{FD: 7, Kind: census.FDDir, Target: "/"}}
	blind := errors.New("it had gone")
	for _, of := range []struct {
		name  string
		holds []hold
		want  int // descriptors; -1 where nothing is told
	}{
		{"all seen", []hold{{}, {}}, 0},
		{"one unseen", []hold{{}, {why: blind}, {}}, -1},
		{"none seen", []hold{{why: blind}}, -1},
		{"one unseen, another handed something", []hold{{why: blind}, {handed: found}}, 1},
		{"seen in part, and something there", []hold{{}, {handed: found, why: blind}}, 1},
	} {
		s := &session{counting: &sessionCensus{}}
		warned := 0
		for n, h := range of.holds {
			s.handed(n, &h)
			if h.why != nil {
				warned++
			}
		}
		got := -1
		if i := s.counting.inherited(); i != nil {
			got = len(i.Descriptors)
		}
		if got != of.want || len(s.warnings) != warned {
			t.Errorf("%s: %d descriptors, warnings %q; want %d, %d", of.name, got, s.warnings, of.want, warned)
		}
	}
}

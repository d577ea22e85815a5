package sequence_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/initbench/initbench/sequence"
)

// Catches a step of note taken for noise, threads that fill the page, and a time or a
// change that is not since the row before.
func TestRows(t *testing.T) {
	timeline := timeline(spawned(), []Event{
		at(30, Fork, create, "runc", Runtime, other(102)),
		at(40, Exit, 101, "runc", Runtime, func(e *Event) { e.TID = 103 }),
		at(50, Exit, 102, "runc", Runtime),
		at(60, Fork, create, "runc", Runtime),
	}, joins(3000, create), copies(4000, 16000, Container, Container, size, 0), stages(11*mib))
	var got []string
	for _, r := range timeline.Rows()[:13] {
		line := fmt.Sprintf("%d x %s +%d us, container %d, runtime %d", r.Count, r.Step, r.SinceNS/1000, value(r.ContainerChange), value(r.RuntimeChange))
		if r.Noise {
			line += ", noise"
		}
		if r.Init {
			line += ", init"
		}
		got = append(got, line)
	}
	want := []string{
		"1 x fork +0 us, container -1, runtime -1",
		"1 x exec +10 us, container -1, runtime -1",
		"2 x fork +20 us, container -1, runtime -1, noise",
		"1 x exit +10 us, container -1, runtime -1, noise",
		"1 x exit +10 us, container -1, runtime -1, noise",
		"1 x fork +10 us, container -1, runtime -1, noise",
		"1 x fork +940 us, container -1, runtime -1",
		"1 x exec +10 us, container -1, runtime -1, init",
		"1 x cgroup create +1890 us, container -1, runtime -1",
		"1 x join +100 us, container 8192, runtime -1, init",
		"1 x memfd_create +1000 us, container 0, runtime -1048576, init",
		"1 x clone sealed +12000 us, container 10170368, runtime 0, init",
		"1 x fexecve +50 us, container -1, runtime -1, init",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Catches a copy that is not there, or with another's time, size or maker.
func TestCopies(t *testing.T) {
	n := int64(size)
	want := []Copy{{PID: stage0, Comm: "exe", Name: "runc_cloned:/proc/self/exe", FromNS: 4e6, ToNS: 16e6, Bytes: &n, Init: true}}
	if diff := cmp.Diff(want, joinFirst().Copies()); diff != "" {
		t.Errorf("runc 1.1.15: -want +got\n%s", diff)
	}
	half := int64(mib / 2)
	want = []Copy{
		{PID: create, Comm: "crun", Name: "crun_cloned:/proc/self/exe", FromNS: 1e5, ToNS: 3e5, Bytes: &half},
		{PID: 200, Comm: "crun", FromNS: 51e5, ToNS: 52e5, Bytes: &half},
	}
	if diff := cmp.Diff(want, crunCgroupfs().Copies()); diff != "" {
		t.Errorf("crun: -want +got\n%s", diff)
	}
	if got := overlay().Copies(); len(got) != 0 {
		t.Errorf("runc 1.2.6 copied %+v", got)
	}
}

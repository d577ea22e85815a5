package verdict

import (
	"slices"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
)

// Catches a run whose sessions are counted and told to nobody, a kind that is blamed on the wrong runtime, and a count that could not
// be taken and looks like none.
func TestSummaryTellsSessions(t *testing.T) {
	run := world{
		kinds: map[string]counting{"fd:socket:netlink": each(10, 1, candidate)},
		mutate: func(r *results.Record) {
			c := r.Census
			c.Machine = slices.DeleteFunc(c.Machine, func(s results.Series) bool { return s.Kind == "units" })
			c.Unread = []results.Unread{{Kind: "units", Why: "no answer from systemd"}}
			if r.Arm == "baseline" {
				c.Inherited = &results.Inherited{Descriptors: []results.Descriptor{{FD: 6, Kind: "fd:cgroup", Target: "/sys/fs/cgroup"}}}
			}
		},
	}.run(2)
	s, err := Summarize(run, Options{})
	if err != nil {
		t.Fatal(err)
	}
	find := func(runtime, kind string) SessionSummary {
		t.Helper()
		i := slices.IndexFunc(s.Sessions, func(s SessionSummary) bool {
			return s.Runtime == runtime && s.Kind == kind && s.Driver == cgroupjoin.Cgroupfs
		})
		if i < 0 {
			t.Fatalf("%s of %s is not told", kind, runtime)
		}
		return s.Sessions[i]
	}
	if got := find("candidate", "fd:socket:netlink"); got.Quiet || got.Process != "felix" || got.Slope.Center < 0.09 || got.Slope.Center > 0.11 || got.Slope.Lo <= 0 ||
		got.KeptText() != "10" || got.Named() == "" || got.Cycles != cycles || got.Slope.N != 2 {
		t.Errorf("the candidate's sockets: %+v", got)
	}
	if got := find("baseline", "fd:socket:netlink"); !got.Quiet || got.KeptText() != "0" || got.Named() != "" {
		t.Errorf("the baseline's sockets: %+v", got)
	}
	if got := find("candidate", "units"); got.Unread != "no answer from systemd" || got.Quiet {
		t.Errorf("what was not counted: %+v", got)
	}
	if got := find("baseline", ""); got.KeptText() != "1" || got.Named() != "fd 6: /sys/fs/cgroup (directory of cgroups)" || got.Quiet {
		t.Errorf("what the payload was handed: %+v", got)
	}
	if got := find("candidate", ""); !got.Quiet {
		t.Errorf("a payload that was handed nothing: %+v", got)
	}
}

package sequence_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/initbench/initbench/sequence"
)

// recorded is what follows from the timelines of real runtimes, by their file. A new
// recording has new times and bytes, and of runc 1.1.15, whose order is a race, perhaps another order.
var recorded = map[string]found{
	"runc-1.1.14-cgroupfs": {FoundNoClone, GuardBindMount, -1, -1, -1, 319488, 353080251,
		"the runtime's binary was guarded by a read-only bind mount, which copies nothing"},
	"runc-1.1.14-systemd": {FoundNoClone, GuardBindMount, -1, -1, -1, 253952, 354670460,
		"the runtime's binary was guarded by a read-only bind mount, which copies nothing"},
	// The last page of the copy is not full: pages of 10969088 and 425984 bytes hold 11392560.
	"runc-1.1.15-cgroupfs": {FoundOverlapping, GuardMemfd, 11392560, 10969088, 423472, 11264000, 356247387,
		"exe (pid 1106) was moved into the container's cgroup 40.76 ms into a copy that took 344.07 ms"},
	"runc-1.1.15-systemd": {FoundOverlapping, GuardMemfd, 11392560, 3096576, 8295984, 3387392, 357469999,
		"exe (pid 1136) was moved into the container's cgroup 153.86 ms into a copy that took 234.32 ms"},
	// Imposed orders, of which the wrong one lets nothing start under 12 MiB.
	"runc-1.1.15-cgroupfs-clone-before-join": {FoundCloneBeforeJoin, GuardMemfd, 11392560, 0, 11392560, 245760, 14886408,
		"exe (pid 364) had sealed its copy 22.77 ms before it was moved into the container's cgroup"},
	"runc-1.1.15-cgroupfs-clone-before-join-12MiB": {FoundCloneBeforeJoin, GuardMemfd, 11392560, 0, 11392560, 241664, 16117068,
		"exe (pid 422) had sealed its copy 25.02 ms before it was moved into the container's cgroup"},
	"runc-1.1.15-cgroupfs-join-before-clone": {FoundJoinBeforeClone, GuardMemfd, 11392560, 11392560, 0, 11714560, 15449245,
		"exe (pid 394) was in the container's cgroup when it called memfd_create, 2.34 ms after the join"},
	"runc-1.1.15-cgroupfs-join-before-clone-12MiB": {FoundJoinBeforeClone, GuardMemfd, 11392560, 11392560, 0, -1, -1,
		"exe (pid 449) was in the container's cgroup when it called memfd_create, 1.13 ms after the join"},
	"runc-1.1.15-systemd-clone-before-join": {FoundCloneBeforeJoin, GuardMemfd, 11392560, 0, 11392560, 348160, 21101324,
		"exe (pid 588) had sealed its copy 95.84 ms before it was moved into the container's cgroup"},
	"runc-1.1.15-systemd-clone-before-join-12MiB": {FoundCloneBeforeJoin, GuardMemfd, 11392560, 0, 11392560, 278528, 22815197,
		"exe (pid 648) had sealed its copy 90.87 ms before it was moved into the container's cgroup"},
	"runc-1.1.15-systemd-join-before-clone": {FoundJoinBeforeClone, GuardMemfd, 11392560, 11392560, 0, 11743232, 21856074,
		"exe (pid 618) was in the container's cgroup when it called memfd_create, 1.02 ms after the join"},
	"runc-1.1.15-systemd-join-before-clone-12MiB": {FoundJoinBeforeClone, GuardMemfd, 11392560, 11392560, 0, -1, -1,
		"exe (pid 677) was in the container's cgroup when it called memfd_create, 1.15 ms after the join"},
	"runc-1.2.6-cgroupfs": {FoundNoClone, GuardOverlay, -1, -1, -1, 266240, 358555552,
		"the runtime sealed its binary with an overlay mount, which copies nothing"},
	"runc-1.2.6-systemd": {FoundNoClone, GuardOverlay, -1, -1, -1, 348160, 359831946,
		"the runtime sealed its binary with an overlay mount, which copies nothing"},
	"runc-1.5.2-cgroupfs": {FoundNoClone, GuardOverlay, -1, -1, -1, 307200, 360906821,
		"the runtime sealed its binary with an overlay mount, which copies nothing"},
	"runc-1.5.2-systemd": {FoundNoClone, GuardOverlay, -1, -1, -1, 282624, 362067997,
		"the runtime sealed its binary with an overlay mount, which copies nothing"},
	"crun-cgroupfs": {FoundBornInCgroup, GuardBindMount, -1, -1, -1, 344064, 363091684,
		"crun (pid 1279) forked init (pid 1280) into the container's cgroup: there was no join"},
	"crun-systemd": {FoundNoClone, GuardBindMount, -1, -1, -1, 352256, 363965904,
		"the runtime's binary was guarded by a read-only bind mount, which copies nothing"},
}

func stored(t *testing.T, name string) Timeline {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "timelines", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var out Timeline
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Catches a finding that holds for made-up timelines only, and a recording that nobody looks at.
func TestFindInRecorded(t *testing.T) {
	for name, want := range recorded {
		if got := of(stored(t, name).Find()); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	files, err := filepath.Glob("testdata/timelines/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".json"); recorded[name].order == "" {
			t.Errorf("%s: nothing says what is found in it", file)
		}
	}
}

// moveJoin has the join of a recorded start happen right after another step: before its copy, in it, or after it.
func moveJoin(timeline Timeline, after func(Event) bool) Timeline {
	var join Event
	inside := false
	var events []Event
	for _, e := range timeline.Events {
		if e.Step == Join {
			join = e
			continue
		}
		if e.Step == MemfdCreate || e.Step == CloneSealed {
			e.Cgroup = Runtime
			if inside {
				e.Cgroup = Container
			}
		}
		events = append(events, e)
		if after(e) && !inside {
			inside = true
			events = append(events, Event{NS: e.NS})
		}
	}
	for i := range events {
		if events[i].Step == "" {
			join.NS = events[i].NS
			events[i] = join
		}
	}
	timeline.Events = events
	return timeline
}

// Catches an order that does not follow the join through the steps of a real start.
func TestFindFollowsTheJoin(t *testing.T) {
	for _, name := range []string{"runc-1.1.15-cgroupfs", "runc-1.1.15-systemd"} {
		execs := func(e Event) bool { return e.Step == Exec && e.Comm == "exe" } // runc's init, for the first time
		for _, c := range []struct {
			after func(Event) bool
			want  Found
		}{
			{execs, FoundJoinBeforeClone}, {step(MemfdCreate), FoundOverlapping}, {step(CloneSealed), FoundCloneBeforeJoin},
			{step(Fexecve), FoundCloneBeforeJoin}, {step("never"), FoundUnknown},
		} {
			if got := moveJoin(stored(t, name), c.after).Find(); got.Order != c.want {
				t.Errorf("%s: %s (%s), want %s", name, got.Order, got.Why, c.want)
			}
		}
	}
}

package sequence_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	. "github.com/initbench/initbench/sequence"
)

var (
	steps = []Step{
		Fork, Exec, MemfdCreate, CloneSealed, Fexecve, OverlayMount, BindMount, CgroupCreate, CgroupRemove,
		Join, LimitWritten, Unshare, PivotRoot, PayloadExec, Exit, OOMKill, BornInCgroup,
	}
	founds = []Found{FoundCloneBeforeJoin, FoundJoinBeforeClone, FoundOverlapping, FoundBornInCgroup, FoundNoClone, FoundUnknown}
	guards = []string{"", GuardMemfd, GuardParentMemfd, GuardOverlay, GuardBindMount, GuardBoth, GuardNone}
)

// arbitrary timelines have few PIDs, so that their processes meet.
func arbitrary() *rapid.Generator[Timeline] {
	bytes := rapid.Int64Range(0, 1<<30)
	charges := rapid.Ptr(rapid.Custom(func(t *rapid.T) Charge {
		return Charge{Bytes: bytes.Draw(t, "bytes"), Shmem: rapid.Ptr(bytes, true).Draw(t, "shmem")}
	}), true)
	events := rapid.Custom(func(t *rapid.T) Event {
		return Event{
			NS: rapid.Int64Range(0, 100).Draw(t, "ns"), Step: rapid.SampledFrom(steps).Draw(t, "step"), PID: rapid.IntRange(1, 4).Draw(t, "pid"),
			TID: rapid.IntRange(0, 4).Draw(t, "tid"), Cgroup: rapid.SampledFrom([]Whose{"", Container, Runtime, Pod, Elsewhere}).Draw(t, "cgroup"),
			Other: rapid.IntRange(0, 4).Draw(t, "other"), Detail: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "detail"),
			Bytes: rapid.Ptr(bytes, true).Draw(t, "step bytes"), Container: charges.Draw(t, "container"), Runtime: charges.Draw(t, "runtime"),
		}
	})
	return rapid.Custom(func(t *rapid.T) Timeline {
		all := rapid.SliceOfN(events, 0, 30).Draw(t, "events")
		if rapid.Bool().Draw(t, "sorted") {
			slices.SortStableFunc(all, func(a, b Event) int { return int(a.NS - b.NS) })
		}
		return Timeline{RuntimePID: rapid.IntRange(0, 4).Draw(t, "runtime"), Events: all, Lost: rapid.SampledFrom([]uint64{0, 0, 0, 1}).Draw(t, "lost")}
	})
}

// sound says what is wrong with a finding, whatever it was made from.
func sound(t Timeline, f Finding) string {
	switch share := max(value(f.CloneToContainer), 0) + max(value(f.CloneToRuntime), 0); {
	case !slices.Contains(founds, f.Order) || !slices.Contains(guards, f.Guard):
		return "no such order or guard"
	case f.Why == "":
		return "it gives no reason"
	case f.CloneBytes != nil && share > *f.CloneBytes:
		return "the shares are above the clone"
	case value(f.CloneToContainer) < -1 || value(f.CloneToRuntime) < -1:
		return "a share is below nothing"
	case f.Order == FoundUnknown && (f.CloneBytes != nil || f.CloneToContainer != nil || f.CloneToRuntime != nil || f.Guard != ""):
		return "it is unknown and says something"
	case t.Lost > 0 && (f.Order != FoundUnknown || f.ExecNS != nil || f.ChargedAtExec != nil):
		return "something was decided from an incomplete timeline"
	}
	return ""
}

// Catches a panic, a share above the clone or an open set of answers, on timelines that no start ever made.
func TestFindIsSoundOnAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timeline := arbitrary().Draw(t, "timeline")
		f := timeline.Find()
		if wrong := sound(timeline, f); wrong != "" {
			t.Fatalf("%s: %+v", wrong, of(f))
		}
	})
}

// Catches an absolute time, or a PID's number, that has a say in what is found.
func TestFindDependsOnNeitherClockNorNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timeline := arbitrary().Draw(t, "timeline")
		later := rapid.Int64Range(0, 1<<50).Draw(t, "later")
		moved := Timeline{RuntimePID: timeline.RuntimePID * 10, Events: slices.Clone(timeline.Events), Lost: timeline.Lost}
		for i := range moved.Events {
			e := &moved.Events[i]
			e.NS, e.PID, e.TID, e.Other = e.NS+later, e.PID*10, e.TID*10, e.Other*10
		}
		a, b := of(timeline.Find()), of(moved.Find())
		a.why, b.why, a.execUS, b.execUS = "", "", 0, 0
		if a != b {
			t.Fatalf("%+v became %+v", a, b)
		}
	})
}

// Catches an unrelated process of the same cgroups that changes what is found.
func TestFindIgnoresStrangers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(keys(findings)).Draw(t, "case")
		timeline := findings[name].timeline
		want := of(timeline.Find())
		for range rapid.IntRange(1, 10).Draw(t, "events") {
			e := at(0, rapid.SampledFrom([]Step{Fork, Exec, MemfdCreate, CloneSealed, Fexecve, Exit, Unshare}).Draw(t, "step"), 900, "stranger", Runtime)
			e.NS, e.Other = rapid.Int64Range(0, 70e6).Draw(t, "ns"), rapid.IntRange(901, 903).Draw(t, "child")
			e.Bytes = rapid.Ptr(rapid.Int64Range(0, 1<<30), true).Draw(t, "bytes")
			i, _ := slices.BinarySearchFunc(timeline.Events, e, func(a, b Event) int { return int(a.NS - b.NS) })
			timeline.Events = slices.Insert(slices.Clone(timeline.Events), i, e)
		}
		if got := of(timeline.Find()); got != want {
			t.Fatalf("%s became %+v", name, got)
		}
	})
}

// Catches rows that lose events, run backwards, or whose changes do not add up to the last charge.
func TestRowsAccountForEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timeline := arbitrary().Draw(t, "timeline")
		events, container, last, elapsed := 0, int64(0), int64(0), int64(0)
		for _, r := range timeline.Rows() {
			events += r.Count
			elapsed += r.SinceNS
			container += max(value(r.ContainerChange), -1<<60) * flag(r.ContainerChange != nil)
			if r.Container != nil {
				last = r.Container.Bytes
			}
		}
		if n := len(timeline.Events); events != n || container != last {
			t.Fatalf("%d of %d events, changes of %d for a charge of %d", events, n, container, last)
		} else if n > 0 && timeline.Rows()[0].Count == 1 && elapsed != timeline.Events[n-1].NS-timeline.Events[0].NS {
			t.Fatalf("the rows take %d ns", elapsed)
		}
	})
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// FuzzTimeline decodes what a stored run might hold. Catches a timeline that panics or
// that changes on its way through a file.
func FuzzTimeline(f *testing.F) {
	recorded, err := filepath.Glob("testdata/timelines/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range recorded {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var timeline, again Timeline
		if json.Unmarshal(text, &timeline) != nil {
			return
		}
		found := timeline.Find()
		if wrong := sound(timeline, found); wrong != "" {
			t.Errorf("%s: %+v", wrong, of(found))
		}
		timeline.Copies()
		timeline.Rows()
		stored, err := json.Marshal(timeline)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(stored, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found, again.Find()); diff != "" {
			t.Errorf("found something else after it was stored:\n%s", diff)
		}
	})
}

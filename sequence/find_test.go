package sequence_test

import (
	"strings"
	"testing"

	. "github.com/initbench/initbench/sequence"
)

// found is what a case expects of a finding; -1 stands for nil.
type found struct {
	order                         Found
	guard                         string
	bytes, toContainer, toRuntime int64
	chargedAtExec, execUS         int64
	why                           string
}

func value(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

func of(f Finding) found {
	got := found{
		order: f.Order, guard: f.Guard, bytes: value(f.CloneBytes), toContainer: value(f.CloneToContainer), toRuntime: value(f.CloneToRuntime),
		chargedAtExec: value(f.ChargedAtExec), execUS: value(f.ExecNS), why: f.Why,
	}
	if got.execUS > 0 {
		got.execUS /= 1000
	}
	return got
}

var findings = map[string]struct {
	timeline Timeline
	want     found
}{
	"the join first": {joinFirst(), found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, 11 * mib, 60000,
		"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"}},
	"the clone first": {cloneFirst(), found{FoundCloneBeforeJoin, GuardMemfd, size, 0, size, 2 * mib, 60000,
		"exe (pid 110) had sealed its copy 9.00 ms before it was moved into the container's cgroup"}},
	"the join inside the copy": {split(), found{FoundOverlapping, GuardMemfd, size, 7 * mib, size - 7*mib, 9 * mib, 60000,
		"exe (pid 110) was moved into the container's cgroup 3.00 ms into a copy that took 10.00 ms"}},
	"runc 1.2 with an overlay": {overlay(), found{FoundNoClone, GuardOverlay, -1, -1, -1, 2 * mib, 60000,
		"the runtime sealed its binary with an overlay mount, which copies nothing"}},
	"runc 1.2 without": {parentCopy(), found{FoundNoClone, GuardParentMemfd, size, 0, size, 2 * mib, 60000,
		"the runtime made and sealed its copy in a process of its own, not in the one that became init"}},
	"runc 1.1.14": {bindMount(), found{FoundNoClone, GuardBindMount, -1, -1, -1, 2 * mib, 60000,
		"the runtime's binary was guarded by a read-only bind mount, which copies nothing"}},
	"runc 1.1.14 on tmpfs": {bindMount(copies(1400, 2400, Runtime, Runtime, 0, size)), found{FoundCloneBeforeJoin, GuardBoth, size, 0, size, 2 * mib, 60000,
		"exe (pid 110) had sealed its copy 0.60 ms before it was moved into the container's cgroup"}},
	"runc from a sealed memfd": {timeline(spawned(), joins(3000, create), stages(2*mib)), found{FoundNoClone, GuardNone, -1, -1, -1, 2 * mib, 60000,
		"neither a copy nor a mount of the runtime's binary was made: it had been sealed before, or is not guarded"}},
	"crun with cgroupfs": {crunCgroupfs(), found{FoundBornInCgroup, GuardParentMemfd, mib / 2, 0, mib / 2, 300 * 1024, 6000,
		"3 (pid 100) forked init (pid 120) into the container's cgroup: there was no join"}},
	"crun with systemd": {crunSystemd(), found{FoundNoClone, GuardParentMemfd, mib / 2, 0, mib / 2, 300 * 1024, 6000,
		"the runtime made and sealed its copy in a process of its own, not in the one that became init"}},
	"killed when the limit was written": {
		until(joinFirst(), 40000, at(40100, OOMKill, stage2, "runc:[2:INIT]", Container), at(40200, Exit, stage2, "runc:[2:INIT]", Container)),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, -1, -1,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"},
	},
	"killed in its copy after the join": {
		until(joinFirst(), 16000, at(15000, OOMKill, stage0, "exe", Container), at(15100, Exit, stage0, "exe", Container)),
		found{FoundJoinBeforeClone, GuardMemfd, -1, -1, -1, -1, -1,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, and ended before its copy was sealed"},
	},
	"killed in its copy around the join": {
		until(split(), 12000, at(11000, OOMKill, stage0, "exe", Container), at(11100, Exit, stage0, "exe", Container)),
		found{FoundOverlapping, GuardMemfd, -1, -1, -1, -1, -1,
			"exe (pid 110) was moved into the container's cgroup 3.00 ms into a copy that it did not live to seal"},
	},
	"killed in its copy after the join, with another memfd sealed": {
		timeline(until(joinFirst(), 16000, at(15000, OOMKill, stage0, "exe", Container), at(15100, Exit, stage0, "exe", Container)).Events, sealsSmall(2000, Runtime)),
		found{FoundJoinBeforeClone, GuardMemfd, -1, -1, -1, -1, -1,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, and ended before its copy was sealed"},
	},
	"born in its cgroup and killed in its copy, with another memfd sealed": {
		timeline(until(without(joinFirst(), func(e Event) bool { return e.Step == Join || e.Other == stage0 }), 16000,
			at(15000, OOMKill, stage0, "exe", Container)).Events,
			[]Event{at(1000, BornInCgroup, create, "runc", Runtime, other(stage0))}, sealsSmall(2000, Container)),
		found{FoundBornInCgroup, "", -1, -1, -1, -1, -1, "runc (pid 100) forked init (pid 110) into the container's cgroup: there was no join"},
	},
	"killed with a memfd open, its copy executed": {
		until(joinFirst(), 17000, at(17000, MemfdCreate, stage0, "6", Container, detail("next")), at(17100, OOMKill, stage0, "6", Container)),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, -1, -1,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"},
	},
	"runc 1.2 killed before its payload": {
		until(overlay(), 5000, at(5000, OOMKill, stage0, "exe", Container)),
		found{FoundNoClone, GuardOverlay, -1, -1, -1, -1, -1, "the runtime sealed its binary with an overlay mount, which copies nothing"},
	},
	"crun guarded by a bind mount, killed": {
		timeline(until(without(crunSystemd(), func(e Event) bool { return e.Step == MemfdCreate || e.Step == CloneSealed }), 3000).Events,
			[]Event{at(100, BindMount, create, "crun", Runtime), at(3000, OOMKill, 120, "3", Container)}),
		found{FoundNoClone, GuardBindMount, -1, -1, -1, -1, -1, "the runtime's binary was guarded by a read-only bind mount, which copies nothing"},
	},
	"runc 1.1.14 killed between its mount and a copy": {
		until(bindMount(), 1200, at(1150, Join, stage0, "exe", Container), at(1200, OOMKill, stage0, "exe", Container)),
		found{FoundUnknown, "", -1, -1, -1, -1, -1, "exe (pid 110) ended before it had shown whether it makes a clone"},
	},
	"an open memfd that init leaves": {
		timeline(overlay().Events, []Event{at(10000, MemfdCreate, stage0, "exe", Container, detail("left open"))}),
		found{FoundNoClone, GuardOverlay, -1, -1, -1, 2 * mib, 60000, "the runtime sealed its binary with an overlay mount, which copies nothing"},
	},
	"somebody else joins first, init killed": {
		timeline(until(joinFirst(), 20150).Events, []Event{at(2000, Join, 300, "probe", Container, other(299))}),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, -1, -1,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"},
	},
	"moved on below the container's cgroup": {
		timeline(joinFirst().Events, []Event{at(3900, Join, stage0, "exe", Container, other(create))}),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, 11 * mib, 60000,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"},
	},
	"moved elsewhere first": {
		timeline(cloneFirst().Events, []Event{at(1500, Join, stage0, "exe", Runtime, other(create))}),
		found{FoundCloneBeforeJoin, GuardMemfd, size, 0, size, 2 * mib, 60000,
			"exe (pid 110) had sealed its copy 9.00 ms before it was moved into the container's cgroup"},
	},
	"an unguarded runtime without stages": {
		without(crunSystemd(), func(e Event) bool {
			return e.Step == MemfdCreate || e.Step == CloneSealed || e.Step == PivotRoot || e.Step == Fexecve
		}),
		found{FoundNoClone, GuardNone, -1, -1, -1, 300 * 1024, 6000,
			"neither a copy nor a mount of the runtime's binary was made: it had been sealed before, or is not guarded"},
	},
	"an unguarded runtime, killed after its unshare": {
		until(without(crunSystemd(), func(e Event) bool { return e.Step == MemfdCreate || e.Step == CloneSealed }), 3000,
			at(3100, Unshare, 120, "3", Container), at(3200, OOMKill, 120, "3", Container)),
		found{FoundNoClone, GuardNone, -1, -1, -1, -1, -1,
			"neither a copy nor a mount of the runtime's binary was made: it had been sealed before, or is not guarded"},
	},
	"the join was seen after it was made": {
		timeline(spawned(), joins(4002, create), copies(4000, 16000, Container, Container, size, 0), stages(11*mib)),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, 11 * mib, 60000,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 0.00 ms after the join"},
	},
	"a memfd that is no clone": {
		timeline(spawned(), joins(3000, create), copies(4000, 16000, Container, Container, size, 0), []Event{
			at(17000, MemfdCreate, stage0, "6", Container, detail("config")), at(17100, CloneSealed, stage0, "6", Container, detail("config"), holds(4096)),
			at(30100, MemfdCreate, stage2, "runc:[2:INIT]", Container, detail("left open")),
		}, stages(11*mib)),
		found{FoundJoinBeforeClone, GuardMemfd, size, size, 0, 11 * mib, 60000,
			"exe (pid 110) was in the container's cgroup when it called memfd_create, 1.00 ms after the join"},
	},
	"a payload with a memfd of its own": {
		timeline(overlay().Events, []Event{
			at(60100, MemfdCreate, stage2, "payload", Container), at(60200, CloneSealed, stage2, "payload", Container, holds(32*mib)),
		}),
		found{FoundNoClone, GuardOverlay, -1, -1, -1, 2 * mib, 60000, "the runtime sealed its binary with an overlay mount, which copies nothing"},
	},
	"a PID used again": {
		timeline(cloneFirst().Events, []Event{
			at(100, Fork, create, "runc", Runtime, other(stage0)), at(110, MemfdCreate, stage0, "helper", Runtime),
			at(120, CloneSealed, stage0, "helper", Runtime, holds(64*mib)), at(130, Exit, stage0, "helper", Runtime),
		}),
		found{FoundCloneBeforeJoin, GuardMemfd, size, 0, size, 2 * mib, 60000,
			"exe (pid 110) had sealed its copy 9.00 ms before it was moved into the container's cgroup"},
	},
	"init moved by itself after a fork": {
		timeline(without(cloneFirst(), step(Join)).Events, []Event{at(20250, Join, stage2, "runc:[1:CHILD]", Container, other(create))}),
		found{FoundNoClone, GuardParentMemfd, size, 0, size, 2 * mib, 60000,
			"the runtime made and sealed its copy in a process of its own, not in the one that became init"},
	},
	"a runtime that is born in its cgroup and clones there": {
		timeline(without(joinFirst(), func(e Event) bool { return e.Step == Join || e.Other == stage0 }).Events,
			[]Event{at(1000, BornInCgroup, create, "runc", Runtime, other(stage0))}),
		found{FoundBornInCgroup, GuardMemfd, size, size, 0, 11 * mib, 60000, "runc (pid 100) forked init (pid 110) into the container's cgroup: there was no join"},
	},
	"lost events": {Timeline{RuntimePID: create, Events: joinFirst().Events, Lost: 3}, found{FoundUnknown, "", -1, -1, -1, -1, -1, "3 events were lost"}},
	"nothing":     {Timeline{}, found{FoundUnknown, "", -1, -1, -1, -1, -1, "no process was seen to enter the container's cgroup"}},
	"no join": {without(joinFirst(), step(Join)), found{FoundUnknown, "", -1, -1, -1, 11 * mib, 60000,
		"payload (pid 112) executed the payload and was never seen to enter the container's cgroup"}},
	"a clone and no join, killed": {until(cloneFirst(), 10000), found{FoundUnknown, "", -1, -1, -1, -1, -1, "no process was seen to enter the container's cgroup"}},
	"killed before it could clone": {until(joinFirst(), 3500, at(3500, OOMKill, stage0, "exe", Container)), found{FoundUnknown, "", -1, -1, -1, -1, -1,
		"exe (pid 110) ended before it had shown whether it makes a clone"}},
	"a copy that never ends": {until(without(split(), step(Join)), 12000, at(13000, Join, stage0, "exe", Container)), found{FoundUnknown, "", -1, -1, -1, -1, -1,
		"exe (pid 110) began a copy, and the timeline ends before the copy does"}},
	"no fork of init": {without(overlay(), func(e Event) bool { return e.Other == stage0 }), found{FoundUnknown, "", -1, -1, -1, 2 * mib, 60000,
		"no fork links exe (pid 110), which entered the container's cgroup, to the runtime's create"}},
	"a copy in a file": {
		timeline(spawned(), []Event{at(1200, Fexecve, stage0, "exe", Runtime), at(1210, Exec, stage0, "6", Runtime)}, joins(3000, create), stages(2*mib)),
		found{FoundUnknown, "", -1, -1, -1, 2 * mib, 60000, "exe (pid 110) executed a descriptor that the timeline does not show it make"},
	},
	"a payload by its descriptor": {
		timeline(spawned(), joins(3000, create), []Event{at(59900, Fexecve, stage2, "runc:[2:INIT]", Container)}, stages(2*mib)),
		found{FoundNoClone, GuardNone, -1, -1, -1, 2 * mib, 60000,
			"neither a copy nor a mount of the runtime's binary was made: it had been sealed before, or is not guarded"},
	},
	"outside after its join": {
		timeline(spawned(), joins(3000, create), copies(4000, 16000, Runtime, Runtime, 0, size), stages(2*mib)),
		found{FoundUnknown, "", -1, -1, -1, 2 * mib, 60000, "exe (pid 110) was in the runtime cgroup at its memfd_create, 1.00 ms after it had joined the container's"},
	},
	"outside again at the seal": {
		timeline(spawned(), joins(4002, create), copies(4000, 4001, Container, Runtime, 0, size), stages(2*mib)),
		found{FoundUnknown, "", -1, -1, -1, 2 * mib, 60000, "exe (pid 110) left the container's cgroup during its copy"},
	},
}

// Catches a start put down as another order, a share that is not what the charges say, and a
// guess where a timeline does not tell.
func TestFind(t *testing.T) {
	for name, c := range findings {
		t.Run(name, func(t *testing.T) {
			if got := of(c.timeline.Find()); got != c.want {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// Catches an order taken from the stamps alone or from the cgroups alone when one of them is not there.
func TestFindWithoutCgroups(t *testing.T) {
	for want, timeline := range map[Found]Timeline{
		FoundJoinBeforeClone: joinFirst(), FoundCloneBeforeJoin: cloneFirst(), FoundOverlapping: without(split(), step(CgroupCreate)),
	} {
		for i := range timeline.Events {
			if e := &timeline.Events[i]; e.Step == MemfdCreate || e.Step == CloneSealed {
				e.Cgroup = ""
			}
		}
		if got := timeline.Find(); got.Order != want {
			t.Errorf("%s became %s: %s", want, got.Order, got.Why)
		}
	}
}

// Catches events that are out of order being judged by where they stand in the list.
func TestFindRefusesDisorder(t *testing.T) {
	timeline := joinFirst()
	timeline.Events[3], timeline.Events[4] = timeline.Events[4], timeline.Events[3]
	if got := timeline.Find(); got.Order != FoundUnknown || !strings.Contains(got.Why, "rise in time") || got.ExecNS != nil {
		t.Errorf("got %+v", got)
	}
}

// withCharges replaces the charges at memfd_create, at the join and at the seal.
func withCharges(t Timeline, containers, runtimes [3]*Charge) Timeline {
	for i := range t.Events {
		e := &t.Events[i]
		for k, s := range []Step{MemfdCreate, Join, CloneSealed} {
			if e.Step == s {
				e.Container, e.Runtime = containers[k], runtimes[k]
			}
		}
	}
	return t
}

// Catches what other processes of a cgroup allocated meanwhile being put down to the clone, a share above
// it or below nothing, and a share made up where nothing was read.
func TestShares(t *testing.T) {
	quiet := [3]*Charge{total(0), total(0), total(0)}
	for name, c := range map[string]struct {
		timeline               Timeline
		containers, runtimes   [3]*Charge
		toContainer, toRuntime int64
	}{
		"shmem wins over the total": {
			split(), [3]*Charge{shmem(mib, 0), shmem(3*mib, 0), shmem(20*mib, 7*mib)}, [3]*Charge{shmem(4*mib, 0), shmem(9*mib, mib), shmem(30*mib, size-7*mib)},
			7 * mib, size - 7*mib,
		},
		"totals count while the process was there": {
			split(), [3]*Charge{total(mib), total(2 * mib), total(6 * mib)}, [3]*Charge{total(4 * mib), total(7 * mib), total(99 * mib)}, 4 * mib, 3 * mib,
		},
		"no cgroup before the join": {cloneFirst(), [3]*Charge{nil, total(8192), nil}, [3]*Charge{total(mib), total(20 * mib), total(5 * mib)}, 0, 4 * mib},
		"a cgroup made during the copy": {
			cloneFirst(), [3]*Charge{nil, total(8192), shmem(8192, 0)}, [3]*Charge{shmem(mib, 0), nil, shmem(mib+size, size)}, 0, size,
		},
		"made and joined during the copy": {
			split(), [3]*Charge{nil, total(5 * mib), shmem(9*mib, 7*mib)}, [3]*Charge{total(0), total(2 * mib), nil}, 7 * mib, 2 * mib,
		},
		"not there at the join":              {split(), [3]*Charge{nil, nil, total(7 * mib)}, quiet, 7 * mib, 0},
		"nobody there":                       {cloneFirst(), [3]*Charge{total(0), nil, total(mib)}, quiet, 0, 0},
		"the join first, runtime busy":       {joinFirst(), [3]*Charge{total(mib), total(mib), total(10 * mib)}, [3]*Charge{total(mib), nil, total(90 * mib)}, 9 * mib, 0},
		"capped at the clone":                {joinFirst(), [3]*Charge{total(mib), nil, total(90 * mib)}, quiet, size, 0},
		"the container's reading goes first": {split(), [3]*Charge{nil, total(0), total(7 * mib)}, [3]*Charge{total(0), total(50 * mib), nil}, 7 * mib, size - 7*mib},
		"reclaimed":                          {split(), [3]*Charge{total(9 * mib), total(9 * mib), total(mib)}, [3]*Charge{total(9 * mib), total(mib), total(mib)}, 0, 0},
		"not read":                           {split(), [3]*Charge{nil, nil, nil}, [3]*Charge{}, -1, -1},
		"removed meanwhile":                  {joinFirst(), [3]*Charge{total(mib), total(mib), nil}, quiet, -1, 0},
	} {
		f := withCharges(c.timeline, c.containers, c.runtimes).Find()
		if a, b := value(f.CloneToContainer), value(f.CloneToRuntime); a != c.toContainer || b != c.toRuntime {
			t.Errorf("%s: %d to the container and %d to the runtime, want %d and %d (%s)", name, a, b, c.toContainer, c.toRuntime, f.Why)
		}
	}
}

// Catches a share below nothing, and one that is withheld, where the size of the copy was not read.
func TestSharesOfUnknownSize(t *testing.T) {
	timeline := withCharges(joinFirst(), [3]*Charge{total(9 * mib), nil, total(mib)}, [3]*Charge{})
	for i := range timeline.Events {
		if timeline.Events[i].Step == CloneSealed {
			timeline.Events[i].Bytes = nil
		}
	}
	if f := timeline.Find(); f.CloneBytes != nil || value(f.CloneToContainer) != 0 {
		t.Errorf("%+v", of(f))
	}
}

// Catches a finding that changes with the timeline it was made from.
func TestFindSharesNothing(t *testing.T) {
	timeline := joinFirst()
	f := timeline.Find()
	before := of(f)
	for i := range timeline.Events {
		e := &timeline.Events[i]
		e.NS++
		for _, n := range []*int64{e.Bytes} {
			if n != nil {
				*n++
			}
		}
		for _, c := range []*Charge{e.Container, e.Runtime} {
			if c != nil {
				c.Bytes++
			}
		}
	}
	if got := of(f); got != before {
		t.Errorf("the finding became %+v", got)
	}
}

package sequence_test

import (
	"slices"

	. "github.com/initbench/initbench/sequence"
)

const (
	mib  = 1 << 20
	size = 10170368 // of a stripped runc 1.1.15

	harness, create, stage0, stage1, stage2 = 90, 100, 110, 111, 112
)

// at is one event; its time is in µs.
func at(us int64, step Step, pid int, comm string, in Whose, change ...func(*Event)) Event {
	e := Event{NS: us * 1000, Step: step, PID: pid, Comm: comm, Cgroup: in}
	for _, f := range change {
		f(&e)
	}
	return e
}

func other(pid int) func(*Event)       { return func(e *Event) { e.Other = pid } }
func detail(s string) func(*Event)     { return func(e *Event) { e.Detail = s } }
func holds(n int64) func(*Event)       { return func(e *Event) { e.Bytes = &n } }
func total(n int64) *Charge            { return &Charge{Bytes: n} }
func shmem(total, n int64) *Charge     { return &Charge{Bytes: total, Shmem: &n} }
func container(c *Charge) func(*Event) { return func(e *Event) { e.Container = c } }
func runtime(c *Charge) func(*Event)   { return func(e *Event) { e.Runtime = c } }

// timeline sorts its parts by time, so that a case can say what differs and when.
func timeline(parts ...[]Event) Timeline {
	t := Timeline{RuntimePID: create, Events: slices.Concat(parts...)}
	slices.SortStableFunc(t.Events, func(a, b Event) int { return int(a.NS - b.NS) })
	return t
}

// spawned is create up to the fork of runc's init at 1000 µs.
func spawned() []Event {
	return []Event{
		at(0, Fork, harness, "initbench", Elsewhere, other(create)),
		at(10, Exec, create, "runc", Runtime, detail("/usr/bin/runc"), runtime(shmem(5*mib, 0))),
		at(20, Fork, create, "runc", Runtime, other(101)), // a thread
		at(1000, Fork, create, "runc", Runtime, other(stage0)),
		at(1010, Exec, stage0, "exe", Runtime, detail("/proc/self/exe")),
	}
}

// joins is the container's cgroup being made and stage 0 moved there at µs.
func joins(us int64, by int) []Event {
	return []Event{
		at(us-100, CgroupCreate, by, "runc", Runtime, detail("leaf")),
		at(us, Join, stage0, "exe", Container, other(by), container(shmem(8192, 0))),
	}
}

// copies is stage 0 making a memfd at from and sealing it at to; shmem of the container and of
// the runtime at the seal are the shares.
func copies(from, to int64, before, after Whose, toContainer, toRuntime int64) []Event {
	return []Event{
		at(from, MemfdCreate, stage0, "exe", before, detail("runc_cloned:/proc/self/exe"), container(shmem(8192, 0)), runtime(shmem(4*mib, 0))),
		at(to, CloneSealed, stage0, "exe", after, holds(size), container(shmem(toContainer+8192, toContainer)), runtime(shmem(toRuntime+4*mib, toRuntime))),
		at(to+50, Fexecve, stage0, "exe", after),
		at(to+60, Exec, stage0, "6", after, detail("/dev/fd/6")),
	}
}

// sealsSmall is stage 0 making and sealing a memfd that is no clone.
func sealsSmall(us int64, in Whose) []Event {
	return []Event{
		at(us, MemfdCreate, stage0, "exe", in, detail("config"), container(shmem(8192, 0)), runtime(shmem(4*mib, 0))),
		at(us+100, CloneSealed, stage0, "exe", in, detail("config"), holds(4096), container(shmem(8192, 0)), runtime(shmem(4*mib+4096, 4096))),
	}
}

// stages are runc's init from its first fork at 20 ms to the payload's exec at 60 ms.
func stages(charged int64) []Event {
	return []Event{
		at(20000, Fork, stage0, "runc:[0:PARENT]", Container, other(stage1)),
		at(20100, Unshare, stage1, "runc:[1:CHILD]", Container, detail("mnt,uts,ipc,net,pid")),
		at(20200, Fork, stage1, "runc:[1:CHILD]", Container, other(stage2)),
		at(20300, Exit, stage1, "runc:[1:CHILD]", Container),
		at(20400, Exit, stage0, "runc:[0:PARENT]", Container),
		at(30000, PivotRoot, stage2, "runc:[2:INIT]", Container),
		at(40000, LimitWritten, create, "runc", Runtime, holds(12*mib)),
		at(50000, Exit, create, "runc", Runtime),
		at(51000, Exec, 200, "runc", Runtime, detail("/usr/bin/runc")), // start
		at(60000, PayloadExec, stage2, "payload", Container, detail("/payload"), container(total(charged)), runtime(total(6*mib))),
		at(61000, Exit, stage2, "payload", Container),
	}
}

// joinFirst, cloneFirst and split are runc 1.1.15 in each order.
func joinFirst() Timeline {
	return timeline(spawned(), joins(3000, create), copies(4000, 16000, Container, Container, size, 0), stages(11*mib))
}

func cloneFirst() Timeline {
	return timeline(spawned(), copies(2000, 9000, Runtime, Runtime, 0, size), joins(18000, 1), stages(2*mib))
}

func split() Timeline {
	return timeline(spawned(), joins(5000, create), copies(2000, 12000, Runtime, Container, 7*mib, size-7*mib), stages(9*mib))
}

// overlay is runc 1.2.6.
func overlay() Timeline {
	return timeline(spawned(), []Event{at(500, OverlayMount, create, "runc", Runtime)}, joins(3000, create), stages(2*mib))
}

// parentCopy is runc 1.2.6 where there is no overlayfs: the copy is sealed piece by piece, and init is executed from it.
func parentCopy() Timeline {
	return timeline(spawned(), []Event{
		at(200, MemfdCreate, create, "runc", Runtime, detail("runc_cloned:/proc/self/exe"), runtime(shmem(3*mib, 0))),
		at(600, CloneSealed, create, "runc", Runtime, holds(size), runtime(shmem(13*mib, size))),
		at(610, CloneSealed, create, "runc", Runtime, holds(size), runtime(shmem(13*mib, size))),
	}, joins(3000, create), stages(2*mib))
}

// bindMount is runc 1.1.14.
func bindMount(more ...[]Event) Timeline {
	return timeline(append(more, spawned(), []Event{
		at(1100, BindMount, stage0, "exe", Runtime, detail("/proc/self/exe")),
		at(1300, Fexecve, stage0, "exe", Runtime),
		at(1310, Exec, stage0, "6", Runtime, detail("/dev/fd/6")),
	}, joins(3000, create), stages(2*mib))...)
}

// crun clones itself before anything else and forks init; how init enters is the driver's.
func crun(driver ...Event) Timeline {
	const init = 120
	return timeline([]Event{
		at(10, Exec, create, "crun", Runtime, detail("/usr/bin/crun")),
		at(100, MemfdCreate, create, "crun", Runtime, detail("crun_cloned:/proc/self/exe"), runtime(shmem(mib, 0))),
		at(300, CloneSealed, create, "crun", Runtime, holds(mib/2), runtime(shmem(mib+mib/2, mib/2))),
		at(310, Fexecve, create, "crun", Runtime),
		at(320, Exec, create, "3", Runtime, detail("/dev/fd/3")),
	}, driver, []Event{
		at(4000, PivotRoot, init, "3", Container),
		at(5000, Exit, create, "3", Runtime),
		at(5100, MemfdCreate, 200, "crun", Runtime), // start clones itself as well
		at(5200, CloneSealed, 200, "crun", Runtime, holds(mib/2)),
		at(6000, PayloadExec, init, "payload", Container, container(total(300*1024))),
	})
}

func crunCgroupfs() Timeline {
	return crun(at(2000, CgroupCreate, create, "3", Runtime), at(2100, BornInCgroup, create, "3", Runtime, other(120)))
}

func crunSystemd() Timeline {
	return crun(at(2000, Fork, create, "3", Runtime, other(120)),
		at(2500, CgroupCreate, 1, "systemd", Elsewhere),
		at(2600, Join, 120, "3", Container, other(1)),
		at(2700, Join, 120, "3", Container, other(create))) // from the scope into its sub-cgroup
}

// without drops the events that fit.
func without(t Timeline, drop func(Event) bool) Timeline {
	t.Events = slices.DeleteFunc(slices.Clone(t.Events), drop)
	return t
}

func step(s Step) func(Event) bool { return func(e Event) bool { return e.Step == s } }

// until keeps what came before us and ends with last.
func until(t Timeline, us int64, last ...Event) Timeline {
	t = without(t, func(e Event) bool { return e.NS >= us*1000 })
	t.Events = append(t.Events, last...)
	return t
}

// Package join puts one process into one cgroup: the four calls that container runtimes use for
// it, each by itself, so that each can be measured and chosen.
//
// Early is what is made before the process exists, late what is made as part of the join. Under the
// cgroupfs driver the cgroup is a directory (MakeDir). Under the systemd driver it is a
// transient scope (StartUnit), and a scope cannot be made without a process: what is early there, and what is not
// ByUnit, needs a placeholder that keeps the scope alive until the join is done.
//
// # What the calls cost
//
// ByProcs, a write to cgroup.procs, takes cgroup_mutex and then write-locks
// cgroup_threadgroup_rwsem, a percpu_rw_semaphore that every fork, exec and exit of the machine read-locks
// (kernel/cgroup/cgroup.c, cgroup_procs_write_start, cgroup_attach_lock). The first writer after a quiet
// time has to wait for an RCU grace period before readers see it (kernel/locking/percpu-rwsem.c,
// rcu_sync_enter): milliseconds to tens of them, whatever the process. Linux 4.8 to 5.19 kept the lock
// in its slow mode so that writers did not wait; 6.0 made that the mount option favordynmods
// (commit 6a010a49b63a), off unless asked for, since it slows every fork down. A second writer that
// comes before the lock has gone back to its fast mode does not wait either. So a join on a
// quiet machine can take longer than one on a machine where processes are moved all the time. Since 6.18, with
// favordynmods, a lock of the process's own thread group takes the place of the global one; without the option nothing
// changed. Threads add to it one by one: each is moved by itself, under the lock.
//
// ByBirth, clone3 with CLONE_INTO_CGROUP (Linux 5.7), takes cgroup_mutex and only read-locks that
// semaphore, as any fork does (cgroup_css_set_fork): nothing is moved, so nobody has to be kept out. The comment
// at CGRP_ROOT_FAVOR_DYNMODS in include/linux/cgroup-defs.h calls it the pattern that has no use for
// the option. No page of the new program is ever charged to the cgroup the parent is in, and no
// attach is ever seen. What the fork itself takes is the parent's all the same: the task and its kernel stack are charged to
// the caller, and until exec a child that shares its parent's memory (vfork, as Go starts processes) faults on its behalf.
//
// ByUnit, StartTransientUnit with PIDs, has PID 1 do it all: it loads a unit, queues a job, makes the
// cgroup, enables controllers, writes limits, and writes cgroup.procs as above (src/core/scope.c,
// scope_start; src/core/cgroup.c, unit_attach_pids_to_cgroup), then announces the job's end by the signal JobRemoved.
// The caller hears of it through dbus-daemon: two messages there, two back.
//
// ByAttach, AttachProcessesToUnit, is the last part of that alone: PID 1 checks that the unit is active
// and delegated (others are refused: src/core/dbus-unit.c, bus_unit_method_attach_processes) and
// writes cgroup.procs before it replies. There is no job and no signal. It is the one way to move a process that only
// PID 1 may move.
//
// # What it refuses
//
// The package decides nothing about controllers, limits or names, removes nothing, and never tries again: that a
// cgroup went between making and joining, or that a unit is there already, is one error, for the caller to judge. runc
// writes up to five times, since a process that another fork had not yet finished making (TASK_NEW) could not be moved;
// a process started by Go has executed its program by the time its parent knows its pid.
//
// The built-in runtime's join=birth and join=procs are this package's Born and Procs; its join=attach is the call that Attach
// makes and its join=unit the one that StartUnit makes, but through libcontainer's cgroup manager, which has the
// connection and the limits of the bundle. So the package imports nothing that libcontainer does not: no cgroupjoin,
// whose vocabulary of mechanisms is this package's. internal/runner measures each call by itself.
package join

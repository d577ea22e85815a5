// The programs of package observe. They see every process of the machine and
// look away at once unless it belongs to a trial being watched: a task that has a
// tally, or a cgroup that is in the cgroups map.
//
// Every pointer into the kernel is followed with probe reads, which yield 0 where
// there is nothing (any more) instead of faulting.
#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL"; // bpf_probe_read_kernel is for GPL programs only

#define ABSENT (-1LL) // of a number that was not read, and is then nil in Go
#define MAX_TRIALS 512
#define MAX_CGROUPS 8192
#define MAX_TALLIES 32768
#define MAX_TASKS 256 // of one trial at a time, threads included
#define MAX_DEPTH 8   // of a runtime's process below the trial's runtime cgroup
#define PATH_WORDS 32
#define PAGE_BYTES 4096LL // on amd64

// step is shared with Go, which has a name for each.
enum step {
	FORK = 1, EXEC, MEMFD_CREATE, CLONE_SEALED, FEXECVE, OVERLAY_MOUNT, BIND_MOUNT, CGROUP_CREATE,
	CGROUP_REMOVE, JOIN, LIMIT_WRITTEN, UNSHARE, PIVOT_ROOT, PAYLOAD_EXEC, EXIT, OOM_KILL, BORN_IN_CGROUP,
};

// whose is sequence.Whose. CONTAINER and RUNTIME, less one, are also the two sides that counters have.
enum whose { ELSEWHERE, CONTAINER, RUNTIME, POD };

// charge is in bytes. The parts are read at the steps where somebody may have been charged much.
struct charge {
	__s64 all, anon, file, shmem;
};

struct event {
	__u64 serial; // of the watch
	__u64 ns;
	__u64 cgroup;
	__u64 arg[2]; // of the step
	__s64 bytes;
	struct charge container, runtime;
	__u32 step;
	__u32 whose;
	__u32 pid, tid, other;
	char comm[16];
	char detail[PATH_WORDS * 8 - 4];
};

struct counters {
	__u64 syscalls, waits; // waits are among the syscalls
	__u64 faults, major;   // major are among the faults
	__u64 forks, processes;
	__u64 switches;
	__u64 memfd_bytes, copied_bytes;
};

// place is a cgroup that charges are read of, by address: 0 where it is not
// there. inner is the one below it that has the processes, if that is not itself.
struct place {
	__u64 at, inner;
};

// trial is one watch. Its place in the array is taken again only after all others were.
struct trial {
	__u64 serial; // 0: not in use
	__u64 pod, runtime; // ids of cgroups
	struct place in_container, in_runtime;
	__u64 lost;   // events
	__u64 missed; // tasks that were not counted
	__u64 exec_ns; // of the payload: from then on nothing is counted
	struct counters side[2];
	__u64 exe;    // what the runtime was executed from first, as identity says
	__u64 copy;   // the latest copy that was counted, likewise
	__u64 payload[PATH_WORDS];
	__u32 tasks[MAX_TASKS]; // which tallies are of its living tasks; 0 is none
};

// member says which cgroup of which trial a cgroup is.
struct member {
	__u64 serial;
	__u32 slot;
	__u32 whose;
};

// tally is one living task of a trial: where it is, and what it had done when it came there.
struct tally {
	__u64 task; // address of its task_struct; 0: not in use
	struct member in;
	__u64 syscalls, waits, faults, major, switches;
	__u32 listed; // where in its trial's tasks; MAX_TASKS: it is not
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); // set when loaded
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TRIALS);
	__type(key, __u32);
	__type(value, struct trial);
} trials SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CGROUPS);
	__type(key, __u64); // kernfs id, which is the directory's inode number
	__type(value, struct member);
} cgroups SEC(".maps");

// tallies are found by the low bits of the thread's number. A hash would look for
// a task with every system call of the machine; the array costs it ten instructions.
// Two living tasks of trials that share a place are counted as missed, and of one whose
// trial has ended the place is free.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TALLIES);
	__type(key, __u32);
	__type(value, struct tally);
} tallies SEC(".maps");

struct words {
	__u64 word[PATH_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct words);
} scratch SEC(".maps");

__u32 watched;                // number of watches: without any, every program ends here
const volatile __u32 cpus;    // possible ones
const volatile __u64 wake_at; // bytes in the ring from which its reader is woken
const volatile bool victim_is_pid;

// A bit for each system call that counts as a wait: Go has the table.
#define MAX_CALLS 512
const volatile __u64 wait_calls[MAX_CALLS / 64];

// Addresses of the kernel's variables mem_cgroup_stats_index and __per_cpu_offset; 0: not known.
const volatile __u64 stats_table;
const volatile __u64 cpu_offsets;

const struct event *unused_event __attribute__((unused)); // for bpf2go to have the type

static __always_inline __u64 word_at(__u64 address)
{
	__u64 word = 0;
	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline struct trial *trial_of(const struct member *m)
{
	__u32 slot = m->slot;
	struct trial *t = bpf_map_lookup_elem(&trials, &slot);
	return t && t->serial == m->serial ? t : 0;
}

static __always_inline struct cgroup *cgroup_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp);
}

static __always_inline struct member *member_of(__u64 cgroup)
{
	return bpf_map_lookup_elem(&cgroups, &cgroup);
}

static __always_inline struct tally *tally_at(__u32 tid)
{
	__u32 at = tid % MAX_TALLIES;
	return bpf_map_lookup_elem(&tallies, &at);
}

static __always_inline struct tally *tally_of(struct task_struct *task)
{
	struct tally *y = tally_at(BPF_CORE_READ(task, pid));
	return y && y->task == (__u64)task ? y : 0;
}

// memcg_of returns 0 where the memory controller is not on.
static __always_inline struct mem_cgroup *memcg_of(__u64 cgroup)
{
	__u64 at = cgroup + bpf_core_field_offset(struct cgroup, subsys) +
		   8 * bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	__u64 css = cgroup ? word_at(at) : 0;
	return css ? (void *)(css - bpf_core_field_offset(struct mem_cgroup, css)) : 0;
}

// stat_place is where a statistic lies in the state arrays: at its own number
// until Linux 6.10, since then where a table says. An entry of that table that is
// not kept is 0 and all others are one too high, or, in later releases, it is 255.
static __always_inline int stat_place(__u32 item)
{
	if (stats_table) {
		__u8 none = 0, place = 0;
		bpf_probe_read_kernel(&none, 1, (void *)(stats_table + bpf_core_enum_value(enum node_stat_item, NR_ISOLATED_ANON)));
		bpf_probe_read_kernel(&place, 1, (void *)(stats_table + item));
		return place == none ? -1 : none ? place : place - 1;
	}
	if (bpf_core_field_size(struct memcg_vmstats, state) == 8 * bpf_core_enum_value(enum memcg_stat_item, MEMCG_NR_STAT))
		return item;
	return -1;
}

// unflushed is what a cgroup's statistic will rise by at the next flush, in pages.
static __noinline __s64 unflushed(struct mem_cgroup *memcg, __u64 place)
{
	__u64 stats = (__u64)BPF_CORE_READ(memcg, vmstats);
	__u64 percpu = (__u64)BPF_CORE_READ(memcg, vmstats_percpu);
	__s64 pages = word_at(stats + bpf_core_field_offset(struct memcg_vmstats, state_pending) + 8 * place);

	for (__u32 cpu = 0; cpu < cpus && cpu < 1024; cpu++) {
		__u64 mine = percpu + word_at(cpu_offsets + 8 * cpu);
		pages += word_at(mine + bpf_core_field_offset(struct memcg_vmstats_percpu, state) + 8 * place);
		pages -= word_at(mine + bpf_core_field_offset(struct memcg_vmstats_percpu, state_prev) + 8 * place);
	}
	return pages;
}

// stat_of is what memory.stat would show: reading that file flushes first, and so
// does this sum, without writing. Every cgroup below has deltas of its own, if the
// memory controller is on in it; of more than the inner one nothing is said.
static __noinline __s64 stat_of(struct mem_cgroup *outer, struct mem_cgroup *inner, __u32 item)
{
	int place = stat_place(item);
	if (place < 0 || !cpu_offsets)
		return ABSENT;
	__s64 pages = word_at((__u64)BPF_CORE_READ(outer, vmstats) + bpf_core_field_offset(struct memcg_vmstats, state) + 8 * (__u64)place);
	pages += unflushed(outer, place);
	if (inner)
		pages += unflushed(inner, place);
	return pages * PAGE_BYTES;
}

// read_charge reads what memory.current shows and, where asked, memory.stat.
static __noinline int read_charge(struct charge *out, const struct place *p, bool parts)
{
	*out = (struct charge){ABSENT, ABSENT, ABSENT, ABSENT};
	struct cgroup *c = (void *)p->at; // outside of BPF_CORE_READ, which would take p for the kernel's too
	struct mem_cgroup *outer = memcg_of(p->at), *inner = memcg_of(p->inner);
	if (!outer)
		return 0;
	out->all = BPF_CORE_READ(outer, memory.usage.counter) * PAGE_BYTES;
	if (!parts || BPF_CORE_READ(c, nr_descendants) > (p->inner ? 1 : 0))
		return 0;
	out->anon = stat_of(outer, inner, bpf_core_enum_value(enum node_stat_item, NR_ANON_MAPPED));
	out->file = stat_of(outer, inner, bpf_core_enum_value(enum node_stat_item, NR_FILE_PAGES));
	out->shmem = stat_of(outer, inner, bpf_core_enum_value(enum node_stat_item, NR_SHMEM));
	return 0;
}

static __always_inline bool has_parts(__u32 step)
{
	switch (step) {
	case MEMFD_CREATE:
	case CLONE_SEALED:
	case FEXECVE:
	case JOIN:
	case LIMIT_WRITTEN:
	case PAYLOAD_EXEC:
	case OOM_KILL:
		return true;
	}
	return false;
}

// fill writes all of an event but what is the step's own.
static __noinline int fill(struct event *e, struct trial *t, enum step step, struct task_struct *task)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->ns = bpf_ktime_get_ns();
	e->serial = t->serial;
	e->step = step;
	e->bytes = ABSENT;
	e->tid = BPF_CORE_READ(task, pid);
	e->pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&e->comm, task, comm);
	e->cgroup = BPF_CORE_READ(cgroup_of(task), kn, id);
	struct member *m = member_of(e->cgroup);
	e->whose = m && m->serial == t->serial ? m->whose : ELSEWHERE;
	read_charge(&e->container, &t->in_container, has_parts(step));
	read_charge(&e->runtime, &t->in_runtime, has_parts(step));
	return 0;
}

// begin reserves an event of what a task did. It is inlined where it is called: the
// verifier of Linux 6.1 forgets that a pointer which a function returned was checked for null.
static __always_inline struct event *begin(struct trial *t, enum step step, struct task_struct *task)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&t->lost, 1);
		return 0;
	}
	fill(e, t, step, task);
	return e;
}

// end wakes the reader only of a ring that fills up: waking it costs the trial
// time, and whoever ends a watch reads what is there.
static __always_inline void end(struct event *e)
{
	bool full = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wake_at;
	bpf_ringbuf_submit(e, full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline struct task_struct *current(void)
{
	return (void *)bpf_get_current_task();
}

static __always_inline __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

// settle adds what a task did since it came to its side to that side's counters.
static __always_inline void settle(struct trial *t, struct tally *y, struct task_struct *task)
{
	__u64 major = BPF_CORE_READ(task, maj_flt);
	__u64 faults = BPF_CORE_READ(task, min_flt) + major;
	__u64 switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);

	if (!t->exec_ns && y->in.whose != POD) {
		struct counters *c = &t->side[y->in.whose == RUNTIME];
		__sync_fetch_and_add(&c->syscalls, y->syscalls);
		__sync_fetch_and_add(&c->waits, y->waits);
		__sync_fetch_and_add(&c->faults, faults - y->faults);
		__sync_fetch_and_add(&c->major, major - y->major);
		__sync_fetch_and_add(&c->switches, switches - y->switches);
	}
	y->syscalls = y->waits = 0;
	y->faults = faults;
	y->major = major;
	y->switches = switches;
}

// visit is what a visitor of a trial's tasks is told.
struct visit {
	struct trial *trial;
	struct member to;
	__u32 tgid; // 0: of all
};

// settle_one is called with each place in a trial's list of tasks. Of one process
// alone, its threads then go to the other side.
static long settle_one(__u32 i, struct visit *v)
{
	__u32 tid = i < MAX_TASKS ? v->trial->tasks[i] : 0;
	struct tally *y = tid ? tally_at(tid) : 0;
	if (!y || y->in.serial != v->to.serial)
		return 0;
	struct task_struct *task = (void *)y->task;
	if (v->tgid && v->tgid != BPF_CORE_READ(task, tgid))
		return 0;
	settle(v->trial, y, task);
	if (v->tgid)
		y->in = v->to;
	return 0;
}

// list takes a place in the trial's list of tasks, beginning at the one that this task is likely to get.
static __always_inline __u32 list(struct trial *t, __u32 tid)
{
	for (int i = 0; i < MAX_TASKS; i++) {
		__u32 at = (tid + i) % MAX_TASKS;
		if (!t->tasks[at] && !__sync_val_compare_and_swap(&t->tasks[at], 0, tid))
			return at;
	}
	return MAX_TASKS;
}

static __always_inline void unlist(struct trial *t, struct tally *y)
{
	if (y->listed < MAX_TASKS)
		t->tasks[y->listed] = 0;
}

// adopt begins to count for a task.
static __always_inline void adopt(struct trial *t, const struct member *m, struct task_struct *task, bool newborn)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct tally *y = tally_at(tid);
	if (!y || (y->task && y->task != (__u64)task && trial_of(&y->in))) {
		__sync_fetch_and_add(&t->missed, 1);
		return;
	}
	y->in = *m;
	y->syscalls = y->waits = y->faults = y->major = y->switches = 0;
	if (!newborn) {
		y->major = BPF_CORE_READ(task, maj_flt);
		y->faults = BPF_CORE_READ(task, min_flt) + y->major;
		y->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	}
	y->task = (__u64)task;
	y->listed = t->exec_ns ? MAX_TASKS : list(t, tid);
	if (!t->exec_ns && y->listed == MAX_TASKS)
		__sync_fetch_and_add(&t->missed, 1);
}

// renumber follows a task that took its process's number by an exec: the thread
// that had it is gone, and so is its tally.
static __always_inline void renumber(struct task_struct *task, __u32 old)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct tally *from = tally_at(old), *to = tally_at(tid);
	if (tid == old || !from || !to || from->task != (__u64)task)
		return;
	struct trial *t = trial_of(&from->in);
	if (t && from->listed < MAX_TASKS)
		t->tasks[from->listed] = tid;
	*to = *from;
	from->task = 0;
}

// note_runtime finds the trial's own runtime cgroup above that of a process in it.
static __always_inline void note_runtime(struct trial *t, struct cgroup *c)
{
	struct cgroup *above = c;
	for (int i = 0; i < MAX_DEPTH && above; i++) {
		if (BPF_CORE_READ(above, kn, id) == t->runtime) {
			t->in_runtime.at = (__u64)above;
			t->in_runtime.inner = above == c ? 0 : (__u64)c;
			return;
		}
		above = BPF_CORE_READ(above, self.parent, cgroup);
	}
}

// count_fork takes the call that made a thread for a wait: a runtime makes one when the others are busy, or wait.
static __always_inline void count_fork(struct trial *t, struct tally *y, bool thread)
{
	if (thread)
		y->waits++;
	if (t->exec_ns || y->in.whose == POD)
		return;
	struct counters *c = &t->side[y->in.whose == RUNTIME];
	__sync_fetch_and_add(&c->forks, 1);
	if (!thread)
		__sync_fetch_and_add(&c->processes, 1);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (!watched)
		return 0;
	struct tally *y = tally_of(parent);
	struct cgroup *c = cgroup_of(child);
	struct member *m = member_of(BPF_CORE_READ(c, kn, id));
	if (!m)
		return 0;
	struct trial *t = trial_of(m);
	if (!t)
		return 0;
	if (m->whose == RUNTIME && t->in_runtime.at != (__u64)c && t->in_runtime.inner != (__u64)c)
		note_runtime(t, c);
	adopt(t, m, child, true);
	bool thread = BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid);
	if (y && y->in.serial == t->serial)
		count_fork(t, y, thread);
	if (thread)
		return 0; // they are only counted
	bool born = m->whose == CONTAINER && cgroup_of(parent) != c;
	struct event *e = begin(t, born ? BORN_IN_CGROUP : FORK, parent);
	if (e) {
		e->other = BPF_CORE_READ(child, tgid);
		e->arg[0] = m->whose;
		end(e);
	}
	return 0;
}

static __always_inline bool is_payload(struct trial *t, struct words *name)
{
	for (int i = 0; i < PATH_WORDS; i++)
		if (name->word[i] != t->payload[i])
			return false;
	return true;
}

// close_counters is the payload's exec: what every task of the trial did so far is counted, and no more.
static __always_inline void close_counters(struct trial *t, const struct member *m, __u64 ns)
{
	struct visit v = {.trial = t, .to = *m};
	bpf_loop(MAX_TASKS, settle_one, &v, 0);
	t->exec_ns = ns;
}

// identity tells files apart, also those that one after the other have the same number, or the same memory.
static __always_inline __u64 identity(struct inode *f)
{
	return (__u64)BPF_CORE_READ(f, i_generation) << 32 | (__u32)BPF_CORE_READ(f, i_ino);
}

static __always_inline void count_copy(struct trial *t, struct tally *y, struct inode *f, bool memfd)
{
	__s64 size = BPF_CORE_READ(f, i_size);
	t->copy = identity(f);
	if (t->exec_ns || y->in.whose == POD)
		return;
	struct counters *c = &t->side[y->in.whose == RUNTIME];
	__sync_fetch_and_add(&c->copied_bytes, size);
	if (memfd)
		__sync_fetch_and_add(&c->memfd_bytes, size);
}

// note_exe takes a file for a copy that is executed, has no name, and was not counted when it was sealed. What the
// runtime was executed from in the first place may have no name either, and is none.
static __always_inline void note_exe(struct trial *t, struct tally *y, struct inode *f)
{
	__u64 which = identity(f);
	if (!t->exe)
		t->exe = which;
	else if (which != t->exe && which != t->copy && !BPF_CORE_READ(f, i_nlink))
		count_copy(t, y, f, false);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u64 ns = bpf_ktime_get_ns();
	if (!watched)
		return 0;
	renumber(task, old_pid);
	struct tally *y = tally_of(task);
	struct trial *t = y ? trial_of(&y->in) : 0;
	__u32 zero = 0;
	struct words *name = bpf_map_lookup_elem(&scratch, &zero);
	if (!t || !name)
		return 0;
	__builtin_memset(name, 0, sizeof(*name));
	bpf_probe_read_kernel_str(name, sizeof(*name), BPF_CORE_READ(bprm, filename));
	note_exe(t, y, BPF_CORE_READ(bprm, file, f_inode));
	bool payload = y->in.whose == CONTAINER && !t->exec_ns && is_payload(t, name);
	if (payload)
		close_counters(t, &y->in, ns);
	struct event *e = begin(t, payload ? PAYLOAD_EXEC : EXEC, task);
	if (e) {
		e->ns = ns;
		__builtin_memcpy(e->detail, name, sizeof(e->detail));
		end(e);
	}
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct tally *y = watched ? tally_of(task) : 0;
	if (!y)
		return 0;
	struct trial *t = trial_of(&y->in);
	if (t) {
		settle(t, y, task);
		unlist(t, y);
		struct event *e = BPF_CORE_READ(task, signal, live.counter) ? 0 : begin(t, EXIT, task);
		if (e) {
			e->arg[0] = BPF_CORE_READ(task, exit_code);
			end(e);
		}
	}
	y->task = 0;
	return 0;
}

// transfer has the counters of a task, and of the threads that went with it, go on at the other side.
static __always_inline void transfer(struct trial *t, const struct member *to, struct task_struct *task, bool group)
{
	struct tally *y = tally_of(task);
	if (!y) {
		adopt(t, to, task, false);
	} else if (group && BPF_CORE_READ(task, signal, nr_threads) > 1) {
		struct visit v = {.trial = t, .to = *to, .tgid = BPF_CORE_READ(task, tgid)};
		bpf_loop(MAX_TASKS, settle_one, &v, 0);
	} else {
		settle(t, y, task);
		y->in = *to;
	}
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_attach, struct cgroup *to, const char *path, struct task_struct *task, bool group)
{
	if (!watched || cgroup_of(task) != to)
		return 0; // of a v1 hierarchy
	struct member *m = member_of(BPF_CORE_READ(to, kn, id));
	struct tally *y = tally_of(task);
	struct member in = {};
	if (m)
		in = *m;
	else if (y)
		in = (struct member){.serial = y->in.serial, .slot = y->in.slot, .whose = POD}; // not counted
	struct trial *t = trial_of(&in);
	if (!in.serial || !t)
		return 0;
	transfer(t, &in, task, group);
	struct event *e = begin(t, JOIN, task);
	if (e) {
		e->other = current_pid();
		end(e);
	}
	return 0;
}

static __always_inline void cgroup_event(struct trial *t, enum step step, struct cgroup *c)
{
	struct event *e = begin(t, step, current());
	if (!e)
		return;
	e->arg[0] = BPF_CORE_READ(c, kn, id);
	e->arg[1] = BPF_CORE_READ(c, self.parent, cgroup, kn, id);
	bpf_probe_read_kernel_str(e->detail, sizeof(e->detail), BPF_CORE_READ(c, kn, name));
	end(e);
}

// A cgroup below one of a trial's is the trial's, whatever it is called.
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *c, const char *path)
{
	struct member *above = watched ? member_of(BPF_CORE_READ(c, self.parent, cgroup, kn, id)) : 0;
	if (!above)
		return 0;
	struct trial *t = trial_of(above);
	if (!t)
		return 0;
	struct member m = *above;
	m.whose = above->whose == RUNTIME ? RUNTIME : CONTAINER;
	__u64 id = BPF_CORE_READ(c, kn, id);
	bpf_map_update_elem(&cgroups, &id, &m, BPF_ANY);
	if (m.whose == RUNTIME)
		return 0;
	if (above->whose == POD)
		t->in_container.at = (__u64)c;
	else
		t->in_container.inner = (__u64)c;
	cgroup_event(t, CGROUP_CREATE, c);
	return 0;
}

// forget drops a cgroup that goes: its memory is for whatever comes next.
static __always_inline void forget(struct place *p, __u64 cgroup)
{
	if (p->at == cgroup)
		p->at = 0;
	if (p->inner == cgroup)
		p->inner = 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_rmdir, struct cgroup *c, const char *path)
{
	__u64 id = watched ? BPF_CORE_READ(c, kn, id) : 0;
	struct member *m = id ? member_of(id) : 0;
	if (!m)
		return 0;
	struct trial *t = trial_of(m);
	if (t) {
		if (m->whose == CONTAINER)
			cgroup_event(t, CGROUP_REMOVE, c);
		forget(&t->in_container, (__u64)c);
		forget(&t->in_runtime, (__u64)c);
	}
	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}

// On entry, because the write itself reclaims and kills until the charge is below the new limit.
SEC("fentry/memory_max_write")
int BPF_PROG(on_limit, struct kernfs_open_file *of, char *buf)
{
	if (!watched)
		return 0;
	struct kernfs_node *file = BPF_CORE_READ(of, kn), *dir;
	if (bpf_core_field_exists(((struct kernfs_node___6_15 *)0)->__parent))
		dir = BPF_CORE_READ((struct kernfs_node___6_15 *)file, __parent);
	else
		dir = BPF_CORE_READ(file, parent);
	struct member *m = member_of(BPF_CORE_READ(dir, id));
	struct trial *t = m && m->whose == CONTAINER ? trial_of(m) : 0;
	struct event *e = t ? begin(t, LIMIT_WRITTEN, current()) : 0;
	if (e) {
		bpf_probe_read_kernel_str(e->detail, sizeof(e->detail), buf);
		end(e);
	}
	return 0;
}

static __always_inline struct trial *current_trial(void)
{
	struct tally *y = watched ? tally_of(current()) : 0;
	return y ? trial_of(&y->in) : 0;
}

static __always_inline bool same(const char *a, const char *b, int n)
{
	for (int i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

// A memfd's name is in user memory, which need not be mapped yet when the call
// begins; here the kernel has copied it.
SEC("fentry/shmem_file_setup")
int BPF_PROG(on_memfd, const char *name)
{
	struct trial *t = current_trial();
	const int prefix = sizeof("memfd:") - 1;
	char head[8] = {};
	if (!t)
		return 0;
	bpf_probe_read_kernel(head, sizeof(head) - 1, name);
	if (!same(head, "memfd:", prefix))
		return 0; // some other nameless file: System V shared memory, a mapping of /dev/zero
	struct event *e = begin(t, MEMFD_CREATE, current());
	if (e) {
		bpf_probe_read_kernel_str(e->detail, sizeof(e->detail), name + prefix);
		end(e);
	}
	return 0;
}

#define F_ADD_SEALS 1033
#define F_SEAL_WRITE 8

// Seals may be added one by one (runc >= 1.2 asks for F_SEAL_EXEC first): what makes
// a copy trustworthy, and comes once, is that nobody can write it any more.
SEC("fexit/memfd_fcntl")
int BPF_PROG(on_seal, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	if (cmd != F_ADD_SEALS || ret || !(arg & F_SEAL_WRITE))
		return 0;
	struct tally *y = watched ? tally_of(current()) : 0;
	struct trial *t = y ? trial_of(&y->in) : 0;
	if (!t)
		return 0;
	count_copy(t, y, BPF_CORE_READ(file, f_inode), true);
	struct event *e = begin(t, CLONE_SEALED, current());
	if (e) {
		e->bytes = BPF_CORE_READ(file, f_inode, i_size);
		bpf_probe_read_kernel_str(e->detail, sizeof(e->detail), BPF_CORE_READ(file, f_path.dentry, d_name.name));
		end(e);
	}
	return 0;
}

#define SELF_EXE "/proc/self/exe"

static __always_inline void bind_mount(struct trial *t)
{
	struct event *e = begin(t, BIND_MOUNT, current());
	if (e) {
		__builtin_memcpy(e->detail, SELF_EXE, sizeof(SELF_EXE));
		end(e);
	}
}

#define MS_REMOUNT 0x20
#define MS_BIND 0x1000

// The kernel calls its security modules with the source's name copied, whether or not there are any.
SEC("fentry/security_sb_mount")
int BPF_PROG(on_mount, const char *source, void *path, const char *type, unsigned long flags)
{
	struct trial *t = (flags & (MS_BIND | MS_REMOUNT)) == MS_BIND ? current_trial() : 0;
	char head[sizeof(SELF_EXE)] = {};
	if (!t)
		return 0;
	bpf_probe_read_kernel(head, sizeof(head), source);
	if (same(head, SELF_EXE, sizeof(head)))
		bind_mount(t);
	return 0;
}

static __always_inline struct file *file_of(unsigned int fd)
{
	struct file **files = BPF_CORE_READ(current(), files, fdt, fd);
	unsigned int n = BPF_CORE_READ(current(), files, fdt, max_fds);
	return fd < n ? (void *)word_at((__u64)(files + fd)) : 0;
}

#define AT_EMPTY_PATH 0x1000

static __always_inline void on_execveat(struct trial *t, struct pt_regs *regs)
{
	struct event *e = regs->r8 & AT_EMPTY_PATH ? begin(t, FEXECVE, current()) : 0;
	if (e) {
		struct file *f = file_of(regs->di);
		bpf_probe_read_kernel_str(e->detail, sizeof(e->detail), BPF_CORE_READ(f, f_path.dentry, d_name.name));
		end(e);
	}
}

static __always_inline void on_fsmount(struct trial *t, struct pt_regs *regs)
{
	struct fs_context *fc = BPF_CORE_READ(file_of(regs->di), private_data);
	char type[8] = {};
	bpf_probe_read_kernel_str(type, sizeof(type), BPF_CORE_READ(fc, fs_type, name));
	struct event *e = same(type, "overlay", 8) ? begin(t, OVERLAY_MOUNT, current()) : 0;
	if (e)
		end(e);
}

#define OPEN_TREE_CLONE 1

// What open_tree clones is named in user memory, nearly always a constant of the
// binary next to others that were used before; where it is not mapped yet, the step is missed.
static __always_inline void on_open_tree(struct trial *t, struct pt_regs *regs)
{
	char head[sizeof(SELF_EXE)] = {};
	if (!(regs->dx & OPEN_TREE_CLONE))
		return;
	bpf_probe_read_user(head, sizeof(head), (void *)regs->si);
	if (same(head, SELF_EXE, sizeof(head)))
		bind_mount(t);
}

static __always_inline void plain_step(struct trial *t, enum step step, __u64 arg)
{
	struct event *e = begin(t, step, current());
	if (e) {
		e->arg[0] = arg;
		end(e);
	}
}

// Numbers of system calls on amd64.
enum { NR_PIVOT_ROOT = 155, NR_UNSHARE = 272, NR_EXECVEAT = 322, NR_OPEN_TREE = 428, NR_FSMOUNT = 432 };

static __always_inline __u64 is_wait(__u64 nr)
{
	return nr < MAX_CALLS ? wait_calls[nr / 64] >> nr % 64 & 1 : 0;
}

// Nearly all of what observing costs is here: a program on this tracepoint takes every
// process of the machine the slow way into the kernel. Of what could be hooked instead, x64_sys_call costs
// a little more, and is there since Linux 6.9 alone.
SEC("tp_btf/sys_enter")
int BPF_PROG(on_syscall, struct pt_regs *regs, long nr)
{
	struct tally *y = watched ? tally_at(bpf_get_current_pid_tgid()) : 0;
	if (!y || y->task != bpf_get_current_task())
		return 0;
	y->syscalls++;
	y->waits += is_wait(nr);
	if (nr != NR_PIVOT_ROOT && nr != NR_UNSHARE && nr != NR_EXECVEAT && nr != NR_OPEN_TREE && nr != NR_FSMOUNT)
		return 0;
	struct trial *t = trial_of(&y->in);
	if (!t)
		return 0;
	switch (nr) {
	case NR_PIVOT_ROOT:
		plain_step(t, PIVOT_ROOT, 0);
		break;
	case NR_UNSHARE:
		plain_step(t, UNSHARE, regs->di);
		break;
	case NR_EXECVEAT:
		on_execveat(t, regs);
		break;
	case NR_OPEN_TREE:
		on_open_tree(t, regs);
		break;
	case NR_FSMOUNT:
		on_fsmount(t, regs);
		break;
	}
	return 0;
}

// The tracepoint has the victim's pid alone in early releases of Linux 6.1, and the
// task in later ones and since. A raw tracepoint takes either.
SEC("raw_tp/mark_victim")
int on_victim(__u64 *args)
{
	__u32 pid = args[0];
	struct tally *y = 0;
	if (watched)
		y = victim_is_pid ? tally_at(pid) : tally_of((void *)args[0]);
	struct task_struct *task = y ? (void *)y->task : 0;
	if (!task || (victim_is_pid && BPF_CORE_READ(task, pid) != pid))
		return 0;
	struct trial *t = trial_of(&y->in);
	struct event *e = t ? begin(t, OOM_KILL, task) : 0;
	if (e)
		end(e);
	return 0;
}

/* What the programs read of the kernel, and no more: only fields that are named
 * here are relocated when the programs are loaded (CO-RE), so a kernel may move
 * or add whatever it likes around them. A vmlinux.h of one kernel would be 3 MB
 * and say the same. */
#ifndef INITBENCH_KERNEL_H
#define INITBENCH_KERNEL_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum { false = 0, true = 1 };

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_ANY = 0, BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr { const unsigned char *name; };
struct inode {
	long long i_size;
	unsigned long i_ino;
	__u32 i_generation;
	union {
		const unsigned int i_nlink;
	};
};
struct dentry { struct qstr d_name; };
struct path { struct dentry *dentry; };
struct file { struct inode *f_inode; struct path f_path; void *private_data; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct file_system_type { const char *name; };
struct fs_context { struct file_system_type *fs_type; };
struct linux_binprm {
	const char *filename;
	struct file *file;
};

struct kernfs_node { struct kernfs_node *parent; const char *name; void *priv; __u64 id; };
struct kernfs_node___6_15 { struct kernfs_node *__parent; }; /* renamed, and under RCU */
struct kernfs_open_file { struct kernfs_node *kn; };

struct cgroup;
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; };
struct cgroup {
	struct cgroup_subsys_state self;
	int nr_descendants;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1]; /* as many as the kernel has */
};
struct css_set { struct cgroup *dfl_cgrp; };

typedef struct { long counter; } atomic_long_t;
struct page_counter { atomic_long_t usage; };
struct memcg_vmstats { long state[1]; long state_pending[1]; };
struct memcg_vmstats_percpu { long state[1]; long state_prev[1]; };
struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct memcg_vmstats *vmstats;
	struct memcg_vmstats_percpu *vmstats_percpu;
};

typedef struct { int counter; } atomic_t;
struct signal_struct { atomic_t live; int nr_threads; };
struct task_struct {
	int exit_code;
	int pid;
	int tgid;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups;
};
struct pt_regs { unsigned long r10, r8, dx, si, di; };

#pragma clang attribute pop

/* Of enums only the names matter: their values are relocated. */
enum cgroup_subsys_id { memory_cgrp_id = 4 };
enum node_stat_item { NR_ISOLATED_ANON = 9, NR_ANON_MAPPED = 17, NR_FILE_PAGES = 19, NR_SHMEM = 23 };
enum memcg_stat_item { MEMCG_NR_STAT = 50 };

#endif

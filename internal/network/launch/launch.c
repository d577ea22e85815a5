/*
 * Runs a plugin and says how much memory it had at its largest.
 *
 *   initbench-launch PROGRAM
 *
 * PROGRAM gets this process's descriptors but for 4, and its environment. Afterwards ru_maxrss of it, and of what it waited
 * for, is written to descriptor 4 as eight bytes in the machine's order, in KiB; the exit code is its, 125 where it was killed by a
 * signal, 126 where it could not be run.
 *
 * Why not start it from Go: a child has the memory of whoever forks it until its exec, and the kernel counts that into the
 * child's ru_maxrss. What is forked from here has a few pages.
 */

typedef unsigned long u64;

enum { SYS_write = 1, SYS_close = 3, SYS_fork = 57, SYS_execve = 59, SYS_wait4 = 61, SYS_prctl = 157, SYS_exit_group = 231 };
enum { PR_SET_PDEATHSIG = 1, SIGKILL = 9, EINTR = 4, REPORT = 4, RUSAGE_WORDS = 18, MAXRSS_WORD = 4 };
enum { SIGNALLED = 125, NOT_RUN = 126 };

static long syscall4(long n, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}

static void __attribute__((noreturn)) quit(int code)
{
	for (;;)
		syscall4(SYS_exit_group, code, 0, 0, 0);
}

/* sp is the stack as execve left it: argc, argv, a null, the environment. */
void __attribute__((noreturn)) launch_main(u64 *sp)
{
	u64 argc = sp[0];
	char **argv = (char **)(sp + 1);
	long usage[RUSAGE_WORDS], pid, ended;
	int status = 0;

	if (argc != 2)
		quit(NOT_RUN);
	pid = syscall4(SYS_fork, 0, 0, 0, 0);
	if (pid < 0)
		quit(NOT_RUN);
	if (pid == 0) {
		/* Who kills the launcher means the plugin. */
		syscall4(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
		syscall4(SYS_close, REPORT, 0, 0, 0);
		syscall4(SYS_execve, (u64)argv[1], (u64)(argv + 1), (u64)(argv + argc + 1), 0);
		quit(NOT_RUN);
	}
	do
		ended = syscall4(SYS_wait4, pid, (u64)&status, 0, (u64)usage);
	while (ended == -EINTR);
	if (ended != pid || syscall4(SYS_write, REPORT, (u64)&usage[MAXRSS_WORD], sizeof(long), 0) != sizeof(long))
		quit(NOT_RUN);
	quit(status & 0x7f ? SIGNALLED : status >> 8 & 0xff);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call launch_main\n");

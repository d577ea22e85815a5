/*
 * A process that does nothing, and one that is moved about: what joins are measured with.
 *
 *   initbench-idle hold THREADS     be THREADS threads, write "ready\n", wait for the end of stdin
 *   initbench-idle move FILE...     write "0" to each FILE (a cgroup.procs) in turn, which moves this
 *                                   process there; "ready\n" after the first time round; until the end of
 *                                   stdin, then write "moved N\n"
 *
 * No libc and no Go: a Go program has threads of its own, and of this process there must be as
 * many as were asked for and no more. The threads run in one instruction loop without a stack, so that
 * thousands of them cost what the kernel needs for them and nothing else.
 */

typedef unsigned long u64;

/* Exit codes; idle.go names them. */
enum {
	FAIL_USAGE = 100,
	FAIL_THREAD,
	FAIL_OPEN,
	FAIL_MOVE,
	FAIL_SAY,
	FAIL_READ,
};

enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_poll = 7, SYS_clone = 56, SYS_prctl = 157, SYS_exit_group = 231 };
enum { O_WRONLY_CLOEXEC = 01 | 02000000, POLLIN = 1, EINTR = 4, PR_SET_NAME = 15 };
/* CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM: what pthread_create asks for, but for what needs a stack. */
enum { THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 };
enum { MAX_THREADS = 30000, MAX_FILES = 64 };

struct pollfd {
	int fd;
	short events;
	short revents;
};

static long syscall3(long n, u64 a, u64 b, u64 c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

static void __attribute__((noreturn)) quit(int code)
{
	for (;;)
		syscall3(SYS_exit_group, code, 0, 0);
}

/* Makes one thread, which calls pause(2) for ever. It shares the caller's stack pointer and never uses it. */
static long thread(void)
{
	long ret;

	__asm__ volatile("xor %%edx, %%edx\n\t"
			 "xor %%r10d, %%r10d\n\t"
			 "xor %%r8d, %%r8d\n\t"
			 "syscall\n\t"
			 "test %%eax, %%eax\n\t"
			 "jnz 2f\n"
			 "1:\tmov $34, %%eax\n\t"
			 "syscall\n\t"
			 "jmp 1b\n"
			 "2:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(THREAD_FLAGS), "S"(0)
			 : "rdx", "r10", "r8", "rcx", "r11", "memory", "cc");
	return ret;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void say(const char *text, int len)
{
	if (syscall3(SYS_write, 1, (u64)text, len) != len)
		quit(FAIL_SAY);
}

static int number(const char *s)
{
	int n = 0;

	if (!*s)
		quit(FAIL_USAGE);
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > MAX_THREADS)
			quit(FAIL_USAGE);
		n = n * 10 + (*s - '0');
	}
	return n;
}

static void hold(const char *threads)
{
	int want = number(threads);
	char byte;
	long n;

	if (want < 1 || want > MAX_THREADS)
		quit(FAIL_USAGE);
	for (int i = 1; i < want; i++)
		if (thread() < 0)
			quit(FAIL_THREAD);
	say("ready\n", 6);
	while ((n = syscall3(SYS_read, 0, (u64)&byte, 1)) > 0 || n == -EINTR)
		;
	quit(n ? FAIL_READ : 0);
}

static void report(u64 moves)
{
	char line[sizeof("moved \n") + 20];
	char *at = line + sizeof(line);

	*--at = '\n';
	do
		*--at = '0' + moves % 10;
	while (moves /= 10);
	for (const char *word = " devom"; *word; word++)
		*--at = *word;
	say(at, line + sizeof(line) - at);
}

static void move(char **files, int count)
{
	int fds[MAX_FILES];
	struct pollfd in = { 0, POLLIN, 0 };
	u64 moves = 0;

	if (count < 1 || count > MAX_FILES)
		quit(FAIL_USAGE);
	for (int i = 0; i < count; i++) {
		fds[i] = syscall3(SYS_open, (u64)files[i], O_WRONLY_CLOEXEC, 0);
		if (fds[i] < 0)
			quit(FAIL_OPEN);
	}
	for (;;) {
		if (syscall3(SYS_write, fds[moves % count], (u64)"0", 1) != 1)
			quit(FAIL_MOVE);
		if (++moves == (u64)count)
			say("ready\n", 6);
		/* Nothing is ever written to stdin: readable means its end. */
		if (moves >= (u64)count && syscall3(SYS_poll, (u64)&in, 1, 0) > 0)
			break;
	}
	report(moves);
	quit(0);
}

static __attribute__((used)) void start(long *sp)
{
	int argc = (int)sp[0];
	char **argv = (char **)(sp + 1);

	/* Executed through a descriptor it would be called by the number. */
	syscall3(SYS_prctl, PR_SET_NAME, (u64)"initbench-idle", 0);
	if (argc == 3 && same(argv[1], "hold"))
		hold(argv[2]);
	if (argc > 2 && same(argv[1], "move"))
		move(argv + 2, argc - 2);
	quit(FAIL_USAGE);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");

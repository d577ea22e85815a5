/*
 * What a trial's container runs, and what the check of the scales runs outside any container.
 *
 *   initbench-payload NONCE [ACTION]...
 *
 *   anon BYTES        map that much anonymous memory and touch every page
 *   shmem BYTES       the same, shared (charged as shmem)
 *   file PATH BYTES   make PATH and write that much through the page cache
 *   enumerate BITS BYTES eager|lazy
 *                     be ready to hand out 2^BITS subnets (BITS is 0 to 64) with a record of BYTES for each
 *                     (8 to 4096): eager makes all records before the first is handed out, as libnetwork
 *                     did, lazy has one and computes what it says; then hand out the first and the last
 *   hold              write "initbench-held\n", then wait for the end of stdin
 *   exit CODE         exit with CODE (0 to 99); without it the exit code is 0
 *
 * Actions happen in the order given. The first thing the process does, before it looks at its
 * arguments, is to read CLOCK_MONOTONIC; then it writes "initbench-stamp NONCE NS\n" in one write.
 *
 * No libc: its start-up (relocation, TLS, the stack protector's random bytes) would come before the
 * clock is read, and its pages would be charged to a container whose limit is a few hundred KiB.
 * No vDSO either: finding clock_gettime there costs more than the one system call it saves.
 */

typedef unsigned long u64;

/* Exit codes of the payload's own failures; payload.go names them. */
enum {
	FAIL_USAGE = 100,
	FAIL_CLOCK,
	FAIL_STAMP,
	FAIL_ANON,
	FAIL_SHMEM,
	FAIL_FILE_OPEN,
	FAIL_FILE_WRITE,
	FAIL_HELD,
	FAIL_READ,
	FAIL_RECORDS,
	FAIL_SUBNET,
};

enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_mmap = 9, SYS_madvise = 28, SYS_exit_group = 231, SYS_clock_gettime = 228 };
enum { CLOCK_MONOTONIC = 1 };
enum { O_WRONLY_CREAT_EXCL_NOFOLLOW = 01 | 0100 | 0200 | 0400000 };
enum { PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MADV_NOHUGEPAGE = 15 };
enum { EINTR = 4, PAGE = 4096, CHUNK = 65536, MAX_NONCE = 64, MAX_EXIT = 99 };
enum { MIN_RECORD = sizeof(u64), MAX_RECORD = PAGE, MAX_BITS = 64, ARENA = 1 << 20 };

struct timespec {
	long sec;
	long nsec;
};

/* Never written, so it stays the kernel's zero page and is charged to nobody. */
static char zeros[CHUNK];
static char line[sizeof("initbench-stamp ") + MAX_NONCE + 1 + 20 + 1];

static long syscall6(long n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static long syscall3(long n, u64 a, u64 b, u64 c)
{
	return syscall6(n, a, b, c, 0, 0, 0);
}

static void __attribute__((noreturn)) quit(int code)
{
	for (;;)
		syscall3(SYS_exit_group, code, 0, 0);
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Decimal digits only, at most max; anything else ends the process. */
static u64 number(const char *s, u64 max)
{
	u64 n = 0;

	if (!s || !*s)
		quit(FAIL_USAGE);
	for (; *s; s++) {
		u64 digit = (unsigned char)*s - '0';

		if (digit > 9 || n > (max - digit) / 10)
			quit(FAIL_USAGE);
		n = n * 10 + digit;
	}
	return n;
}

static char *append(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static char *append_number(char *p, u64 n)
{
	char digits[21];
	char *d = digits + sizeof(digits) - 1;

	*d = 0;
	do
		*--d = '0' + n % 10;
	while (n /= 10);
	return append(p, d);
}

static void stamp(const char *nonce, u64 ns)
{
	char *p = append(line, "initbench-stamp ");
	int n = 0;

	while (nonce[n])
		if (++n > MAX_NONCE)
			quit(FAIL_USAGE);
	p = append(p, nonce);
	*p++ = ' ';
	p = append_number(p, ns);
	*p++ = '\n';
	if (syscall3(SYS_write, 1, (u64)line, p - line) != p - line)
		quit(FAIL_STAMP);
}

/* No huge pages: how many 4 KiB pages are charged must not depend on what the kernel had lying about. */
static void touch(u64 bytes, u64 flags, int fail)
{
	u64 at = syscall6(SYS_mmap, 0, bytes, PROT_READ_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (at > -4096UL)
		quit(fail);
	/* EINVAL where the kernel has no huge pages at all, which is as good. */
	syscall3(SYS_madvise, at, bytes, MADV_NOHUGEPAGE);
	for (u64 off = 0; off < bytes; off += PAGE)
		*(volatile char *)(at + off) = 1;
}

static void write_file(const char *path, u64 bytes)
{
	long fd = syscall3(SYS_open, (u64)path, O_WRONLY_CREAT_EXCL_NOFOLLOW, 0600);

	if (fd < 0)
		quit(FAIL_FILE_OPEN);
	while (bytes > 0) {
		long n = syscall3(SYS_write, fd, (u64)zeros, bytes < CHUNK ? bytes : CHUNK);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			quit(FAIL_FILE_WRITE);
		bytes -= n;
	}
}

static void *map_arena(void)
{
	u64 at = syscall6(SYS_mmap, 0, ARENA, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at > -4096UL)
		quit(FAIL_RECORDS);
	/* EINVAL where the kernel has no huge pages at all, which is as good. */
	syscall3(SYS_madvise, at, ARENA, MADV_NOHUGEPAGE);
	return (void *)at;
}

/* Writes all of a record: its first word is the subnet's number, the rest stands for address and mask. */
static void record(u64 *at, u64 bytes, u64 number)
{
	*(volatile u64 *)at = number;
	for (u64 i = sizeof(u64); i < bytes; i++)
		((volatile char *)at)[i] = 1;
}

/* A record never lies across two arenas, which need not be neighbours. */
static void enumerate_eagerly(u64 last, u64 bytes)
{
	char *at = map_arena();
	u64 *first = (u64 *)at, *newest = first;
	u64 room = ARENA, stride = (bytes + 7) & ~7UL; /* as an allocator aligns them */

	for (u64 number = 0;; number++) {
		if (room < stride) {
			at = map_arena();
			room = ARENA;
		}
		newest = (u64 *)at;
		record(newest, bytes, number);
		at += stride;
		room -= stride;
		if (number == last)
			break;
	}
	if (*(volatile u64 *)first != 0 || *(volatile u64 *)newest != last)
		quit(FAIL_SUBNET);
}

static void enumerate_lazily(u64 last, u64 bytes)
{
	u64 *cursor = map_arena();

	record(cursor, bytes, 0);
	if (*(volatile u64 *)cursor != 0)
		quit(FAIL_SUBNET);
	record(cursor, bytes, last);
	if (*(volatile u64 *)cursor != last)
		quit(FAIL_SUBNET);
}

static void enumerate(u64 bits, u64 bytes, const char *how)
{
	/* 2^64 does not fit, the number of the last subnet does. */
	u64 last = bits == MAX_BITS ? -1UL : (1UL << bits) - 1;

	if (bytes < MIN_RECORD || !how)
		quit(FAIL_USAGE);
	if (same(how, "eager"))
		enumerate_eagerly(last, bytes);
	else if (same(how, "lazy"))
		enumerate_lazily(last, bytes);
	else
		quit(FAIL_USAGE);
}

static void hold(void)
{
	static const char held[] = "initbench-held\n";
	char c;
	long n;

	if (syscall3(SYS_write, 1, (u64)held, sizeof(held) - 1) != sizeof(held) - 1)
		quit(FAIL_HELD);
	do
		n = syscall3(SYS_read, 0, (u64)&c, 1);
	while (n > 0 || n == -EINTR);
	if (n < 0)
		quit(FAIL_READ);
}

/* sp is the stack as execve left it: argc, then argv. */
void __attribute__((noreturn)) payload_main(u64 *sp)
{
	struct timespec now;
	long err = syscall3(SYS_clock_gettime, CLOCK_MONOTONIC, (u64)&now, 0);
	char **arg = (char **)(sp + 1) + 1;

	if (err)
		quit(FAIL_CLOCK);
	if (sp[0] < 2 || !*arg[0])
		quit(FAIL_USAGE);
	stamp(*arg++, now.sec * 1000000000UL + now.nsec);
	while (*arg) {
		const char *action = *arg++;

		if (same(action, "exit"))
			quit(number(*arg, MAX_EXIT));
		if (same(action, "hold")) {
			hold();
		} else if (same(action, "anon")) {
			touch(number(*arg++, -1UL >> 1), MAP_PRIVATE, FAIL_ANON);
		} else if (same(action, "shmem")) {
			touch(number(*arg++, -1UL >> 1), MAP_SHARED, FAIL_SHMEM);
		} else if (same(action, "file") && arg[0]) {
			write_file(arg[0], number(arg[1], -1UL >> 1));
			arg += 2;
		} else if (same(action, "enumerate") && arg[0] && arg[1]) {
			enumerate(number(arg[0], MAX_BITS), number(arg[1], MAX_RECORD), arg[2]);
			arg += 3;
		} else {
			quit(FAIL_USAGE);
		}
	}
	quit(0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call payload_main\n");

//go:build cgo

// See doc.go.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_ADD_SEALS // <linux/fcntl.h>, which <fcntl.h> of an old libc lacks
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif

enum { SEALS = 0xf }; // SEAL, SHRINK, GROW, WRITE
static const char exe[] = "/proc/self/exe";
extern char **environ;

// Unprotected it never goes on.
static void fail(const char *what)
{
	dprintf(STDERR_FILENO, "initbench: copy %s in init: %s: %s\n", exe, what, strerror(errno));
	_exit(1);
}

static int must(long result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

static int open_or_fail(const char *path) { return must(open(path, O_RDONLY | O_CLOEXEC), path); }

// On tmpfs F_GET_SEALS succeeds too, with F_SEAL_SEAL alone.
static int sealed(void)
{
	int fd = open_or_fail(exe);
	int seals = fcntl(fd, F_GET_SEALS);
	close(fd);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

static void *grown(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		fail("realloc");
	return p;
}

// Each argument ends with a NUL, the last one too.
static char **arguments(void)
{
	char *text = NULL, **argv = NULL;
	size_t have = 0, n = 0, at;
	ssize_t got;
	int fd = open_or_fail("/proc/self/cmdline");
	do {
		text = grown(text, have + 4096);
		got = must(read(fd, text + have, 4096), "read /proc/self/cmdline");
		have += got;
	} while (got > 0);
	close(fd);
	for (at = 0; at < have; at += strlen(text + at) + 1) {
		argv = grown(argv, (n + 2) * sizeof(*argv));
		argv[n++] = text + at;
		argv[n] = NULL;
	}
	errno = EINVAL;
	return n ? argv : (fail("no arguments"), argv);
}

static void copy(int to)
{
	struct stat st;
	struct rlimit limit;
	int from = open_or_fail(exe);
	must(fstat(from, &st), "fstat");
	must(getrlimit(RLIMIT_FSIZE, &limit), "getrlimit");
	errno = EFBIG;
	if ((rlim_t)st.st_size > limit.rlim_cur)
		fail("RLIMIT_FSIZE");
	for (off_t sent = 0; sent < st.st_size;) {
		ssize_t n = sendfile(to, from, NULL, st.st_size - sent);
		if (n < 0 && errno == EINTR)
			continue;
		errno = n < 0 ? errno : EIO;
		if (n <= 0)
			fail("sendfile");
		sent += n;
	}
	close(from);
}

__attribute__((constructor(101))) static void initbench_clone_in_init(void)
{
	const char *way = getenv("_INITBENCH_CLONE_IN_INIT");
	if (!way || !*way)
		return;
	errno = EINVAL;
	if (strcmp(way, "memfd"))
		fail("_INITBENCH_CLONE_IN_INIT is not memfd");
	if (sealed())
		return;
	char **argv = arguments();
	// By number: glibc has it from 2.27 on only. No MFD_EXEC, as in runc 1.1.15.
	int fd = must(syscall(SYS_memfd_create, "runc_cloned:/proc/self/exe", 3U /* CLOEXEC, ALLOW_SEALING */), "memfd_create");
	copy(fd);
	must(fcntl(fd, F_ADD_SEALS, SEALS), "fcntl F_ADD_SEALS");
	fexecve(fd, argv, environ);
	fail("fexecve");
}

// A runtime that costs more than another by a known amount, to see whether a gate finds it: it sleeps, or makes calls that
// do nothing, and then is that other runtime, with the same arguments. Made by build.sh, which defines
//
//	RUNTIME   the other one's path; one that is not absolute is of a file beside this one
//	SLEEP_NS  how long create and run sleep
//	CALLS     how often create and run call getppid
//	LEAK      create and run ask a daemon to forget a socket with each so many of them, or none for 0; -1: there is no daemon
//
// Nothing is executed or copied in between that a runtime would take for itself: /proc/self/exe is the other's.
// What happens inside init is out of reach of a wrapper, since runtimes execute init from their own file:
// for that the built-in runtime takes plant-anon and plant-syscalls.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "leak.h"

static int fail(const char *what)
{
	fprintf(stderr, "plant: %s: %s\n", what, strerror(errno));
	return 1;
}

// has knows a verb or a flag by the word alone: what stands before it are flags, and paths of the caller's.
static int has(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, word))
			return 1;
	return 0;
}

static void cost(void)
{
	struct timespec left = {SLEEP_NS / 1000000000LL, SLEEP_NS % 1000000000LL};
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	for (long i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

int main(int argc, char **argv)
{
	char self[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (argc < 1 || n < 0)
		return fail("/proc/self/exe");
	self[n] = 0;
	*strrchr(self, '/') = 0;
	if (RUNTIME[0] == '/')
		snprintf(path, sizeof(path), "%s", RUNTIME);
	else
		snprintf(path, sizeof(path), "%s/%s", self, RUNTIME);
	if (LEAK >= 0 && has(argv + 1, "--version") && start_daemon())
		return fail("start " DAEMON);
	if (has(argv + 1, "create") || has(argv + 1, "run")) {
		cost();
		if (LEAK >= 0 && ask_daemon(LEAK))
			return fail("ask " DAEMON);
	}
	argv[0] = path;
	execv(path, argv);
	return fail(path);
}

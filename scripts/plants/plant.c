// A runtime that costs more than another by a known amount, to see whether a gate finds it: it sleeps, or makes calls that
// do nothing, and then is that other runtime, with the same arguments. Made by build.sh, which defines
//
//	RUNTIME   the other one's path; one that is not absolute is of a file beside this one
//	SLEEP_NS  how long create and run sleep
//	CALLS     how often create and run call getppid
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

static int fail(const char *what)
{
	fprintf(stderr, "plant: %s: %s\n", what, strerror(errno));
	return 1;
}

// starts_container knows the verb by the word alone: what stands before it are flags, and paths of the caller's.
static int starts_container(char **argv)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, "create") || !strcmp(*argv, "run"))
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
	if (starts_container(argv + 1))
		cost();
	argv[0] = path;
	execv(path, argv);
	return fail(path);
}

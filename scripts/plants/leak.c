// The daemon of the plant leak: a wrapped runtime has it serve one request with each container it creates, as a route update has an agent
// open a netlink socket. Every so many it does not close, as on an error path; its honest twin is the same with none of that. Beside it up to six sockets
// are open that come and go at random. It is started where the runtime is asked its version, which a run does before it looks for whom to watch, and
// ends when nobody has asked for ten minutes.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/netlink.h>

#include "leak.h"

#define NOISE 6
#define IDLE_MS (10 * 60 * 1000)

// here is an abstract name: it leaves no file, and is bound by one process at a time.
static socklen_t here(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path + 1, name);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static int netlink(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

// request opens a socket, and closes it but for each everyth of them.
static int request(long every)
{
	static long asked;
	int fd = netlink();
	if (fd < 0)
		return -1;
	if (every > 0 && ++asked % every == 0)
		return 0;
	return close(fd);
}

static int breathe(void)
{
	static int pool[NOISE], n;
	int size = random() % (NOISE + 1);
	while (n > size)
		close(pool[--n]);
	while (n < size)
		if ((pool[n++] = netlink()) < 0)
			return -1;
	return 0;
}

static void serve(int at)
{
	struct pollfd p = {at, POLLIN, 0};
	struct sockaddr_un from;
	long every;
	while (poll(&p, 1, IDLE_MS) == 1) {
		socklen_t len = sizeof(from);
		if (recvfrom(at, &every, sizeof(every), 0, (struct sockaddr *)&from, &len) != sizeof(every))
			continue;
		if (request(every) || breathe())
			return; // its end is told by whoever watches it
		sendto(at, &every, sizeof(every), 0, (struct sockaddr *)&from, len);
	}
}

int start_daemon(void)
{
	struct sockaddr_un a;
	int at = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = here(&a, DAEMON);
	if (at < 0)
		return -1;
	if (bind(at, (struct sockaddr *)&a, len))
		return errno == EADDRINUSE ? close(at) : -1; // the other arm's wrapper was first
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		break;
	default:
		return close(at);
	}
	setsid();
	if (dup2(at, 0) < 0 || close_range(1, ~0U, 0) || chdir("/") || prctl(PR_SET_NAME, DAEMON))
		_exit(1);
	srandom(7);
	serve(0);
	_exit(0);
}

int ask_daemon(long every)
{
	struct sockaddr_un a, own = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = here(&a, DAEMON);
	// A name of the kernel's choice (autobind), for the answer to come back to.
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(sa_family_t)) ||
	    sendto(fd, &every, sizeof(every), 0, (struct sockaddr *)&a, len) < 0 || recv(fd, &every, sizeof(every), 0) < 0)
		return -1;
	return close(fd);
}

// What a wrapper has of the daemon of the plant leak.

// DAEMON is its name, for --watch.
#define DAEMON "plantd"

// start_daemon starts it where none runs, ask_daemon has it serve a request and forget a socket with each everyth, or with none for 0. Both are 0, or -1
// with errno.
int start_daemon(void);
int ask_daemon(long every);

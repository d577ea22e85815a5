// Package leaky is the daemon that a leak finder is tried on: it opens netlink sockets as it is asked, and closes them
// all, or forgets one in a while on what could be an error path. Its honest twin has as much going on, and forgets none.
//
// It reads one line a request and answers each with one, so that a cycle is an event and not a time. It belongs to tests,
// which have their own binary run it; no command of initbench does.
package leaky

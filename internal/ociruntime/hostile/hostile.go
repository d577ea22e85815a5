package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Kind is one way for a runtime to misbehave. Unless it says otherwise, a kind
// answers --version properly, misbehaves at create, and does nothing and exits 0 at any other verb.
type Kind string

const (
	// Hang never returns from create and ignores SIGTERM, SIGINT and SIGHUP.
	Hang Kind = "hang"
	// HangStart creates like KillAtStart and then hangs in start.
	HangStart Kind = "hang-start"
	// ForkAway leaves a process in a new session, deaf to signals, and exits 0. No pid file.
	ForkAway Kind = "fork-away"
	// ForkAwayHolding is ForkAway whose process keeps stdout and stderr open.
	ForkAwayHolding Kind = "fork-away-holding"
	// Flood writes 8 MiB to stdout and 8 MiB to stderr, without a newline, and exits 1.
	Flood Kind = "flood"
	// Silent does nothing at any verb and exits 0.
	Silent Kind = "silent"
	// Fail exits 1 at create, with a message on stderr.
	Fail Kind = "fail"
	// KillAtStart creates an init (a sleep), writes its pid file and kills it at start, which exits 0.
	KillAtStart Kind = "kill-at-start"
	// FakeStamp creates like KillAtStart; start prints a stamp with a wrong nonce into init's stdout.
	FakeStamp Kind = "fake-stamp"
	// ForeignPID writes to the pid file the pid of a process that is none of its own: 1.
	ForeignPID Kind = "foreign-pid"
	// GarbagePID writes to the pid file what is no pid.
	GarbagePID Kind = "garbage-pid"
	// FifoPID makes the pid file a fifo that nobody writes to.
	FifoPID Kind = "fifo-pid"
	// DeleteFails creates like KillAtStart and exits 1 at delete, leaving init alone.
	DeleteFails Kind = "delete-fails"
	// VersionHang hangs when asked for its version.
	VersionHang Kind = "version-hang"
	// VersionFlood prints megabytes when asked for its version.
	VersionFlood Kind = "version-flood"
	// VersionFails exits 1 with a message when asked for its version.
	VersionFails Kind = "version-fails"
	// VersionHolding answers --version and leaves a process behind that keeps its output open.
	VersionHolding Kind = "version-holding"
	// VersionLeaving answers --version and leaves a process behind that keeps nothing open.
	VersionLeaving Kind = "version-leaving"
)

// behaviour is shell code for some of a script's functions, which by default do
// nothing. $id, $state, $pidfile and $bundle are set.
var behaviour = map[Kind]string{
	Hang:            `create() { hang; }`,
	HangStart:       `create() { init; }; start() { hang; }`,
	ForkAway:        `create() { away </dev/null >/dev/null 2>&1; }`,
	ForkAwayHolding: `create() { away; }`,
	Flood:           `create() { flood; flood >&2; exit 1; }`,
	Silent:          ``,
	Fail:            `create() { echo "hostile: cannot create $id: no luck today" >&2; exit 1; }`,
	KillAtStart:     `create() { init; }; start() { end; }`,
	FakeStamp:       `create() { init; }; start() { echo "initbench-stamp 0000000000000000 1" >"$state/$id.out"; end; }`,
	ForeignPID:      `create() { printf 1 >"$pidfile"; }`,
	GarbagePID:      `create() { printf 'not a pid\033[2J' >"$pidfile"; }`,
	FifoPID:         `create() { mkfifo "$pidfile"; }`,
	DeleteFails:     `create() { init; }; delete() { echo "hostile: $id stays" >&2; exit 1; }`,
	VersionHang:     `version() { hang; }`,
	VersionFlood:    `version() { flood; }`,
	VersionFails:    `version() { echo "hostile: what version?" >&2; exit 1; }`,
	VersionHolding:  `version() { echo "hostile version 1.0.0"; sleep 300 & }`,
	VersionLeaving:  `version() { echo "hostile version 1.0.0"; sleep 300 </dev/null >/dev/null 2>&1 & }`,
}

// script takes the flags of runc, crun and youki. The sleeps are long enough
// for any test and short enough not to outlive the day on a machine where one failed to end them.
const script = `#!/bin/sh
# A runtime that misbehaves on purpose: %s.
deaf() { trap '' TERM INT HUP; }
hang() { deaf; while :; do sleep 300; done; }
away() { setsid sh -c 'trap "" TERM INT HUP; sleep 300; sleep 300' & }
flood() { head -c 8388608 /dev/zero | tr '\0' x; }
init() {
	mkdir -p "$state"
	sleep 300 &
	ln -sf "/proc/$!/fd/1" "$state/$id.out"
	printf %%s $! >"$state/$id.pid"
	[ -z "$pidfile" ] || printf %%s $! >"$pidfile"
}
end() { kill -KILL "$(cat "$state/$id.pid")" 2>/dev/null; }
version() { echo "hostile version 1.0.0"; }
create() { :; }
start() { :; }
kill_() { :; }
delete() { :; }
state_() { :; }
%s
state=/nonexistent pidfile= bundle= verb= id=
while [ $# -gt 0 ]; do
	case $1 in
	--version) version; exit ;;
	--root) state=$2; shift ;;
	--bundle) bundle=$2; shift ;;
	--pid-file) pidfile=$2; shift ;;
	--log | --log-format) shift ;;
	-*) ;;
	*) if [ -z "$verb" ]; then verb=$1; elif [ -z "$id" ]; then id=$1; fi ;;
	esac
	shift
done
case $verb in
create | start | delete) $verb ;;
kill | state) "${verb}_" ;;
esac
exit 0
`

// Kinds lists every way to misbehave.
func Kinds() []Kind {
	return []Kind{
		Hang, HangStart, ForkAway, ForkAwayHolding, Flood, Silent, Fail, KillAtStart, FakeStamp, ForeignPID, GarbagePID,
		FifoPID, DeleteFails, VersionHang, VersionFlood, VersionFails, VersionHolding, VersionLeaving,
	}
}

// Write writes the runtime of that kind into dir and returns its path.
func Write(dir string, kind Kind) (string, error) {
	code, known := behaviour[kind]
	if !known {
		return "", fmt.Errorf("hostile runtime %q is not one of %v", kind, Kinds())
	}
	path := filepath.Join(dir, "hostile-"+string(kind))
	// A child forked while the file is open for writing makes its exec fail with
	// ETXTBSY (golang/go#22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, fmt.Appendf(nil, script, kind, code), 0o755); err != nil {
		return "", err
	}
	return path, nil
}

#!/bin/sh
# Builds a runtime that costs more than another by a known amount, to see whether a gate
# finds it (plant.c). Takes a C compiler and a static libc.
#
#	build.sh slow DURATION OUT [RUNTIME]   create and run sleep that long: 18ms, 0.5s, 900us
#	build.sh calls N OUT [RUNTIME]         create and run make N more system calls
#	build.sh leak N OUT [RUNTIME]          a daemon beside it, plantd, forgets a netlink socket with each Nth create or run; 0: its honest twin
#
# RUNTIME is the path of the other runtime where the trials are made. Without it, it is the file
# called baseline beside OUT, which is where a gate has its baseline in the guest:
#
#	scripts/plants/build.sh slow 18ms /tmp/slow
#	initbench gate --in vm --baseline runc@v1.2.6 --candidate /tmp/slow
#
#	scripts/plants/build.sh leak 0 /tmp/honest /usr/bin/crun
#	scripts/plants/build.sh leak 10 /tmp/leaky /usr/bin/crun
#	initbench gate --in vm --baseline /tmp/honest --candidate /tmp/leaky --scenario handle-leak --watch plantd
#
# What is inside init a wrapper cannot reach: builtin:plant-anon=1MiB, builtin:plant-syscalls=200.
set -eu

usage() {
	echo "usage: build.sh slow DURATION OUT [RUNTIME] | build.sh calls N OUT [RUNTIME] | build.sh leak N OUT [RUNTIME]${1:+ ($1)}" >&2
	exit 2
}

# nanoseconds DURATION prints a positive number of them, or nothing.
nanoseconds() {
	printf '%s\n' "$1" | awk '
		/^[0-9]+(\.[0-9]+)?(us|ms|s)$/ {
			unit = $0; sub(/^[0-9.]+/, "", unit)
			ns = ($0 + 0) * (unit == "s" ? 1e9 : unit == "ms" ? 1e6 : 1e3)
			if (ns >= 1) printf "%.0f\n", ns
		}'
}

[ $# = 3 ] || [ $# = 4 ] || usage
out=$3
runtime=${4:-baseline}
case $runtime in
*[\"\\]*) usage "no path of a runtime: $runtime" ;;
esac
ns=0
calls=0
leak=-1
case $1 in
slow)
	ns=$(nanoseconds "$2")
	[ -n "$ns" ] || usage "no duration: $2"
	;;
calls)
	calls=$2
	case $calls in
	'' | 0* | *[!0-9]*) usage "no number of calls: $2" ;;
	esac
	;;
leak)
	leak=$2
	case $leak in
	0) ;;
	'' | 0* | *[!0-9]*) usage "no number of creates: $2" ;;
	esac
	;;
*) usage "no plant: $1" ;;
esac
exec "${CC:-cc}" -static -O2 -Wall -Werror -s -DRUNTIME="\"$runtime\"" -DSLEEP_NS="${ns}LL" -DCALLS="$calls" -DLEAK="$leak" \
	-o "$out" "$(dirname "$0")/plant.c" "$(dirname "$0")/leak.c"

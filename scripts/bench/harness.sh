#!/bin/bash
# What initbench itself costs: a bare loop in bash, hyperfine and initbench's timed lane time the same starts in one guest,
# interleaved (main_linux.go says how). Prints a table, and the trials in the Go benchmark format for benchstat. Fails unless
# initbench's latencies agree with the others' and it makes at least as many trials a minute as hyperfine.
#
#	scripts/bench/harness.sh [--rounds N] [--trials N] [--out FILE] [--suite SUITE] [--clock CLOCK]
#
# FILE (default harness.txt) holds the trials: go tool benchstat -col /way FILE
# hyperfine is Debian's, unpacked from its package; the machine is left as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0 rounds=8 trials=10 out=harness.txt guest_flags=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 ;;
	--trials) trials=$2 ;;
	--out) out=$2 ;;
	--suite | --clock) guest_flags+=("$1" "$2") ;;
	*)
		sed -n 's/^#	//p' "$0" >&2
		exit 2
		;;
	esac
	shift 2
done

work=$(mktemp -d)
guest=
clean_up() {
	[ -z "$guest" ] || kill -TERM "$guest" 2>/dev/null || : # it ended before
	wait
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# fetch_hyperfine prints the path of one, fetched where this machine has none. The guest has the libraries it takes.
fetch_hyperfine() {
	command -v hyperfine && return
	(
		cd "$work"
		chmod 755 . # for apt-get's own user
		apt-get -q download hyperfine >&2
		dpkg-deb -x hyperfine_*.deb .
	)
	echo "$work/usr/bin/hyperfine"
}

export CGO_ENABLED=0
go build -buildvcs=false -o "$work/initbench" ./cmd/initbench
go build -buildvcs=false -o "$work/bench" ./scripts/bench
runc=$(go run ./scripts/runtimes runc@v1.2.6)
runtimes=/var/lib/initbench/runtimes
hyperfine=$(fetch_hyperfine)
coproc HOLD {
	exec "$work/initbench" vm --hold "$work/guest" "${guest_flags[@]}" --push "$work/initbench" --push "$work/bench" \
		--push "$hyperfine" --push "$runc:$runtimes/runc-1.2.6" </dev/null
}
guest=$HOLD_PID
read -r _ <&"${HOLD[0]}" || exit 1
"$work/initbench" vm -q --attach "$work/guest" -- bench -rounds "$rounds" -trials "$trials" \
	"runc-1.2.6=$runtimes/runc-1.2.6" crun=/usr/bin/crun >"$out" || status=$?
echo "trials: $out (go tool benchstat -col /way $out)"
exit $status

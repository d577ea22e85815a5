#!/bin/bash
# Every life of a container up to a length, of five runtimes under both drivers, in guests: what docs/findings.md says of what they leave.
# One line a cell; then all of them beside each other.
#
#	scripts/bench/lives.sh [--out DIR] [--length N] [--jobs N]
#
# DIR (default lives) keeps the records: what is there is not lived again, so that what was interrupted goes on, and lives of another length
# begin with those that there are. N cells (default 2) are lived at once, each in a guest of its own, which has one CPU: lives act one after the other, and
# with two that are emulated each would take twice the time.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
	sed -n 's/^#	//p' "$0" >&2
	exit 2
}

out=lives length=4 jobs=2
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--out) out=$2 ;;
	--length) length=$2 ;;
	--jobs) jobs=$2 ;;
	*) usage ;;
	esac
	shift 2
done
[[ $length =~ ^[1-9]$ && $jobs =~ ^[1-9]$ ]] || usage

make -s build >&2
mkdir -p "$out"

# runc is the distribution's, on the guest's PATH: 1.1.5 in bookworm. The others are installed on the first use, one after the other.
runtimes=(runc runc@v1.1.15 runc@v1.2.6 runc@v1.5.2 crun)

# cell RUNTIME DRIVER: lives what is not there yet.
cell() {
	local name="$1-$2" status=0 began=$SECONDS
	if [ ! -e "$out/$name-$length.done" ]; then
		# Each cell has a state of its own: one run holds a state's machine, and these are to be lived beside each other.
		INITBENCH_STATE_DIR=$out/$name.state bin/initbench lifecycle --in vm --cpus 1 --runtime "$1" --driver "$2" --length "$length" --format markdown --out "$out/$name.jsonl" \
			>"$out/$name-$length.md" 2>"$out/$name.log" </dev/null || status=$?
		if [ "$status" != 0 ]; then
			echo "$name: exit $status: $(tail -n 1 "$out/$name.log")" >&2
			return "$status"
		fi
		: >"$out/$name-$length.done"
	fi
	echo "$name: $(wc -l <"$out/$name.jsonl") lives, $((SECONDS - began)) s"
}

failed=0 running=0
for runtime in "${runtimes[@]}"; do
	for driver in cgroupfs systemd; do
		if [ "$running" -ge "$jobs" ]; then
			wait -n || failed=1
			running=$((running - 1))
		fi
		cell "$runtime" "$driver" &
		running=$((running + 1))
	done
done
while [ "$running" -gt 0 ]; do
	wait -n || failed=1
	running=$((running - 1))
done
[ "$failed" = 0 ] || {
	echo "not all cells were lived: the same command goes on" >&2
	exit 1
}
from=()
for runtime in "${runtimes[@]}"; do
	for driver in cgroupfs systemd; do
		from+=(--from "$out/$runtime-$driver.jsonl")
	done
done
exec bin/initbench lifecycle --format markdown "${from[@]}"

#!/bin/bash
# Many gates whose answer is known, in guests: what docs/findings.md says of false alarms, of planted changes and of known
# upgrades. One line a gate: its exit status (0 pass, 1 regressed, 3 inconclusive) and its headline.
#
#	scripts/bench/gates.sh [--out DIR] aa N        N gates of runtimes against themselves; fails if one is regressed
#	scripts/bench/gates.sh [--out DIR] plants N    N gates of each planted change; fails unless all are regressed
#	scripts/bench/gates.sh [--out DIR] upgrades    releases of runc and what came after them; fails if one could not be made
#
# DIR (default gates) keeps the records, for initbench compare to judge again. A gate whose records are there, also those of
# docs/gates/records.tar.gz, is judged by them and not made again; one that this script was interrupted in goes on. No record is
# removed. INITBENCH names an initbench that is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
	sed -n 's/^#	//p' "$0" >&2
	exit 2
}

out=gates
[ "${1-}" != --out ] || {
	out=${2-}
	shift 2 || usage
}
what=${1-} times=${2-}
case $what in
aa | plants) [[ $times =~ ^[1-9][0-9]{0,3}$ && $# = 2 ]] || usage ;;
upgrades) [ $# = 1 ] || usage ;;
*) usage ;;
esac

[ -n "${INITBENCH-}" ] || make -s build >&2
initbench=${INITBENCH-bin/initbench}
mkdir -p "$out"
wrong=0

# make_gate DIR FLAG...: makes it, or makes the rest of it. DIR.making is there until it has ended: records without it are whole, or not ours.
make_gate() {
	local dir=$1 status=0
	shift
	[ ! -e "$dir/run.json" ] || set -- --resume "$dir"
	[ "$1" = --resume ] || set -- "$@" --out "$dir"
	: >"$dir.making"
	"$initbench" gate "$@" --in vm >"$dir.txt" 2>"$dir.log" </dev/null || status=$?
	case $status in
	0 | 1 | 3) rm "$dir.making" ;;
	*) # no answer: interrupted, or not to be measured here
		tail -n 1 "$dir.log" >&2
		exit "$status"
		;;
	esac
}

# gate NAME STATUSES FLAG...: makes it, unless its records are there, and says whether by them it ends with one of these statuses.
gate() {
	local name=$1 want=$2 dir=$out/$1 status=0 said
	shift 2
	if [ ! -e "$dir/run.json" ] || [ -e "$dir.making" ]; then make_gate "$dir" "$@"; fi
	said=$("$initbench" compare "$dir" 2>&1) || status=$?
	said=$(head -n 1 <<<"$said")
	case " $want " in
	*" $status "*) echo "$status  $name  $said" ;;
	*)
		echo "$status  $name  $said  WRONG"
		wrong=$((wrong + 1))
		;;
	esac
}

# What decides on a noisy machine: counters, charges, and the clock that counts instructions.
noise_proof=(--scenario charges --scenario instructions)

# What three minutes do not settle stays open, which is no alarm.
aa() {
	local i refs=(runc@v1.2.6 runc@v1.1.15 runc@v1.5.2 crun) ref
	for ((i = 1; i <= times; i++)); do
		ref=${refs[$((i % 4))]}
		gate "aa-$i-$ref" "0 3" --baseline "$ref" --candidate "$ref" "${noise_proof[@]}" --max-time 3m
	done
}

# A start of the built-in runtime takes some 110 ms by that clock under cgroupfs and 160 under systemd. 3.5 ms of sleep make
# it 5 % longer under the first: waking up takes time too.
plants() {
	local i
	for ((i = 1; i <= times; i++)); do
		gate "sleep-cgroupfs-$i" 1 --baseline builtin --candidate builtin:plant-sleep=3500us --scenario instructions --driver cgroupfs
		gate "sleep-systemd-$i" 1 --baseline builtin --candidate builtin:plant-sleep=8ms --scenario instructions --driver systemd
		gate "anon-$i" 1 --baseline builtin --candidate builtin:plant-anon=1MiB --scenario charges
		gate "syscalls-$i" 1 --baseline builtin --candidate builtin:plant-syscalls=200 --scenario charges
	done
}

upgrades() {
	local any="0 1 3" pair
	gate 1.1.14-to-1.1.15 1 --baseline runc@v1.1.14 --candidate runc@v1.1.15
	gate 1.1.15-to-1.2.6 0 --baseline runc@v1.1.15 --candidate runc@v1.2.6
	gate 1.2.6-to-1.2.6 0 --baseline runc@v1.2.6 --candidate runc@v1.2.6
	gate 1.2.6-to-crun "$any" --baseline runc@v1.2.6 --candidate crun
	gate 1.0.0-rc93-to-rc94 "$any" --baseline runc@v1.0.0-rc93 --candidate runc@v1.0.0-rc94 --scenario thresholds --driver systemd
	for pair in 1.1.15:1.2.0-rc.3 1.2.0-rc.3:1.2.0 1.2.6:1.2.7 1.2.7:1.3.0 1.3.5:1.3.6 1.4.2:1.4.3 1.5.1:1.5.2 1.5.2:1.6.0-rc.1; do
		gate "${pair%:*}-to-${pair#*:}" "$any" --baseline "runc@v${pair%:*}" --candidate "runc@v${pair#*:}" "${noise_proof[@]}" --max-time 3m
	done
}

"$what"
[ "$wrong" = 0 ] || {
	echo "$wrong gates said what they should not" >&2
	exit 1
}

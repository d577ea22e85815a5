#!/bin/bash
# Records the timelines of real runtimes again that the tests of package sequence
# read, in a guest: sequence/testdata/timelines/RUNTIME-DRIVER.json.
#
#	sequence/observe/record.sh
#
# What is found in each is written down in sequence/recorded_test.go, and is another after every recording:
# times and bytes differ, and the natural order of runc 1.1.15 is a race.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=sequence/testdata/timelines
versions=(runc@v1.1.14 runc@v1.1.15 runc@v1.2.6 runc@v1.5.2) # and the guest's crun
runtimes=/var/lib/initbench/runtimes
made=/var/lib/initbench/timelines

work=$(mktemp -d)
guest=
clean_up() {
	[ -z "$guest" ] || kill -TERM "$guest" 2>/dev/null || : # it ended before
	wait
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

export CGO_ENABLED=0
go build -buildvcs=false -o "$work/initbench" ./cmd/initbench
mapfile -t binaries < <(go run ./scripts/runtimes "${versions[@]}")
pushes=()
for i in "${!versions[@]}"; do
	pushes+=(--push "${binaries[i]}:$runtimes/${versions[i]}")
done
coproc HOLD { exec "$work/initbench" vm --hold "$work/guest" "${pushes[@]}" </dev/null; }
guest=$HOLD_PID
read -r _ <&"${HOLD[0]}" || exit 1
in_guest=("$work/initbench" vm -q --attach "$work/guest")

INITBENCH_REQUIRE=1 INITBENCH_TEST_RUNTIMES=$runtimes go test -count 1 -run '^TestRecord$' \
	-exec "${in_guest[*]} --carry --" ./sequence/observe -args -record "$made"
mkdir -p "$into"
"${in_guest[@]}" -- tar -C "$made" -c . | tar -x --no-same-owner -C "$into"

#!/bin/bash
# Runs the lanes it is given, shows each with the time it took, and ends with one
# line that counts the tests over all of them. Exit 1 when anything failed.
#
#	test.sh LANE...
#
#	lint      checks of the source
#	host      lane 0: go test ./... as an ordinary user
#	race      the same with the race detector, which needs a C compiler, and the pages in a browser
#	guest     lane 1: the packages that need root, cgroup v2 or systemd, in one running guest
#	guest612  of those the tests called TestSmoke..., in a guest with Linux 6.12
#
# With lane 0 and the guest, a test that no lane passed because all skipped it is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
# Test binaries are payloads of containers, which have no libc: with cgo go test would link them to the host's.
# lane_race alone needs cgo, and says so.
export CGO_ENABLED=0

work=$(mktemp -d)
chmod 755 "$work"
results=$work/results
failed=()
guest=

# stop_guest ends the guest by its own process's end, and waits for that.
stop_guest() {
	[ -n "$guest" ] || return 0
	kill -TERM "$guest" 2>/dev/null || : # it died before
	wait "$guest" || :                   # of the signal
	guest=
}
clean_up() {
	stop_guest
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# note pass|fail GROUP NAME: counts what is no Go test.
note() { printf '{"Action":"%s","Package":"%s","Test":"%s"}\n' "$1" "$2" "$3" >>"$results"; }

failures() { cat "$results" 2>/dev/null | grep -c '"Action":"fail"' || :; }

# lane NAME: runs lane_NAME and goes on when it fails. A lane that failed without
# a test that did counts as one.
lane() {
	local at=$SECONDS end=ok before
	before=$(failures)
	echo "== $1"
	"lane_$1" || {
		end=FAILED
		failed+=("$1")
		[ "$(failures)" != "$before" ] || note fail lane "$1"
	}
	echo "== $1: $end ($((SECONDS - at)) s)"
}

lane_lint() {
	local check status=0
	for check in $(scripts/lint.sh --list); do
		if scripts/lint.sh "$check"; then
			note pass lint "$check"
		else
			note fail lint "$check"
			status=1
		fi
	done
	return $status
}

# tests ARG...: go test, counted. Several minutes are what the slowest package takes on an idle machine, in the guest;
# one busy with something else must not fail for that. A test that hangs ends its package all the same. Vetting is the lane lint's.
tests() { "$work/testsum" run "$results" go test -vet=off -timeout 25m -json "$@"; }

lane_host() { as_user ./...; }

# as_user ARG...: go test as an ordinary user. Installing a runtime, for one, needs what only a network has.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$work/host"
		export TEST_DIR=$work/host
		set -- -exec "$PWD/scripts/as-nobody.sh" "$@"
	fi
	INITBENCH_TEST_NETWORK=1 tests "$@"
}

# with_needs lists the packages whose tests state needs (internal/testenv): what an
# ordinary user's machine skips is in those. The pages' need is a browser, which is
# here and not in the guest: lane 0 has it.
with_needs() {
	go list -f '{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}:{{.ImportPath}}' ./... |
		sed -n 's,^.*/internal/testenv .*:,,p' | grep -v '/internal/report/html$'
}

# Packages that start no goroutine, nor do their tests (sequential_test.go looks): nothing of theirs can race, and they compute, which takes
# ten times as long under the detector.
sequential=(./internal/stats ./internal/design ./internal/verdict ./internal/report)

# The pages are looked at in a browser, which lane 0 may be without: here to have none is a failure. The guest cannot have one.
# Simulated gates are played beside each other: few of them under the detector, all without it.
lane_race() {
	local racing status=0
	scripts/setup.sh browser || status=1
	racing=$(go list ./... | grep -vxF "$(go list "${sequential[@]}")") || return 1
	mapfile -t racing <<<"$racing"
	CGO_ENABLED=1 INITBENCH_TEST_BROWSER=1 as_user -race -short "${racing[@]}" || status=1
	as_user "${sequential[@]}" ./internal/design/simulate || status=1
	return $status
}

lane_guest() {
	local packages status=0
	packages=$(with_needs) || return 1
	mapfile -t packages <<<"$packages"
	# Guests of their own are what these are about; a boot keeps one CPU busy.
	INITBENCH_TEST_GUEST=1 tests -p 2 -count 1 -run '^TestReal' ./internal/vm ./cmd/initbench || status=1
	start_guest guest || return 1
	# The command line's own scripts need nothing of the guest's, and take longer in it than all else of their package; and the docs are not there.
	in_guest -skip '^(TestScripts|TestFindings.*)$' "${packages[@]}" || status=1
	stop_guest
	return $status
}

# Another kernel and another systemd: what initbench reads from either must be there,
# and its eBPF programs must load. The rest does not depend on them, or is slow.
lane_guest612() {
	local package packages status=0
	packages=$(with_smoke) || return 1
	scripts/guest-qemu10.sh || return 1
	start_guest guest612 --suite trixie || return 1
	for package in $packages; do smoke "$package" || status=1; done
	stop_guest
	return $status
}

# with_smoke lists the packages that have such tests, and fails when none has.
with_smoke() { grep -rl --include='*_test.go' '^func TestSmoke' . | xargs dirname | sort -u; }

# smoke PACKAGE: a skip is no test of this kernel, and neither is no test.
smoke() {
	local before
	before=$(smoked)
	in_guest -run '^TestSmoke' "$1" || return 1
	[ "$(smoked)" != "$before" ] || {
		echo "$1: no TestSmoke passed"
		return 1
	}
}

smoked() { cat "$results" 2>/dev/null | grep -c '"Action":"pass".*"Test":"TestSmoke' || :; }

# in_guest ARG...: go test there. -p 1: each package has the machine to itself.
# -count 1: the guest's state is in no cache's key.
in_guest() {
	INITBENCH_REQUIRE=1 INITBENCH_TEST_RUNTIMES=$runtimes tests -p 1 -count 1 \
		-exec "$PWD/bin/initbench vm --attach $work/guest --carry --" "$@"
}

# The runtimes that tests are made with, besides the guest's own crun, and where
# they lie there: one of each way to protect /proc/self/exe, and the newest.
# 1.1.11 is the last whose init has the host's cgroups open, 1.1.12 the first without.
# Likewise for embedders of libcontainer: one of each generation of its API, and the one before the newest, which leaves descriptors open.
versions=(runc@v1.1.11 runc@v1.1.12 runc@v1.1.14 runc@v1.1.15 runc@v1.2.6 runc@v1.5.2
	builtin@v1.1.15 builtin@v1.2.6 builtin@v1.5.1 builtin@v1.5.2)
runtimes=/var/lib/initbench/runtimes

# start_guest LANE FLAG... returns when the guest answers, or has ended without,
# which is a failure of its own.
start_guest() {
	local lane=$1 binaries pushes=() i ready
	shift
	binaries=$(go run ./scripts/runtimes "${versions[@]}") || return 1
	mapfile -t binaries <<<"$binaries"
	for i in "${!versions[@]}"; do
		pushes+=(--push "${binaries[i]}:$runtimes/${versions[i]}")
	done
	pushes+=(--push "bin/initbench-builtin:$runtimes/builtin")
	# Nothing else ends the guest of a script that was killed (kill -9) before its trap.
	coproc HOLD { exec setpriv --pdeathsig TERM bin/initbench vm --hold "$work/guest" "$@" "${pushes[@]}" </dev/null; }
	guest=$HOLD_PID
	if ! read -r ready <&"${HOLD[0]}"; then
		echo "the guest did not come up"
		note fail "$lane" boot
		stop_guest
		return 1
	fi
	echo "guest: $ready"
}

go build -buildvcs=false -o "$work/testsum" ./scripts/testsum
for name in "$@"; do lane "$name"; done

# A lane alone cannot know whether another passes what it skipped.
case " $* " in
*" host "*" guest "* | *" race "*" guest "*) set -- report ;;
*) set -- report --partial ;;
esac
echo "== all: $((SECONDS - began)) s"
"$work/testsum" "$@" "$results" || failed+=(tests)
[ ${#failed[@]} = 0 ]

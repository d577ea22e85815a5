#!/bin/sh
# Checks of the source that need no test run. Each prints what it objects to; all
# are made, then the exit status says whether any objected.
#
#	lint.sh [CHECK...]    all checks, or these
#	lint.sh --list        their names
set -eu
cd "$(dirname "$0")/.."

failed=
elapsed() { echo $(($(date +%s) - $1)); }

check() {
	began=$(date +%s)
	if "check_$1"; then
		echo "lint: $1: ok ($(elapsed "$began") s)"
	else
		echo "lint: $1: FAILED ($(elapsed "$began") s)"
		failed="$failed $1"
	fi
}

check_format() {
	unformatted=$(find . -name '*.go' -not -path './.*' -not -path './bin/*' -exec gofmt -l {} +) || return 1
	test -z "$unformatted" || {
		echo "not as gofmt writes it: $unformatted"
		return 1
	}
}

check_vet() { go vet ./...; }

check_static() { go tool staticcheck ./...; }

# What only cgo compiles, which the command itself is built without: the built-in runtime.
# shellcheck disable=SC2086 # a list of packages
check_cgo() { CGO_ENABLED=1 go vet $with_cgo && CGO_ENABLED=1 go tool staticcheck $with_cgo; }
with_cgo="./internal/builtin/... ./memfdclone/ininit"

# What is not Linux's own compiles elsewhere: stored results are judged on any machine.
check_elsewhere() {
	export GOOS=darwin GOARCH=arm64
	go vet ./... && go build -buildvcs=false -o /dev/null ./cmd/initbench
	status=$?
	unset GOOS GOARCH
	return $status
}

check_shell() { shellcheck --severity=warning scripts/*.sh scripts/*/*.sh .ci/run internal/freestanding/build.sh sequence/observe/record.sh; }

# sums of every file that git knows or would, in a form that diff shows well.
sums() { git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard | xargs -0 sha256sum 2>/dev/null; }

check_generated() {
	before=$(mktemp)
	sums >"$before"
	go generate ./... && sums | diff "$before" - | sed -n 's/^> [0-9a-f]*  /go generate changes /p' >"$before.diff"
	status=$?
	cat "$before.diff"
	test -s "$before.diff" && status=1
	rm -f "$before" "$before.diff"
	return $status
}

all="format vet static cgo elsewhere shell generated"
case $* in
"") # shellcheck disable=SC2086 # a list of names
	set -- $all ;;
--list)
	echo "$all"
	exit
	;;
esac
for name in "$@"; do check "$name"; done
test -z "$failed" || {
	echo "lint:$failed FAILED"
	exit 1
}

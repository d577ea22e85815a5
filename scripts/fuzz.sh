#!/bin/bash
# Runs every fuzz target of the module for some time, as many side by side as there are CPUs, and says how often each was
# executed. Exit 1 when one found something: go test has written the input below its package's testdata/fuzz.
#
#	scripts/fuzz.sh [--out DIR] [TIME [PATTERN]]    TIME as go test -fuzztime takes it (10m); PATTERN of package/Target
#
# DIR keeps what each printed. A target whose output there says that it passed is not run again, so that what was
# interrupted goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

out=
[ "${1-}" != --out ] || {
	[ -n "${2-}" ] || {
		echo "usage: fuzz.sh [--out DIR] [TIME [PATTERN]]" >&2
		exit 2
	}
	out=$2
	shift 2
}
time=${1:-10m} pattern=${2:-.}
[[ $time =~ ^[1-9][0-9]*(s|m|h|x)$ && $# -le 2 ]] || {
	echo "fuzz.sh: TIME ${time@Q} is not one such as 30s, 10m or 100000x" >&2
	exit 2
}
[ -n "$out" ] || {
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
}
mkdir -p "$out"

# targets lists them as package/Target.
targets() {
	grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . |
		sed -E 's,^(.*)/[^/]*:func (.*)$,\1/\2,' | { grep -E -- "$pattern" || :; } | sort
}

# fuzz TARGET runs one, and ends with a line for it.
fuzz() {
	local target=$1 file
	file=$out/$(tr / . <<<"${target#./}").txt
	grep -q '^ok' "$file" 2>/dev/null ||
		go test -run '^$' -fuzz "^${target##*/}\$" -fuzztime "$time" -parallel 1 "${target%/*}" >"$file" 2>&1 || {
		echo "FAIL  $target"
		tail -n 20 "$file"
		return 1
	}
	echo "ok    $target  $(grep -o 'elapsed: [^,]*, execs: [0-9]*' "$file" | tail -n 1)"
}
export -f fuzz
export out time

all=$(targets)
[ -n "$all" ] || {
	echo "fuzz.sh: no target matches ${pattern@Q}" >&2
	exit 2
}
echo "fuzz: $(wc -l <<<"$all") targets, $time each, $(nproc) at once"
# shellcheck disable=SC2016 # of bash -c
xargs -P "$(nproc)" -I {} bash -c 'fuzz "$1"' - {} <<<"$all" || exit 1
echo "fuzz: nothing found"

#!/bin/sh
# Puts the QEMU of bookworm-backports (10.0) where initbench looks for one that is
# newer than the machine's own: qemu10 in its directory of the user's cache.
# `--suite trixie` needs it: QEMU 7.2 mis-emulates text patching, and Linux 6.12
# panics or oopses under it in most boots.
#
# Nothing is installed: packages are fetched and unpacked, so that it takes no root
# and the machine keeps the QEMU it has, which boots bookworm as before. The mirror
# is the one that this machine's own apt sources name; the lists live in a temporary
# directory that goes with the script. Quick where there is nothing to do.
#
#   scripts/guest-qemu10.sh            fetch it, unless this machine has such a QEMU
#   scripts/guest-qemu10.sh --print    only print the two source lines
set -eu

name=qemu-system-x86_64
enough=10 # minQEMU of internal/vm

say() { echo "guest-qemu10: $*" >&2; }
die() {
	say "$*"
	exit 4
}

case "${1-}" in
'' | --print) ;;
*)
	echo "usage: guest-qemu10.sh [--print]" >&2
	exit 2
	;;
esac

# new_enough QEMU: it runs here, and is of the version that is needed.
new_enough() {
	version=$("$1" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge "$enough" ]
}

cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}
case $cache in
/.cache) die "no cache directory: set HOME or XDG_CACHE_HOME" ;;
/*) ;;
*) die "XDG_CACHE_HOME is not an absolute path: $cache" ;;
esac
dir=$cache/initbench/qemu10
if [ "${1-}" != --print ]; then
	! new_enough "$name" || exit 0
	! new_enough "$dir/bin/$name" || exit 0
fi

# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ "$codename" = bookworm ] ||
	die "this machine is ${codename:-not Debian}, not bookworm: take the qemu-system-x86 of its own release"

# RELEASE is the suite as the source names it, known before any apt-get update.
# shellcheck disable=SC2016 # apt's own variables
uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
	'Created-By: Packages' 'Component: main' | awk '$1 == "bookworm" { print $2; exit }')
[ -n "$uri" ] || die "no apt source of this machine has bookworm main"
sources() {
	for suite in bookworm bookworm-backports; do
		echo "deb $uri $suite main"
	done
}
if [ "${1-}" = --print ]; then
	sources
	exit 0
fi

# Beside the final place, so that it appears whole or not at all; one at a time, so
# that what a killed one left can be removed.
mkdir -p "$cache/initbench"
exec 9>"$dir.lock"
flock 9
! new_enough "$dir/bin/$name" || exit 0
rm -rf "$dir".tmp.*
work=$(mktemp -d "$dir.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial" "$work/qemu10/bin"
sources >"$work/sources.list"
# apt-get's own user reads and writes here.
chmod 755 "$work"
[ "$(id -u)" != 0 ] || chown -R _apt: "$work/lists/partial" "$work/cache/archives/partial"

# apt shows apt-get's own words only when it fails. It looks at what is installed
# here and takes no lock for that: nothing is changed.
apt() {
	log=$(apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 "$@" 2>&1) || {
		echo "$log" >&2
		die "apt-get $1 failed"
	}
}

say "fetching the QEMU of bookworm-backports into $dir"
apt update
apt install --download-only -y --no-install-recommends -t bookworm-backports qemu-system-x86
for package in "$work"/cache/archives/*.deb; do
	dpkg-deb -x "$package" "$work/qemu10"
done

# What came along of libraries is newer than, or missing from, the machine's own.
# QEMU itself finds its firmware relative to where it lies.
cat >"$work/qemu10/bin/$name" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")")
export LD_LIBRARY_PATH="$here/usr/lib/x86_64-linux-gnu:$here/lib/x86_64-linux-gnu"
exec "$here/usr/bin/qemu-system-x86_64" "$@"
WRAPPER
chmod 755 "$work/qemu10/bin/$name"
new_enough "$work/qemu10/bin/$name" || {
	"$work/qemu10/bin/$name" --version >&2 || :
	die "what was fetched does not run here"
}
rm -rf "$dir" # one that does not run any more, or is too old
mv -T "$work/qemu10" "$dir"
"$dir/bin/$name" --version | head -n 1

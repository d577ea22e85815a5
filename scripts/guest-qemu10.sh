#!/bin/sh
# Installs the QEMU of bookworm-backports (10.0) on a Debian bookworm machine.
# `--suite trixie` needs it: QEMU 7.2 mis-emulates text patching, and Linux 6.12
# panics or oopses under it in most boots.
#
# The mirror is the one that this machine's own apt sources name. No apt source is
# added: the lists live in a temporary directory that goes with the script.
#
#   scripts/guest-qemu10.sh            install (needs root)
#   scripts/guest-qemu10.sh --print    only print the two source lines
set -eu

die() {
	echo "guest-qemu10: $*" >&2
	exit 4
}

case "${1-}" in
'' | --print) ;;
*)
	echo "usage: guest-qemu10.sh [--print]" >&2
	exit 2
	;;
esac

# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ "$codename" = bookworm ] ||
	die "this machine is ${codename:-not Debian}, not bookworm: take the qemu-system-x86 of its own release"

# RELEASE is the suite as the source names it, known before any apt-get update.
# shellcheck disable=SC2016 # apt's own variables
uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
	'Created-By: Packages' 'Component: main' | awk '$1 == "bookworm" { print $2; exit }')
[ -n "$uri" ] || die "no apt source of this machine has bookworm main"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/parts" "$work/lists/partial"
for suite in bookworm bookworm-backports; do
	echo "deb $uri $suite main"
done >"$work/sources.list"
if [ "${1-}" = --print ]; then
	cat "$work/sources.list"
	exit 0
fi

[ "$(id -u)" = 0 ] || die "installing packages needs root"
# The directory must be readable by apt's own user.
chmod 0755 "$work" "$work/lists"
apt() {
	apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::State::lists="$work/lists" "$@"
}
apt update
DEBIAN_FRONTEND=noninteractive apt install -y --no-install-recommends -t bookworm-backports qemu-system-x86
qemu-system-x86_64 --version

#!/bin/sh
# go test -exec: runs a test binary as an ordinary user when root asked for it, so
# that what works only as root shows. $TEST_DIR is a directory that user can write to.
#
#	as-nobody.sh BINARY ARG...
set -eu
binary=$1
shift
# go test builds in a directory that only root may enter.
dir=$(mktemp -d "$TEST_DIR/XXXXXX")
cp "$binary" "$dir/"
mkdir "$dir/home" "$dir/tmp"
chmod 755 "$dir"
chown nobody: "$dir/home" "$dir/tmp"

# What is below root's home is on no ordinary user's PATH, who may not even look there.
path=
IFS=:
for entry in $PATH; do
	case $entry/ in
	"${HOME:-/root}"/*) ;;
	*) path=$path${path:+:}$entry ;;
	esac
done
unset IFS

exec env -u SUDO_UID -u SUDO_GID -u SUDO_USER -u SUDO_COMMAND \
	-u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_STATE_HOME -u GOPATH -u GOMODCACHE -u GOROOT \
	USER=nobody LOGNAME=nobody PATH="$path" \
	HOME="$dir/home" TMPDIR="$dir/tmp" GOCACHE="$dir/home/.cache/go-build" \
	setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all \
	"$dir/$(basename "$binary")" "$@"

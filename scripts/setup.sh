#!/bin/sh
# Installs what building, testing and measuring need and is missing here: as root
# with apt-get, otherwise it says the one command that does. Quiet and quick when
# nothing is missing: every make target begins with it.
#
#	setup.sh GROUP...    groups: build runtimes guest lint ebpf browser
set -eu

# The first Go that fetches the toolchain go.mod asks for by itself (GOTOOLCHAIN=auto).
go_minor=21

say() { echo "setup: $*" >&2; }
die() {
	say "$*"
	exit 1
}

# need PACKAGE TEST...: the Debian package is missing when the test fails. What is
# tested is the thing used, so that it may have come from anywhere else.
missing=
need() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1"; }

# need_cgo is what libcontainer takes to be built statically with seccomp.
need_cgo() {
	need gcc has gcc
	need libc6-dev test -e /usr/include/stdio.h
	need pkg-config has pkg-config
	need libseccomp-dev test -e /usr/include/seccomp.h
}

need_group() {
	case $1 in
	build)
		need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
		need git has git
		need_cgo # the built-in runtime
		;;
	runtimes) need_cgo ;; # runc, and its payload with gcc
	guest)
		need qemu-system-x86 has qemu-system-x86_64
		need mmdebstrap has mmdebstrap
		need e2fsprogs has mke2fs
		# Who is not root builds the image in a user namespace.
		[ "$(id -u)" = 0 ] || need uidmap has newuidmap
		[ "$(id -u)" = 0 ] || need fakeroot has fakeroot
		;;
	lint) need shellcheck has shellcheck ;;
	ebpf) # go generate in sequence/observe, which says why that version
		need clang-14 has clang-14
		need llvm-14 has llvm-strip-14
		need libbpf-dev test -e /usr/include/bpf/bpf_core_read.h
		;;
	browser) # report.html is tested in it, and looked at: pictures without a font have no text
		need chromium has chromium
		need fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
		;;
	*) die "no group is called $1: build runtimes guest lint ebpf browser" ;;
	esac
}

# go_is_enough asks the installed Go itself, outside the module and with
# GOTOOLCHAIN=local: either would make it fetch another Go to answer with.
go_is_enough() {
	version=$(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
	minor_is_enough "${version#go1.}"
}

# minor_is_enough takes what follows "1." in a version of Go or of its package.
minor_is_enough() {
	minor=${1%%[!0-9]*}
	test "${minor:-0}" -ge "$go_minor"
}

no_go="Go 1.$go_minor or newer is needed and this suite has none: install it from go.dev/dl and put go on PATH"

# install_go takes golang-go of the suite, else of its backports.
install_go() {
	candidate=$(apt-cache policy golang-go | sed -n 's/^ *Candidate: *//p') # 2:1.24~2
	if minor_is_enough "${candidate#*:1.}"; then
		apt_install golang-go golang-go
	else
		install_backported_go
	fi
	go_is_enough || die "$no_go"
}

# install_backported_go finds the backports in the archive that this machine takes
# its suite from, and leaves apt's own list of sources as it is.
install_backported_go() {
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt's own variables
	archive=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' |
		sed -n "s/^\([^ ]*\) $suite main\$/\1/p" | head -n 1)
	test -n "$archive" || die "$no_go"
	say "this suite's Go is older than 1.$go_minor: looking into $suite-backports"
	sources=$(mktemp -d)
	trap 'rm -rf "$sources"' EXIT
	mkdir "$sources/parts"
	cat /etc/apt/sources.list >"$sources/list" 2>/dev/null || : # a new Debian has only sources.list.d
	cp /etc/apt/sources.list.d/* "$sources/parts/" 2>/dev/null || :
	echo "deb $archive $suite-backports main" >>"$sources/list"
	set -- -o "Dir::Etc::SourceList=$sources/list" -o "Dir::Etc::SourceParts=$sources/parts"
	apt-get -qq "$@" update || die "$no_go"
	apt_install "golang-go of $suite-backports" "$@" -t "$suite-backports" golang-go
}

# apt_install WHAT [OPTION...] PACKAGE... shows apt's own words only when it fails.
apt_install() {
	what=$1
	shift
	say "apt-get install $what"
	log=$(DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" 2>&1) || {
		echo "$log" >&2
		die "apt-get install $what failed"
	}
}

for group in "$@"; do need_group "$group"; done
go_missing=
go_is_enough || go_missing=golang-go
test -n "$missing$go_missing" || exit 0

command -v apt-get >/dev/null || die "missing and to be installed by hand:$missing $go_missing"
if [ "$(id -u)" != 0 ]; then
	test -z "$missing" || die "missing:$missing; install with: sudo apt-get install --no-install-recommends$missing"
	die "$no_go (or run this once as root: $0 $*)"
fi
say "apt-get update"
apt-get -qq update
# shellcheck disable=SC2086 # a list of packages
test -z "$missing" || apt_install "${missing# }" $missing
test -z "$go_missing" || install_go

#!/bin/sh
# Builds a program of one C file that has no libc, and OUT.from, which says what it was made from.
#
#	build.sh SOURCE [OUT]   SOURCE without its .c
#
# Without OUT it is SOURCE_linux_amd64, made again only where that is not what these sources gave: another gcc would
# give other bytes for nothing. Remove the file to have it made in any case.
#
# Every flag that would let the machine's defaults or the build's place into the bytes
# is spelt out, so that the same gcc and binutils give the same file anywhere.
set -eu
export LC_ALL=C
source=$1
out=${2:-${source}_linux_amd64}
cc=${CC:-gcc}

sum() { sha256sum | cut -d' ' -f1; }
# $0 not through cd: below a home that only root may enter, others have no absolute path.
made_from() { echo "source $(cat "$source.c" "$0" | sum)"; }
made() { echo "binary $(sum <"$out")"; }

if [ $# = 1 ] && [ -e "$out" ] && [ "$(head -n 2 "$out.from")" = "$(made_from && made)" ]; then
	exit 0
fi

"$cc" -std=gnu11 -Os -march=x86-64 -mno-sse -Wall -Wextra \
	-ffreestanding -fno-builtin -fno-pie -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-ident \
	-nostdlib -nostartfiles -static -no-pie \
	-Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack -Wl,-z,norelro -Wl,--hash-style=gnu \
	-s -o "$out" "$source.c"

{
	made_from
	made
	echo "cc $("$cc" --version | head -n 1)"
	echo "ld $(ld --version | head -n 1)"
} >"$out.from"

#!/bin/sh
# Builds payload_linux_amd64 beside payload.c, or OUT when given, and OUT.from, which says what it was made from.
# Every flag that would let the machine's defaults or the build's place into the bytes is spelt out, so that the
# same gcc and binutils give the same file anywhere.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$here/payload_linux_amd64}
export LC_ALL=C

${CC:-gcc} -std=gnu11 -Os -march=x86-64 -mno-sse -Wall -Wextra \
	-ffreestanding -fno-builtin -fno-pie -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-ident \
	-nostdlib -nostartfiles -static -no-pie \
	-Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack -Wl,-z,norelro -Wl,--hash-style=gnu \
	-s -o "$out" "$here/payload.c"

{
	echo "source $(cat "$here/payload.c" "$here/build.sh" | sha256sum | cut -d' ' -f1)"
	echo "binary $(sha256sum <"$out" | cut -d' ' -f1)"
	echo "cc $(${CC:-gcc} --version | head -n1)"
	echo "ld $(ld --version | head -n1)"
} >"$out.from"

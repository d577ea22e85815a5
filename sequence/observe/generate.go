package observe

// The compiler is named with its version: another one makes other objects, and lint
// (scripts/lint.sh generated) wants what is committed to the byte.
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target amd64 -tags linux -type event -type charge -type counters observe bpf/observe.c -- -mcpu=v3 -Wall -Werror

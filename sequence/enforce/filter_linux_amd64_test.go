package enforce

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

// interpret runs a filter over a call as the kernel would.
func interpret(t *testing.T, prog []unix.SockFilter, arch uint32, nr int32, args ...uint64) uint32 {
	t.Helper()
	data := map[uint32]uint32{offsetNr: uint32(nr), offsetArch: arch}
	for i, a := range args {
		data[offsetArg(uint32(i))] = uint32(a) // the lower half
	}
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		jump := map[bool]int{true: int(in.Jt), false: int(in.Jf)}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = data[in.K]
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			pc += jump[acc == in.K]
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			pc += jump[acc >= in.K]
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			pc += jump[acc&in.K != 0]
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default:
			t.Fatalf("instruction %d: code %#x", pc, in.Code)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

// Catches a call that marks a step and is not stopped, and one that is made often, or by another ABI, and is.
func TestFilter(t *testing.T) {
	const stop, pass = unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_RET_ALLOW
	const cwd, fd = math.MaxUint64 - 99, 7 // AT_FDCWD, sign-extended as libc passes it
	for _, tt := range []struct {
		name string
		nr   int32
		args []uint64
		want uint32
	}{
		{"memfd_create", int32(number(memfdCreate)), nil, stop},
		{"execveat", int32(number(execveat)), nil, stop},
		{"connect", int32(number(connect)), nil, stop},
		{"mkdir of a cgroup", int32(number(mkdir)), []uint64{1, 0o755}, stop},
		{"mkdir of a state directory", int32(number(mkdir)), []uint64{1, 0o700}, pass},
		{"mkdirat of a cgroup", int32(number(mkdirat)), []uint64{cwd, 1, 0o755}, stop},
		{"mkdirat of a cgroup, 32 bits of AT_FDCWD", int32(number(mkdirat)), []uint64{uint64(atCwd), 1, 0o777}, stop},
		{"mkdirat below an open directory", int32(number(mkdirat)), []uint64{fd, 1, 0o755}, pass},
		{"mkdirat of a state directory", int32(number(mkdirat)), []uint64{cwd, 1, 0o700}, pass},
		{"write", unix.SYS_WRITE, nil, pass},
		{"sendfile", unix.SYS_SENDFILE, nil, pass},
		{"openat", unix.SYS_OPENAT, nil, pass},
		{"execve", unix.SYS_EXECVE, nil, pass},
		{"x32 memfd_create", int32(number(memfdCreate)) | x32, nil, pass},
	} {
		if got := interpret(t, program(), auditArch, tt.nr, tt.args...); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
	for nr := range trapped {
		if got := interpret(t, program(), unix.AUDIT_ARCH_I386, nr, cwd, cwd, cwd); got != pass {
			t.Errorf("i386 call %d: %#x, want it let through", nr, got)
		}
	}
}

// Catches a label that no instruction has: its jump would go anywhere.
func TestJumpsHaveTargets(t *testing.T) {
	labels := map[string]bool{"": true}
	for _, in := range source() {
		labels[in.label] = true
	}
	for i, in := range source() {
		if !labels[in.yes] || !labels[in.no] {
			t.Errorf("instruction %d jumps to %q or %q", i, in.yes, in.no)
		}
	}
}

package enforce

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// interpret runs a filter over a call as the kernel would.
func interpret(t *testing.T, prog []unix.SockFilter, arch uint32, nr int32) uint32 {
	t.Helper()
	data := map[uint32]uint32{offsetNr: uint32(nr), offsetArch: arch}
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
	all := []sequence.Order{sequence.Natural, sequence.CloneBeforeJoin, sequence.JoinBeforeClone}
	clone := []sequence.Order{sequence.CloneBeforeJoin}
	for nr, stoppedIn := range map[int32][]sequence.Order{
		unix.SYS_MEMFD_CREATE: all, unix.SYS_EXECVEAT: all, unix.SYS_CONNECT: all, unix.SYS_MKDIR: clone, unix.SYS_MKDIRAT: clone,
		unix.SYS_READ: nil, unix.SYS_WRITE: nil, unix.SYS_SENDFILE: nil, unix.SYS_OPENAT: nil, unix.SYS_EXECVE: nil, unix.SYS_CLONE3: nil, 1000: nil,
	} {
		for _, order := range all {
			want := uint32(unix.SECCOMP_RET_ALLOW)
			for _, o := range stoppedIn {
				if o == order {
					want = unix.SECCOMP_RET_USER_NOTIF
				}
			}
			prog := program(order)
			if got := interpret(t, prog, auditArch, nr); got != want {
				t.Errorf("%s, call %d: %#x, want %#x", order, nr, got, want)
			}
			for name, foreign := range map[string]uint32{
				"i386": interpret(t, prog, unix.AUDIT_ARCH_I386, nr), "x32": interpret(t, prog, auditArch, nr|x32),
			} {
				if foreign != unix.SECCOMP_RET_ALLOW {
					t.Errorf("%s, %s call %d: %#x, want it let through", order, name, nr, foreign)
				}
			}
		}
	}
}

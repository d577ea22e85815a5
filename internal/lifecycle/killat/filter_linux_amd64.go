package killat

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// filter lets a task stop at the calls that may make a step, and at no others.
func filter() []unix.SockFilter {
	const archOffset, numberOffset = 4, 0 // of struct seccomp_data
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(yes), Jf: uint8(no), K: k}
	}
	calls := slices.Sorted(maps.Keys(kinds))
	program := []unix.SockFilter{load(archOffset), equal(unix.AUDIT_ARCH_X86_64, 0, len(calls)+1), load(numberOffset)}
	for i, nr := range calls {
		program = append(program, equal(uint32(nr), len(calls)-i, 0))
	}
	for _, answer := range []uint32{unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_TRACE} {
		program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: answer})
	}
	return program
}

// install has a task that is stopped at its first instruction put the filter on itself: it makes one call more, on a stack that it has not
// used and with its own code put back afterwards. It has to be root, whom the kernel lets do so without no_new_privs, which would be the
// container's as well.
func install(pid int) error {
	var own unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &own); err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	const unused = 8 << 10 // below the stack's end, where exec leaves 128 KiB
	at := (own.Rsp - unused) &^ 15
	if _, err := unix.PtracePokeData(pid, uintptr(at), encoded(at)); err != nil {
		return fmt.Errorf("write the filter: %w", err)
	}
	code, syscallInstruction := make([]byte, 8), []byte{0x0f, 0x05}
	if _, err := unix.PtracePeekText(pid, uintptr(own.Rip), code); err != nil {
		return fmt.Errorf("read the entry: %w", err)
	}
	if _, err := unix.PtracePokeText(pid, uintptr(own.Rip), syscallInstruction); err != nil {
		return fmt.Errorf("write the entry: %w", err)
	}
	regs := own
	regs.Rax, regs.Rdi, regs.Rsi, regs.Rdx = unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, at
	regs.Orig_rax = ^uint64(0) // no call is under way that might be made again
	result, err := step(pid, &regs)
	if err != nil {
		return err
	}
	if result != 0 {
		return fmt.Errorf("seccomp: %w", unix.Errno(-result))
	}
	if _, err := unix.PtracePokeText(pid, uintptr(own.Rip), code); err != nil {
		return fmt.Errorf("restore the entry: %w", err)
	}
	if err := unix.PtraceSetRegs(pid, &own); err != nil {
		return fmt.Errorf("restore the registers: %w", err)
	}
	return nil
}

// encoded is the filter with its struct sock_fprog before it, as they lie at an address.
func encoded(at uint64) []byte {
	const header = 16
	program := filter()
	b := binary.NativeEndian.AppendUint64(nil, uint64(len(program)))
	b = binary.NativeEndian.AppendUint64(b, at+header)
	for _, f := range program {
		b = binary.NativeEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.NativeEndian.AppendUint32(b, f.K)
	}
	return b
}

// step has a task execute one instruction with these registers, and returns what is in the first of them then.
func step(pid int, regs *unix.PtraceRegs) (int64, error) {
	if err := unix.PtraceSetRegs(pid, regs); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	if err := unix.PtraceSingleStep(pid); err != nil {
		return 0, fmt.Errorf("one step: %w", err)
	}
	var ws unix.WaitStatus
	if _, err := wait(pid, &ws); err != nil {
		return 0, fmt.Errorf("wait for one step: %w", err)
	}
	if !ws.Stopped() || ws.StopSignal() != unix.SIGTRAP {
		return 0, fmt.Errorf("one step ended with %#x", uint32(ws))
	}
	if err := unix.PtraceGetRegs(pid, regs); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	return int64(regs.Rax), nil
}

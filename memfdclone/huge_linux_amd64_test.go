package memfdclone

import (
	"bytes"
	"debug/elf"
	enc "encoding/binary"
	"os/exec"
	"testing"
)

// hugeProgram is an ELF file of one segment of size bytes that does nothing but exit with status 42.
func hugeProgram(t *testing.T, size uint64) []byte {
	t.Helper()
	const base, entry, huge = 0x400000, 0x1000, 2 << 20
	var file bytes.Buffer
	for _, part := range []any{
		elf.Header64{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
			Entry: base + entry, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
		},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Filesz: size, Memsz: size, Align: huge},
	} {
		if err := enc.Write(&file, enc.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	image := make([]byte, huge)
	copy(image, file.Bytes())
	copy(image[entry:], "\xb8\x3c\x00\x00\x00\xbf\x2a\x00\x00\x00\x0f\x05") // mov $60,%eax; mov $42,%edi; syscall
	return image
}

// Catches Executable's reason becoming untrue: segments of small pages that huge pages are executed from after all, or
// segments of whole huge pages that they are not.
func TestSmokeHugetlbExecutesWholeHugePagesAlone(t *testing.T) {
	withPool(t, 4)
	for size, want := range map[uint64]string{2 << 20: "exit status 42", 64 << 10: "signal: segmentation fault (core dumped)"} {
		src := fileOf(t, hugeProgram(t, size))
		c := mustMake(t, src, Options{Strategy: MemfdHugetlb})
		mustVerify(t, c, src)
		cmd := exec.Command(procFD(3))
		cmd.ExtraFiles = append(cmd.ExtraFiles, c.File)
		err := cmd.Run()
		if got := text(err); got != want && got+" (core dumped)" != want {
			t.Errorf("a segment of %d KiB: %s, want %s", size>>10, got, want)
		}
	}
}

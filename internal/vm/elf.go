package vm

import (
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// glibcMinor is the second number of the guest's glibc, 2.N.
var glibcMinor = map[Suite]int{Bookworm: 36, Trixie: 41}

// glibcLibraries are the shared libraries that every Debian system has.
var glibcLibraries = []string{
	"libc.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2", "librt.so.1", "libm.so.6", "ld-linux-x86-64.so.2",
}

// runsInGuest says, before a boot is wasted on it, when a binary cannot start
// there. A static one always can.
func runsInGuest(binary string, s Suite) error {
	f, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	defer func() { _ = f.Close() }() // only read from
	if f.Machine != elf.EM_X86_64 {
		return &EnvError{Problem: fmt.Sprintf("%s is built for %s, the guest is x86-64", binary, f.Machine)}
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	remedy := "build it with CGO_ENABLED=0"
	for _, lib := range libraries {
		if !slices.Contains(glibcLibraries, lib) {
			return &EnvError{Problem: fmt.Sprintf("%s is linked to %s, which the guest does not have", binary, lib), Remedy: remedy}
		}
	}
	symbols, err := f.ImportedSymbols()
	if err != nil && len(libraries) > 0 {
		return fmt.Errorf("%s: %w", binary, err)
	}
	if need := glibcNeed(symbols); need > glibcMinor[s] {
		return &EnvError{Problem: fmt.Sprintf("%s needs glibc 2.%d, the %s guest has 2.%d", binary, need, s, glibcMinor[s]), Remedy: remedy}
	}
	return nil
}

// glibcNeed is the highest GLIBC_2.N that any symbol asks for.
func glibcNeed(symbols []elf.ImportedSymbol) int {
	need := 0
	for _, s := range symbols {
		version, found := strings.CutPrefix(s.Version, "GLIBC_2.")
		if !found {
			continue
		}
		minor, _, _ := strings.Cut(version, ".")
		if n, err := strconv.Atoi(minor); err == nil {
			need = max(need, n)
		}
	}
	return need
}

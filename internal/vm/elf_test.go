package vm

import (
	"debug/elf"
	"testing"
)

// GLIBC_2.4 is older than GLIBC_2.34, and private versions are no versions.
func TestGlibcNeed(t *testing.T) {
	symbols := []elf.ImportedSymbol{{Version: "GLIBC_2.2.5"}, {Version: "GLIBC_2.34"}, {Version: "GLIBC_2.4"}, {Version: "GLIBC_PRIVATE"}, {}}
	if got := glibcNeed(symbols); got != 34 {
		t.Errorf("2.%d, want 2.34", got)
	}
	if got := glibcNeed(nil); got != 0 {
		t.Errorf("nothing needs 2.%d", got)
	}
}

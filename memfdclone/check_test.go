package memfdclone

import (
	"slices"
	"strings"
	"testing"
)

// Catches a way of cloning that is offered where no start can be made with it, or refused where one can.
func TestCheck(t *testing.T) {
	var can []string
	for _, w := range Wheres() {
		for _, s := range Strategies() {
			if err := Check(w, s); err == nil {
				can = append(can, string(w)+" "+string(s))
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %q, want one line", w, s, err)
			}
		}
	}
	want := []string{
		"parent memfd", "parent memfd-copy", "parent memfd-mmap", "parent memfd-thp", "parent tmpfile", "parent overlayfs", "parent bind",
		"init memfd", "once memfd", "once memfd-copy", "once memfd-mmap", "once memfd-thp", "none none",
	}
	if !slices.Equal(can, want) {
		t.Errorf("can %q, want %q", can, want)
	}
	for w, s := range map[Where]Strategy{"": Memfd, InParent: ""} {
		if err := Check(w, s); err == nil {
			t.Errorf("%q, %q: want an error", w, s)
		}
	}
}

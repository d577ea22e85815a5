package memfdclone

import (
	"fmt"
	"slices"
	"strings"
)

// Check says in one line why no start is made with a copy made there and so; nil when one is. The words are the
// built-in runtime's own: its options, its cells of a plan and its references are all judged here.
func Check(w Where, s Strategy) error {
	if _, err := ParseWhere(string(w)); err != nil {
		return err
	}
	if _, err := ParseStrategy(string(s)); err != nil {
		return err
	}
	switch {
	case w == Nowhere && s != None:
		return fmt.Errorf("clone=none makes no copy, so it has no strategy but none")
	case w != Nowhere && s == None:
		return fmt.Errorf("strategy=none makes no copy: that is clone=none")
	case w == InInit && s != Memfd:
		return fmt.Errorf("clone=init copies with strategy=memfd alone, as runc 1.1.15 does: it is C code that runs before Go does")
	case s.Executable() != nil:
		return fmt.Errorf("strategy=%s cannot be executed: %w", s, s.Executable())
	case w == Once && !s.Sealed():
		return fmt.Errorf("clone=once needs a sealed memfd, which a runtime knows itself by: write one of %s", strings.Join(onceWords(), ", "))
	}
	return nil
}

// Sealed reports whether what the strategy makes is a memfd with seals: one file that holds the copy by itself, without
// mounts or directories of a single start, and that is recognised by whoever is executed from it.
func (s Strategy) Sealed() bool {
	return slices.Contains([]Strategy{Memfd, MemfdCopy, MemfdMmap, MemfdTHP, MemfdHugetlb}, s)
}

func onceWords() (words []string) {
	for _, s := range Strategies() {
		if s.Sealed() && s.Executable() == nil {
			words = append(words, string(s))
		}
	}
	return words
}

package phrase

import (
	"fmt"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// Sentence is the one that matters about a start: who was charged for the clone.
func Sentence(f sequence.Finding) string {
	if f.Order == sequence.FoundUnknown {
		return "the order of clone and join is not known: " + f.Why
	}
	if f.Guard == sequence.GuardMemfd || f.Guard == sequence.GuardBoth {
		return cloneSentence(f)
	}
	text := map[sequence.Found]string{
		sequence.FoundBornInCgroup: "init was born in its cgroup and makes no clone there",
		sequence.FoundNoClone:      "no clone is made inside init",
	}[f.Order]
	switch {
	case f.Guard == sequence.GuardParentMemfd:
		return text + ": the runtime's own copy" + size(" of ", f.CloneBytes) + " was made before, and " + share(f.CloneToContainer) + " was charged to the container"
	case f.Guard == sequence.GuardNone || f.Guard == "":
		return text + ": nothing of the binary was charged to the container"
	}
	return text + ": the binary is guarded by " + article(f.Guard) + ", and nothing of it was charged to the container"
}

func cloneSentence(f sequence.Finding) string {
	if f.CloneBytes == nil {
		return map[sequence.Found]string{
			sequence.FoundJoinBeforeClone: "the join came first, and init ended before its clone was sealed",
			sequence.FoundOverlapping:     "the join fell inside the copy, and init ended before its clone was sealed",
		}[f.Order]
	}
	total := verdict.Bytes.Format(float64(*f.CloneBytes))
	switch f.Order {
	case sequence.FoundCloneBeforeJoin:
		return fmt.Sprintf("the clone was sealed before the join: %s of its %s was charged to the container", share(f.CloneToContainer), total)
	case sequence.FoundOverlapping:
		return fmt.Sprintf("the join fell inside the copy: %s of the %s clone was charged to the container, %s to the runtime", share(f.CloneToContainer), total, share(f.CloneToRuntime))
	case sequence.FoundBornInCgroup:
		return fmt.Sprintf("init was born in its cgroup and made its clone there: %s of %s was charged to the container", share(f.CloneToContainer), total)
	}
	return fmt.Sprintf("the join came first: %s of the %s clone was charged to the container", share(f.CloneToContainer), total)
}

// share is a part of a clone in words.
func share(bytes *int64) string {
	switch {
	case bytes == nil:
		return "an unknown part"
	case *bytes == 0:
		return "none"
	}
	return verdict.Bytes.Format(float64(*bytes))
}

func size(before string, bytes *int64) string {
	if bytes == nil {
		return ""
	}
	return before + verdict.Bytes.Format(float64(*bytes))
}

func article(guard string) string {
	if guard == sequence.GuardOverlay {
		return "an overlay mount"
	}
	return "a " + guard
}

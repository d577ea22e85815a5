package scenarios

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// leastBuiltinBytes stands for the built-in runtime's size where that is not known: its smallest build so far, libcontainer
// and the Go runtime without symbols, has 5.9 MiB.
const leastBuiltinBytes = 4 << 20

// Senseless says why a cell cannot be measured or would be another one under a second name; empty where it makes sense.
// builtinBytes is the size of the built-in runtime's own binary, 0 where it is not known.
func (c Cell) Senseless(builtinBytes int64) string {
	if c.Join != (Join{}) {
		return c.Join.senseless(c.Driver)
	}
	if c.Build == (Build{}) {
		return ""
	}
	if why := c.Build.senseless(); why != "" {
		return why
	}
	if why := c.Build.unordered(c.Order); why != "" {
		return why
	}
	return c.outOfBounds(builtinBytes)
}

// senseless is about who makes the copy and how. What is left to the runtime's reference cannot be judged here.
func (b Build) senseless() string {
	switch {
	case b.Clone == "" || b.Strategy == "":
		return ""
	case b.Clone == memfdclone.Nowhere && b.Strategy != memfdclone.None:
		return "clone=none makes no copy, so it has no strategy but none"
	case b.Clone != memfdclone.Nowhere && b.Strategy == memfdclone.None:
		return "strategy=none makes no copy: that is clone=none"
	case b.Clone == memfdclone.InInit && b.Strategy != memfdclone.Memfd:
		return "the copy that init makes is runc 1.1.15's, which is memfd"
	case b.Strategy.Executable() != nil:
		return fmt.Sprintf("strategy=%s cannot be executed: %v", b.Strategy, b.Strategy.Executable())
	case b.Clone == memfdclone.Once && !slices.Contains(onceStrategies, b.Strategy):
		return "what a caller keeps for many starts is a sealed memfd"
	}
	return ""
}

// onceStrategies give one file that holds the copy by itself, without mounts or directories of a single start.
var onceStrategies = []memfdclone.Strategy{memfdclone.Memfd, memfdclone.MemfdCopy, memfdclone.MemfdMmap, memfdclone.MemfdTHP}

// unordered is why an order of clone and join says nothing of this build.
func (b Build) unordered(o sequence.Order) string {
	switch {
	case o == sequence.Natural || b.Clone == memfdclone.InInit || b.Clone == "":
		return ""
	case b.Clone == memfdclone.Nowhere:
		return "clone=none has no copy that could come before or after the join"
	case o == sequence.CloneBeforeJoin:
		return "a copy of clone=" + string(b.Clone) + " is there before init is: clone-before-join is its natural order"
	}
	return "a copy of clone=" + string(b.Clone) + " is there before init is: no join can come before it"
}

func (c Cell) outOfBounds(builtinBytes int64) string {
	known := builtinBytes > 0
	if !known {
		builtinBytes = leastBuiltinBytes
	}
	switch size := c.Build.BinaryBytes; {
	case size > 0 && size < builtinBytes && known:
		return fmt.Sprintf("the built-in runtime's own binary has %d bytes, and padding only adds", builtinBytes)
	case size > 0 && size < builtinBytes:
		return fmt.Sprintf("the built-in runtime's own binary has more than %s, and padding only adds", FormatSize(builtinBytes))
	case c.Place != "" && c.Limit < MinLimit:
		return "the limit would be below " + FormatSize(MinLimit)
	}
	return ""
}

// senseless is what the kernel, systemd or the meaning of the words stands against.
func (j Join) senseless(d cgroupjoin.Driver) string {
	bySystemd := j.Mechanism == cgroupjoin.ByUnit || j.Mechanism == cgroupjoin.ByAttach
	switch {
	case bySystemd && d == cgroupjoin.Cgroupfs:
		return "join=" + string(j.Mechanism) + " is a call to systemd: cgroupfs makes none"
	case j.Mechanism == cgroupjoin.ByUnit && j.Cgroup == cgroupjoin.Early:
		return "join=unit makes the cgroup itself, and with a process in it: it cannot be made early"
	case j.Mechanism == cgroupjoin.ByAttach && j.Cgroup == cgroupjoin.Late:
		return "join=attach needs a scope that exists: its cgroup is always made early"
	case j.Mechanism == cgroupjoin.ByBirth && j.Cgroup == cgroupjoin.Late:
		return "join=birth needs a cgroup that exists: it is always made early"
	case j.Mechanism == cgroupjoin.ByBirth && j.Threads > 1:
		return "join=birth is of a new process, which has one thread"
	case j.Busy && j.Siblings == 0:
		return "a tree is busy where processes are moved between siblings, and there are none"
	}
	return ""
}

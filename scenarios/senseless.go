package scenarios

import (
	"fmt"

	"github.com/initbench/initbench/cgroupjoin"
	cgjoin "github.com/initbench/initbench/cgroupjoin/join"
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
	if b.Clone == "" || b.Strategy == "" {
		return ""
	}
	if err := memfdclone.Check(b.Clone, b.Strategy); err != nil {
		return err.Error()
	}
	return ""
}

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

// senseless is what package join, which makes it, stands against, and what is made around it.
func (j Join) senseless(d cgroupjoin.Driver) string {
	if err := cgjoin.Check(j.Mechanism, j.Cgroup, d == cgroupjoin.Systemd); err != nil {
		return err.Error()
	}
	switch {
	case j.Mechanism == cgroupjoin.ByBirth && j.Threads > 1:
		return "join birth: a process is born with one thread"
	case j.Busy && j.Siblings == 0:
		return "a tree is busy where processes are moved between siblings, and there are none"
	}
	return ""
}

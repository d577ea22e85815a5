// Package options is what the built-in runtime can be told on its command line,
// and which of it makes sense together.
//
// It is a package of its own so that internal/ociruntime refuses a reference by
// the same rules before a trial as the runtime would in it, and so that they are
// tested without libcontainer.
package options

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/memfdclone"
)

// Options of one start. What is empty is done as libcontainer does it, but for
// Join where Cgroup is Early: then init is born in its cgroup.
type Options struct {
	Clone    memfdclone.Where
	Strategy memfdclone.Strategy
	Join     join.Mechanism
	Cgroup   join.When
}

// sealable are the strategies whose result is a sealed memfd that can be executed: it is
// by its seals that a runtime knows that it is executed from a copy.
var sealable = []memfdclone.Strategy{memfdclone.Memfd, memfdclone.MemfdCopy, memfdclone.MemfdMmap, memfdclone.MemfdTHP}

// Check refuses what cannot be had together, whatever the driver.
func (o Options) Check() error {
	if err := o.checkStrategy(); err != nil {
		return err
	}
	switch {
	case o.early() && o.Join == join.ByUnit:
		return fmt.Errorf("join=unit needs cgroup=late: systemd makes the unit's cgroup as it takes init in")
	case !o.early() && o.Join == join.ByBirth:
		return fmt.Errorf("join=birth needs cgroup=early: init cannot be born in a cgroup that is made after it")
	case !o.early() && o.Join == join.ByAttach:
		return fmt.Errorf("join=attach needs cgroup=early: it is a call about a unit that is there")
	}
	return nil
}

func (o Options) checkStrategy() error {
	switch {
	case o.Strategy == "":
		return nil
	case o.Strategy.Executable() != nil:
		return fmt.Errorf("strategy=%s cannot be executed: %w", o.Strategy, o.Strategy.Executable())
	case o.Clone == memfdclone.Nowhere && o.Strategy != memfdclone.None:
		return fmt.Errorf("clone=none makes no copy, and strategy=%s is one", o.Strategy)
	case o.Clone != memfdclone.Nowhere && o.Strategy == memfdclone.None:
		return fmt.Errorf("strategy=none makes no copy: write clone=none")
	case o.Clone == memfdclone.InInit && o.Strategy != memfdclone.Memfd:
		return fmt.Errorf("clone=init copies with strategy=memfd alone, not %s: it is C code that runs before Go does", o.Strategy)
	case o.Clone == memfdclone.Once && !slices.Contains(sealable, o.Strategy):
		return fmt.Errorf("clone=once needs a sealed memfd, and strategy=%s makes none: one of %s does", o.Strategy, list(sealable))
	}
	return nil
}

// CheckDriver refuses what the driver has no way to do.
func (o Options) CheckDriver(systemd bool) error {
	if !systemd && (o.Join == join.ByUnit || o.Join == join.ByAttach) {
		return fmt.Errorf("join=%s needs the systemd driver: under cgroupfs there is no unit", o.Join)
	}
	return nil
}

func (o Options) early() bool { return o.Cgroup == join.Early }

// Natural says that libcontainer makes and joins the cgroup by itself.
func (o Options) Natural(systemd bool) bool {
	return !o.early() && o.Mechanism(systemd) == natural(systemd)
}

// Mechanism is the join that is meant.
func (o Options) Mechanism(systemd bool) join.Mechanism {
	switch {
	case o.Join != "":
		return o.Join
	case o.early():
		return join.ByBirth
	}
	return natural(systemd)
}

func natural(systemd bool) join.Mechanism {
	if systemd {
		return join.ByUnit
	}
	return join.ByProcs
}

// list writes words for a message.
func list[T ~string](words []T) string {
	var s []string
	for _, w := range words {
		s = append(s, string(w))
	}
	return strings.Join(s, ", ")
}

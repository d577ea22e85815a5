// Package options is what the built-in runtime can be told on its command line,
// and which of it makes sense together.
//
// It is a package of its own so that internal/ociruntime refuses a reference by
// the same rules before a trial as the runtime would in it, and so that they are
// tested without libcontainer.
package options

import (
	"fmt"
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
	Plant    Plant
}

// Check refuses what cannot be had together, whatever the driver.
func (o Options) Check() error {
	if err := o.Plant.Check(); err != nil {
		return err
	}
	if err := o.checkClone(); err != nil {
		return err
	}
	// systemd has all that cgroupfs has.
	if err := o.CheckDriver(true); err != nil {
		return err
	}
	if o.Join == join.ByBirth && !o.early() {
		// Package join makes such a cgroup just before; here that moment is libcontainer's, and it comes after init.
		return fmt.Errorf("join=birth needs cgroup=early: a late cgroup is made for an init that runs, which cannot be born in it")
	}
	return nil
}

// checkClone leaves what is not said to libcontainer, which makes a copy in the parent.
func (o Options) checkClone() error {
	switch {
	case o.Strategy == "":
		return nil
	case o.Clone == "":
		return memfdclone.Check(memfdclone.InParent, o.Strategy)
	}
	return memfdclone.Check(o.Clone, o.Strategy)
}

// CheckDriver refuses joins that there are not under the driver.
func (o Options) CheckDriver(systemd bool) error {
	if o.Join == "" {
		return nil
	}
	when := join.Late
	if o.early() {
		when = join.Early
	}
	return join.Check(o.Join, when, systemd)
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

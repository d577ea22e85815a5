//go:build cgo

package main

import (
	"errors"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
)

// earlyCgroup is the container's cgroup made by us instead of by libcontainer, before init is in it.
// libcontainer's own manager would do, but it is used on the other side meanwhile.
type earlyCgroup struct {
	manager cgroups.Manager
	made    chan struct{}
	err     error // once made is closed
	holder  *placeholder
}

// makeEarly begins, and returns.
func makeEarly(config *cgroups.Cgroup) *earlyCgroup {
	e := &earlyCgroup{made: make(chan struct{})}
	go func() {
		defer close(e.made)
		e.err = e.make(config)
	}()
	return e
}

func (e *earlyCgroup) make(config *cgroups.Cgroup) (err error) {
	if e.manager, err = manager.New(config); err != nil {
		return err
	}
	if !config.Systemd {
		return e.manager.Apply(-1)
	}
	// systemd makes no scope without a process, and removes one that is left by its last.
	if e.holder, err = startPlaceholder(); err != nil {
		return err
	}
	return e.manager.Apply(e.holder.pid())
}

// wait returns when the cgroup is made, and fails where it is gone again.
func (e *earlyCgroup) wait() error {
	<-e.made
	if e.err == nil && e.holder != nil && e.holder.ended() {
		return errors.New("its placeholder was killed, and with that systemd removes the scope")
	}
	return e.err
}

// release lets go of the cgroup: init is in it, or it is not wanted any more. The
// cgroup must have been waited for.
func (e *earlyCgroup) release() {
	if e.holder != nil {
		e.holder.kill()
	}
}

// gone returns when the placeholder has ended, after release.
func (e *earlyCgroup) gone() {
	if e.holder != nil {
		e.holder.wait()
	}
}

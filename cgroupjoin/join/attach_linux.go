package join

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Attach has systemd move processes into the unit's cgroup itself (subgroup ""), and returns when they are there: systemd
// writes cgroup.procs before it replies.
func Attach(ctx context.Context, conn *dbus.Conn, unit string, pids ...int) error {
	ctx, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	if err := conn.AttachProcessesToUnit(ctx, unit, "", unsigned(pids)); err != nil {
		return fmt.Errorf("attach processes %v to unit %s: %w", pids, unit, explainBus(err))
	}
	return nil
}

// attachJoiner is ByAttach.
type attachJoiner struct{ base }

func (j *attachJoiner) Join(ctx context.Context, pid int) error {
	if err := j.makeWhen(ctx, Late); err != nil {
		return err
	}
	return Attach(ctx, j.systemd.Conn, j.target.Unit, pid)
}

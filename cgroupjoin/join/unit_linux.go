package join

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// jobTime bounds the wait for systemd where the caller's context does not: runc waits as long.
const jobTime = 30 * time.Second

// Dial connects to systemd over the system bus, by two connections: go-systemd hears signals over one of its own.
// Manager.Subscribe is not called. With it PID 1 announces every change of every unit, and that would be
// in every join; JobRemoved reaches whoever asked for the job without, and its match is added here, before any call.
func Dial(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("system bus: %w", err)
	}
	return conn, nil
}

// MakeScope makes the scope beforehand, around a process that keeps it alive until another has joined it.
func MakeScope(ctx context.Context, conn *dbus.Conn, t Target, placeholder int, props ...dbus.Property) error {
	return startUnit(ctx, conn, t, []int{placeholder}, props)
}

// StartUnit has systemd make the scope with these processes in it, and returns when they are.
func StartUnit(ctx context.Context, conn *dbus.Conn, t Target, pids ...int) error {
	return startUnit(ctx, conn, t, pids, nil)
}

func startUnit(ctx context.Context, conn *dbus.Conn, t Target, pids []int, more []dbus.Property) error {
	ctx, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	result := make(chan string, 1)
	// "fail": what is queued for a unit of this name is somebody else's, and is not to be replaced.
	_, err := conn.StartTransientUnitContext(ctx, t.Unit, "fail", append(scopeProps(t, pids), more...), result)
	if err == nil {
		err = awaitJob(ctx, conn, result)
	}
	if err != nil {
		return fmt.Errorf("start unit %s with processes %v: %w", t.Unit, pids, explainBus(err))
	}
	return nil
}

// scopeProps are those that runc gives a container's scope. Accounting is what makes systemd enable
// the controllers, and it moves processes only into delegated units.
func scopeProps(t Target, pids []int) []dbus.Property {
	props := []dbus.Property{
		dbus.PropDescription("initbench join"),
		dbus.PropSlice(t.Slice),
		dbus.PropPids(unsigned(pids)...),
		prop("Delegate", true),
		prop("DefaultDependencies", false),
	}
	for _, of := range []string{"Memory", "CPU", "IO", "Tasks"} {
		props = append(props, prop(of+"Accounting", true))
	}
	return props
}

func prop(name string, value any) dbus.Property {
	return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
}

func unsigned(pids []int) []uint32 {
	list := make([]uint32, len(pids))
	for i, pid := range pids {
		list[i] = uint32(pid)
	}
	return list
}

// connectionCheck is how often a wait looks whether anybody can still answer: go-systemd does not say when its
// connection ends, and a job's channel then stays silent.
const connectionCheck = time.Second

// awaitJob waits for systemd's word on a job: done, canceled, timeout, failed, dependency, skipped.
func awaitJob(ctx context.Context, conn *dbus.Conn, result <-chan string) error {
	look := time.NewTicker(connectionCheck)
	defer look.Stop()
	for {
		select {
		case r := <-result:
			if r != "done" {
				return fmt.Errorf("systemd's job ended as %q", r)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("no word from systemd: %w", context.Cause(ctx))
		case <-look.C:
			if !conn.Connected() {
				return ErrNoBus
			}
		}
	}
}

// explainBus gives systemd's and the bus's errors the causes that callers tell apart.
func explainBus(err error) error {
	var (
		e      godbus.Error
		socket *net.OpError
	)
	if errors.Is(err, godbus.ErrClosed) || errors.As(err, &socket) {
		return fmt.Errorf("%w (%w)", ErrNoBus, err)
	}
	if !errors.As(err, &e) {
		return err
	}
	switch e.Name {
	case "org.freedesktop.systemd1.UnitExists":
		return fmt.Errorf("%w (%w)", ErrUnitExists, err)
	case "org.freedesktop.systemd1.NoSuchUnit":
		return fmt.Errorf("%w (%w)", ErrNoUnit, err)
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected":
		return fmt.Errorf("%w (%w)", ErrNoBus, err)
	}
	return err
}

// unitJoiner is ByUnit.
type unitJoiner struct{ base }

// Prepare does nothing: the scope is made by the join.
func (j *unitJoiner) Prepare(context.Context) error { return nil }

func (j *unitJoiner) Join(ctx context.Context, pid int) error {
	return startUnit(ctx, j.systemd.Conn, j.target, []int{pid}, j.systemd.Props)
}

package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// SystemdRunning reports whether systemd is PID 1, the way sd_booted(3) does.
func SystemdRunning() bool {
	fi, err := os.Lstat("/run/systemd/system")
	return err == nil && fi.IsDir()
}

// bus is a connection to systemd.
type bus struct {
	conn   *systemd.Conn
	cancel context.CancelFunc
}

// dialBus bounds connecting by ctx, but not the connection: what a cancelled
// run made is removed over it.
func dialBus(ctx context.Context) (*bus, error) {
	if !SystemdRunning() {
		return nil, errors.New("systemd is not PID 1 here: use the cgroupfs driver, or measure with --in vm")
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	conn, err := systemd.NewSystemConnectionContext(life)
	if err == nil && !stop() {
		conn.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("system bus: %w: install and start dbus (apt-get install dbus)", err)
	}
	return &bus{conn, cancel}, nil
}

func (b *bus) close() {
	b.conn.Close()
	b.cancel()
}

// version is systemd's own, such as "252.39-1~deb12u1".
func (b *bus) version() (string, error) {
	v, err := b.conn.GetManagerProperty("Version")
	if err != nil {
		return "", fmt.Errorf("systemd version: %w", err)
	}
	return strings.Trim(v, `"`), nil
}

func prop(name string, value any) systemd.Property {
	return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

// start makes a transient unit and waits until systemd has made its cgroup.
//
// Manager.Subscribe is not called, though systemd's clients commonly do: it makes PID 1
// announce every change of every unit, also during the timed trials of the
// systemd driver. JobRemoved reaches whoever asked for the job without it, and
// go-systemd matches that signal before it sends the first request.
func (b *bus) start(ctx context.Context, name string, props ...systemd.Property) error {
	result := make(chan string, 1)
	_, err := b.conn.StartTransientUnitContext(ctx, name, "fail", props, result)
	if isBusError(err, "UnitExists") {
		return fmt.Errorf("start unit %s: %w: left by a run that was killed, `initbench clean` removes it", name, err)
	}
	if err != nil {
		return fmt.Errorf("start unit %s: %w", name, err)
	}
	return awaitJob(ctx, "start", name, result)
}

// awaitJob waits for systemd's word on a job: done, canceled, timeout, failed,
// dependency, skipped.
func awaitJob(ctx context.Context, verb, name string, result <-chan string) error {
	select {
	case r := <-result:
		if r != "done" {
			return fmt.Errorf("%s unit %s: systemd's job ended as %q: see journalctl -u %s", verb, name, r, name)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s unit %s: no word from systemd: %w", verb, name, context.Cause(ctx))
	}
}

// remove stops a unit and has systemd forget it. One that systemd does not know
// is removed already: a scope goes by itself when its last process ends.
func (b *bus) remove(ctx context.Context, name string) error {
	result := make(chan string, 1)
	_, err := b.conn.StopUnitContext(ctx, name, "replace", result)
	switch {
	case isBusError(err, "NoSuchUnit"):
		return nil
	case err != nil:
		return fmt.Errorf("stop unit %s: %w", name, err)
	}
	if err := awaitJob(ctx, "stop", name, result); err != nil {
		return err
	}
	// A scope whose process was OOM-killed stays as "failed" until it is reset (runc#3780).
	err = b.conn.ResetFailedUnitContext(ctx, name)
	if err != nil && !isBusError(err, "NoSuchUnit") {
		return fmt.Errorf("reset unit %s: %w", name, err)
	}
	return nil
}

// removeTop removes the slice that all runs share, unless something is left in
// it: stopping a slice stops all it holds, and that would be another's.
func (b *bus) removeTop(ctx context.Context, root string) error {
	if len(children(filepath.Join(root, topSlice))) > 0 {
		return nil
	}
	return b.remove(ctx, topSlice)
}

// failed lists which of the units systemd still keeps as failed. It is asked by patterns, which a name is as well:
// asked by names, it looks through its directories for a file of each that it does not know.
func (b *bus) failed(ctx context.Context, names []string) ([]string, error) {
	units, err := b.conn.ListUnitsByPatternsContext(ctx, []string{"failed"}, names)
	if err != nil {
		return nil, fmt.Errorf("units %s: %w", strings.Join(names, ", "), err)
	}
	var failed []string
	for _, u := range units {
		failed = append(failed, u.Name)
	}
	return failed, nil
}

// cgroupOf is a unit's cgroup as a path from the mount; "" where it has none.
func (b *bus) cgroupOf(ctx context.Context, name string) (string, error) {
	iface := "Slice"
	if strings.HasSuffix(name, ".scope") {
		iface = "Scope"
	}
	p, err := b.conn.GetUnitTypePropertyContext(ctx, name, iface, "ControlGroup")
	if isBusError(err, "NoSuchUnit") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("unit %s: %w", name, err)
	}
	path, _ := p.Value.Value().(string)
	return path, nil
}

// ownUnits lists the units of ours that are not at rest, scopes first and
// slices from the innermost out: the order in which they can be removed.
func (b *bus) ownUnits(ctx context.Context) ([]string, error) {
	units, err := b.conn.ListUnitsByPatternsContext(ctx, nil, []string{prefix + "*", topSlice})
	if err != nil {
		return nil, fmt.Errorf("list units: %w", err)
	}
	var names []string
	for _, u := range units {
		if ownUnit(u.Name) && u.ActiveState != "inactive" {
			names = append(names, u.Name)
		}
	}
	slices.SortFunc(names, byRemoval)
	return names, nil
}

func isBusError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1."+name
}

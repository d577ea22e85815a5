package census

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
)

var unitKinds = []Kind{Units, FailedUnits, Scopes}

// dial connects to systemd for as long as the Taker lives, which may be longer than ctx.
func dial(ctx context.Context) (*systemd.Conn, error) {
	if fi, err := os.Lstat("/run/systemd/system"); err != nil || !fi.IsDir() { // as sd_booted(3) does
		return nil, errors.New("systemd is not PID 1 here")
	}
	conn, err := systemd.NewWithContext(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	return conn, nil
}

// units counts what is loaded. systemd also lists names that others refer to and that have no file ("not-found"),
// which are nobody's leak.
func (t *Taker) units(ctx context.Context, count *tally) error {
	if t.noBus != nil {
		return t.noBus
	}
	listed, err := t.bus.ListUnitsContext(ctx)
	if err != nil {
		return fmt.Errorf("list units: %w", err)
	}
	for _, k := range unitKinds {
		count.counts(k, 0)
	}
	for _, u := range listed {
		if u.LoadState == "not-found" {
			continue
		}
		name := func() string { return u.Name }
		count.one(Units, name)
		if strings.HasSuffix(u.Name, ".scope") {
			count.one(Scopes, name)
		}
		if u.ActiveState == "failed" {
			count.one(FailedUnits, name)
		}
	}
	return nil
}

package runner

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
)

// CanMeasure says in one line why trials of these drivers cannot be made on this
// machine; nil when nothing is known to stand against it.
func CanMeasure(ctx context.Context, drivers []cgroupjoin.Driver) error {
	if os.Geteuid() != 0 {
		return envErrorf("trials need root: cgroups, namespaces and /dev/kmsg are the kernel's to give")
	}
	if _, err := ociruntime.PayloadBinary(); err != nil {
		return &EnvError{Err: err}
	}
	if err := cgroupjoin.CheckRoot(cgroupRoot); err != nil {
		return &EnvError{Err: err}
	}
	if !slices.Contains(drivers, cgroupjoin.Systemd) {
		return nil
	}
	switch version, err := cgroupjoin.SystemdVersion(ctx); {
	case err != nil:
		return &EnvError{Err: fmt.Errorf("systemd driver: %w", err)}
	case version == "":
		return envErrorf("systemd driver: systemd is not PID 1 here")
	}
	return nil
}

package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cleanupTime bounds each removal, which goes on after the run's own context ended.
const cleanupTime = 60 * time.Second

// Options say where a Host lives and who keeps its journal.
type Options struct {
	Root string // the cgroup2 mount, /sys/fs/cgroup
	Proc string // the proc mount, /proc
	// RunID tells this run's names from another's: 1 to 32 of a-z and 0-9.
	RunID string
	// Drivers that the run's trials will use; what they need is checked at once.
	Drivers []Driver
	// Journal is told of each thing before it is made (KindCgroup, KindUnit). It
	// is called by several goroutines when trees are made by several.
	Journal func(kind, name string) error
}

// Host is the place of one run in the cgroup tree. There is one in a process,
// since opening it moves the process. Its methods may be called concurrently,
// Close excepted.
type Host struct {
	opts        Options
	bus         *bus // nil where systemd is not needed
	base        base
	controllers []string
	swapBytes   int64
	closed      bool
	closeErr    error
}

// Open takes a cgroup subtree for the run and moves the calling process into a leaf of it.
func Open(ctx context.Context, o Options) (*Host, error) {
	h := &Host{opts: o}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Host) open(ctx context.Context) (err error) {
	if err := checkToken("run ID", h.opts.RunID); err != nil {
		return err
	}
	if err := CheckRoot(h.opts.Root); err != nil {
		return err
	}
	if h.swapBytes, err = swapTotal(h.opts.Proc); err != nil {
		return err
	}
	if h.base, err = h.takeBase(ctx); err != nil {
		return err
	}
	if err := h.settle(); err != nil {
		return err
	}
	if slices.Contains(h.opts.Drivers, Systemd) {
		return h.journalSlices(ctx)
	}
	return nil
}

// settle makes this process live in a leaf, since the kernel lets only cgroups
// without processes give controllers to their children.
func (h *Host) settle() error {
	leaf := filepath.Join(h.base.path, supervisor)
	if err := h.make(leaf); err != nil {
		return err
	}
	if err := move(h.opts.Root, leaf, os.Getpid()); err != nil {
		return explainWrite(err)
	}
	var err error
	if h.controllers, err = enable(h.opts.Root, h.base.path); err != nil {
		return err
	}
	return checkKernel(leaf, h.swapBytes)
}

// checkKernel looks in a cgroup with the memory controller for files that
// measuring cannot do without.
func checkKernel(path string, swapBytes int64) error {
	needs := []struct{ file, why string }{
		{"memory.peak", "Linux 5.19 is the first with it"},
		{"cgroup.kill", "Linux 5.14 is the first with it"},
	}
	if swapBytes > 0 {
		needs = append(needs, struct{ file, why string }{"memory.swap.max",
			"swap is on and not accounted, so a limit would not hold: swapoff -a, or boot with swapaccount=1"})
	}
	for _, n := range needs {
		if !exists(filepath.Join(path, n.file)) {
			return fmt.Errorf("kernel: no %s in %s: %s", n.file, path, n.why)
		}
	}
	return nil
}

// journalSlices notes the slices that systemd makes by itself around the trials' own.
func (h *Host) journalSlices(ctx context.Context) error {
	if err := h.dial(ctx); err != nil {
		return fmt.Errorf("systemd driver: %w", err)
	}
	return errors.Join(
		h.opts.Journal(KindUnit, topSlice),
		h.opts.Journal(KindUnit, runSlice(h.opts.RunID)))
}

func (h *Host) dial(ctx context.Context) (err error) {
	if h.bus == nil {
		h.bus, err = dialBus(ctx)
	}
	return err
}

// make journals a cgroup and makes it.
func (h *Host) make(path string) error {
	if err := h.opts.Journal(KindCgroup, path); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return makeCgroup(path)
}

// Base is the absolute path of the cgroup below which the run lives.
func (h *Host) Base() string { return h.base.path }

// Controllers lists those enabled for the trials' cgroups.
func (h *Host) Controllers() []string { return slices.Clone(h.controllers) }

// SwapBytes is the machine's swap. Where there is any, a tree has none of it,
// and the container's config must say the same (memory.swap equal to memory.limit).
func (h *Host) SwapBytes() int64 { return h.swapBytes }

// SystemdVersion is empty where systemd is not PID 1.
func SystemdVersion(ctx context.Context) (string, error) {
	if !SystemdRunning() {
		return "", nil
	}
	b, err := dialBus(ctx)
	if err != nil {
		return "", err
	}
	defer b.close()
	return b.version()
}

// Close removes what is left of the run's trees, moves this process back to
// where it came from and removes the base. Called again, it only says the same.
func (h *Host) Close() error {
	if h.closed {
		return h.closeErr
	}
	h.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	if err := h.close(ctx); err != nil {
		h.closeErr = fmt.Errorf("close cgroups: %w", err)
	}
	return h.closeErr
}

func (h *Host) close(ctx context.Context) error {
	if h.bus != nil {
		defer h.bus.close()
	}
	if h.base.path != "" {
		// Units must not go while this process may be in one.
		if err := h.leave(ctx); err != nil {
			return err
		}
	}
	if h.bus != nil {
		return h.removeUnits(ctx)
	}
	return nil
}

// removeUnits removes what trials that were broken off left with systemd, and
// the slices that it made around our units: it keeps those, empty or not,
// until they are stopped.
func (h *Host) removeUnits(ctx context.Context) error {
	slice := filepath.Join(h.opts.Root, topSlice, runSlice(h.opts.RunID))
	own, err := ownCgroup(h.opts.Proc)
	if err != nil {
		return err
	}
	if within(filepath.Join(h.opts.Root, own), slice) {
		return fmt.Errorf("%s holds this process, `initbench clean` removes it", slice)
	}
	// Killed first: stopping a unit waits 90 s for processes deaf to SIGTERM.
	if err := kill(slice); err != nil {
		return err
	}
	units, err := h.bus.ownUnits(ctx)
	if err != nil {
		return err
	}
	for _, u := range units {
		if !ofRun(u, h.opts.RunID) {
			continue
		}
		if err := h.bus.remove(ctx, u); err != nil {
			return err
		}
	}
	return h.bus.removeTop(ctx, h.opts.Root)
}

func swapTotal(proc string) (int64, error) {
	path := filepath.Join(proc, "meminfo")
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("swap: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "SwapTotal: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("swap: %s has no SwapTotal", path)
}

package vm

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Options say what guest is wanted. The zero value is a bookworm guest.
type Options struct {
	Suite     Suite
	MemoryMiB int
	CPUs      int
	Clock     Clock
	Accel     Accel
	// CacheDir holds images; "" is the user's cache directory.
	CacheDir string
	// Log gets progress lines; nil is quiet.
	Log io.Writer
	// Agent is the binary to put into the guest as initbench; "" is this process's own.
	Agent string
	// BootTimeout bounds the time until the agent answers, less what the guest waited for a CPU of the machine. 0: three minutes, many
	// times what a boot takes.
	BootTimeout time.Duration
	etcApt      string // apt's configuration; tests have their own
}

const (
	defaultMemoryMiB   = 2048
	minMemoryMiB       = 256 // below it Debian does not come up
	maxCPUs            = 64
	defaultBootTimeout = 3 * time.Minute
)

// Check refuses options that cannot be meant, before anything is started.
func (o Options) Check() error { return o.filled().validate() }

// withDefaults fills in what is unset and refuses what contradicts itself.
func (o Options) withDefaults() (Options, error) {
	o = o.filled()
	if err := o.validate(); err != nil {
		return o, err
	}
	if o.Clock == Instructions {
		o.CPUs, o.Accel = 1, TCG
	}
	if o.CPUs == 0 {
		o.CPUs = min(2, runtime.NumCPU())
	}
	if o.CacheDir != "" {
		return o, nil
	}
	var err error
	o.CacheDir, err = userCache()
	return o, err
}

// userCache is initbench's directory in the user's cache.
func userCache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", &EnvError{Problem: "no cache directory for the guest image", Remedy: "set XDG_CACHE_HOME or HOME", Cause: err}
	}
	return filepath.Join(dir, "initbench"), nil
}

func (o Options) filled() Options {
	set := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	set((*string)(&o.Suite), string(Bookworm))
	set((*string)(&o.Clock), string(Wall))
	set((*string)(&o.Accel), string(AccelAuto))
	set(&o.etcApt, "/etc/apt")
	if o.MemoryMiB == 0 {
		o.MemoryMiB = defaultMemoryMiB
	}
	if o.BootTimeout == 0 {
		o.BootTimeout = defaultBootTimeout
	}
	return o
}

func (o Options) validate() error {
	switch {
	case !slices.Contains(Suites(), o.Suite):
		return usagef("suite %q is not one of bookworm, trixie", o.Suite)
	case o.Clock != Wall && o.Clock != Instructions:
		return usagef("clock %q is not one of wall, instructions", o.Clock)
	case !slices.Contains([]Accel{AccelAuto, KVM, TCG}, o.Accel):
		return usagef("accelerator %q is not one of auto, kvm, tcg", o.Accel)
	case o.Clock == Instructions && o.CPUs > 1:
		return usagef("the instructions clock counts one processor: it cannot have %d", o.CPUs)
	case o.Clock == Instructions && o.Accel == KVM:
		return usagef("the instructions clock exists only with tcg, not with kvm")
	case o.CPUs < 0 || o.CPUs > maxCPUs:
		return usagef("a guest with %d processors is not between 1 and %d", o.CPUs, maxCPUs)
	case o.MemoryMiB < minMemoryMiB:
		return usagef("a guest needs at least %d MiB of memory, not %d", minMemoryMiB, o.MemoryMiB)
	}
	return nil
}

// Facts are what a record says about the guest it was measured in.
type Facts struct {
	Accelerator Accel `json:"accelerator"`
	// WhyNotKVM is set when kvm was wanted if possible and was not.
	WhyNotKVM string `json:"why_not_kvm,omitempty"`
	Clock     Clock  `json:"clock"`
	QEMU      string `json:"qemu"`
	Suite     Suite  `json:"suite"`
	Kernel    string `json:"kernel"`
	MemoryMiB int    `json:"memory_mib"`
	CPUs      int    `json:"cpus"`
	Image     string `json:"image"` // hash of the recipe
}

func (f Facts) String() string {
	return fmt.Sprintf("%s, Linux %s, %d CPUs, %d MiB, %s clock, QEMU %s with %s",
		f.Suite, f.Kernel, f.CPUs, f.MemoryMiB, f.Clock, f.QEMU, f.Accelerator)
}

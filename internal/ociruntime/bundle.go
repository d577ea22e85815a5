package ociruntime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// BundleSpec is what differs between the bundles of a run.
type BundleSpec struct {
	Rootfs Rootfs
	// CgroupsPath is an absolute cgroup path for the cgroupfs driver and
	// slice:prefix:name for the systemd driver.
	CgroupsPath string
	// MemoryLimit in bytes; 0 means that the config has none.
	MemoryLimit int64
	// NoSwap sets memory and swap together to MemoryLimit, which runtimes turn into
	// memory.swap.max 0. It says nothing without a limit: the runtime specification
	// cannot express it, and the trial's own parent cgroup has to.
	NoSwap bool
	// NetNS is the path of a network namespace to be in; empty has the runtime make one.
	NetNS string
	// Args of the payload, without its name.
	Args []string
}

// specVersion is the oldest that has all that is used here. crun 1.8.1 refuses
// "1.2.0" with "unknown version specified".
const specVersion = "1.0.2"

// WriteBundle writes dir/config.json. The directory must exist.
func WriteBundle(dir string, spec BundleSpec) error {
	config, err := bundleConfig(spec)
	if err != nil {
		return fmt.Errorf("write bundle %s: %w", dir, err)
	}
	data, err := json.Marshal(config) // indenting takes as long again, before each trial
	if err != nil {
		return fmt.Errorf("write bundle %s: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

func (s BundleSpec) validate() error {
	switch {
	case !filepath.IsAbs(s.Rootfs.Dir):
		return errors.New("the root is not an absolute path")
	case s.CgroupsPath == "":
		return errors.New("no cgroup path: the runtime would choose one of its own")
	case s.MemoryLimit < 0:
		return fmt.Errorf("negative memory limit %d", s.MemoryLimit)
	case s.NetNS != "" && !filepath.IsAbs(s.NetNS):
		return errors.New("the network namespace is not an absolute path")
	case len(s.Args) == 0:
		return errors.New("no arguments for the payload")
	}
	return nil
}

// bundleConfig is what containerd writes for a container that shares nothing
// with another, which is what a pod's first one is: its mounts, masked paths,
// device rule and rlimits. Where it differs:
//
//   - No capabilities and no user: the payload needs neither, and fewer steps differ between runtimes.
//   - No seccomp profile: containerd and the kubelet give none unless asked, and compiling
//     one costs more than all the rest of init.
//   - No hooks. No interfaces but lo in the network namespace, unless the caller made one. Otherwise the namespace stays all the same,
//     though making it and, later and in the background, tearing it down takes the kernel
//     longer than the other namespaces together: each pod pays for one.
func bundleConfig(s BundleSpec) (*specs.Spec, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	return &specs.Spec{
		Version:  specVersion,
		Root:     &specs.Root{Path: s.Rootfs.Dir, Readonly: true},
		Process:  process(s.Args),
		Hostname: "initbench",
		Mounts:   mounts(),
		Linux: &specs.Linux{
			CgroupsPath:   s.CgroupsPath,
			Namespaces:    namespaces(s.NetNS),
			Resources:     resources(s),
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: readonlyPaths(),
		},
	}, nil
}

func process(args []string) *specs.Process {
	return &specs.Process{
		Args:            append([]string{PayloadPath}, args...),
		Env:             []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Cwd:             "/",
		NoNewPrivileges: true,
		Capabilities:    &specs.LinuxCapabilities{},
		Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
	}
}

// namespaces include the cgroup namespace, which containerd and Docker add on cgroup v2 hosts.
func namespaces(netNS string) []specs.LinuxNamespace {
	return []specs.LinuxNamespace{
		{Type: specs.PIDNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace},
		{Type: specs.MountNamespace},
		{Type: specs.NetworkNamespace, Path: netNS},
		{Type: specs.CgroupNamespace},
	}
}

func mounts() []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}
}

func resources(s BundleSpec) *specs.LinuxResources {
	r := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}}
	if s.MemoryLimit > 0 {
		r.Memory = &specs.LinuxMemory{Limit: &s.MemoryLimit}
		if s.NoSwap {
			r.Memory.Swap = &s.MemoryLimit
		}
	}
	return r
}

func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
)

// environment reads the machine. A fact that cannot be read is an error: a
// record that says less than it should compares as equal to anything.
func environment(ctx context.Context, lane Lane, controllers []string, observer string) (results.Environment, error) {
	e := results.Environment{
		Kind: "environment", Schema: results.Schema, Initbench: lane.Initbench,
		Where: lane.Where, Accelerator: lane.Accelerator, Clock: lane.Clock, QEMU: lane.QEMU,
		Observer: observer, Cgroup: "cgroup2", Controllers: controllers, PageSize: os.Getpagesize(),
	}
	for _, read := range []func(*results.Environment) error{readKernel, readCPU, readMemory, readSys} {
		if err := read(&e); err != nil {
			return e, fmt.Errorf("environment: %w", err)
		}
	}
	var err error
	if e.Systemd, err = cgroupjoin.SystemdVersion(ctx); err != nil {
		return e, fmt.Errorf("environment: systemd: %w", err)
	}
	e.ID = environmentID(e)
	return e, nil
}

func readKernel(e *results.Environment) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	e.Kernel = unix.ByteSliceToString(u.Release[:])
	e.Arch = unix.ByteSliceToString(u.Machine[:])
	e.OS = osName("/etc/os-release")
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	e.BootID = strings.TrimSpace(string(boot))
	return err
}

// osName is PRETTY_NAME of os-release(5), or unknown: a kernel needs no distribution.
func osName(path string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return "unknown"
}

func readCPU(e *results.Environment) error {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	info, err := fs.CPUInfo()
	if err != nil {
		return err
	}
	if len(info) == 0 {
		return fmt.Errorf("/proc/cpuinfo lists no processor")
	}
	e.CPU, e.CPUs = info[0].ModelName, len(info)
	return nil
}

func readMemory(e *results.Environment) error {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	m, err := fs.Meminfo()
	if err != nil {
		return err
	}
	if m.MemTotalBytes == nil || m.SwapTotalBytes == nil {
		return fmt.Errorf("/proc/meminfo lacks MemTotal or SwapTotal")
	}
	e.MemBytes, e.SwapBytes = int64(*m.MemTotalBytes), int64(*m.SwapTotalBytes)
	return nil
}

func readSys(e *results.Environment) error {
	e.THP = chosen("/sys/kernel/mm/transparent_hugepage/enabled")
	e.ShmemTHP = chosen("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	e.Clocksource = strings.TrimSpace(string(source))
	return err
}

// chosen is the [bracketed] word of a sysfs choice; a kernel without the file has not got the feature.
func chosen(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "absent"
	}
	_, after, _ := strings.Cut(string(text), "[")
	word, _, _ := strings.Cut(after, "]")
	return word
}

// environmentID identifies everything but the ID itself, the boot and the
// readings of the scales: a machine that was restarted is the same environment.
func environmentID(e results.Environment) string {
	e.ID, e.BootID, e.Scales = "", "", nil
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and integers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

package cgroupjoin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Events are the counters of a memory.events file. It is hierarchical: a
// cgroup's counters include those of its descendants, removed ones too.
type Events struct {
	Max          uint64 // times usage was about to go over memory.max
	OOM          uint64
	OOMKill      uint64
	OOMGroupKill uint64 // Linux 5.17; 0 before
}

// Reading is what a trial's tree shows. Bytes, microseconds.
type Reading struct {
	PodPeakBytes     int64
	RuntimePeakBytes int64
	Pod              Events
	PodCPUUsec       int64
	RuntimeCPUUsec   int64
	// PodMaxBytes is the pod's memory.max in force, NoLimit where it has none.
	PodMaxBytes int64
	// PodSwapBytes and PodSwapPeakBytes are nil where the kernel keeps no such
	// file: no swap accounting, or (peak) Linux before 6.5.
	PodSwapBytes     *int64
	PodSwapPeakBytes *int64
}

// since is the reading with what is counted taken from where it stood before.
func (r Reading) since(before Reading) Reading {
	r.Pod.Max -= before.Pod.Max
	r.Pod.OOM -= before.Pod.OOM
	r.Pod.OOMKill -= before.Pod.OOMKill
	r.Pod.OOMGroupKill -= before.Pod.OOMGroupKill
	r.PodCPUUsec -= before.PodCPUUsec
	r.RuntimeCPUUsec -= before.RuntimeCPUUsec
	return r
}

// Leaf is what the container's own cgroup shows while it is there.
type Leaf struct {
	Events    Events
	PeakBytes int64
	// MaxBytes is the memory.max in force on the container's processes.
	MaxBytes int64
}

// MemoryStat is how the kernel splits a cgroup's charge, for checking the scales.
type MemoryStat struct {
	CurrentBytes int64
	AnonBytes    int64
	FileBytes    int64 // page cache, shmem included
	ShmemBytes   int64
}

// ReadMemory reads memory.current and memory.stat of the cgroup at path.
func ReadMemory(path string) (MemoryStat, error) {
	current, err := readBytes(path, "memory.current")
	if err != nil {
		return MemoryStat{}, err
	}
	stat, err := readKeyed(path, "memory.stat", "anon", "file", "shmem")
	if err != nil {
		return MemoryStat{}, err
	}
	return MemoryStat{
		CurrentBytes: current,
		AnonBytes:    int64(stat["anon"]),
		FileBytes:    int64(stat["file"]),
		ShmemBytes:   int64(stat["shmem"]),
	}, nil
}

// readTree reads the cgroups of a tree. The pod comes first: it is what the
// trial is about, and the runtime's is no longer changing by then.
func readTree(pod, runtime string) (Reading, error) {
	var r Reading
	var errs [7]error
	r.PodPeakBytes, errs[0] = readBytes(pod, "memory.peak")
	r.Pod, errs[1] = readEvents(pod)
	r.PodCPUUsec, errs[2] = readCPU(pod)
	r.PodMaxBytes, errs[3] = readBytes(pod, "memory.max")
	r.RuntimePeakBytes, errs[4] = readBytes(runtime, "memory.peak")
	r.RuntimeCPUUsec, errs[5] = readCPU(runtime)
	errs[6] = readSwap(pod, &r)
	return r, errors.Join(errs[:]...)
}

func readSwap(pod string, r *Reading) (err error) {
	if r.PodSwapBytes, err = readOptional(pod, "memory.swap.current"); err != nil {
		return err
	}
	r.PodSwapPeakBytes, err = readOptional(pod, "memory.swap.peak")
	return err
}

// readLeaf returns nil when the cgroup is gone: the runtime or systemd removed it.
func readLeaf(path string) (*Leaf, error) {
	var l Leaf
	var errs [3]error
	l.Events, errs[0] = readEvents(path)
	l.PeakBytes, errs[1] = readBytes(path, "memory.peak")
	l.MaxBytes, errs[2] = readInnermostMax(path)
	for _, err := range errs {
		if isGone(err) {
			return nil, nil
		}
	}
	return &l, errors.Join(errs[:]...)
}

// readInnermostMax is the smallest memory.max of the leaf and of the sub-cgroup
// "container" that crun makes in a systemd scope; crun before 1.8.5 writes the
// limit there and none on the scope.
func readInnermostMax(leaf string) (int64, error) {
	limit, err := readBytes(leaf, "memory.max")
	if err != nil {
		return 0, err
	}
	inner, err := readOptional(filepath.Join(leaf, "container"), "memory.max")
	if err != nil || inner == nil {
		return limit, err
	}
	return min(limit, *inner), nil
}

func readEvents(dir string) (Events, error) {
	m, err := readKeyed(dir, "memory.events", "max", "oom", "oom_kill")
	return Events{
		Max:          m["max"],
		OOM:          m["oom"],
		OOMKill:      m["oom_kill"],
		OOMGroupKill: m["oom_group_kill"],
	}, err
}

func readCPU(dir string) (int64, error) {
	m, err := readKeyed(dir, "cpu.stat", "usage_usec")
	return int64(m["usage_usec"]), err
}

// readBytes reads a file that holds one number or the word max.
func readBytes(dir, file string) (int64, error) {
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	s := strings.TrimSpace(string(b))
	if s == "max" {
		return NoLimit, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// readOptional is readBytes for a file that not every kernel or cgroup has.
func readOptional(dir, file string) (*int64, error) {
	n, err := readBytes(dir, file)
	switch {
	case isGone(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &n, nil
}

// readKeyed reads a file of lines "key number" that must have the keys: one that
// is not there was not counted, and is no 0.
func readKeyed(dir, file string, keys ...string) (map[string]uint64, error) {
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := make(map[string]uint64)
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), " ")
		if m[key], err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, fmt.Errorf("%s: line %q: %w", path, s.Text(), err)
		}
	}
	for _, k := range keys {
		if _, there := m[k]; !there {
			return nil, fmt.Errorf("%s: no %s", path, k)
		}
	}
	return m, nil
}

// isGone reports that a cgroup is no longer there: opening its files says
// ENOENT, reading one that was open when it went says ENODEV.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}

package runner

import (
	"errors"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// room is what the machine has for builds.
type room struct{ disk, memory int64 }

// roomAt asks for the disk below dir and for the memory that can be had without swapping.
func roomAt(dir string) (room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return room{}, err
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return room{}, err
	}
	m, err := fs.Meminfo()
	if err != nil {
		return room{}, err
	}
	if m.MemAvailableBytes == nil {
		return room{}, errors.New("/proc/meminfo lacks MemAvailable")
	}
	return room{disk: int64(st.Bavail) * st.Bsize, memory: int64(*m.MemAvailableBytes)}, nil
}

// needs is what the builds of a plan take: files until the run's end, and copies made once, whose pages nothing can reclaim.
type needs struct {
	files, copies  map[buildKey]bool
	padded, pinned int64 // bytes
}

// needsOf is worked out from the plan alone: nothing has been made yet.
func needsOf(s scenarios.Spec, runtimes map[string]runtimeUnderTest) needs {
	n := needs{files: map[buildKey]bool{}, copies: map[buildKey]bool{}}
	for _, arm := range s.Runtimes {
		rt := runtimes[arm.Name]
		if rt.builtin == nil {
			continue
		}
		for _, size := range wanted(s, rt) {
			if size != rt.id.Size {
				n.file(buildKey{sha256: rt.id.SHA256, bytes: size})
			}
		}
		for _, sc := range s.Scenarios {
			for c, senseless := range s.Cells(sc, arm) {
				if how := rt.builtin.With(c.Build); senseless == "" && how.Clone == memfdclone.Once {
					n.copyOf(onceKey(rt, how))
				}
			}
		}
	}
	return n
}

func (n *needs) file(key buildKey) {
	if !n.files[key] {
		n.files[key] = true
		n.padded += key.bytes
	}
}

func (n *needs) copyOf(key buildKey) {
	if !n.copies[key] {
		n.copies[key] = true
		n.pinned += key.bytes
	}
}

// fit refuses a plan that would fill the disk, or take more than half of the memory from what it measures.
func (n *needs) fit(has room) error {
	switch {
	case n.padded > has.disk:
		return envErrorf("the plan pads the built-in runtime to %d files of %d MiB together, and the disk has %d MiB free: choose fewer or smaller sizes with --size",
			len(n.files), n.padded>>20, has.disk>>20)
	case n.pinned > has.memory/2:
		return envErrorf("the plan keeps %d copies of clone=once with %d MiB together to the end, more than half of the %d MiB of memory that are available: choose fewer or smaller sizes with --size, or another --clone",
			len(n.copies), n.pinned>>20, has.memory>>20)
	}
	return nil
}

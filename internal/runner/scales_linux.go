package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
)

const (
	// scaleBytes is what the kernel's own selftest allocates (tools/testing/selftests/cgroup/test_memcontrol.c).
	scaleBytes = 50 << 20
	// scaleTolerance is the same test's: 3 % of what was allocated.
	scaleTolerance = scaleBytes * 3 / 100
)

// scale is one known allocation and the counter that must show it.
type scale struct {
	counter string
	payload ociruntime.Payload
	read    func(cgroupjoin.MemoryStat) int64
}

func scales(file string) []scale {
	return []scale{
		{"anon", ociruntime.Payload{AnonBytes: scaleBytes}, func(m cgroupjoin.MemoryStat) int64 { return m.AnonBytes }},
		// memory.stat counts shmem as file too.
		{"file", ociruntime.Payload{FilePath: file, FileBytes: scaleBytes}, func(m cgroupjoin.MemoryStat) int64 { return m.FileBytes - m.ShmemBytes }},
		{"shmem", ociruntime.Payload{ShmemBytes: scaleBytes}, func(m cgroupjoin.MemoryStat) int64 { return m.ShmemBytes }},
	}
}

// checkScales allocates known amounts in a trial's cgroups under every driver of
// the plan and refuses the run when what is read back is off.
func (c *collector) checkScales(ctx context.Context) ([]results.Scale, error) {
	var all []results.Scale
	weigh := c.weighAll
	if c.scales != nil {
		weigh = c.scales
	}
	for _, d := range Drivers(c.job.Spec) {
		read, err := weigh(ctx, d)
		if err != nil {
			return all, err
		}
		all = append(all, read...)
	}
	for _, s := range all {
		if isOff(s.Read) {
			return all, envErrorf("scales: under %s %d bytes of %s were allocated and %d read back: more than 3 %% off, so nothing measured here would mean anything",
				s.Driver, s.Asked, s.Counter, s.Read)
		}
	}
	return all, nil
}

// weighAll makes every allocation under a driver.
func (c *collector) weighAll(ctx context.Context, d cgroupjoin.Driver) (all []results.Scale, err error) {
	for i, s := range scales(filepath.Join(c.dir, "scale")) {
		read, err := c.weigh(ctx, d, fmt.Sprintf("scale%d", i), s)
		if err != nil {
			return all, envErrorf("scales: %s under %s: %w", s.counter, d, err)
		}
		all = append(all, read...)
	}
	return all, nil
}

// isOff tells that so many bytes are not what was allocated.
func isOff(read int64) bool {
	off := read - scaleBytes
	return off > scaleTolerance || off < -scaleTolerance
}

// weigh makes one allocation below the pod of a tree of its own. The pod's peak,
// which every trial is judged by, is checked along with the counter.
func (c *collector) weigh(ctx context.Context, d cgroupjoin.Driver, id string, s scale) (read []results.Scale, err error) {
	scope := c.job.Run + "-" + string(d) + id
	tree, err := c.makeTree(ctx, scope, d, cgroupjoin.Spec{ID: string(d) + id})
	if err != nil {
		return nil, err
	}
	defer func() {
		_, rerr := tree.Remove(ctx) // the leaf is ours, not a leak
		if rerr == nil {
			rerr = c.gone(scope)
		}
		err = errors.Join(err, rerr)
	}()
	leaf := tree.LeafPath()
	if err := makeLeaf(tree.PodPath(), leaf); err != nil {
		return nil, err
	}
	stat, err := c.hold(ctx, tree, leaf, s)
	if err != nil {
		return nil, err
	}
	r, err := tree.Read()
	if err != nil {
		return nil, err
	}
	read = []results.Scale{{Driver: d, Counter: s.counter, Asked: scaleBytes, Read: s.read(stat)}}
	if s.counter == "anon" {
		// The peak takes in what comes along with an allocation: page tables, and for
		// page cache and shmem also their index and the file system's own memory, some 3 %.
		read = append(read, results.Scale{Driver: d, Counter: "peak", Asked: scaleBytes, Read: r.PodPeakBytes})
	}
	return read, nil
}

// makeLeaf makes a cgroup where a runtime would. systemd gives a slice's children
// the memory controller only when one of its own units asks for it; this slice is
// ours alone and gone in a moment.
func makeLeaf(pod, leaf string) error {
	if err := os.WriteFile(filepath.Join(pod, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
		return err
	}
	return os.Mkdir(leaf, 0o755)
}

// hold runs the scale's payload in leaf until it holds what it allocated, reads, and lets go.
func (c *collector) hold(ctx context.Context, tree *cgroupjoin.Tree, leaf string, s scale) (cgroupjoin.MemoryStat, error) {
	var none cgroupjoin.MemoryStat
	p := s.payload
	dir, err := os.Open(leaf)
	if err != nil {
		return none, err
	}
	defer func() { _ = dir.Close() }() // a directory: nothing to lose
	out, in, err := twoPipes()
	if err != nil {
		return none, err
	}
	defer out.close()
	defer in.close()
	p.Nonce, p.Hold = ociruntime.NewNonce(), true
	argv := append([]string{filepath.Join(c.rootfs.Dir, ociruntime.PayloadPath)}, p.Args()...)
	proc, err := spawn(argv, int(dir.Fd()), in.r, out.w, os.Stderr, c.dir)
	if err != nil {
		return none, err
	}
	out.closeWriter()
	stop := context.AfterFunc(ctx, func() { _ = tree.Kill() }) // ends the reads below
	defer stop()
	stat, readErr := readHeld(ctx, bufio.NewReader(out.r), p.Nonce, leaf, s.read)
	in.closeWriter() // the payload's sign to exit
	status, _, err := proc.wait(ctx, tree.Kill)
	if p.FilePath != "" {
		readErr = errors.Join(readErr, os.Remove(p.FilePath))
	}
	if err := errors.Join(readErr, err); err != nil {
		return none, err
	}
	if !status.ok() {
		return none, fmt.Errorf("the payload %v", status)
	}
	return stat, nil
}

func readHeld(ctx context.Context, out *bufio.Reader, nonce, leaf string, read func(cgroupjoin.MemoryStat) int64) (cgroupjoin.MemoryStat, error) {
	if _, err := ociruntime.ScanStamp(out, nonce); err != nil {
		return cgroupjoin.MemoryStat{}, err
	}
	if err := ociruntime.WaitHeld(out); err != nil {
		return cgroupjoin.MemoryStat{}, err
	}
	tick := time.NewTicker(statAgain)
	defer tick.Stop()
	return awaitStat(ctx, statReads, tick.C, func() (cgroupjoin.MemoryStat, error) { return cgroupjoin.ReadMemory(leaf) }, read)
}

// A counter of memory.stat can be late by all that was allocated: 50 MiB of file read as 0 once on Linux 6.12, never again in thousands of
// readings made to provoke it. The kernel keeps these counters per CPU and sums them when the file is read, unless it takes them for summed
// already (mem_cgroup_flush_stats); which way past the sum was taken is not known. All of it is summed each two seconds (FLUSH_TIME),
// and two of these are waited for. Nothing signals it, so it is polled.
//
// No trial's figure is read so: memory.peak and memory.events are no sums of the CPUs', reading cpu.stat sums always, and the
// observer adds up the CPUs' parts itself.
const (
	statAgain = 50 * time.Millisecond
	statReads = int(4 * time.Second / statAgain)
)

// awaitStat reads until the counter shows what was allocated, once a tick, and returns what it read last.
func awaitStat(ctx context.Context, times int, tick <-chan time.Time, stat func() (cgroupjoin.MemoryStat, error), read func(cgroupjoin.MemoryStat) int64) (cgroupjoin.MemoryStat, error) {
	for ; ; times-- {
		m, err := stat()
		if err != nil || times <= 1 || !isOff(read(m)) {
			return m, err
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return m, ctx.Err()
		}
	}
}

// pipe is both ends of a pipe(2); closing an end twice is harmless.
type pipe struct{ r, w *os.File }

func (p pipe) closeWriter() { _ = p.w.Close() }

func (p pipe) close() {
	p.closeWriter()
	_ = p.r.Close()
}

func twoPipes() (a, b pipe, err error) {
	if a.r, a.w, err = os.Pipe(); err != nil {
		return a, b, err
	}
	if b.r, b.w, err = os.Pipe(); err != nil {
		a.close()
	}
	return a, b, err
}

//go:build amd64

package observe

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// The programs' enum whose and enum step, in its order.
const (
	whoseElsewhere uint32 = iota
	whoseContainer
	whoseRuntime
	whosePod
)

var whoses = [...]sequence.Whose{
	whoseElsewhere: sequence.Elsewhere, whoseContainer: sequence.Container,
	whoseRuntime: sequence.Runtime, whosePod: sequence.Pod,
}

var steps = [...]sequence.Step{
	"", sequence.Fork, sequence.Exec, sequence.MemfdCreate, sequence.CloneSealed, sequence.Fexecve,
	sequence.OverlayMount, sequence.BindMount, sequence.CgroupCreate, sequence.CgroupRemove, sequence.Join,
	sequence.LimitWritten, sequence.Unshare, sequence.PivotRoot, sequence.PayloadExec, sequence.Exit,
	sequence.OOMKill, sequence.BornInCgroup,
}

func decode(sample []byte) (observeEvent, error) {
	var e observeEvent
	if _, err := binary.Decode(sample, binary.NativeEndian, &e); err != nil {
		return e, fmt.Errorf("event of %d bytes: %w", len(sample), err)
	}
	if e.Step == 0 || int(e.Step) >= len(steps) || int(e.Whose) >= len(whoses) {
		return e, fmt.Errorf("event of step %d in cgroup %d: there is none", e.Step, e.Whose)
	}
	return e, nil
}

// timeline puts together what was seen.
func (w *Watch) timeline(trial observeTrial, skipped uint64) sequence.Timeline {
	slices.SortStableFunc(w.events, func(a, b observeEvent) int { return cmp.Compare(a.Ns, b.Ns) })
	t := sequence.Timeline{Lost: trial.Lost + trial.Missed + skipped}
	paths := map[uint64]string{} // of cgroups, by their number
	ended := map[uint32]bool{}
	for _, e := range w.events {
		step := steps[e.Step]
		if step == sequence.Exit {
			if ended[e.Pid] {
				continue // its last two threads ended together, and each took itself for the last
			}
			ended[e.Pid] = true
		}
		if step == sequence.Fork && e.Whose == whoseElsewhere && uint32(e.Arg[0]) == whoseRuntime && t.RuntimePID == 0 {
			t.RuntimePID = int(e.Other)
		}
		if step == sequence.CgroupCreate {
			paths[e.Arg[0]] = strings.TrimPrefix(paths[e.Arg[1]]+"/"+text(e.Detail[:]), "/")
		}
		t.Events = append(t.Events, event(e, paths))
	}
	// Without an event there are the counters still; without a task they are too low.
	if trial.Missed+skipped == 0 {
		t.ContainerCounters, t.RuntimeCounters = counters(trial.Side[0]), counters(trial.Side[1])
	}
	return t
}

func event(e observeEvent, paths map[uint64]string) sequence.Event {
	out := sequence.Event{
		NS: int64(e.Ns), Step: steps[e.Step], PID: int(e.Pid), Comm: text(e.Comm[:]),
		Cgroup: whoses[e.Whose], CgroupID: e.Cgroup, Other: int(e.Other),
		Detail: text(e.Detail[:]), Bytes: known(e.Bytes),
		Container: charge(e.Container), Runtime: charge(e.Runtime),
	}
	if e.Tid != e.Pid {
		out.TID = int(e.Tid)
	}
	switch out.Step {
	case sequence.CgroupCreate, sequence.CgroupRemove:
		if path := paths[e.Arg[0]]; path != "" {
			out.Detail = path
		}
	case sequence.CloneSealed:
		out.Detail = strings.TrimPrefix(out.Detail, "memfd:")
	case sequence.LimitWritten:
		out.Detail, out.Bytes = limit(out.Detail)
	case sequence.Unshare:
		out.Detail = namespaces(e.Arg[0])
	case sequence.Exit:
		out.Detail = ending(unix.WaitStatus(e.Arg[0]))
	}
	return out
}

func text(chars []int8) string {
	var b strings.Builder
	for _, c := range chars {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// known is nil for what the programs mark as not read.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func charge(c observeCharge) *sequence.Charge {
	if c.All < 0 {
		return nil
	}
	return &sequence.Charge{Bytes: c.All, Anon: known(c.Anon), File: known(c.File), Shmem: known(c.Shmem)}
}

func counters(c observeCounters) *sequence.Counters {
	waits, major, processes, copied := int64(c.Waits), int64(c.Major), int64(c.Processes), int64(c.CopiedBytes)
	return &sequence.Counters{
		Syscalls: int64(c.Syscalls), Waits: &waits, PageFaults: int64(c.Faults), MajorFaults: &major,
		Forks: int64(c.Forks), Processes: &processes, ContextSwitches: int64(c.Switches),
		MemfdBytes: int64(c.MemfdBytes), CopiedBytes: &copied,
	}
}

// limit takes apart what was written to memory.max. Runtimes and systemd write a
// number or "max"; anything else is shown as it is.
func limit(written string) (detail string, bytes *int64) {
	written = strings.TrimSpace(written)
	n, err := strconv.ParseInt(written, 10, 64)
	if err != nil {
		return written, nil
	}
	return "", &n
}

// namespaces names the flags of unshare.
func namespaces(flags uint64) string {
	names := []struct {
		flag uint64
		name string
	}{
		{unix.CLONE_NEWNS, "mount"}, {unix.CLONE_NEWCGROUP, "cgroup"}, {unix.CLONE_NEWUTS, "uts"}, {unix.CLONE_NEWIPC, "ipc"},
		{unix.CLONE_NEWUSER, "user"}, {unix.CLONE_NEWPID, "pid"}, {unix.CLONE_NEWNET, "net"}, {unix.CLONE_NEWTIME, "time"},
		{unix.CLONE_FS, "fs"}, {unix.CLONE_FILES, "files"}, {unix.CLONE_SYSVSEM, "sysvsem"},
	}
	var found []string
	for _, n := range names {
		if flags&n.flag != 0 {
			found = append(found, n.name)
			flags &^= n.flag
		}
	}
	if flags != 0 {
		found = append(found, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(found, " ")
}

// ending is empty for a process that ended well.
func ending(s unix.WaitStatus) string {
	switch {
	case s.Signaled():
		return unix.SignalName(s.Signal())
	case s.ExitStatus() != 0:
		return fmt.Sprintf("status %d", s.ExitStatus())
	}
	return ""
}

package killat

import (
	"bytes"
	"encoding/binary"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// kind is what a system call can be, whichever of several numbers it has.
type kind int

const (
	clone kind = iota + 1
	clone3
	fork
	memfd
	fcntl
	execveat
	mount
	mkdir
	mkdirat
	write
	sendmsg
	unshare
	pivot
	unlink
	unlinkat
	rename
	renameat
	open
	openat
	openat2
	signal
	bpf
	exit
)

// Steps that only a tracer sees. The others are those of package sequence.
const (
	Mount        sequence.Step = "mount"
	StateCreate  sequence.Step = "state create" // the container's state directory
	StateWrite   sequence.Step = "state write"  // a file of it
	StateRemove  sequence.Step = "state remove" // the first of it that goes
	PIDFile      sequence.Step = "pid file"
	FIFOOpen     sequence.Step = "fifo open"   // on which init waits for start
	FIFOOpened   sequence.Step = "fifo opened" // that call has returned
	FIFORemove   sequence.Step = "fifo remove"
	Joined       sequence.Step = "joined" // the write to cgroup.procs has returned
	Signal       sequence.Step = "signal" // SIGKILL, or cgroup.kill
	DeviceFilter sequence.Step = "device filter"
	UnitStart    sequence.Step = "unit start" // asked of systemd, which then joins in the runtime's place
	UnitStop     sequence.Step = "unit stop"
	UnitReset    sequence.Step = "unit reset"
)

// returned are the steps whose end is a step too.
var returned = map[sequence.Step]sequence.Step{FIFOOpen: FIFOOpened, sequence.Join: Joined}

// Target says what is the container's.
type Target struct {
	// Leaf is its cgroup, StateRoot where its state directory lies, PIDFile what create writes. All are absolute.
	Leaf, StateRoot, PIDFile string
}

const fifo = "exec.fifo" // runc's name for it, and crun's

// call is one that a task is about to make.
type call struct {
	tid  int
	nr   uint64
	args [6]uint64
}

// step is what a call is to the container; empty: nothing.
func (t Target) step(c call, isRoot func(tid int) bool) sequence.Step {
	switch kinds[c.nr] {
	case clone:
		return born(c.args[0])
	case clone3:
		return born(c.word(c.args[0]))
	case fork:
		return sequence.Fork
	case memfd:
		return sequence.MemfdCreate
	case unshare:
		return sequence.Unshare
	case pivot:
		return sequence.PivotRoot
	case mount:
		return Mount
	case write, sendmsg:
		return written(c)
	case exit:
		if isRoot(c.tid) {
			return sequence.Exit
		}
	case fcntl, execveat, signal, bpf:
		return byArgument(c)
	default:
		return t.onPath(c)
	}
	return ""
}

// byArgument is about calls that are a step with one argument and none with another.
func byArgument(c call) sequence.Step {
	const progAttach, linkCreate = 8, 28 // of enum bpf_cmd
	switch k := kinds[c.nr]; {
	case k == fcntl && c.args[1] == unix.F_ADD_SEALS:
		return sequence.CloneSealed
	case k == execveat && c.args[4]&unix.AT_EMPTY_PATH != 0:
		return sequence.Fexecve
	case k == signal && c.args[1] == uint64(unix.SIGKILL):
		return Signal
	case k == bpf && (c.args[0] == progAttach || c.args[0] == linkCreate):
		return DeviceFilter
	}
	return ""
}

// born is the birth of a process; that of a thread is none.
func born(flags uint64) sequence.Step {
	switch {
	case flags&unix.CLONE_THREAD != 0:
		return ""
	case flags&unix.CLONE_INTO_CGROUP != 0:
		return sequence.BornInCgroup
	}
	return sequence.Fork
}

// written is about what is written to a file of a cgroup, or said to systemd.
func written(c call) sequence.Step {
	link := c.link("fd", strconv.Itoa(int(int32(c.args[0]))))
	switch path.Base(link) {
	case "cgroup.procs":
		return sequence.Join
	case "memory.max":
		return sequence.LimitWritten
	case "cgroup.kill":
		return Signal
	}
	if !strings.HasPrefix(link, "socket:") {
		return ""
	}
	said := c.said()
	for word, step := range map[string]sequence.Step{"StartTransientUnit": UnitStart, "StopUnit": UnitStop, "ResetFailedUnit": UnitReset} {
		if bytes.Contains(said, []byte(word)) {
			return step
		}
	}
	return ""
}

// onPath is about calls that name a file.
func (t Target) onPath(c call) sequence.Step {
	switch a := c.args; kinds[c.nr] {
	case mkdir:
		return t.made(c.path(unix.AT_FDCWD, a[0]))
	case mkdirat:
		return t.made(c.path(int32(a[0]), a[1]))
	case unlink:
		return t.removed(c.path(unix.AT_FDCWD, a[0]))
	case unlinkat:
		return t.removed(c.path(int32(a[0]), a[1]))
	case rename:
		return t.filed(c.path(unix.AT_FDCWD, a[1]))
	case renameat:
		return t.filed(c.path(int32(a[2]), a[3]))
	case open:
		return t.opened(c.path(unix.AT_FDCWD, a[0]), a[1])
	case openat:
		return t.opened(c.path(int32(a[0]), a[1]), a[2])
	case openat2:
		return t.opened(c.path(int32(a[0]), a[1]), c.word(a[2]))
	}
	return ""
}

func (t Target) made(name string) sequence.Step {
	switch {
	case within(name, t.Leaf):
		return sequence.CgroupCreate
	case within(name, t.StateRoot) && name != t.StateRoot:
		return StateCreate
	}
	return ""
}

func (t Target) removed(name string) sequence.Step {
	switch {
	case within(name, t.Leaf):
		return sequence.CgroupRemove
	case !within(name, t.StateRoot):
		return ""
	case path.Base(name) == fifo:
		return FIFORemove
	}
	return StateRemove
}

func (t Target) filed(name string) sequence.Step {
	switch {
	case name == t.PIDFile:
		return PIDFile
	case within(name, t.StateRoot):
		return StateWrite
	}
	return ""
}

func (t Target) opened(name string, flags uint64) sequence.Step {
	switch {
	case within(name, t.StateRoot) && path.Base(name) == fifo && flags&unix.O_PATH == 0:
		return FIFOOpen
	case flags&unix.O_CREAT != 0:
		return t.filed(name)
	}
	return ""
}

// within reports whether a path is dir or lies below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// word is a number in the task's memory; 0 where it cannot be read.
func (c call) word(addr uint64) uint64 {
	b := c.memory(addr, 8)
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}

// memory is what can be read of n bytes. The kernel copies the part up to a page's end and the rest each as a whole or not at all.
func (c call) memory(addr uint64, n int) []byte {
	buf := make([]byte, n)
	const page = 4096 // amd64's, whose numbers the calls have
	first := min(n, int(page-addr%page))
	local := []unix.Iovec{{Base: &buf[0], Len: uint64(n)}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: first}}
	if first < n {
		remote = append(remote, unix.RemoteIovec{Base: uintptr(addr) + uintptr(first), Len: n - first})
	}
	got, err := unix.ProcessVMReadv(c.tid, local, remote, 0)
	if err != nil {
		return nil
	}
	return buf[:got]
}

// said is the beginning of what a call writes.
func (c call) said() []byte {
	const most = 2048
	if kinds[c.nr] == write {
		return c.memory(c.args[1], int(min(max(c.args[2], 1), most)))
	}
	var all []byte
	iov, n := c.word(c.args[1]+16), c.word(c.args[1]+24) // msg_iov and msg_iovlen of struct msghdr
	for i := range min(n, 16) {
		base, size := c.word(iov+16*i), c.word(iov+16*i+8)
		if size > 0 {
			all = append(all, c.memory(base, int(min(size, most)))...)
		}
	}
	return all
}

// path is an absolute one, by name alone; empty where it cannot be read.
func (c call) path(dir int32, addr uint64) string {
	b, _, found := bytes.Cut(c.memory(addr, unix.PathMax), []byte{0})
	name := string(b)
	switch {
	case !found, name == "":
		return ""
	case path.IsAbs(name):
		return path.Clean(name)
	case dir == unix.AT_FDCWD:
		return path.Join(c.link("cwd"), name)
	}
	return path.Join(c.link("fd", strconv.Itoa(int(dir))), name)
}

func (c call) link(of ...string) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path.Join(append([]string{"/proc", strconv.Itoa(c.tid)}, of...)...), buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

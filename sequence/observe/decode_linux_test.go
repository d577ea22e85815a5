//go:build amd64

package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

func chars(dst []int8, s string) {
	for i := range len(s) {
		dst[i] = int8(s[i])
	}
}

// fabricated is an event as the programs write one.
func fabricated(ns uint64, step sequence.Step, whose uint32, pid uint32) observeEvent {
	e := observeEvent{Ns: ns, Whose: whose, Pid: pid, Tid: pid, Bytes: -1,
		Container: observeCharge{All: -1, Anon: -1, File: -1, Shmem: -1}, Runtime: observeCharge{All: 4096, Anon: -1, File: -1, Shmem: 0}}
	for i, s := range steps {
		if s == step {
			e.Step = uint32(i)
		}
	}
	return e
}

func number(n int64) *int64 { return &n }

// counted is c with what is not nil where an observer counted.
func counted(c sequence.Counters, waits, major, processes, copied int64) *sequence.Counters {
	c.Waits, c.MajorFaults, c.Processes, c.CopiedBytes = &waits, &major, &processes, &copied
	return &c
}

// Catches fields that get lost between the programs and a timeline, a charge of 0 that
// is taken for none or none for 0, and a cgroup's path that is not put together.
func TestTimelineOfEvents(t *testing.T) {
	spawn := fabricated(1, sequence.Fork, whoseElsewhere, 10)
	spawn.Other, spawn.Arg[0], spawn.Tid = 20, uint64(whoseRuntime), 11
	leaf := fabricated(3, sequence.CgroupCreate, whoseElsewhere, 1)
	leaf.Arg = [2]uint64{100, 99}
	chars(leaf.Detail[:], "x.scope")
	inner := fabricated(4, sequence.CgroupCreate, whoseRuntime, 20)
	inner.Arg = [2]uint64{101, 100}
	chars(inner.Detail[:], "container")
	sealed := fabricated(2, sequence.CloneSealed, whoseRuntime, 20)
	sealed.Bytes = 5000
	chars(sealed.Detail[:], "memfd:runc_cloned:/proc/self/exe")
	chars(sealed.Comm[:], "exe")
	gone := fabricated(5, sequence.Exit, whoseRuntime, 20)
	gone.Arg[0] = uint64(unix.SIGKILL)
	again := fabricated(6, sequence.Exit, whoseRuntime, 20)
	w := Watch{events: []observeEvent{spawn, leaf, sealed, inner, gone, again}}
	got := w.timeline(observeTrial{Lost: 2, Side: [2]observeCounters{{Syscalls: 3, Waits: 1}, {Faults: 2, Major: 1, Forks: 5, Processes: 4, MemfdBytes: 5000, CopiedBytes: 6000}}}, 0)
	runtime := &sequence.Charge{Bytes: 4096, Shmem: number(0)}
	want := sequence.Timeline{RuntimePID: 20, Lost: 2, Events: []sequence.Event{
		{NS: 1, Step: sequence.Fork, PID: 10, TID: 11, Cgroup: sequence.Elsewhere, Other: 20, Runtime: runtime},
		{NS: 2, Step: sequence.CloneSealed, PID: 20, Comm: "exe", Cgroup: sequence.Runtime, Detail: "runc_cloned:/proc/self/exe", Bytes: number(5000), Runtime: runtime},
		{NS: 3, Step: sequence.CgroupCreate, PID: 1, Cgroup: sequence.Elsewhere, Detail: "x.scope", Runtime: runtime},
		{NS: 4, Step: sequence.CgroupCreate, PID: 20, Cgroup: sequence.Runtime, Detail: "x.scope/container", Runtime: runtime},
		{NS: 5, Step: sequence.Exit, PID: 20, Cgroup: sequence.Runtime, Detail: "SIGKILL", Runtime: runtime},
	}, ContainerCounters: counted(sequence.Counters{Syscalls: 3}, 1, 0, 0, 0),
		RuntimeCounters: counted(sequence.Counters{PageFaults: 2, Forks: 5, MemfdBytes: 5000}, 0, 1, 4, 6000)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// Catches counters that look whole although tasks were not counted.
func TestCountersOfMissedTasks(t *testing.T) {
	for name, got := range map[string]sequence.Timeline{
		"no room for a task": (&Watch{}).timeline(observeTrial{Missed: 1}, 0),
		"program not run":    (&Watch{}).timeline(observeTrial{}, 1),
	} {
		if got.Lost != 1 || got.ContainerCounters != nil || got.RuntimeCounters != nil {
			t.Errorf("%s: %+v; want one lost and no counters", name, got)
		}
	}
}

// Catches a step of the programs without a name, or two with the same.
func TestEveryStepHasAName(t *testing.T) {
	seen := map[sequence.Step]bool{}
	for i, s := range steps[1:] {
		if s == "" || seen[s] {
			t.Errorf("step %d is %q", i+1, s)
		}
		seen[s] = true
	}
}

// Catches a sample of another layout that passes for an event.
func TestDecodeRefuses(t *testing.T) {
	var whole, unnamed bytes.Buffer
	e := fabricated(1, sequence.Exec, whoseRuntime, 2)
	if err := binary.Write(&whole, binary.NativeEndian, e); err != nil {
		t.Fatal(err)
	}
	if got, err := decode(whole.Bytes()); err != nil || got != e {
		t.Errorf("%+v, %v; want it as it was", got, err)
	}
	e.Step = uint32(len(steps))
	if err := binary.Write(&unnamed, binary.NativeEndian, e); err != nil {
		t.Fatal(err)
	}
	for name, sample := range map[string][]byte{"short": whole.Bytes()[:40], "empty": nil, "unnamed step": unnamed.Bytes()} {
		if got, err := decode(sample); err == nil {
			t.Errorf("%s: decoded as %+v", name, got)
		}
	}
}

// Catches a limit that is read as a number it is not.
func TestLimit(t *testing.T) {
	for written, want := range map[string]struct {
		detail string
		bytes  *int64
	}{
		"67108864\n": {"", number(67108864)}, "67108864": {"", number(67108864)}, "0": {"", number(0)},
		"max\n": {"max", nil}, "64M\n": {"64M", nil},
	} {
		if detail, n := limit(written); detail != want.detail || !cmp.Equal(n, want.bytes) {
			t.Errorf("%q: %q, %v", written, detail, n)
		}
	}
}

// Catches flags of unshare that are left out, and an end that is told as another.
func TestWords(t *testing.T) {
	for flags, want := range map[uint64]string{
		unix.CLONE_NEWNS | unix.CLONE_NEWPID: "mount pid", unix.CLONE_FS: "fs", unix.CLONE_NEWUSER | 0x40: "user 0x40", 0: "",
	} {
		if got := namespaces(flags); got != want {
			t.Errorf("flags %#x: %q, want %q", flags, got, want)
		}
	}
	for status, want := range map[unix.WaitStatus]string{0: "", 3 << 8: "status 3", 9: "SIGKILL", 0x8b: "SIGSEGV"} {
		if got := ending(status); got != want {
			t.Errorf("status %#x: %q, want %q", uint32(status), got, want)
		}
	}
}

// Catches a payload that would be compared with less than all of its path.
func TestPayloadPath(t *testing.T) {
	for _, bad := range []string{"", strings.Repeat("x", 256)} {
		if _, err := words(bad); err == nil {
			t.Errorf("a path of %d bytes was taken", len(bad))
		}
	}
	w, err := words("/initbench-payload")
	if err != nil || w[0] != binary.NativeEndian.Uint64([]byte("/initben")) || w[2] != binary.NativeEndian.Uint64([]byte("ad\x00\x00\x00\x00\x00\x00")) || w[3] != 0 {
		t.Errorf("%x, %v", w, err)
	}
}

// Catches a symbol that is taken for another whose name it ends, and an address that is hidden.
func TestFindSymbols(t *testing.T) {
	const listing = "ffffffff81000000 T _stext\n" +
		"ffffffff82000010 d not__per_cpu_offset\n" +
		"ffffffff82000020 D __per_cpu_offset\n" +
		"ffffffffc0000000 t __per_cpu_offset_init\t[module]\n" +
		"0000000000000000 d mem_cgroup_stats_index\n"
	got, err := findSymbols(strings.NewReader(listing), "__per_cpu_offset", "mem_cgroup_stats_index", "absent")
	want := map[string]uint64{"__per_cpu_offset": 0xffffffff82000020, "mem_cgroup_stats_index": 0}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; want -, got +\n%s", err, diff)
	}
	if _, err := findSymbols(strings.NewReader("zz D absent\n"), "absent"); err == nil {
		t.Error("an address of no digits was read")
	}
}

// Catches a kernel whose mark_victim is read as that of another.
func TestVictimIsPID(t *testing.T) {
	probe := func(params ...btf.Type) *btf.Typedef {
		f := &btf.FuncProto{Return: &btf.Void{}}
		for _, p := range params {
			f.Params = append(f.Params, btf.FuncParam{Type: p})
		}
		return &btf.Typedef{Name: victimProbe, Type: &btf.Pointer{Target: f}}
	}
	data := &btf.Pointer{Target: &btf.Void{}}
	number := &btf.Int{Name: "int", Size: 4}
	task := &btf.Pointer{Target: &btf.Struct{Name: "task_struct"}}
	if pid, err := victimIsPID(probe(data, number)); err != nil || !pid {
		t.Errorf("Linux 6.1: %v, %v", pid, err)
	}
	if pid, err := victimIsPID(probe(data, task, number)); err != nil || pid {
		t.Errorf("Linux 6.12: %v, %v", pid, err)
	}
	for _, odd := range []*btf.Typedef{probe(data), {Name: victimProbe, Type: number}} {
		if _, err := victimIsPID(odd); err == nil {
			t.Error("what is no probe of a victim was read as one")
		}
	}
}

// Catches a reason that names no remedy, or more than one line of it.
func TestExplain(t *testing.T) {
	for want, err := range map[string]error{
		"CONFIG_DEBUG_INFO_BTF":                                  errNoTypes,
		"takes root with CAP_BPF":                                fmt.Errorf("load: %w", unix.EPERM),
		"CAP_PERFMON":                                            &fs.PathError{Op: "open", Path: kernelTypes, Err: os.ErrPermission},
		"which Linux 6.1 has: load: ":                            fmt.Errorf("load: %w", btf.ErrNotFound),
		"this kernel lacks what observing takes":                 fmt.Errorf("load: %w", ebpf.ErrNotSupported),
		"observing does not work on this kernel: attach: broken": errors.New("attach: broken"),
	} {
		if got := explain(err).Error(); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%q; want %q in it, on one line", got, want)
		}
	}
}

// Catches a call that is looked up under another number, and one that has two reasons or is of work.
func TestWaitSet(t *testing.T) {
	set := waitSet()
	in := func(nr uintptr) bool { return set[nr/64]>>(nr%64)&1 == 1 }
	n := 0
	for _, w := range waitCalls {
		for _, nr := range w.numbers {
			n++
			if !in(nr) {
				t.Errorf("call %d is not in the set", nr)
			}
		}
	}
	found := 0
	for _, word := range set {
		found += bits.OnesCount64(word)
	}
	if found != n {
		t.Errorf("%d calls in the set, want %d", found, n)
	}
	for _, nr := range []uintptr{unix.SYS_READ, unix.SYS_MMAP, unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_GETPPID, unix.SYS_EXECVE} {
		if in(nr) {
			t.Errorf("call %d is left out", nr)
		}
	}
}

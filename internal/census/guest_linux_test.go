package census

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

// check ends a test whose own doing failed.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// script is a shell that does one line after the other, each when it is told to.
type script struct {
	t    testing.TB
	cmd  *exec.Cmd
	feed io.WriteCloser
	said *bufio.Scanner
}

func startScript(t testing.TB, args ...string) *script {
	t.Helper()
	cmd := exec.Command(args[0], append(args[1:], "sh")...)
	cmd.Stderr = os.Stderr
	feed, err := cmd.StdinPipe()
	check(t, err)
	said, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	s := &script{t, cmd, feed, bufio.NewScanner(said)}
	s.do("true")
	return s
}

func (s *script) do(line string) {
	s.t.Helper()
	_, err := fmt.Fprintf(s.feed, "%s && echo done || echo not\n", line)
	check(s.t, err)
	if !s.said.Scan() || s.said.Text() != "done" {
		s.t.Fatalf("%s: %q", line, s.said.Text())
	}
}

func (s *script) end() {
	check(s.t, s.feed.Close())
	check(s.t, s.cmd.Wait())
}

// object is one thing that a census must grow by, and no longer have afterwards.
type object struct {
	kind Kind
	name string
	make func(*testing.T) (undo func())
	// by is how much; one if zero.
	by int64
}

func socketObject(domain, kind, protocol int, bind unix.Sockaddr) func(*testing.T) func() {
	return func(t *testing.T) func() {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		check(t, err)
		if bind != nil {
			check(t, unix.Bind(fd, bind))
		}
		return func() { check(t, unix.Close(fd)) }
	}
}

func listening(network, address string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		l, err := net.Listen(network, address)
		check(t, err)
		return func() { check(t, l.Close()) }
	}
}

func memfd(t *testing.T) func() {
	fd, err := unix.MemfdCreate("initbench-census", unix.MFD_CLOEXEC)
	check(t, err)
	for err = unix.EINTR; errors.Is(err, unix.EINTR); { // of the signals that the Go runtime sends to itself
		err = unix.Fallocate(fd, 0, 0, 3<<20)
	}
	check(t, err)
	return func() { check(t, unix.Close(fd)) }
}

func program(t *testing.T) func() {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "ib_census", Type: ebpf.CGroupSKB, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}})
	check(t, err)
	return func() { check(t, p.Close()) }
}

func bpfMap(t *testing.T) func() {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ib_census", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	check(t, err)
	return func() { check(t, m.Close()) }
}

const ownCgroup = "/sys/fs/cgroup/initbench-census"

func cgroup(t *testing.T) func() {
	check(t, os.Mkdir(ownCgroup, 0o755))
	return func() { check(t, os.Remove(ownCgroup)) }
}

func bpfLink(t *testing.T) func() {
	removeCgroup := cgroup(t)
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "ib_census", Type: ebpf.CGroupSKB, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}})
	check(t, err)
	l, err := link.AttachCgroup(link.CgroupOptions{Path: ownCgroup, Attach: ebpf.AttachCGroupInetEgress, Program: p})
	check(t, err)
	return func() {
		check(t, errors.Join(l.Close(), p.Close()))
		removeCgroup()
	}
}

const ownUnit = "initbench-census.service"

func unit(t *testing.T) func() {
	command(t, "systemd-run", "--quiet", "--unit", ownUnit, "sleep", "infinity")
	return func() { command(t, "systemctl", "stop", ownUnit) }
}

func failedUnit(t *testing.T) func() {
	if err := exec.Command("systemd-run", "--quiet", "--wait", "--unit", ownUnit, "false").Run(); err == nil {
		t.Fatal("a unit that runs false did not fail")
	}
	return func() { command(t, "systemctl", "reset-failed", ownUnit) }
}

func scope(t *testing.T) func() {
	s := startScript(t, "systemd-run", "--quiet", "--scope", "--unit", "initbench-census.scope")
	return s.end
}

func inNamespace(flags ...string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		s := startScript(t, append([]string{"unshare"}, flags...)...)
		return s.end
	}
}

func pinnedNamespace(t *testing.T) func() {
	const path = "/run/initbench-census-net"
	check(t, os.WriteFile(path, nil, 0o600))
	command(t, "unshare", "--net="+path, "true")
	return func() {
		check(t, unix.Unmount(path, 0))
		check(t, os.Remove(path))
	}
}

func mount(t *testing.T) func() {
	dir := t.TempDir()
	check(t, unix.Mount("initbench", dir, "tmpfs", 0, "size=64k"))
	return func() { check(t, unix.Unmount(dir, 0)) }
}

func keyring(t *testing.T) func() {
	id, err := unix.AddKey("keyring", "_ses.initbench-census", nil, unix.KEY_SPEC_USER_KEYRING)
	check(t, err)
	return func() {
		_, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		check(t, err)
	}
}

func objects() []object {
	netlink := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	return []object{
		{kind: NetlinkSockets, name: "netlink route", make: socketObject(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, netlink)},
		{kind: Sockets, make: socketObject(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, nil)}, // which no table lists
		{kind: UnixSockets, name: "unix @initbench-census", make: listening("unix", "@initbench-census")},
		{kind: InetSockets, name: "tcp 0100007F:", make: listening("tcp4", "127.0.0.1:0")},
		{kind: PacketSockets, name: "packet protocol", make: socketObject(unix.AF_PACKET, unix.SOCK_RAW, 0, nil)},
		{kind: MemfdPages, make: memfd, by: 3 << 20 / int64(os.Getpagesize())},
		{kind: BPFPrograms, name: "CGroupSKB ib_census", make: program},
		{kind: BPFMaps, name: "Array ib_census", make: bpfMap},
		{kind: BPFLinks, name: "of program", make: bpfLink},
		{kind: Cgroups, name: ownCgroup, make: cgroup},
		{kind: Units, name: ownUnit, make: unit},
		{kind: FailedUnits, name: ownUnit, make: failedUnit},
		{kind: Scopes, name: "initbench-census.scope", make: scope},
		{kind: NetNS, name: "(sh)", make: inNamespace("--net")},
		{kind: NetNS, name: " on /run/initbench-census-net", make: pinnedNamespace},
		{kind: MntNS, name: "(sh)", make: inNamespace("--mount")},
		{kind: UTSNS, name: "(sh)", make: inNamespace("--uts")},
		{kind: CgroupNS, name: "(sh)", make: inNamespace("--cgroup")},
		{kind: Mounts, name: "(tmpfs)", make: mount},
		{kind: Keyrings, name: "_ses.initbench-census", make: keyring},
		{kind: Keys, make: keyring},
		{kind: Processes, name: "(sh)", make: inNamespace("--uts")},
	}
}

// Catches a kind that is not counted, is counted twice, is not named, or does not come back: each is made once, and ended.
func TestSmokeEachKindGrowsByOne(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	for _, o := range objects() {
		t.Run(string(o.kind)+" "+o.name, func(t *testing.T) { o.grows(t) })
	}
}

func (o object) grows(t *testing.T) {
	taker, err := New(t.Context(), Options{Kinds: []Kind{o.kind}})
	check(t, err)
	defer taker.Close()
	// What others left, such as the keys of containers that are gone, may be collected at the same moment: then it is made again. A
	// mistake in the count is made each time.
	wrong := ""
	for range 10 {
		if wrong = o.told(o.made(t, taker)); wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

// made counts before the object is made and while it is there, and waits for it to be gone.
func (o object) made(t *testing.T, taker *Taker) (before, after Census) {
	t.Helper()
	before, err := taker.TakeNamed(t.Context())
	check(t, err)
	undo := o.make(t)
	after, err = taker.TakeNamed(t.Context())
	undo()
	check(t, err)
	settled, err := Settle(t.Context(), before, taker.Take, 30*time.Second)
	check(t, err)
	if len(more(before, settled.Last)) > 0 {
		t.Fatalf("it did not come back: %d, then %d", before.Counts[o.kind], settled.Last.Counts[o.kind])
	}
	return before, after
}

// told says what is wrong with how the object was counted; empty where nothing is.
func (o object) told(before, after Census) string {
	differences := Compare(before, after)
	if len(differences) != 1 {
		return fmt.Sprintf("differences: %+v", differences)
	}
	d := differences[0]
	if d.Delta() != max(1, o.by) || d.Unread != "" {
		return fmt.Sprintf("it grew by %d, want %d: %+v", d.Delta(), max(1, o.by), d)
	}
	if o.name != "" && !slices.ContainsFunc(d.New, func(name string) bool { return strings.Contains(name, o.name) }) {
		return fmt.Sprintf("%q is not named: %q", o.name, d.New)
	}
	return ""
}

// Catches a mount of another namespace that is missed, or counted as this one's.
func TestAMountInAPrivateNamespace(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	s := startScript(t, "unshare", "--mount", "--propagation", "private")
	defer s.end()
	taker, err := New(t.Context(), Options{Kinds: []Kind{Mounts, PrivateMounts}})
	check(t, err)
	defer taker.Close()
	before, err := taker.TakeNamed(t.Context())
	check(t, err)
	s.do("mount -t tmpfs initbench /mnt")
	after, err := taker.TakeNamed(t.Context())
	check(t, err)
	d := Compare(before, after)
	if len(d) != 1 || d[0].Kind != PrivateMounts || d[0].Delta() != 1 || len(d[0].New) != 1 || !strings.HasPrefix(d[0].New[0], "/mnt (tmpfs) in mnt:[") {
		t.Errorf("%+v, want /mnt alone", d)
	}
}

// Catches a dying cgroup that is not waited for, or missed: a file in shared memory keeps one until it is removed.
func TestADyingCgroupIsLate(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	const file = "/dev/shm/initbench-census"
	taker, err := New(t.Context(), Options{Kinds: cgroupKinds})
	check(t, err)
	defer taker.Close()
	before, err := taker.Take(t.Context())
	check(t, err)
	remove := cgroup(t)
	command(t, "sh", "-c", "echo $$ >"+ownCgroup+"/cgroup.procs && head -c 1M /dev/zero >"+file)
	remove()
	looks := 0
	settled, err := Settle(t.Context(), before, func(ctx context.Context) (Census, error) {
		c, err := taker.Take(ctx)
		if looks++; looks == 3 {
			check(t, os.Remove(file))
			// A CPU may keep pages of it in its batch for the LRU lists for as long as it has no others: this drains them (lru_add_drain_all).
			check(t, os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0))
		}
		return c, err
	}, time.Minute)
	check(t, err)
	if left := more(before, settled.Last); looks <= 3 || len(left) > 0 {
		t.Errorf("left %v after %d looks: want a dying cgroup until its file was removed at the third", left, looks)
	}
}

// Catches a service's process that is not found by its unit, and one that ended taken for one without descriptors.
func TestWatchAUnit(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	stop := unit(t)
	found, err := Find(t.Context(), Watch{Unit: ownUnit})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	defer closeAll(found)
	d, err := found[0].Take()
	stop()
	if err != nil || len(found) != 1 || len(d.List) < 3 {
		t.Errorf("%+v, %v", d, err)
	}
	var ended *EndedError
	if d, err := found[0].Take(); !errors.As(err, &ended) {
		t.Errorf("of a stopped service: %+v, %v", d, err)
	}
	if found, err := Find(t.Context(), Watch{Unit: "initbench-none.service"}); err == nil {
		t.Errorf("a service that is not there is %v", found)
	}
}

// Catches a descriptor of the cgroup file system or of BPF, as runtimes have handed to payloads or leaked, taken for another kind.
func TestDescriptorsOfTheGuest(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	dir, err := os.Open("/sys/fs/cgroup")
	check(t, err)
	defer func() { check(t, dir.Close()) }()
	undo := bpfLink(t)
	defer undo()
	undoMap := bpfMap(t)
	defer undoMap()
	list, err := Inherited(0)
	check(t, err)
	for kind, part := range map[Kind]string{FDCgroup: "/sys/fs/cgroup", FDBPFProgram: "bpf-prog id ", FDBPFMap: "bpf-map id ", FDBPFLink: " id "} {
		if !slices.ContainsFunc(list, func(d Descriptor) bool { return d.Kind == kind && strings.Contains(d.Target, part) }) {
			t.Errorf("no %s with %q: %v", kind, part, list)
		}
	}
}

// BenchmarkTake is one census of a machine with 200 processes.
func BenchmarkTake(b *testing.B) {
	testenv.Require(b, testenv.Root, testenv.CgroupV2, testenv.Systemd)
	taker, err := New(b.Context(), Options{StateDirs: []string{"/run/runc"}})
	check(b, err)
	defer taker.Close()
	c, err := taker.Take(b.Context())
	check(b, err)
	for range 200 - c.Counts[Processes] {
		s := startScript(b, "env")
		defer s.end()
	}
	for name, take := range map[string]func(context.Context) (Census, error){"counts": taker.Take, "names": taker.TakeNamed} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if c, err = take(b.Context()); err != nil || len(c.Unread) > 0 {
					b.Fatal(err, c.Unread)
				}
			}
		})
	}
	for _, s := range sources {
		b.Run("of "+filepath.Join(string(s.kinds[0])), func(b *testing.B) {
			only := *taker
			only.opts.Kinds = s.kinds
			for b.Loop() {
				if _, err := only.Take(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

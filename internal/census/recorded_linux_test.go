package census

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a recorded /proc and cgroup.
type machine struct {
	t    *testing.T
	root string
}

func record(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	m.file("proc/key-users", recordedKeyUsers)
	m.file("proc/keys", recordedKeys)
	m.file("proc/vmstat", "nr_free_pages 4\nnr_shmem 13949\nnr_shmem_hugepages 0\n")
	m.file("cgroup/cgroup.stat", recordedCgroup)
	m.process("1", "1 (systemd) S", "4194304", "net:[4026531840]", "mnt:[4026531841]")
	m.process("self", "1 (systemd) S", "4194304", "net:[4026531840]", "mnt:[4026531841]")
	m.process("2", "2 (kthreadd) S", "2129984", "net:[4026531840]", "mnt:[4026531841]")
	m.process("70", "70 (init) S", "4194304", "net:[4026532201]", "mnt:[4026532202]")
	m.process("71", "71 (sleep) Z", "4194304")
	return m
}

func (m machine) file(path, content string) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) process(pid, begin, flags string, links ...string) {
	m.t.Helper()
	m.file("proc/"+pid+"/stat", begin+" 0 1 1 0 -1 "+flags+" 9 0 0 0 0 0 0 0 20 0 3 0 4 1 1 1\n")
	m.file("proc/"+pid+"/mountinfo", "25 1 8:1 / / rw - ext4 /dev/vda rw\n26 25 0:4 net:[4026532999] /run/netns/left rw - nsfs nsfs rw\n")
	m.file("proc/"+pid+"/net/sockstat", "sockets: used 12\nTCP: inuse 1\n")
	m.file("proc/"+pid+"/net/netlink", recordedNetlink)
	m.file("proc/"+pid+"/net/unix", recordedUnix)
	m.file("proc/"+pid+"/net/tcp", recordedTCP)
	dir := filepath.Join(m.root, "proc", pid, "ns")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	for _, link := range links {
		name, _, _ := strings.Cut(link, ":")
		if err := os.Symlink(link, filepath.Join(dir, name)); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m machine) take(kinds ...Kind) Census {
	m.t.Helper()
	taker, err := New(m.t.Context(), Options{Proc: filepath.Join(m.root, "proc"), Cgroup: filepath.Join(m.root, "cgroup"), Kinds: kinds})
	if err != nil {
		m.t.Fatal(err)
	}
	defer taker.Close()
	c, err := taker.TakeNamed(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// Catches sockets counted once a process instead of once a namespace, kernel threads and zombies counted as processes, and a
// namespace that only a mount keeps missed.
func TestTakeOfARecordedMachine(t *testing.T) {
	kinds := []Kind{DyingCgroups, Keys, Keyrings, ShmemPages, Processes, Zombies, Threads, NetNS, MntNS, UTSNS,
		Sockets, NetlinkSockets, UnixSockets, InetSockets, PacketSockets, Mounts, PrivateMounts}
	c := record(t).take(kinds...)
	want := map[Kind]int64{
		DyingCgroups: 2, Keys: 10, Keyrings: 3, ShmemPages: 13949, Processes: 2, Zombies: 1, Threads: 6, NetNS: 3, MntNS: 2, UTSNS: 0,
		Sockets: 24, NetlinkSockets: 6, UnixSockets: 6, InetSockets: 2, PacketSockets: 0, Mounts: 2, PrivateMounts: 2,
	}
	for _, k := range kinds {
		if n, read := c.Counts[k]; !read || n != want[k] {
			t.Errorf("%s: %d (%s), want %d", k, n, c.Unread[k], want[k])
		}
		if k.hasNames() && int64(len(c.Names[k])) != c.Counts[k] {
			t.Errorf("%s: %d, and the names are %q", k, c.Counts[k], c.Names[k])
		}
	}
	if want := []string{"net:[4026531840] of 1 (systemd)", "net:[4026532201] of 70 (init)", "net:[4026532999] on /run/netns/left"}; !slices.Equal(c.Names[NetNS], want) {
		t.Errorf("%q, want %q", c.Names[NetNS], want)
	}
}

// Catches what cannot be read counted as zero, and one broken file that takes other kinds with it.
func TestWhatCannotBeReadIsUnread(t *testing.T) {
	m := record(t)
	m.file("proc/key-users", "0: what?\n")
	m.file("proc/70/net/netlink", "sk\nbroken\n")
	if err := os.Remove(filepath.Join(m.root, "cgroup/cgroup.stat")); err != nil {
		t.Fatal(err)
	}
	c := m.take(Cgroups, Keys, Keyrings, Processes, NetNS, NetlinkSockets, StateDirectories)
	for k, why := range map[Kind]string{Cgroups: "is no cgroup v2", Keys: "key-users: ", NetlinkSockets: "70/net/netlink: netlink: ", StateDirectories: "no directory was named"} {
		if n, read := c.Counts[k]; read || !strings.Contains(c.Unread[k], why) {
			t.Errorf("%s: %d, unread because %q, want %q", k, n, c.Unread[k], why)
		}
	}
	for k, want := range map[Kind]int64{Keyrings: 3, Processes: 2, NetNS: 3} {
		if c.Counts[k] != want {
			t.Errorf("%s: %d (%s), want %d", k, c.Counts[k], c.Unread[k], want)
		}
	}
}

// Catches a process that ends while it is counted and fails the census: a directory without files is what is left of it.
func TestAProcessThatEndsIsLeftOut(t *testing.T) {
	m := record(t)
	if err := os.MkdirAll(filepath.Join(m.root, "proc/72"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.file("proc/70/mountinfo", "") // of a process that has just ended
	if err := os.RemoveAll(filepath.Join(m.root, "proc/70/net")); err != nil {
		t.Fatal(err)
	}
	c := m.take(Processes, NetlinkSockets, NetNS)
	if len(c.Unread) > 0 || c.Counts[Processes] != 2 || c.Counts[NetlinkSockets] != 3 {
		t.Errorf("%+v", c)
	}
}

// Catches a directory that a runtime has not made yet called unreadable, and a file in its place called empty.
func TestStateDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"runc/a", "runc/b"} {
		if err := os.MkdirAll(filepath.Join(dir, id), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	taker := Taker{opts: Options{StateDirs: []string{filepath.Join(dir, "runc"), filepath.Join(dir, "crun")}, Kinds: []Kind{StateDirectories}}}
	names, err := taker.Names(t.Context(), StateDirectories)
	if want := []string{filepath.Join(dir, "runc/a"), filepath.Join(dir, "runc/b")}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	taker.opts.StateDirs = []string{filepath.Join(dir, "file")}
	if names, err := taker.Names(t.Context(), StateDirectories); err == nil {
		t.Errorf("a file has the entries %q", names)
	}
}

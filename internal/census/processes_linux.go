package census

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

var (
	namespaceKinds = []Kind{NetNS, MntNS, PIDNS, UTSNS, IPCNS, UserNS, CgroupNS, TimeNS}
	listedSockets  = []Kind{NetlinkSockets, UnixSockets, InetSockets, PacketSockets}
	socketKinds    = append([]Kind{Sockets}, listedSockets...)
	taskKinds      = []Kind{Processes, Zombies, Threads}
	processKinds   = slices.Concat(taskKinds, namespaceKinds, socketKinds, []Kind{PrivateMounts})
)

// place is a namespace and whoever is in it, in the order of their numbers: the first is named, and what can be read of
// any of them is read of the first that still lives.
type place struct {
	link    string
	members []process
	// mounted is where it is pinned, if no process is in it.
	mounted string
}

func (p place) String() string {
	if len(p.members) == 0 {
		return fmt.Sprintf("%s on %s", p.link, p.mounted)
	}
	return fmt.Sprintf("%s of %d (%s)", p.link, p.members[0].pid, p.members[0].comm)
}

// places are all namespaces by kind and number.
type places map[Kind]map[uint64]*place

func (p places) at(k Kind, inode uint64, link string) *place {
	if p[k] == nil {
		p[k] = map[uint64]*place{}
	}
	if p[k][inode] == nil {
		p[k][inode] = &place{link: link}
	}
	return p[k][inode]
}

// inOrder lists the namespaces of a kind by their numbers.
func (p places) inOrder(k Kind) []*place {
	var all []*place
	for _, inode := range slices.Sorted(maps.Keys(p[k])) {
		all = append(all, p[k][inode])
	}
	return all
}

// processes goes through /proc once, for everything that is counted by way of processes.
func (t *Taker) processes(ctx context.Context, count *tally) error {
	pids, err := t.pids()
	if err != nil {
		return err
	}
	for _, k := range taskKinds {
		count.counts(k, 0)
	}
	beyond := slices.Concat(namespaceKinds, socketKinds, []Kind{PrivateMounts})
	found := places{}
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p, alive, err := t.task(pid)
		if err != nil {
			return err
		}
		if !alive || !tallyTask(count, p) || !count.wants(beyond...) {
			continue
		}
		if err := t.enter(found, p); err != nil {
			count.unread(err, beyond...)
			beyond = nil // and no process more is asked for them
		}
	}
	if len(beyond) > 0 && count.wants(beyond...) {
		t.ofPlaces(found, count)
	}
	return nil
}

// pids lists the processes in ascending order.
func (t *Taker) pids() ([]int, error) {
	dir, err := os.Open(t.opts.Proc)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// task reads a process, which may have ended since it was listed.
func (t *Taker) task(pid int) (p process, alive bool, err error) {
	path := t.proc(strconv.Itoa(pid), "stat")
	b, err := os.ReadFile(path)
	if gone(err) {
		return process{}, false, nil
	}
	if err != nil {
		return process{}, false, err
	}
	if p, err = parseStat(b); err != nil {
		return process{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return p, true, nil
}

// gone is how the kernel answers about a process or a descriptor that ended in between.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// tallyTask counts a process and says whether it has namespaces to look at: the kernel's threads have those of PID 1, and
// a zombie has none.
func tallyTask(count *tally, p process) (alive bool) {
	name := func() string { return fmt.Sprintf("%d (%s)", p.pid, p.comm) }
	switch {
	case p.kernel:
		return false
	case p.state == 'Z' || p.state == 'X':
		count.one(Zombies, name)
		return false
	}
	count.one(Processes, name)
	if p.pid != os.Getpid() {
		count.counts(Threads, p.threads)
	}
	return true
}

// enter notes the namespaces that a process is in.
func (t *Taker) enter(found places, p process) error {
	dir := t.proc(strconv.Itoa(p.pid), "ns")
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		link, err := os.Readlink(filepath.Join(dir, name))
		if gone(err) { // it ended, or the kernel has no such namespaces
			continue
		}
		if err != nil {
			return fmt.Errorf("the namespaces of process %d (%s): %w", p.pid, p.comm, err)
		}
		if k, inode, known := parseNamespace(link); known {
			at := found.at(k, inode, link)
			at.members = append(at.members, p)
		}
	}
	return nil
}

// ofPlaces counts what namespaces there are and what is in them.
func (t *Taker) ofPlaces(found places, count *tally) {
	own := t.ownMounts()
	for _, at := range found.inOrder(MntNS) {
		infos, err := t.mountsIn(at)
		if err != nil {
			count.unread(err, append(namespaceKinds, PrivateMounts)...)
			continue
		}
		pinned(found, infos)
		count.counts(PrivateMounts, 0)
		if at.link == own {
			continue
		}
		for _, m := range infos {
			count.one(PrivateMounts, func() string { return mountName(m) + " in " + at.link })
		}
	}
	for _, k := range namespaceKinds {
		count.counts(k, 0)
		for _, at := range found.inOrder(k) {
			count.one(k, at.String)
		}
	}
	for _, at := range found.inOrder(NetNS) {
		t.socketsIn(at, count)
	}
}

func (t *Taker) ownMounts() string {
	link, _ := os.Readlink(t.proc("self/ns/mnt")) // of nobody: then every namespace is another's
	return link
}

// mountsIn reads the mounts of a namespace by way of whoever still lives in it; none: it is gone.
func (t *Taker) mountsIn(at *place) ([]*mountinfo.Info, error) {
	for _, p := range at.members {
		infos, err := t.mountsOf(strconv.Itoa(p.pid))
		// Of a process that is ending the file is there and says EINVAL.
		if gone(err) || errors.Is(err, unix.EINVAL) {
			continue
		}
		return infos, err
	}
	return nil, nil
}

// pinned adds the namespaces that a mount keeps, as `ip netns` and CNI do: a mount of nsfs has the namespace as its root.
func pinned(found places, infos []*mountinfo.Info) {
	for _, m := range infos {
		if m.FSType != "nsfs" {
			continue
		}
		if k, inode, known := parseNamespace(m.Root); known {
			found.at(k, inode, m.Root).mounted = m.Mountpoint
		}
	}
}

// socketsIn counts a network namespace's sockets by way of whoever still lives in it.
func (t *Taker) socketsIn(at *place, count *tally) {
	if !count.wants(socketKinds...) {
		return
	}
	for _, p := range at.members {
		dir := t.proc(strconv.Itoa(p.pid), "net")
		err := t.readSockets(dir, count)
		if gone(err) || errors.Is(err, unix.EINVAL) {
			continue
		}
		if err != nil {
			count.unread(err, socketKinds...)
		}
		return
	}
}

// readSockets counts only when everything could be read, so that a process that ends in between is counted by another.
func (t *Taker) readSockets(dir string, count *tally) error {
	used, err := socketsUsed(filepath.Join(dir, "sockstat"))
	if err != nil {
		return err
	}
	lists := make([][]socket, len(tables))
	for i, list := range tables {
		if !count.wants(list.machine) {
			continue
		}
		if lists[i], err = readTable(dir, list); err != nil {
			return err
		}
	}
	count.counts(Sockets, used)
	for i, list := range tables {
		count.counts(list.machine, 0)
		for _, s := range lists[i] {
			if !s.kernel {
				count.one(list.machine, func() string { return fmt.Sprintf("socket:[%d] %s", s.inode, list.name(s.fields)) })
			}
		}
	}
	return nil
}

// readTable reads one list; a kernel without the protocol has no file.
func readTable(dir string, list table) ([]socket, error) {
	path := filepath.Join(dir, list.file)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(dir); err != nil {
			return nil, err // the process went
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := list.parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// socketsUsed reads "sockets: used 123".
func socketsUsed(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := flat([]byte(strings.ReplaceAll(string(b), "sockets: used", "sockets:used")), "sockets:used")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}
